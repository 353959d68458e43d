package command

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
)

// source gives the bodies of messages, one after the other, until ctx ends. It ends with the first error.
type source func(ctx context.Context) iter.Seq2[[]byte, error]

// longest is the longest body that is read from standard input, stomp's own limit.
const longest = 64 << 20

// source returns the bodies that the command line names.
func (a *app) source(o pubFlags, args []string) (source, error) {
	if o.delimiter == "" {
		return nil, &usageError{errors.New("--delimiter is empty: for all of standard input as one message there is --file -")}
	}
	if len(args) == 0 && len(o.files) == 0 {
		args = []string{"-"}
	}
	stdin := 0
	var parts []source
	for _, arg := range args {
		if arg != "-" {
			parts = append(parts, one([]byte(arg)))
			continue
		}
		stdin++
		parts = append(parts, a.stdin(splitAt([]byte(o.delimiter))))
	}
	for _, name := range o.files {
		if name == "-" {
			stdin++
			parts = append(parts, a.stdin(splitNowhere))
			continue
		}
		if _, err := os.Stat(name); err != nil {
			return nil, &usageError{fmt.Errorf("--file: %w", err)}
		}
		parts = append(parts, whole(func() ([]byte, error) { return os.ReadFile(name) }))
	}
	if stdin > 1 {
		return nil, &usageError{errors.New("standard input is named twice")}
	}
	if stdin == 1 && isTerminal(a.env.Stdin) {
		a.tell("type the messages; Ctrl-D ends them")
	}
	return chain(parts), nil
}

// chain gives what each of parts gives.
func chain(parts []source) source {
	return func(ctx context.Context) iter.Seq2[[]byte, error] {
		return func(yield func([]byte, error) bool) {
			for _, part := range parts {
				for body, err := range part(ctx) {
					if ctx.Err() != nil || !yield(body, err) || err != nil {
						return
					}
				}
			}
		}
	}
}

// one gives a single body.
func one(body []byte) source { return whole(func() ([]byte, error) { return body, nil }) }

// whole gives what read returns.
func whole(read func() ([]byte, error)) source {
	return func(context.Context) iter.Seq2[[]byte, error] {
		return func(yield func([]byte, error) bool) { yield(read()) }
	}
}

// stdin gives what split makes of standard input. Its goroutine ends with the input, or with ctx; a Read that waits for
// a terminal nothing can end but the process.
func (a *app) stdin(split bufio.SplitFunc) source {
	return func(ctx context.Context) iter.Seq2[[]byte, error] {
		return func(yield func([]byte, error) bool) {
			bodies, failed := make(chan []byte, 64), make(chan error, 1)
			ctx, cancel := context.WithCancel(ctx)
			defer cancel()
			go func() { // see above
				defer close(bodies)
				s := bufio.NewScanner(a.env.Stdin)
				s.Buffer(nil, longest+1)
				s.Split(split)
				for s.Scan() {
					select {
					case bodies <- bytes.Clone(s.Bytes()):
					case <-ctx.Done():
						return
					}
				}
				if err := s.Err(); err != nil {
					failed <- fmt.Errorf("standard input: %w", err)
				}
			}()
			for {
				select {
				case body, open := <-bodies:
					if !open {
						select {
						case err := <-failed:
							yield(nil, err)
						default:
						}
						return
					}
					if !yield(body, nil) {
						return
					}
				case <-ctx.Done():
					return
				}
			}
		}
	}
}

// splitAt is bufio.ScanLines for any delimiter, which leaves a carriage return where it is.
func splitAt(delimiter []byte) bufio.SplitFunc {
	return func(data []byte, atEOF bool) (advance int, token []byte, err error) {
		switch i := bytes.Index(data, delimiter); {
		case i >= 0:
			return i + len(delimiter), data[:i:i], nil
		case atEOF && len(data) > 0:
			return len(data), data, nil
		}
		return 0, nil, nil
	}
}

// splitNowhere takes all that comes for one token, also if that is nothing.
func splitNowhere(data []byte, atEOF bool) (advance int, token []byte, err error) {
	if !atEOF {
		return 0, nil, nil
	}
	return len(data), append([]byte{}, data...), bufio.ErrFinalToken
}

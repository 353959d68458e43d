package command

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/webstomp/webstomp/stomp"
)

// Env is the outside of a command.
type Env struct {
	Args           []string // without the program's name
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Getenv         func(name string) string
	Signals        <-chan os.Signal      // the first one ends the command cleanly, the second at once; nil: none comes
	Exit           func(status int)      // ends the process, at a second signal or an end that takes too long; nil where no signal comes
	Options        []stomp.ConnectOption // of every connection, behind those of the flags: how a test replaces the network
}

// Run runs the command that env.Args name and returns the process's exit status (statusOf). It joins what it has
// started, except for a read of Stdin that nothing ends.
func Run(env Env) int {
	env.Stderr = &lockedWriter{w: env.Stderr}
	ctx, cancel := context.WithCancelCause(context.Background())
	done := make(chan struct{})
	var listening sync.WaitGroup
	listening.Go(func() { env.listen(cancel, done) }) // joined below
	err := execute(ctx, &env)
	close(done)
	listening.Wait()
	cancel(nil)
	if err != nil && !isQuiet(err) {
		fmt.Fprintf(env.Stderr, "stompcat: %s\n", visible(inFlags(err.Error())))
	}
	return statusOf(err)
}

// patience is after how long a terminal shows that the command is still ending. What bounds the end by grace does so
// two times at most; what has not ended after endless waits for somebody outside, as for who reads its output.
const (
	patience = time.Second
	endless  = 3 * grace
)

// listen cancels the command at the first signal, and ends the process at the second, or if its end is endless.
func (env *Env) listen(cancel context.CancelCauseFunc, done <-chan struct{}) {
	var first *interruptedError
	var slow, stuck <-chan time.Time
	for {
		select {
		case s := <-env.Signals:
			if first != nil {
				env.Exit((&interruptedError{s}).status())
				return
			}
			first = &interruptedError{s}
			cancel(first)
			slow, stuck = time.After(patience), time.After(endless)
		case <-stuck:
			env.Exit(first.status())
			return
		case <-slow:
			if isTerminal(env.Stderr) {
				fmt.Fprintln(env.Stderr, "\nstompcat: ending; Ctrl-C once more ends it at once")
			}
			slow = nil
		case <-done:
			return
		}
	}
}

// interruptedError says that a signal has ended the command.
type interruptedError struct{ signal os.Signal }

func (e *interruptedError) Error() string { return "ended by a signal: " + e.signal.String() }

// status is the one by which shells tell a process that a signal has killed.
func (e *interruptedError) status() int {
	if s, ok := e.signal.(syscall.Signal); ok {
		return 128 + int(s)
	}
	return statusFailed
}

// lockedWriter is a writer for several goroutines.
type lockedWriter struct {
	mu sync.Mutex // guards w
	w  io.Writer
}

func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

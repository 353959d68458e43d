package foreign

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"time"
)

// script is a program that prints a report on its standard output.
type script struct {
	name string // of the program, with its arguments
	args []string
	dir  string
}

// run runs the script in its own process group and calls heard for each verdict as it
// comes. The end of ctx kills the group; run returns when the script has ended. The
// error is about the run, not about a check: the script did not start, stopped before
// "end", printed a line that does not belong in a report, or exited with a status
// other than 0.
func (s script) run(ctx context.Context, heard func(verdict)) (*report, error) {
	cmd := exec.CommandContext(ctx, s.name, s.args...)
	cmd.Dir = s.dir
	group(cmd)
	// A process that left the group and keeps stderr open is not waited for.
	cmd.WaitDelay = 5 * time.Second
	var complaints tail
	cmd.Stderr = &complaints
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s does not start: %w", s.name, err)
	}
	var p report
	readErr := p.read(out, heard)
	// After a bad line the rest of the output is discarded. It must still be read, or
	// the script would block for ever.
	_, _ = io.Copy(io.Discard, out)
	err = errors.Join(readErr, cmd.Wait())
	if !p.ended {
		err = errors.Join(err, errors.New("it stopped early: the line \"end\" is missing"))
	}
	if err != nil && ctx.Err() != nil {
		err = errors.Join(ctx.Err(), err)
	}
	if err != nil {
		return &p, fmt.Errorf("%s: %w\n%s", s.name, err, complaints.String())
	}
	return &p, nil
}

// tailSize is how many bytes of a script's standard error are kept: its last stack
// trace, and more.
const tailSize = 16 << 10

// tail is a writer that keeps the last tailSize bytes.
type tail struct{ b bytes.Buffer }

func (t *tail) Write(p []byte) (int, error) {
	t.b.Write(p)
	if over := t.b.Len() - tailSize; over > 0 {
		t.b.Next(over)
	}
	return len(p), nil
}

func (t *tail) String() string { return t.b.String() }

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

// script is a program that reports on stdout.
type script struct {
	name string // of the program, with its arguments
	args []string
	dir  string
}

// run runs the script, in a process group of its own, and gives each verdict to
// heard as it comes. The end of ctx kills the group; run returns when it has
// been waited for. The error tells what was wrong with the run, not with a
// check: it could not start, broke off, said what is not a line of a report, or
// its exit status is not 0.
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
	// What it says after a line that is not a report's is not heeded, but it has
	// to have somewhere to go, or the script would wait for ever.
	_, _ = io.Copy(io.Discard, out)
	err = errors.Join(readErr, cmd.Wait())
	if !p.ended {
		err = errors.Join(err, errors.New("it broke off: the line \"end\" is missing"))
	}
	if err != nil && ctx.Err() != nil {
		err = errors.Join(ctx.Err(), err)
	}
	if err != nil {
		return &p, fmt.Errorf("%s: %w\n%s", s.name, err, complaints.String())
	}
	return &p, nil
}

// tailSize is how much of what a script complains about is kept: its last
// stack trace, and more.
const tailSize = 16 << 10

// tail keeps the end of what is written to it.
type tail struct{ b bytes.Buffer }

func (t *tail) Write(p []byte) (int, error) {
	t.b.Write(p)
	if over := t.b.Len() - tailSize; over > 0 {
		t.b.Next(over)
	}
	return len(p), nil
}

func (t *tail) String() string { return t.b.String() }

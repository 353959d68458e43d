package broker

import (
	"context"
	"fmt"
	"os/exec"
	"time"

	"github.com/webstomp/webstomp/internal/interop/broker/group"
)

// patience is how long a server may take to end after SIGTERM.
const patience = 10 * time.Second

// process is one run of a server.
type process struct {
	cmd     *exec.Cmd
	console *tail
	exited  chan struct{} // closed when the process and its group are gone
	err     error         // how it ended; set before exited is closed
}

// launch starts cmd. Its output goes to console, unless cmd has a Stdout or Stderr
// already.
func launch(cmd *exec.Cmd, console *tail) (*process, error) {
	p := &process{cmd: cmd, console: console, exited: make(chan struct{})}
	if cmd.Stdout == nil {
		cmd.Stdout = console
	}
	if cmd.Stderr == nil {
		cmd.Stderr = console
	}
	running := make(chan struct{})
	go func() { // ends with the process; stop, kill and await join it through exited
		p.err = group.Run(cmd, func() { close(running) })
		close(p.exited)
	}()
	select {
	case <-running:
		return p, nil
	case <-p.exited:
		select {
		case <-running: // it started and ended at once: await reports that
			return p, nil
		default:
			return nil, p.err
		}
	}
}

// await returns when ready reports true. If the process or ctx ends first, nothing
// is left running, and the error holds the end of the console.
func (p *process) await(ctx context.Context, ready func() bool) error {
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for !ready() {
		select {
		case <-ticker.C:
		case <-p.exited:
			return fmt.Errorf("it ended (%v) before it was ready; the end of its console:\n%s", p.err, p.console)
		case <-ctx.Done():
			p.kill()
			return fmt.Errorf("it was not ready when the wait for it ended: %w; the end of its console:\n%s", ctx.Err(), p.console)
		}
	}
	return nil
}

// finish waits, within ctx, for a process that ends by itself. The error holds the
// end of the console.
func (p *process) finish(ctx context.Context) error {
	select {
	case <-p.exited:
		if p.err != nil {
			return fmt.Errorf("%w; the end of its console:\n%s", p.err, p.console)
		}
		return nil
	case <-ctx.Done():
		p.kill()
		return fmt.Errorf("it was not done when the wait for it ended: %w; the end of its console:\n%s", ctx.Err(), p.console)
	}
}

// stop asks the process to end, and kills it after patience.
func (p *process) stop() { p.stopWithin(patience) }

func (p *process) stopWithin(patience time.Duration) {
	if p.ended() {
		return
	}
	group.Terminate(p.cmd)
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-p.exited:
	case <-timer.C:
		p.kill()
	}
}

// kill ends the process and its group, and waits until they are gone.
func (p *process) kill() {
	if p.ended() {
		return
	}
	group.Kill(p.cmd)
	<-p.exited
}

// ended reports whether the process is gone, so that its number may be in use again.
func (p *process) ended() bool {
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

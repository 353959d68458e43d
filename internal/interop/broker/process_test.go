//go:build unix

package broker

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// shell launches a script, which is killed with the test.
func shell(t *testing.T, script string) (*process, *tail) {
	t.Helper()
	console := new(tail)
	p, err := launch(exec.Command("sh", "-c", script), console)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.kill)
	return p, console
}

func says(console *tail, text string) func() bool {
	return func() bool { return strings.Contains(console.String(), text) }
}

func TestLaunch_fails_without_the_program(t *testing.T) {
	if _, err := launch(exec.Command("/there/is/no/such/program"), new(tail)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v, want that it does not exist", err)
	}
}

func TestProcess_await_returns_when_ready(t *testing.T) {
	p, console := shell(t, "echo up; echo also >&2; exec sleep 1000")
	if err := p.await(t.Context(), says(console, "up")); err != nil {
		t.Error(err)
	}
	if err := p.await(t.Context(), says(console, "also")); err != nil {
		t.Errorf("standard error is not on the console: %v", err)
	}
	if p.ended() {
		t.Error("it ended")
	}
	p.kill()
	if !p.ended() {
		t.Error("it runs after kill")
	}
	p.kill() // does nothing any more
	p.stop()
}

func TestProcess_await_fails_when_the_process_ends(t *testing.T) {
	p, _ := shell(t, "echo no memory left; exit 3")
	err := p.await(t.Context(), func() bool { return false })
	if err == nil || !strings.Contains(err.Error(), "no memory left") || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("%v, want its status and its console", err)
	}
}

func TestProcess_await_ends_with_ctx(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	p, console := shell(t, "echo starting; exec sleep 1000")
	err := p.await(ctx, func() bool {
		if says(console, "starting")() {
			cancel()
		}
		return false
	})
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "starting") {
		t.Errorf("%v, want the ctx's error and the console", err)
	}
	if !p.ended() {
		t.Error("it still runs")
	}
}

func TestProcess_finish_reports_how_it_ended(t *testing.T) {
	p, _ := shell(t, "exit 0")
	if err := p.finish(t.Context()); err != nil {
		t.Error(err)
	}
	p, _ = shell(t, "echo what is wrong; exit 4")
	if err := p.finish(t.Context()); err == nil || !strings.Contains(err.Error(), "what is wrong") {
		t.Errorf("%v, want the console", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p, _ = shell(t, "exec sleep 1000")
	if err := p.finish(ctx); !errors.Is(err, context.Canceled) || !p.ended() {
		t.Errorf("%v, want the ctx's error, and that it runs no more", err)
	}
}

func TestProcess_stop_sends_SIGTERM_first(t *testing.T) {
	p, console := shell(t, "trap 'echo in order; exit 0' TERM; echo up; while :; do sleep 0.01; done")
	if err := p.await(t.Context(), says(console, "up")); err != nil {
		t.Fatal(err)
	}
	p.stop()
	if !says(console, "in order")() || p.err != nil {
		t.Errorf("it ended with %v and said %q", p.err, console)
	}
}

func TestProcess_stop_kills_what_ignores_SIGTERM(t *testing.T) {
	p, console := shell(t, "trap '' TERM; echo up; while :; do sleep 0.01; done")
	if err := p.await(t.Context(), says(console, "up")); err != nil {
		t.Fatal(err)
	}
	p.stopWithin(0)
	if !p.ended() || p.err == nil || p.err.Error() != "signal: killed" {
		t.Errorf("it ended with %v, want that it was killed", p.err)
	}
}

// The children of a process end with it, even when it ended by itself.
func TestProcess_leaves_no_child(t *testing.T) {
	for name, test := range map[string]struct {
		script string
		end    func(*process)
	}{
		"kill":      {"sleep 1000 & echo up; wait", (*process).kill},
		"stop":      {"sleep 1000 & echo up; wait", (*process).stop},
		"by itself": {"sleep 1000 & echo up", func(p *process) { <-p.exited }},
	} {
		t.Run(name, func(t *testing.T) {
			// The end of the pipe is seen when nobody holds it open any more.
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			cmd := exec.Command("sh", "-c", test.script)
			cmd.Stdout = w
			p, err := launch(cmd, new(tail))
			if err != nil {
				t.Fatal(err)
			}
			defer p.kill()
			w.Close()
			r.SetReadDeadline(time.Now().Add(time.Minute)) // only for a test that fails
			buf := make([]byte, 16)
			if n, err := r.Read(buf); string(buf[:n]) != "up\n" {
				t.Fatalf("it said %q, %v", buf[:n], err)
			}
			test.end(p)
			if n, err := r.Read(buf); n != 0 || errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("somebody still holds the pipe: %q, %v", buf[:n], err)
			}
		})
	}
}

// Package exampletest runs an example in its tests as go run does: as a process of its own, with flags and an exit
// code.
package exampletest

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/webstomp/webstomp/internal/leak"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// asExample is set in the environment of a test binary that is to be the example itself.
const asExample = "WEBSTOMP_EXAMPLE"

// Main is for an example's TestMain, and does not return. It runs the tests, and fails where they leave goroutines
// behind. In a process that Start has started it is the example's main instead.
func Main(m *testing.M, main func()) {
	if os.Getenv(asExample) == "" {
		leak.Main(m)
	}
	flag.CommandLine = flag.NewFlagSet(os.Args[0], flag.ExitOnError) // without those of go test
	main()
	os.Exit(0)
}

// patience bounds a process: none of the examples takes as long.
const patience = time.Minute

// Process is an example that runs.
type Process struct {
	t      testing.TB
	cmd    *exec.Cmd
	killer *time.Timer
	late   atomic.Bool   // it was killed, because patience was over
	ended  chan struct{} // closed when the process is gone

	mu       sync.Mutex // guards what follows
	out, err strings.Builder
	more     chan struct{} // closed at the next byte of out
}

// Start starts the example whose test this is. It ends with the test.
func Start(t testing.TB, args ...string) *Process {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return StartProgram(t, path, args...)
}

// StartProgram starts an example that was built before. It ends with the test.
func StartProgram(t testing.TB, path string, args ...string) *Process {
	t.Helper()
	p := &Process{t: t, cmd: exec.Command(path, args...), ended: make(chan struct{}), more: make(chan struct{})}
	// Under the race detector a process would sleep for a second before it exits.
	p.cmd.Env = append(os.Environ(), asExample+"=1", "GORACE=atexit_sleep_ms=0")
	p.cmd.Stdout, p.cmd.Stderr = writer{p, &p.out}, writer{p, &p.err}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p.killer = time.AfterFunc(patience, func() {
		p.late.Store(true)
		p.cmd.Process.Kill()
	})
	go func() { // ends with the process; Wait joins it
		defer close(p.ended)
		p.cmd.Wait() // ProcessState has its result
	}()
	t.Cleanup(func() {
		p.cmd.Process.Kill()
		<-p.ended
		p.killer.Stop()
	})
	return p
}

// Signal sends the process a signal.
func (p *Process) Signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatalf("%v: %v", s, err)
	}
}

// Output is what came on standard output so far.
func (p *Process) Output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String()
}

// Await waits until standard output has text.
func (p *Process) Await(text string) {
	p.t.Helper()
	for {
		p.mu.Lock()
		out, err, more := p.out.String(), p.err.String(), p.more
		p.mu.Unlock()
		if strings.Contains(out, text) {
			return
		}
		select {
		case <-more:
		case <-p.ended:
			if !strings.Contains(p.Output(), text) {
				p.t.Fatalf("it ended without having said %q; %s\n%s%s", text, p.cmd.ProcessState, out, err)
			}
			return
		}
	}
}

// Result is how a process ended.
type Result struct {
	Stdout, Stderr string
	Code           int // -1: a signal ended it
}

func (r Result) String() string {
	return fmt.Sprintf("exit code %d\nstandard output:\n%s\nstandard error:\n%s", r.Code, r.Stdout, r.Stderr)
}

// Wait waits until the process has ended.
func (p *Process) Wait() Result {
	p.t.Helper()
	<-p.ended
	if p.late.Load() {
		p.t.Errorf("it still ran after %v", patience)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return Result{p.out.String(), p.err.String(), p.cmd.ProcessState.ExitCode()}
}

// Prints runs the example, and fails the test unless it exits with 0 and prints just that.
func Prints(t testing.TB, want string, args ...string) {
	t.Helper()
	if r := Start(t, args...).Wait(); r.Code != 0 || r.Stdout != want {
		t.Errorf("%v\nwant exit code 0 and\n%s", r, want)
	}
}

// Fails sees that the example exits with 1, and says why on standard error, where nobody listens at its URL, and where
// the passcode is wrong; there it is given the URL that url returns of the broker.
func Fails(t testing.TB, url func(*stomptest.Broker) string) {
	t.Helper()
	broker := stomptest.NewBroker(stomptest.WithTCP(), stomptest.WithLogin("guest", "guest"))
	defer broker.Close()
	at := url(broker)
	scheme, _, _ := strings.Cut(at, ":")
	r := Start(t, "-url", scheme+"://127.0.0.1:1/").Wait() // a port that is for root to open, and that nobody does
	if r.Code != 1 || !strings.Contains(r.Stderr, "127.0.0.1:1") {
		t.Errorf("where nobody listens: %v", r)
	}
	r = Start(t, "-url", at, "-login", "guest", "-passcode", "secret").Wait()
	if r.Code != 1 || !strings.Contains(r.Stderr, "Access refused for user 'guest'") || strings.Contains(r.Stderr, "secret") {
		t.Errorf("with a wrong passcode: %v", r)
	}
}

// GivesUp sees that an example's run is an error where its ctx ends before the message comes that it waits for: that ends
// subscriptions as well, and they have no error then. It is given the URL that url returns of the broker.
func GivesUp(t testing.TB, url func(*stomptest.Broker) string, run func(ctx context.Context, url string) error) {
	t.Helper()
	broker := stomptest.NewBroker(stomptest.WithTCP())
	defer broker.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	Withhold(broker, cancel)
	if err := run(ctx, url(broker)); !errors.Is(err, context.Canceled) {
		t.Errorf("where no message comes within its ctx: %v", err)
	}
}

// Withhold has the broker drop each MESSAGE, and calls then a little later: the example may still wait for a receipt.
func Withhold(broker *stomptest.Broker, then func()) {
	broker.Intercept(func(e stomptest.Event) stomptest.Action {
		if e.Frame.Command != "MESSAGE" {
			return stomptest.Pass()
		}
		time.AfterFunc(50*time.Millisecond, then)
		return stomptest.Drop()
	})
}

// writer writes to one of a process's outputs.
type writer struct {
	p  *Process
	to *strings.Builder
}

var _ io.Writer = writer{}

func (w writer) Write(b []byte) (int, error) {
	w.p.mu.Lock()
	defer w.p.mu.Unlock()
	if w.to == &w.p.out {
		close(w.p.more)
		w.p.more = make(chan struct{})
	}
	return w.to.Write(b)
}

package command

import (
	"bytes"
	"context"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/webstomp/webstomp/internal/leak"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

func TestMain(m *testing.M) { leak.Main(m) }

// outside is what a test sets of a command's outside.
type outside struct {
	stdin   string
	vars    map[string]string
	options []stomp.ConnectOption
	signals chan os.Signal
}

// outcome is what a command has left.
type outcome struct {
	status   int
	out, err string
}

// run runs a command to its end.
func (o outside) run(t *testing.T, args ...string) outcome {
	t.Helper()
	return o.start(t, args...).wait()
}

// running is a command under way.
type running struct {
	t        *testing.T
	out, err buffer
	done     chan int
}

// start runs a command beside the test, which has to wait for it.
func (o outside) start(t *testing.T, args ...string) *running {
	t.Helper()
	r := &running{t: t, done: make(chan int, 1)}
	env := Env{
		Args: args, Stdin: strings.NewReader(o.stdin), Stdout: &r.out, Stderr: &r.err,
		Getenv:  func(name string) string { return o.vars[name] },
		Signals: o.signals, Options: o.options,
		Exit: func(int) { t.Error("the process was ended") },
	}
	go func() { r.done <- Run(env) }() // joined by wait
	return r
}

func (r *running) wait() outcome {
	r.t.Helper()
	status := <-r.done
	return outcome{status, r.out.String(), r.err.String()}
}

// buffer is a bytes.Buffer for several goroutines.
type buffer struct {
	mu sync.Mutex // guards b
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// want checks an outcome: the status, all of standard output, and what standard error says among other things; nothing
// at all if says is empty.
func (o outcome) want(t *testing.T, status int, out string, says ...string) {
	t.Helper()
	if o.status != status || o.out != out {
		t.Errorf("status %d, want %d; output %q, want %q; error %q", o.status, status, o.out, out, o.err)
	}
	o.says(t, says...)
}

func (o outcome) says(t *testing.T, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(o.err, text) {
			t.Errorf("standard error says %q, want %q in it", o.err, text)
		}
	}
	if len(texts) == 0 && o.err != "" {
		t.Errorf("standard error says %q", o.err)
	}
}

// newBroker starts a broker that ends with the test.
func newBroker(t *testing.T, opts ...stomptest.Option) *stomptest.Broker {
	t.Helper()
	b := stomptest.NewBroker(opts...)
	t.Cleanup(b.Close)
	return b
}

// piped returns the outside of a command whose connections go to b, which has WithPipe.
func piped(b *stomptest.Broker) outside {
	return outside{options: []stomp.ConnectOption{stomp.WithHTTPClient(b.Client())}}
}

// await waits until the broker has a frame that f likes.
func await(t *testing.T, b *stomptest.Broker, likes func(stomptest.Frame) bool) stomptest.Frame {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	e, err := b.AwaitReceived(ctx, func(e stomptest.Event) bool { return likes(e.Frame) })
	if err != nil {
		t.Fatalf("%v: the broker has %v", err, b.Received())
	}
	return e.Frame
}

// command returns what likes a frame with that command.
func command(name string) func(stomptest.Frame) bool {
	return func(f stomptest.Frame) bool { return f.Command == name }
}

// commands returns the commands of the frames that came, CONNECT aside.
func commands(b *stomptest.Broker) (names []string) {
	for _, e := range b.Received() {
		names = append(names, e.Frame.Command)
	}
	return slices.DeleteFunc(names, func(name string) bool { return name == "CONNECT" })
}

// bodies returns what was sent.
func bodies(b *stomptest.Broker) (texts []string) {
	for _, e := range b.Received() {
		if e.Frame.Command == "SEND" {
			texts = append(texts, string(e.Frame.Body))
		}
	}
	return texts
}

// until waits until the condition holds.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within 30 s: %s", what)
		}
	}
}

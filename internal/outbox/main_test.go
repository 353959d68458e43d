package outbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"sync"
	"testing"

	"github.com/webstomp/webstomp/internal/leak"
	"github.com/webstomp/webstomp/internal/notify"
	"github.com/webstomp/webstomp/internal/ws"
)

func TestMain(m *testing.M) { leak.Main(m) }

var (
	errBroken = errors.New("the line is broken")
	errOver   = errors.New("the session is over")
	errLast   = errors.New("that was the last frame")
)

// line is a connection that takes as much as its peer reads, and remembers it. Where it has no more credit it blocks,
// or breaks.
type line struct {
	net.Conn // one end of a pipe, which nothing goes through: addresses and deadlines

	mu      sync.Mutex // guards what follows
	credit  int        // how many bytes it takes
	breaks  bool       // when there is no more credit it breaks; else it blocks
	wire    []byte     // what it has taken
	writes  int        // calls of Write
	changed notify.Event
}

// unlimited is credit for all that a test writes.
const unlimited = 1 << 30

func newLine(t testing.TB, credit int) *line {
	near, far := net.Pipe()
	t.Cleanup(func() { near.Close(); far.Close() })
	return &line{Conn: near, credit: credit}
}

func (l *line) Write(p []byte) (n int, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.writes++
	for {
		took := min(l.credit, len(p)-n)
		l.credit -= took
		l.wire = append(l.wire, p[n:n+took]...)
		switch n += took; {
		case n == len(p):
			return n, nil
		case l.breaks:
			return n, errBroken
		}
		changed := l.changed.Wait()
		l.mu.Unlock()
		<-changed
		l.mu.Lock()
	}
}

// read lets the line take n bytes more.
func (l *line) read(n int) {
	l.change(func() { l.credit += n })
}

// cut makes the line break, after at most n bytes more.
func (l *line) cut(n int) {
	l.change(func() { l.credit, l.breaks = min(l.credit, n), true })
}

func (l *line) change(f func()) {
	l.mu.Lock()
	f()
	changed := l.changed.Take()
	l.mu.Unlock()
	changed.Wake()
}

func (l *line) Close() error {
	l.cut(0)
	return l.Conn.Close()
}

// taken returns what the line has taken, as text.
func (l *line) taken() string { return string(l.since(0)) }

// since returns what the line has taken after the first n bytes. The bytes stay as they are.
func (l *line) since(n int) []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.wire[n:]
}

func (l *line) writeCalls() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.writes
}

// rig is an Outbox and its Writer on a connection.
type rig struct {
	*Outbox
	w     *Writer
	conn  *ws.Conn
	stop  chan struct{}
	ended chan error // capacity 1: what Run has returned
}

// onLine returns an Outbox on a line. It does not run yet.
func onLine(t testing.TB, credit int, o Options) (*rig, *line) {
	l := newLine(t, credit)
	return onConn(t, ws.Stream(l), o), l
}

func onConn(t testing.TB, conn *ws.Conn, o Options) *rig {
	out, w := New(conn, o)
	t.Cleanup(func() { conn.CloseNow() })
	return &rig{Outbox: out, w: w, conn: conn, stop: make(chan struct{}), ended: make(chan error, 1)}
}

// run starts the write loop. It is over at the end of the test.
func (r *rig) run(t testing.TB) {
	over := make(chan struct{})
	go func() { // joined by the cleanup
		defer close(over)
		r.ended <- r.w.Run(r.stop)
	}()
	t.Cleanup(func() {
		r.conn.CloseNow()
		r.w.Finish()
		<-over
	})
}

// awaitSleep waits until the write loop sleeps and no sender writes.
func (r *rig) awaitSleep() {
	for !r.sleeps() {
		runtime.Gosched()
	}
}

func (r *rig) sleeps() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.asleep && !r.inlining
}

// put adds a frame as an Entry says, which may be one without a buffer of its own.
func (r *rig) put(e Entry, text string) (uint64, error) {
	return r.Add(context.Background(), e, appending(text))
}

// mustPut is put of what cannot fail.
func (r *rig) mustPut(t testing.TB, e Entry, text string) uint64 {
	t.Helper()
	n, err := r.put(e, text)
	must(t, err)
	return n
}

// appending encodes a frame that is text.
func appending(text string) func([]byte) ([]byte, error) {
	return func(dst []byte) ([]byte, error) { return append(dst, text...), nil }
}

// asIs encodes a frame that has a buffer of its own.
func asIs(dst []byte) ([]byte, error) { return dst, nil }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// frameOf returns a frame of so many bytes, or a few more, that no other number has.
func frameOf(number, size int) []byte {
	head := fmt.Appendf(nil, "[%d:%d]", number, size)
	return append(head, bytes.Repeat([]byte{'a' + byte(number%26)}, max(0, size-len(head)))...)
}

// ended is a ctx that is over: what would wait does not.
func ended() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

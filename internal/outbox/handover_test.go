package outbox

import (
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/ws"
)

// onSocket returns an Outbox on a TCP socket whose write loop sleeps, and the other end of it.
func onSocket(t testing.TB) (*rig, *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	near, err := net.Dial("tcp", l.Addr().String())
	must(t, err)
	far, err := l.Accept()
	must(t, err)
	t.Cleanup(func() { far.Close() })
	r := onConn(t, ws.Stream(near), Options{})
	r.run(t)
	r.awaitSleep()
	return r, far.(*net.TCPConn)
}

// letIdle makes whatever was written long ago, so that the next sender writes.
func (r *rig) letIdle() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.wrote -= time.Hour
}

// sender counts the frames that their senders write, and can hold one of them up.
type sender struct {
	wrote   int           // guarded by the Outbox: one sender at a time
	entered chan struct{} // capacity 1: a sender is about to write
	hold    chan struct{} // not nil: it waits for this to be closed
}

// watch puts a sender in front of the Outbox's own. It is called before Run.
func watch(r *rig) *sender {
	s := &sender{entered: make(chan struct{}, 1)}
	inline := r.inline
	r.inline = func(b *batch) {
		s.wrote++
		if s.hold != nil {
			s.entered <- struct{}{}
			<-s.hold
		}
		inline(b)
	}
	return s
}

func TestHandover_a_lone_frame_is_written_by_its_sender(t *testing.T) {
	r, far := onSocket(t)
	r.letIdle()
	n := r.mustPut(t, Entry{}, "a frame")
	if !r.sleeps() || len(r.wake) > 0 {
		t.Error("the write loop was woken")
	}
	must(t, r.AwaitFlush(ended(), n)) // it is flushed when Add returns
	got := make([]byte, len("a frame"))
	if _, err := io.ReadFull(far, got); err != nil || string(got) != "a frame" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestHandover_a_sender_does_not_write(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, l := onLine(t, unlimited, Options{})
		s := watch(r)
		r.mustPut(t, Entry{}, "before Run\n")
		time.Sleep(time.Second)
		r.run(t)
		synctest.Wait()
		want := "before Run\n"
		for _, c := range []struct {
			what   string
			after  time.Duration
			size   int
			writes bool
		}{
			{"just_after_the_loop", inlineGap - 1, 1, false},
			{"just_after_the_loop_again", inlineGap - 1, 1, false},
			{"when_the_line_was_idle", inlineGap, inlineBytes, true},
			{"just_after_a_sender", inlineGap - 1, 1, false},
			{"a_long_frame", time.Second, inlineBytes + 1, false},
			{"when_it_was_idle_again", inlineGap, 1, true},
		} {
			time.Sleep(c.after)
			before, frame := s.wrote, string(frameOf(0, c.size))[:c.size]
			r.mustPut(t, Entry{}, frame)
			if got := s.wrote > before; got != c.writes {
				t.Errorf("%s: the sender wrote: %v", c.what, got)
			}
			synctest.Wait() // a pipe takes nothing at once: the loop has finished it
			if want += frame; l.taken() != want {
				t.Fatalf("%s: %d bytes were written, want %d", c.what, len(l.taken()), len(want))
			}
		}
	})
}

// keeper is a connection that makes a message of each Write, which may block.
type keeper struct{ *line }

func (keeper) LocalAddr() net.Addr { return webSocketAddr{} }

type webSocketAddr struct{}

func (webSocketAddr) Network() string { return "websocket" }
func (webSocketAddr) String() string  { return "websocket" }

func TestHandover_W2_a_sender_does_not_write_where_nothing_gathers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLine(t, 0)
		r := onConn(t, ws.Stream(keeper{l}), Options{})
		r.run(t)
		time.Sleep(time.Second)
		r.mustPut(t, Entry{}, "one") // does not wait for the line
		r.mustPut(t, Entry{}, "two")
		l.read(unlimited)
		must(t, r.AwaitFlush(t.Context(), 2))
		if l.taken() != "onetwo" || l.writeCalls() != 2 {
			t.Errorf("%q in %d writes", l.taken(), l.writeCalls())
		}
	})
}

// While a sender writes, nobody else does: others leave their frames, and the write loop waits for it.
func TestHandover_everybody_waits_for_the_sender_that_writes(t *testing.T) {
	for name, c := range map[string]struct {
		call func(*rig)
		want string // on the wire, when the sender has finished
		ends bool
	}{
		"another_sender": {func(r *rig) { r.mustPut(t, Entry{}, "2") }, "12", false},
		"a_heart_beat":   {func(r *rig) { r.w.Beat() }, "1\n", false},
		"the_end":        {func(r *rig) { close(r.stop) }, "", true}, // a pipe takes nothing at once
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, l := onLine(t, unlimited, Options{})
				s := watch(r)
				s.hold = make(chan struct{})
				r.run(t)
				time.Sleep(time.Second)
				added := make(chan error, 1)
				go func() { // joined below
					_, err := r.put(Entry{}, "1")
					added <- err
				}()
				<-s.entered
				c.call(r)
				synctest.Wait()
				if l.taken() != "" || len(r.ended) > 0 || s.wrote != 1 || len(r.wake) > 0 {
					t.Errorf("%q was written by %d senders, %d signals, the loop has ended: %v", l.taken(), s.wrote, len(r.wake), len(r.ended) > 0)
				}
				close(s.hold)
				must(t, <-added)
				synctest.Wait()
				if l.taken() != c.want {
					t.Errorf("%q was written, want %q", l.taken(), c.want)
				}
				if over := len(r.ended) > 0; over != c.ends {
					t.Errorf("the loop has ended: %v", over)
				}
			})
		})
	}
}

// A frame that comes while a sender writes all of its own, so that the write loop is not needed to finish, is not
// left lying.
func TestHandover_a_sender_wakes_the_loop_for_what_came_meanwhile(t *testing.T) {
	r, far := onSocket(t)
	r.inline = func(inline func(*batch)) func(*batch) {
		return func(b *batch) {
			r.inline = inline
			if _, err := r.put(Entry{}, "two"); err != nil {
				t.Error(err)
			}
			inline(b)
		}
	}(r.inline)
	r.letIdle()
	r.mustPut(t, Entry{}, "one")
	must(t, r.AwaitFlush(t.Context(), 2))
	got := make([]byte, len("onetwo"))
	if _, err := io.ReadFull(far, got); err != nil || string(got) != "onetwo" {
		t.Errorf("%q, %v", got, err)
	}
}

// What the socket does not take at once is left to the write loop: Add returns, and nothing is lost.
func TestHandover_the_loop_finishes_what_the_socket_does_not_take(t *testing.T) {
	r, far := onSocket(t)
	size := 0
	send := func() (n uint64) {
		frame := frameOf(size, inlineBytes-100)
		size += len(frame)
		return r.mustPut(t, Entry{Encoded: frame}, "")
	}
	for flushed := true; flushed; {
		r.awaitSleep()
		r.letIdle()
		flushed = r.AwaitFlush(ended(), send()) == nil
	}
	for range 10 {
		send()
	}
	read := make(chan int, 1)
	go func() { // joined below
		n, err := io.CopyN(io.Discard, far, int64(size))
		if err != nil {
			t.Error(err)
		}
		read <- int(n)
	}()
	must(t, r.AwaitFlush(t.Context(), r.Last()))
	if n := <-read; n != size {
		t.Errorf("%d bytes came, want %d", n, size)
	}
}

func TestHandover_Run_returns_what_a_sender_failed_with(t *testing.T) {
	r, _ := onSocket(t)
	r.letIdle()
	r.conn.CloseNow()
	n := r.mustPut(t, Entry{}, "a frame")
	if err := <-r.ended; err == nil || err == ErrStopped {
		t.Errorf("Run: %v", err)
	}
	if r.AwaitFlush(ended(), n) == nil {
		t.Error("it counts as flushed")
	}
}

// A frame that comes after the loop has looked and before it sleeps wakes nobody: the loop looks again.
func TestHandover_the_loop_does_not_sleep_while_something_waits(t *testing.T) {
	r, _ := onLine(t, 0, Options{})
	if b := r.take(nil); b != nil {
		t.Fatal("there is something to take")
	}
	r.mustPut(t, Entry{}, "x")
	if r.Outbox.sleep() || r.sleeps() {
		t.Error("it sleeps")
	}
}

package outbox

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/ws"
)

func TestWriter_Run(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(*rig, *line)
		want error
		wire string
	}{
		"ends_with_Finish_when_all_is_written": {func(r *rig, l *line) {
			r.w.Finish()
			r.mustPut(t, Entry{}, "two")
			r.w.Beat()
			l.read(unlimited)
		}, nil, "onetwo\n"},
		"ends_with_stop": {func(r *rig, l *line) {
			l.read(unlimited)
			synctest.Wait()
			close(r.stop)
		}, ErrStopped, "one"},
		"ends_with_a_broken_line": {func(r *rig, l *line) {
			l.change(func() { l.credit, l.breaks = 2, true })
			r.w.Finish()
		}, errBroken, "on"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, l := onLine(t, 0, Options{BeatType: ws.Text})
				r.mustPut(t, Entry{}, "one")
				synctest.Wait()
				if r.w.Frames() > 0 {
					t.Error("a frame was written before Run")
				}
				r.run(t)
				synctest.Wait()
				c.end(r, l)
				if err := <-r.ended; !errors.Is(err, c.want) {
					t.Errorf("Run: %v, want %v", err, c.want)
				}
				time.Sleep(time.Second)
				r.mustPut(t, Entry{}, "three") // nobody writes any more
				r.w.Beat()
				synctest.Wait()
				if l.taken() != c.wire {
					t.Errorf("%q was written, want %q", l.taken(), c.wire)
				}
				if left := r.w.Leftover(); len(left) > 0 {
					t.Errorf("%d frames are left over without Carry", len(left))
				}
			})
		})
	}
}

// Frames that wait at the same time share a system call.
func TestWriter_flushes_once_for_all_that_waits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, l := onLine(t, unlimited, Options{})
		for range 100 {
			r.mustPut(t, Entry{}, "a frame\n")
		}
		r.run(t)
		synctest.Wait()
		if l.taken() != strings.Repeat("a frame\n", 100) || l.writeCalls() != 1 || r.w.Frames() != 100 {
			t.Errorf("%d frames, %d bytes in %d writes, want 100 in one", r.w.Frames(), len(l.taken()), l.writeCalls())
		}
	})
}

// W4, M7, promise 8: a heart-beat that is due does not wait for the end of a long batch, but does not tear a frame
// either.
func TestWriter_M7_promise8_writes_a_heart_beat_amid_a_long_batch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, l := onLine(t, unlimited, Options{BeatType: ws.Text})
		const frames = 9
		frame := strings.Repeat("x", flushEvery/4+1)
		for range frames {
			r.mustPut(t, Entry{}, frame)
		}
		r.w.Beat()
		r.w.Beat() // one is enough
		r.run(t)
		synctest.Wait()
		if want := strings.Repeat(frame, 4) + "\n" + strings.Repeat(frame, frames-4); l.taken() != want {
			t.Errorf("the heart-beat stands at %d of %d bytes, want %d", strings.Index(l.taken(), "\n"), len(l.taken()), 4*len(frame))
		}
		if r.w.Beats() != 1 {
			t.Errorf("%d heart-beats", r.w.Beats())
		}
		r.w.Beat()
		synctest.Wait()
		if r.w.Beats() != 2 || !strings.HasSuffix(l.taken(), "\n") {
			t.Errorf("%d heart-beats while nothing else is written", r.w.Beats())
		}
	})
}

// Promise 1: whoever waits for a flush hears of it although there is always more to write.
func TestWriter_promise1_flushes_while_there_is_always_more(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &endless{line: newLine(t, unlimited)}
		r := onConn(t, ws.Stream(l), Options{})
		l.add = func() {
			if _, taken := r.Backlog(); taken == r.Last() { // one more, while the last one is being written
				_, _ = r.put(Entry{}, strings.Repeat("x", chunk+1)) // fails at the end of the test
			}
		}
		l.add()
		r.run(t)
		must(t, r.AwaitFlush(t.Context(), 1))
		must(t, r.AwaitFlush(t.Context(), 100))
		r.Fail(errOver)
	})
}

// Promise 8: heart-beats go out at their rate although there is always more to write.
func TestWriter_promise8_writes_heart_beats_while_there_is_always_more(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &endless{line: newLine(t, unlimited)}
		r := onConn(t, ws.Stream(l), Options{BeatType: ws.Text})
		l.add = func() {
			if _, taken := r.Backlog(); taken == r.Last() {
				_, _ = r.put(Entry{}, strings.Repeat("x", chunk+1))
			}
		}
		l.add()
		r.run(t)
		for n := range uint64(5) {
			time.Sleep(20 * time.Millisecond)
			r.w.Beat()
			time.Sleep(10 * time.Millisecond) // a frame takes 2
			if r.w.Beats() != n+1 {
				t.Fatalf("%d heart-beats of %d, and %d frames", r.w.Beats(), n+1, r.w.Frames())
			}
		}
		r.Fail(errOver)
	})
}

// endless is a line that finds something new to write whenever it is written to.
type endless struct {
	*line
	add func()
}

func (e *endless) Write(p []byte) (int, error) {
	e.add()
	time.Sleep(time.Millisecond)
	return e.line.Write(p)
}

// A frame that was withdrawn while the loop was busy counts as flushed, or whoever waits for one behind it waits for
// ever.
func TestWriter_counts_withdrawn_frames_as_flushed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, l := onLine(t, 0, Options{})
		r.run(t)
		r.mustPut(t, Entry{}, "one")
		synctest.Wait()
		var ticket Ticket
		n := r.mustPut(t, Entry{Ticket: &ticket, Carry: true}, "two")
		if !ticket.Withdraw() {
			t.Error("the frame was taken while the line was stuck")
		}
		l.read(unlimited)
		must(t, r.AwaitFlush(t.Context(), n))
		if l.taken() != "one" || r.w.Frames() != 1 {
			t.Errorf("%q was written, %d frames", l.taken(), r.w.Frames())
		}
	})
}

// A frame that the line breaks in has begun: what is left over are those behind it, with their own bytes.
func TestWriter_promise7_leaves_what_had_not_begun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, l := onLine(t, chunk, Options{})
		tickets := make([]Ticket, 6)
		own := frameOf(3, 10)
		for i, e := range []Entry{
			{Carry: true},
			{Carry: true, Encoded: frameOf(1, 3*chunk)}, // the line breaks in it
			{Carry: true},
			{Carry: true, Encoded: own, Type: ws.Binary},
			{},
			{Carry: true},
		} {
			e.Ticket = &tickets[i]
			text := ""
			if e.Encoded == nil {
				text = string('a' + rune(i))
			}
			r.mustPut(t, e, text)
		}
		tickets[5].Withdraw()
		l.breaks = true
		r.run(t)
		if err := <-r.ended; !errors.Is(err, errBroken) {
			t.Fatal(err)
		}
		r.mustPut(t, Entry{Carry: true}, "accepted when Run was over")
		r.Fail(errOver)
		want := []Leftover{
			{[]byte("c"), 0, 3, &tickets[2]},
			{own, ws.Binary, 4, &tickets[3]},
			{[]byte("accepted when Run was over"), 0, 7, nil},
		}
		left := r.w.Leftover()
		for i := range max(len(left), len(want)) {
			if len(left) != len(want) || !sameLeftover(left[i], want[i]) {
				t.Fatalf("left over are %v, want %v", left, want)
			}
		}
		if &left[1].Frame[0] != &own[0] {
			t.Error("a frame with a buffer of its own was copied")
		}
		for i, want := range []bool{true, true, false, false, false, false} {
			if number, here, begun := tickets[i].Leave(r.w); number != uint64(i+1) || !here || begun != want {
				t.Errorf("frame %d: number %d, here %v, begun %v, want %v", i+1, number, here, begun, want)
			}
		}
	})
}

func TestWriter_Finish_waits_for_what_comes_with_the_last_heart_beat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, l := onLine(t, 0, Options{BeatType: ws.Text})
		r.run(t)
		synctest.Wait()
		r.w.beatDue.Store(true)
		r.w.Finish()
		synctest.Wait() // the loop knows that it is to finish, and is stuck in the heart-beat
		r.mustPut(t, Entry{}, "x")
		l.read(unlimited)
		if err := <-r.ended; err != nil || l.taken() != "\nx" {
			t.Errorf("Run: %v, %q was written", err, l.taken())
		}
	})
}

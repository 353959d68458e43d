package outbox

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// fill makes an Outbox that nobody takes from full.
func fill(t *testing.T, r *rig) (last uint64) {
	t.Helper()
	return r.mustPut(t, Entry{Encoded: frameOf(0, bound)}, "")
}

func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func TestOutbox_promise1_Add_waits_for_room_within_ctx(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, l := onLine(t, unlimited, Options{})
		first := r.mustPut(t, Entry{Encoded: frameOf(0, bound-1)}, "")
		last := r.mustPut(t, Entry{}, "beyond the bound, which is not reached yet")
		start := time.Now()
		_, err := r.Add(within(t, time.Second), Entry{}, func([]byte) ([]byte, error) {
			t.Error("a frame without room was encoded")
			return nil, nil
		})
		if took := time.Since(start); err != context.DeadlineExceeded || took != time.Second {
			t.Fatalf("%v after %v, want ctx's error after 1s", err, took)
		}
		if first != 1 || last != 2 || r.Last() != 2 {
			t.Errorf("numbers %d and %d, last %d, want 1, 2 and 2", first, last, r.Last())
		}
		if n, err := r.Add(ended(), Entry{Forced: true}, appending("!")); n != 3 || err != nil {
			t.Errorf("forced: %d, %v", n, err)
		}
		r.run(t)
		must(t, r.AwaitFlush(t.Context(), 3))
		if want := string(frameOf(0, bound-1)) + "beyond the bound, which is not reached yet!"; l.taken() != want {
			t.Errorf("%d bytes were written, want %d", len(l.taken()), len(want))
		}
	})
}

func TestOutbox_Hold_makes_Add_wait_until_Release(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, l := onLine(t, unlimited, Options{})
		r.run(t)
		r.Hold()
		if _, err := r.Add(within(t, time.Second), Entry{}, appending("x")); err != context.DeadlineExceeded {
			t.Fatalf("%v, want ctx's error", err)
		}
		added := make(chan error, 3)
		for range 3 {
			go func() { // joined by the receives below
				_, err := r.put(Entry{}, "a")
				added <- err
			}()
		}
		synctest.Wait()
		// What is forced goes out, and wakes nobody else for good.
		must(t, r.AwaitFlush(t.Context(), r.mustPut(t, Entry{Forced: true}, "forced")))
		synctest.Wait()
		if got := l.taken(); got != "forced" {
			t.Errorf("written: %q", got)
		}
		r.Release()
		for range 3 {
			must(t, <-added)
		}
		must(t, r.AwaitFlush(t.Context(), r.Last()))
		if got := l.taken(); got != "aaa" && got != "forcedaaa" {
			t.Errorf("written: %q", got)
		}
		r.Hold()
		go func() { // joined by the receive below
			_, err := r.put(Entry{}, "b")
			added <- err
		}()
		synctest.Wait()
		over := errors.New("over")
		r.Fail(over)
		if err := <-added; err != over {
			t.Errorf("after Fail: %v", err)
		}
	})
}

func TestOutbox_room_wakes_all_who_wait_for_it(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := onLine(t, 0, Options{})
		last := fill(t, r)
		added := make(chan error, 5)
		for range 5 {
			go func() { // joined by the receives below
				_, err := r.put(Entry{}, "x")
				added <- err
			}()
		}
		synctest.Wait()
		if waiting, taken := r.Backlog(); !waiting || taken != 0 || len(added) > 0 {
			t.Fatalf("waiting %v, taken %d, %d added, want that all wait", waiting, taken, len(added))
		}
		r.run(t) // it takes what waits, and is stuck
		synctest.Wait()
		if waiting, taken := r.Backlog(); waiting || taken != last || len(added) < 5 {
			t.Fatalf("waiting %v, taken %d, %d added, want that all are", waiting, taken, len(added))
		}
		for range 5 {
			must(t, <-added)
		}
	})
}

func TestOutbox_Fail_ends_every_wait_with_the_first_error(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := onLine(t, 0, Options{})
		last := fill(t, r)
		ends := make(chan error, 2)
		go func() { // joined by the receives below, as the next
			_, err := r.put(Entry{}, "x")
			ends <- err
		}()
		go func() { ends <- r.AwaitFlush(t.Context(), last) }()
		synctest.Wait()
		r.Fail(errOver)
		r.Fail(errBroken)
		for range 2 {
			if err := <-ends; err != errOver {
				t.Errorf("a wait ended with %v", err)
			}
		}
		if _, err := r.put(Entry{Forced: true}, "x"); err != errOver {
			t.Errorf("Add afterwards: %v", err)
		}
		if err := r.AwaitFlush(t.Context(), last); err != errOver {
			t.Errorf("AwaitFlush afterwards: %v", err)
		}
		if err := r.AwaitFlush(t.Context(), 0); err != nil {
			t.Errorf("AwaitFlush of what was flushed before: %v", err)
		}
	})
}

func TestOutbox_accepts_nothing_behind_a_last_frame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, l := onLine(t, unlimited, Options{})
		r.run(t)
		fill(t, r)
		r.mustPut(t, Entry{Forced: true, Last: errLast}, "DISCONNECT")
		if n, err := r.put(Entry{Forced: true}, "x"); n != 0 || err != errLast {
			t.Errorf("Add: %d, %v", n, err)
		}
		must(t, r.AwaitFlush(t.Context(), 2)) // it is written all the same
		if want := string(frameOf(0, bound)) + "DISCONNECT"; l.taken() != want {
			t.Errorf("%d bytes were written, want %d", len(l.taken()), len(want))
		}
		r.Fail(errOver)
		if _, err := r.put(Entry{}, "x"); err != errOver {
			t.Errorf("Add after Fail: %v", err)
		}
	})
}

// Who waits for room when the last frame is accepted learns of it as soon as there is room.
func TestOutbox_a_last_frame_ends_the_waits_for_room(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := onLine(t, 0, Options{})
		fill(t, r)
		added := make(chan error, 1)
		go func() { // joined by the receive below
			_, err := r.put(Entry{}, "x")
			added <- err
		}()
		synctest.Wait()
		r.mustPut(t, Entry{Forced: true, Last: errLast}, "DISCONNECT")
		r.run(t)
		if err := <-added; err != errLast {
			t.Error(err)
		}
	})
}

func TestOutbox_an_error_of_encode_leaves_it_as_it_was(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, l := onLine(t, unlimited, Options{})
		torn := errors.New("cannot be encoded")
		fails := func(dst []byte) ([]byte, error) { return append(dst, "half a frame, longer than the next"...), torn }
		ticket := new(Ticket)
		for _, before := range []string{"a", "b"} {
			r.mustPut(t, Entry{}, before)
			if n, err := r.Add(t.Context(), Entry{Last: errLast, Ticket: ticket}, fails); n != 0 || err != torn {
				t.Fatalf("Add: %d, %v", n, err)
			}
		}
		if ticket.out != nil || r.Last() != 2 || r.bytes != 2 {
			t.Fatalf("ticket in %p, last number %d, %d bytes, want none, 2 and 2", ticket.out, r.Last(), r.bytes)
		}
		r.run(t)
		synctest.Wait()
		if _, err := r.Add(t.Context(), Entry{}, fails); err != torn || len(r.wake) > 0 {
			t.Fatalf("Add: %v, and %d signals for the write loop", err, len(r.wake))
		}
		synctest.Wait()
		r.mustPut(t, Entry{}, "c")
		synctest.Wait()
		if l.taken() != "abc" {
			t.Errorf("%q was written", l.taken())
		}
	})
}

// However a frame comes: appended, or in a buffer of its own.
func TestOutbox_Longest(t *testing.T) {
	r, _ := onLine(t, unlimited, Options{})
	for _, c := range []struct {
		e       Entry
		text    string
		longest int
	}{
		{text: "four", longest: 4},
		{text: "two", longest: 4},
		{e: Entry{Encoded: []byte("seven!!")}, longest: 7},
		{text: "six!!!", longest: 7},
	} {
		if c.e.Encoded == nil {
			r.mustPut(t, c.e, c.text)
		} else if _, err := r.Add(t.Context(), c.e, asIs); err != nil {
			t.Error(err)
		}
		if n := r.Longest(); n != c.longest {
			t.Errorf("the longest has %d bytes after %q, want %d", n, c.text, c.longest)
		}
	}
}

// What encode looks at, under no lock but the Outbox's, is so when its frame gets its place.
func TestOutbox_encode_runs_in_the_order_of_the_frames(t *testing.T) {
	r, l := onLine(t, unlimited, Options{})
	r.run(t)
	const senders, each = 4, 500
	var all sync.WaitGroup
	next, want := 0, ""
	for range senders {
		all.Go(func() { // joined below
			for range each {
				n, err := r.Add(t.Context(), Entry{}, func(dst []byte) ([]byte, error) {
					next++
					return fmt.Appendf(dst, "%d\n", next), nil
				})
				if err != nil || n == 0 {
					t.Errorf("Add: %d, %v", n, err)
				}
			}
		})
	}
	all.Wait()
	must(t, r.AwaitFlush(t.Context(), r.Last()))
	for i := range senders * each {
		want += fmt.Sprintln(i + 1)
	}
	if l.taken() != want || r.Last() != senders*each {
		t.Errorf("%d frames, written out of the order in which they were encoded", r.Last())
	}
}

func TestOutbox_AwaitFlush_waits_for_the_system_call_within_ctx(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, l := onLine(t, 0, Options{})
		r.run(t)
		n := r.mustPut(t, Entry{}, "a frame")
		start := time.Now()
		time.AfterFunc(2*time.Second, func() { l.read(unlimited) })
		err := r.AwaitFlush(within(t, time.Second), n)
		if took := time.Since(start); err != context.DeadlineExceeded || took != time.Second {
			t.Errorf("%v after %v, want ctx's error after 1s", err, took)
		}
		err = r.AwaitFlush(t.Context(), n)
		if took := time.Since(start); err != nil || took != 2*time.Second {
			t.Errorf("%v after %v, want nil after 2s", err, took)
		}
	})
}

func TestOutbox_Add_does_not_allocate(t *testing.T) {
	r, _ := onLine(t, unlimited, Options{})
	body := frameOf(0, 256)
	add := func() {
		if _, err := r.Add(t.Context(), Entry{}, func(dst []byte) ([]byte, error) { return append(dst, body...), nil }); err != nil {
			t.Fatal(err)
		}
	}
	const n = 1000
	for range n + 1 { // one more is the warm-up's
		add()
	}
	grown := r.take(nil)
	add()
	r.take(grown).recycle() // the grown batch is the one that waits
	if allocs := testing.AllocsPerRun(n, add); allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

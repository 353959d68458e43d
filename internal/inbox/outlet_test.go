package inbox

import (
	"testing"
	"testing/synctest"
)

// Put does not wait for a conversion: what is being converted when it has to give way is dropped when that is done.
func TestInbox_Outlet_drops_what_it_is_converting(t *testing.T) {
	for policy, want := range map[Policy][]int{DropOldest: {2, 3}, Latest: {3, 2}} {
		synctest.Test(t, func(t *testing.T) {
			o := new(owner)
			proceed := make(chan bool)
			out := &outlet{out: make(chan value), convert: func(value) { <-proceed }}
			in := NewThrough(o, Bound{Count: 2, Bytes: 100, Policy: policy}, out)
			for i, v := range []value{{1, 1, "a"}, {2, 1, "b"}, {3, 1, "a"}} {
				if got, want := in.Put(v), map[bool]Verdict{false: Delivered, true: Dropped}[i == 2]; got != want {
					t.Errorf("Put %d: verdict %d, want %d", i+1, got, want)
				}
				synctest.Wait() // the first is being converted
			}
			if s, want := in.Stats(), (Stats{Received: 3, Dropped: 1, Queued: 2, QueuedBytes: 2}); s != want {
				t.Errorf("%+v, want %+v", s, want)
			}
			for i, number := range want {
				for range 2 - i { // what was revoked as well
					proceed <- true
				}
				if v := <-out.out; v.number != number {
					t.Errorf("received %d, want %d", v.number, number)
				}
			}
			if len(o.dropped) != 1 || o.dropped[0] != 1 {
				t.Errorf("dropped %v", o.dropped)
			}
			in.End()
			o.feeders.Wait()
		})
	}
}

// A value that replaces the one that is being converted keeps its place.
func TestInbox_Outlet_Latest_replaces_what_it_is_converting_in_place(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := new(owner)
		proceed := make(chan bool)
		out := &outlet{out: make(chan value), convert: func(value) { <-proceed }}
		in := NewThrough(o, Bound{Count: 3, Bytes: 100, Policy: Latest}, out)
		for _, v := range []value{{1, 1, "a"}, {2, 1, "b"}, {3, 1, "a"}, {4, 1, "c"}} {
			in.Put(v)
			synctest.Wait() // the first is being converted
		}
		go func() { // ends with the last value
			for range 4 {
				proceed <- true
			}
		}()
		for _, want := range []int{3, 2, 4} {
			if v := <-out.out; v.number != want {
				t.Errorf("received %d, want %d", v.number, want)
			}
		}
		in.End()
		o.feeders.Wait()
	})
}

// An end waits for a conversion before the channel is closed, and what comes of it is dropped.
func TestInbox_Outlet_ends_behind_a_conversion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := new(owner)
		proceed := make(chan bool)
		out := &outlet{out: make(chan value), convert: func(value) { <-proceed }}
		in := NewThrough(o, Bound{Count: 10, Bytes: 100}, out)
		in.Put(value{1, 1, ""})
		in.Put(value{2, 1, ""})
		synctest.Wait()
		in.End()
		if isClosed(in.Closed()) {
			t.Error("closed while a value is converted")
		}
		proceed <- true
		if v, open := <-out.out; open {
			t.Errorf("received %v", v)
		}
		o.feeders.Wait()
		if s, want := in.Stats(), (Stats{Received: 2, Dropped: 2}); s != want || !isClosed(in.Closed()) {
			t.Errorf("%+v, want %+v", s, want)
		}
	})
}

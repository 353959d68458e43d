package inbox

import (
	"testing"
	"testing/synctest"
)

// Put does not wait for a conversion: what is being converted when it has to give way is dropped when that is done.
func TestInbox_Outlet_drops_what_it_is_converting(t *testing.T) {
	for policy, key := range map[Policy]string{DropOldest: "a", Latest: "b"} {
		synctest.Test(t, func(t *testing.T) {
			o := new(owner)
			proceed := make(chan bool)
			out := &outlet{out: make(chan value), convert: func(value) { <-proceed }}
			in := NewThrough(o, Bound{Count: 2, Bytes: 100, Policy: policy}, out)
			for i, v := range []value{{1, 1, "a"}, {2, 1, key}, {3, 1, "a"}} {
				if got, want := in.Put(v), map[bool]Verdict{false: Delivered, true: Dropped}[i == 2]; got != want {
					t.Errorf("Put %d: verdict %d, want %d", i+1, got, want)
				}
				synctest.Wait() // the first is being converted
			}
			if s, want := in.Stats(), (Stats{Received: 3, Dropped: 1, Queued: 2, QueuedBytes: 2}); s != want {
				t.Errorf("%+v, want %+v", s, want)
			}
			for _, want := range []int{2, 3} {
				for range 4 - want {
					proceed <- true
				}
				if v := <-out.out; v.number != want {
					t.Errorf("received %d, want %d", v.number, want)
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

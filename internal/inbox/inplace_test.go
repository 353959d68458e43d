package inbox

import (
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

// Of each key the newest waits, in the place of the one that it replaces.
func TestInbox_Latest_replaces_in_place(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := new(owner)
		in := New(o, Bound{Count: 3, Bytes: 100, Policy: Latest})
		if cap(in.C()) != 0 {
			t.Fatalf("the channel has room for %d", cap(in.C()))
		}
		n := 0
		put := func(key string, size int64, want Verdict) {
			t.Helper()
			n++
			if got := in.Put(value{number: n, size: size, key: key}); got != want {
				t.Errorf("Put %d: verdict %d, want %d", n, got, want)
			}
			synctest.Wait() // the feeder has the oldest in its hand
		}
		put("a", 1, Delivered)
		put("b", 1, Delivered)
		put("c", 1, Delivered)
		put("a", 1, Dropped)  // 4, for 1 in the feeder's hand
		put("c", 1, Dropped)  // 5, for 3 in the queue
		put("d", 1, Dropped)  // 6, for the oldest, 4
		put("b", 99, Dropped) // 7, for 2; in bytes it is too large with the others, and all but it go
		put("c", 2, Dropped)  // 8, for 7: the oldest gives way
		got := ""
		for {
			v, state := receive(in.C())
			if state != "value" {
				break
			}
			got += fmt.Sprint(v.number, v.key, " ")
			synctest.Wait()
		}
		if want := "8c "; got != want {
			t.Errorf("received %q, want %q", got, want)
		}
		if s, want := in.Stats(), (Stats{Received: 8, Delivered: 1, Dropped: 7}); s != want {
			t.Errorf("%+v, want %+v", s, want)
		}
		in.End()
		o.feeders.Wait()
	})
}

// Whoever receives gets the newest value that had been Put with its key, however both run; and of each key the values
// come in order.
func TestInbox_Latest_never_gives_an_old_value(t *testing.T) {
	for seed := range uint64(20) {
		const keys, n = 4, 3000
		random := rand.New(rand.NewPCG(seed, 0))
		o := new(owner)
		in := New(o, Bound{Count: 1 + random.IntN(keys+1), Bytes: 1000, Policy: Latest})
		var newest [keys]atomic.Int64 // of each key, the last value whose Put has returned
		go func() {                   // ends with in
			for i := range n {
				key := random.IntN(keys)
				in.Put(value{number: i + 1, size: 1, key: fmt.Sprint(key)})
				newest[key].Store(int64(i + 1))
			}
			in.Drain()
		}()
		last := make(map[string]int)
		for {
			var before [keys]int64
			for key := range before {
				before[key] = newest[key].Load()
			}
			v, open := <-in.C()
			if !open {
				break
			}
			var key int
			fmt.Sscan(v.key, &key)
			if int64(v.number) < before[key] {
				t.Fatalf("seed %d: received %d of key %d when %d had been Put", seed, v.number, key, before[key])
			}
			if v.number <= last[v.key] {
				t.Fatalf("seed %d: received %d of key %d after %d", seed, v.number, key, last[v.key])
			}
			last[v.key] = v.number
		}
		if s := in.Stats(); s.Received != n || s.Delivered+s.Dropped != n || s.Queued != 0 || s.QueuedBytes != 0 {
			t.Fatalf("seed %d: %+v", seed, s)
		}
		in.End()
		o.feeders.Wait()
	}
}

package inbox

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/webstomp/webstomp/internal/leak"
)

func TestMain(m *testing.M) { leak.Main(m) }

// value is what the tests put into an Inbox.
type value struct {
	number int
	size   int64
	key    string
}

// owner joins feeders and remembers what was dropped.
type owner struct {
	feeders sync.WaitGroup
	mu      sync.Mutex // guards dropped
	dropped []int
}

func (o *owner) Size(v value) int64 { return v.size }
func (o *owner) Key(v value) string { return v.key }
func (o *owner) Go(f func())        { o.feeders.Go(f) }
func (o *owner) Dropped(v value) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.dropped = append(o.dropped, v.number)
}

// outlet gives the values themselves.
type outlet struct {
	out     chan value
	convert func(value) // nil: at once
}

func (o *outlet) Close() { close(o.out) }
func (o *outlet) Send(v value, converted func() bool, cut, yield <-chan struct{}) bool {
	if o.convert != nil {
		o.convert(v)
	}
	if !converted() {
		return false
	}
	select {
	case o.out <- v:
		return true
	case <-cut:
	case <-yield:
	}
	return false
}

// receive returns what a consumer's channel gives at once. state is "value", "empty" or "closed".
func receive(c <-chan value) (v value, state string) {
	select {
	case v, ok := <-c:
		if !ok {
			return value{}, "closed"
		}
		return v, "value"
	default:
		return value{}, "empty"
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func TestInbox_puts_straight_into_the_channel_while_that_has_room(t *testing.T) {
	o := new(owner)
	in := New(o, Bound{Count: 100, Bytes: 1000})
	for i := range channelRoom {
		if got := in.Put(value{number: i, size: 1}); got != Delivered {
			t.Fatalf("Put %d: verdict %d", i, got)
		}
	}
	if in.queue.items != nil || in.baton {
		t.Fatal("a queue or a feeder though the channel had room")
	}
	if n := testing.AllocsPerRun(100, func() {
		<-in.C()
		in.Put(value{number: 0, size: 1})
	}); n != 0 {
		t.Fatalf("%v allocations for a value that goes straight into the channel", n)
	}
	in.End()
	o.feeders.Wait()
}

func TestInbox_stall_ends_when_the_queue_is_half_empty(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := new(owner)
		in := New(o, Bound{Count: 40, Bytes: 1000})
		for i := range 40 {
			if got := in.Put(value{number: i, size: 1}); got != Delivered {
				t.Fatalf("Put %d: verdict %d", i, got)
			}
		}
		if in.Put(value{number: 40, size: 1}) != Filled || in.Put(value{number: 41, size: 1}) != Full || !in.Stalled() {
			t.Fatal("the bound is reached and nobody is told")
		}
		for range 21 {
			<-in.C()
			synctest.Wait()
			if !in.Stalled() {
				t.Fatalf("the stall is over with %d waiting", in.Stats().Queued)
			}
		}
		<-in.C()
		<-in.Room()
		if in.Stalled() || in.Stats().Queued != 20 {
			t.Fatalf("stalled is %v with %d waiting, want it over with 20", in.Stalled(), in.Stats().Queued)
		}
		in.End()
		o.feeders.Wait()
	})
}

// Values above half of the byte bound stall at each Put, so that the end of the stall is decided each time while the
// consumer takes from the channel.
func TestInbox_stall_ends_however_the_consumer_and_the_feeder_interleave(t *testing.T) {
	const n = 100_000
	o := new(owner)
	in := New(o, Bound{Count: 65_536, Bytes: 100, Policy: Block})
	var consumer sync.WaitGroup
	consumer.Go(func() {
		for i := range n {
			if v := <-in.C(); v.number != i {
				t.Errorf("received %d, want %d", v.number, i)
				return
			}
		}
	})
	for i := range n {
		in.Put(value{number: i, size: 51})
		for in.Stalled() {
			<-in.Room()
		}
	}
	consumer.Wait()
	in.End()
	o.feeders.Wait()
}

func TestInbox_end_while_it_is_used_loses_no_value_uncounted(t *testing.T) {
	for _, policy := range []Policy{Block, DropOldest, DropNewest, Fail} {
		for seed := range uint64(60) {
			random := rand.New(rand.NewPCG(seed, uint64(policy)))
			o := new(owner)
			in := New(o, Bound{Count: 1 + random.IntN(30), Bytes: 1 + random.Int64N(300), Policy: policy})
			var delivered []int
			var all sync.WaitGroup
			all.Go(func() {
				for v := range in.C() {
					delivered = append(delivered, v.number)
				}
			})
			const n = 300
			all.Go(func() {
				for i := range n {
					in.Put(value{number: i, size: 1 + random.Int64N(20)})
				}
				in.Drain()
			})
			if seed%2 == 0 {
				all.Go(in.End)
			}
			all.Wait()
			in.End()
			o.feeders.Wait()
			if !isClosed(in.Closed()) {
				t.Fatalf("policy %d, seed %d: C is closed and Closed is not", policy, seed)
			}
			if !slices.IsSorted(delivered) {
				t.Fatalf("policy %d, seed %d: out of order: %v", policy, seed, delivered)
			}
			both := slices.Concat(delivered, o.dropped)
			slices.Sort(both)
			if len(both) != n || len(slices.Compact(both)) != n {
				t.Fatalf("policy %d, seed %d: %d delivered and %d dropped, of %d", policy, seed, len(delivered), len(o.dropped), n)
			}
			if s := in.Stats(); s.Received != n || int(s.Delivered) != len(delivered) || int(s.Dropped) != len(o.dropped) || s.Queued != 0 || s.QueuedBytes != 0 {
				t.Fatalf("policy %d, seed %d: %+v with %d delivered", policy, seed, s, len(delivered))
			}
		}
	}
}

// lengths is an owner of values that their consumer may change.
type lengths struct{ owner }

func (*lengths) Size(v *int64) int64 { return *v }
func (*lengths) Key(*int64) string   { return "" }
func (*lengths) Dropped(*int64)      {}

// A value is its consumer's as soon as it is in the channel: whatever it does to it, the bound stays what it is.
func TestInbox_counts_a_value_as_it_was_put(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := new(lengths)
		in := New[*int64](o, Bound{Count: 100, Bytes: 1000, Policy: DropNewest})
		for round := range 30 {
			for range 20 {
				size := int64(50)
				if got := in.Put(&size); got != Delivered {
					t.Fatalf("round %d: verdict %d with %+v", round, got, in.Stats())
				}
			}
			synctest.Wait()
			for range 20 { // faster than the feeder can note what it has sent
				*<-in.C() = int64(round % 3 * 100)
			}
			synctest.Wait()
			if s := in.Stats(); s.Queued != 0 || s.QueuedBytes != 0 {
				t.Fatalf("round %d: empty, and %+v", round, s)
			}
		}
		in.End()
		o.feeders.Wait()
	})
}

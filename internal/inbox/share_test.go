package inbox

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
)

// parts is the model of an Inbox with Shares: that of the whole, and what is whose.
type parts struct {
	model
	of    map[int]int // the share of each value, by its number
	ended []bool      // takes nothing more
	stats []Stats
}

func (p *parts) put(v value, share int) Verdict {
	p.of[v.number] = share
	p.stats[share].Received++
	if p.ended[share] && !p.model.ended {
		p.received++
		p.dropped = append(p.dropped, v.number)
		return Refused
	}
	return p.model.put(v)
}

func (p *parts) receive() (v value, state string) {
	if v, state = p.model.receive(); state == "value" {
		p.stats[p.of[v.number]].Delivered++
	}
	return v, state
}

func (p *parts) end(share int) {
	p.ended[share] = true
	p.queue = slices.DeleteFunc(p.queue, func(v value) bool {
		if p.of[v.number] != share {
			return false
		}
		p.dropped = append(p.dropped, v.number)
		return true
	})
	p.relieve()
}

// share returns what is known of a share.
func (p *parts) share(share int) (s Stats, closed bool) {
	s = p.stats[share]
	for _, number := range p.dropped {
		if p.of[number] == share {
			s.Dropped++
		}
	}
	for _, v := range p.queue {
		if p.of[v.number] == share {
			s.Queued++
			s.QueuedBytes += v.size
		}
	}
	return s, p.ended[share] && s.Queued == 0
}

func TestShare_does_what_the_model_does(t *testing.T) {
	for _, policy := range []Policy{Block, DropOldest, DropNewest, Fail, Latest} {
		for seed := range uint64(150) {
			synctest.Test(t, func(t *testing.T) {
				if err := compareShares(policy, rand.New(rand.NewPCG(seed, uint64(policy)))); err != nil {
					t.Fatalf("policy %d, seed %d: %v", policy, seed, err)
				}
			})
		}
	}
}

// compareShares makes the same calls to an Inbox with Shares and to the model, until the first difference.
func compareShares(policy Policy, random *rand.Rand) error {
	const n = 3
	o := new(owner)
	bound := Bound{Count: 1 + random.IntN(24), Bytes: 1 + random.Int64N(100), Policy: policy}
	in := NewShared(o, bound)
	m := &parts{model: model{bound: bound}, of: make(map[int]int), ended: make([]bool, n), stats: make([]Stats, n)}
	var shares []*Share[value]
	for range n {
		shares = append(shares, in.NewShare(nil))
	}
	defer o.feeders.Wait()
	defer in.End()
	appetite := 1 + random.IntN(5) // of the consumer
	for step := range 120 {
		var call string
		i := random.IntN(n)
		switch c := random.IntN(80); {
		case c == 0:
			call = "Drain"
			in.Drain()
			m.drain()
		case c == 1:
			call = "End"
			in.End()
			m.model.end()
		case c == 2:
			call = fmt.Sprint("Drain of share ", i)
			shares[i].Drain()
			m.ended[i] = true
		case c == 3:
			call = fmt.Sprint("End of share ", i)
			shares[i].End()
			m.end(i)
			m.feed()
		case c < 4+10*appetite:
			call = "receive"
			got, state := receive(in.C())
			want, wantState := m.receive()
			if got != want || state != wantState {
				return fmt.Errorf("step %d, %s: %v, %s, want %v, %s", step, call, got, state, want, wantState)
			}
		default:
			v := value{step, random.Int64N(bound.Bytes + 10), string(rune('a' + random.IntN(7)))}
			call = fmt.Sprintf("Put(%v) into share %d", v, i)
			if got, want := shares[i].Put(v), m.put(v, i); got != want {
				return fmt.Errorf("step %d, %s: verdict %d, want %d", step, call, got, want)
			}
		}
		synctest.Wait() // the feeder has come to where it waits for the consumer
		if got, want := in.Stats(), m.model.stats(); got != want {
			return fmt.Errorf("step %d, %s: %+v, want %+v", step, call, got, want)
		}
		for i, share := range shares {
			want, closed := m.share(i)
			if got := share.Stats(); got != want || isClosed(share.Closed()) != closed {
				return fmt.Errorf("step %d, %s: share %d: %+v, closed is %v, want %+v, %v", step, call, i, got, !closed, want, closed)
			}
		}
		if got := isClosed(in.Closed()); got != m.closed {
			return fmt.Errorf("step %d, %s: closed is %v, want %v", step, call, got, m.closed)
		}
		slices.Sort(o.dropped)
		slices.Sort(m.dropped)
		if !slices.Equal(o.dropped, m.dropped) {
			return fmt.Errorf("step %d, %s: dropped %v, want %v", step, call, o.dropped, m.dropped)
		}
	}
	return nil
}

// Whoever waits for the end of a share finds that its owner knows of it.
func TestShare_tells_before_it_is_closed(t *testing.T) {
	for name, end := range map[string]func(*Share[value]){"Drain": (*Share[value]).Drain, "End": (*Share[value]).End} {
		for waiting := range 3 {
			o := new(owner)
			in := NewShared(o, Bound{Count: 10, Bytes: 10})
			told := make(chan bool, 1)
			var share *Share[value]
			share = in.NewShare(func() { told <- isClosed(share.Closed()) })
			for range waiting {
				share.Put(value{size: 1})
			}
			end(share)
			if name == "Drain" {
				for range waiting {
					<-in.C()
				}
			}
			<-share.Closed()
			select {
			case closed := <-told:
				if closed {
					t.Errorf("%s of %d values: told of when it was closed", name, waiting)
				}
			default:
				t.Errorf("%s of %d values: closed, and not told of", name, waiting)
			}
			in.End()
			o.feeders.Wait()
		}
	}
}

// Shares that end while others run, and while the consumer reads: each value is delivered or dropped, those of a
// share in order, and when Closed is closed nothing more of it comes.
func TestShare_ends_beside_others_that_run(t *testing.T) {
	for _, policy := range []Policy{Block, DropOldest, Latest} {
		for seed := range uint64(20) {
			const n, shares = 2000, 4
			random := rand.New(rand.NewPCG(seed, uint64(policy)))
			o := new(owner)
			in := NewShared(o, Bound{Count: 1 + random.IntN(10), Bytes: 1000, Policy: policy})
			all := make([]*Share[value], shares)
			for i := range all {
				all[i] = in.NewShare(nil)
			}
			ends := random.Perm(n)[:shares]
			go func() { // ends with in
				for i := range n {
					if k := slices.Index(ends, i); k >= 0 {
						o.feeders.Go(map[bool]func(){false: all[k].End, true: all[k].Drain}[k%2 == 0])
					}
					all[i%shares].Put(value{i, 1, fmt.Sprint(i % shares)})
				}
				in.Drain()
			}()
			var last [shares]int
			delivered := 0
			for {
				var over [shares]bool
				for k := range over {
					over[k] = isClosed(all[k].Closed())
				}
				v, open := <-in.C()
				if !open {
					break
				}
				k := v.number % shares
				if over[k] || v.number < last[k] {
					t.Fatalf("policy %d, seed %d: %v after %d; its share was closed: %v", policy, seed, v, last[k], over[k])
				}
				last[k] = v.number
				delivered++
			}
			in.End()
			o.feeders.Wait()
			whole := in.Stats()
			var sum Stats
			for k, share := range all {
				share.End()
				s := share.Stats()
				sum.Received, sum.Delivered, sum.Dropped = sum.Received+s.Received, sum.Delivered+s.Delivered, sum.Dropped+s.Dropped
				if s.Queued != 0 || s.QueuedBytes != 0 || !isClosed(share.Closed()) {
					t.Fatalf("policy %d, seed %d: share %d has ended with %+v", policy, seed, k, s)
				}
			}
			if whole.Delivered != uint64(delivered) || sum.Received != n || sum.Delivered != whole.Delivered || sum.Dropped != whole.Dropped || whole.Delivered+whole.Dropped != n {
				t.Fatalf("policy %d, seed %d: %+v, the shares %+v, %d delivered", policy, seed, whole, sum, delivered)
			}
		}
	}
}

package stompotel

import (
	"errors"
	"sync"

	"go.opentelemetry.io/otel/metric"

	"github.com/webstomp/webstomp/stomp"
)

// Observe reports what [stomp.Client.Stats], Status and Subscriptions say of the Client, at each collection of
// metrics, and tells spans and all other metrics where the Client is connected to. It starts no goroutine. There are
// no such metrics before Connect has returned, so none while stomp.WithInitialRetry waits for the broker.
//
// stop ends that; call it when the Client has ended. Until then the Client is kept in memory. What it had counted
// at stop is reported as long as the meter provider lives, with stomp.client.connected at 0, and the counters of the
// next Client with the same messaging.client.id go on from there; of ids that are in use no more, the last 100 are
// kept. stop returns nil. A Telemetry observes one Client at a time: another one before stop is an error, as is a
// meter that does not take a metric.
func (t *Telemetry) Observe(c *stomp.Client) (stop func() error, err error) {
	if c == nil {
		return nil, errors.New("stompotel: Observe: no Client")
	}
	if !t.client.CompareAndSwap(nil, c) {
		return nil, errors.New("stompotel: Observe: this Telemetry observes a Client already; New makes one for another")
	}
	l, err := ledgerOf(t.cfg.meters, t.meter)
	if err != nil {
		t.client.Store(nil)
		return nil, err
	}
	id, release := t.cfg.clientID, func() {}
	if id == "" {
		id, release = numbers.take()
	}
	o := &observation{t: t, client: c, before: make([]int64, len(l.clientCounters)), subscriptions: make(map[string]*subscriptionTotals), ledger: l}
	l.begin(o, id)
	return sync.OnceValue(func() error {
		l.end(o)
		t.client.Store(nil)
		release()
		return nil
	}), nil
}

// observation is one Client, observed.
type observation struct {
	t       *Telemetry
	client  *stomp.Client
	ledger  *ledger
	account *account // set by ledger.begin

	// Guarded by ledger.mu.
	before        []int64                        // clientCounters, when they were last read
	subscriptions map[string]*subscriptionTotals // by id
}

// subscriptionTotals is what a subscription's counters were when they were last read.
type subscriptionTotals struct {
	destination *destination
	before      []int64
	seen        bool // in this collection
}

// collect reads the Client and reports its states; its counters are reported with the account. ledger.mu is held.
func (o *observation) collect(to metric.Observer) {
	stats, open := o.read()
	whole := o.account.latest
	for _, s := range o.ledger.clientStates {
		to.ObserveInt64(s.instrument, s.read(&stats), whole.attributes, s.option)
	}
	connected := int64(0)
	if o.client.Status().State == stomp.StateConnected {
		connected = 1
	}
	to.ObserveInt64(o.ledger.connected, connected, whole.attributes)
	for sum, values := range open {
		for i, s := range o.ledger.subscriptionStates {
			to.ObserveInt64(s.instrument, values[i], sum.attributes)
		}
	}
}

// read adds to the account what the Client and its subscriptions have counted since they were last read. It returns
// the states of the Client, and those of open subscriptions, added up by what names their destinations. ledger.mu is
// held.
func (o *observation) read() (stats stomp.Stats, open map[*total][]int64) {
	server := o.t.server() // keeps, at the end, where the Client was connected to
	stats = o.client.Stats()
	advance(o.account.whole(server, len(o.before)), o.before, o.ledger.clientCounters, &stats)
	counters, states := o.ledger.subscriptionCounters, o.ledger.subscriptionStates
	open = make(map[*total][]int64)
	for _, info := range o.client.Subscriptions() {
		d := o.t.destination(info.Destination)
		sum := o.account.at(server, d, o.t, len(counters))
		known := o.subscriptions[info.ID]
		if known == nil || known.destination != d || isLess(&info, known.before, counters) { // else its id is used again
			known = &subscriptionTotals{destination: d, before: make([]int64, len(counters))}
			o.subscriptions[info.ID] = known
		}
		known.seen = true
		advance(sum, known.before, counters, &info)
		if open[sum] == nil {
			open[sum] = make([]int64, len(states))
		}
		for i, s := range states {
			open[sum][i] += s.read(&info)
		}
	}
	for id, known := range o.subscriptions {
		if !known.seen {
			delete(o.subscriptions, id)
		}
		known.seen = false
	}
	return stats, open
}

// numbers are the ids of Clients that have no other.
var numbers idNumbers

package stompotel

import (
	"context"
	"errors"
	"slices"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/webstomp/webstomp/stomp"
)

// Observe reports what [stomp.Client.Stats], Status and Subscriptions say of the Client, at each collection of
// metrics, and tells spans and all other metrics where the Client is connected to. It starts no goroutine. There are no
// such metrics before Connect has returned, so none while stomp.WithInitialRetry waits for the broker.
//
// stop ends that; call it when the Client has ended. Until then the Client is kept in memory and its last figures are
// reported, with stomp.client.connected at 0. A Telemetry observes one Client at a time: another one before stop is an
// error, as is a meter that does not take a metric.
func (t *Telemetry) Observe(c *stomp.Client) (stop func() error, err error) {
	if c == nil {
		return nil, errors.New("stompotel: Observe: no Client")
	}
	if !t.client.CompareAndSwap(nil, c) {
		return nil, errors.New("stompotel: Observe: this Telemetry observes a Client already; New makes one for another")
	}
	o := &observation{t: t, client: c, totals: make(map[seriesKey]*total), subscriptions: make(map[string]*subscriptionTotals)}
	release := func() {}
	if t.cfg.clientID == "" { // else the server's attributes have it
		var number string
		number, release = numbers.take()
		o.id = []attribute.KeyValue{semconv.MessagingClientID(number)}
	}
	registration, err := o.register(t.meter)
	end := func() {
		t.server() // keeps where it was connected to
		t.client.Store(nil)
		release()
	}
	if err != nil {
		end()
		return nil, err
	}
	return sync.OnceValue(func() error {
		err := registration.Unregister()
		end()
		return err
	}), nil
}

// observation is one Client, observed.
type observation struct {
	t      *Telemetry
	client *stomp.Client
	id     []attribute.KeyValue // messaging.client.id, where the server's attributes have none

	// Set by register.
	clientCounters, clientStates             []observable[stomp.Stats]
	subscriptionCounters, subscriptionStates []observable[stomp.SubscriptionInfo]
	connected                                metric.Int64Observable

	mu            sync.Mutex                     // guards what follows; it is held while the Client is asked, which takes the Client's locks
	before        []int64                        // clientCounters, when they were last read
	totals        map[seriesKey]*total           // of the counters
	subscriptions map[string]*subscriptionTotals // by id
}

// seriesKey is where something was counted: on a server, and in a destination's name unless it is of the whole Client.
type seriesKey struct {
	server attribute.Distinct
	name   attribute.Distinct
}

// total is what the counters of a key have come to.
type total struct {
	attributes metric.ObserveOption
	values     []int64
}

// subscriptionTotals is what a subscription's counters were when they were last read.
type subscriptionTotals struct {
	destination *destination
	before      []int64
	seen        bool // in this collection
}

// collect is the callback.
func (o *observation) collect(_ context.Context, to metric.Observer) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	server := o.t.server()
	stats, status := o.client.Stats(), o.client.Status()
	whole := o.total(server, nil, len(o.clientCounters))
	if o.before == nil {
		o.before = make([]int64, len(o.clientCounters))
	}
	advance(whole, o.before, o.clientCounters, &stats)
	for _, s := range o.clientStates {
		to.ObserveInt64(s.instrument, s.read(&stats), whole.attributes, s.option)
	}
	connected := int64(0)
	if status.State == stomp.StateConnected {
		connected = 1
	}
	to.ObserveInt64(o.connected, connected, whole.attributes)
	o.collectSubscriptions(server, to)
	for key, sum := range o.totals {
		if key.name == (attribute.Distinct{}) {
			observeAll(to, sum, o.clientCounters)
		} else {
			observeAll(to, sum, o.subscriptionCounters)
		}
	}
	return nil
}

// collectSubscriptions adds up the subscriptions by what names their destinations. o.mu is held.
func (o *observation) collectSubscriptions(server *server, to metric.Observer) {
	now := make(map[*total][]int64) // the states of those that are open
	for _, info := range o.client.Subscriptions() {
		d := o.t.destination(info.Destination)
		sum := o.total(server, d, len(o.subscriptionCounters))
		known := o.subscriptions[info.ID]
		if known == nil || known.destination != d || isLess(&info, known.before, o.subscriptionCounters) { // else its id is used again
			known = &subscriptionTotals{destination: d, before: make([]int64, len(o.subscriptionCounters))}
			o.subscriptions[info.ID] = known
		}
		known.seen = true
		advance(sum, known.before, o.subscriptionCounters, &info)
		if now[sum] == nil {
			now[sum] = make([]int64, len(o.subscriptionStates))
		}
		for i, s := range o.subscriptionStates {
			now[sum][i] += s.read(&info)
		}
	}
	for sum, values := range now {
		for i, s := range o.subscriptionStates {
			to.ObserveInt64(s.instrument, values[i], sum.attributes)
		}
	}
	for id, known := range o.subscriptions {
		if !known.seen {
			delete(o.subscriptions, id)
		}
		known.seen = false
	}
}

// total returns what was counted on that server, at that destination (nil: of the whole Client). o.mu is held.
func (o *observation) total(server *server, d *destination, counters int) *total {
	key := seriesKey{server: server.set.Equivalent()}
	attributes := slices.Concat(server.attributes, o.id)
	if d != nil {
		set := attribute.NewSet(d.attributes...)
		key.name = set.Equivalent()
		attributes = append(attributes, d.attributes...)
	}
	sum := o.totals[key]
	if sum == nil {
		sum = &total{attributes: metric.WithAttributeSet(attribute.NewSet(attributes...)), values: make([]int64, counters)}
		o.totals[key] = sum
	}
	return sum
}

// advance adds to a total what counters have gained, and keeps what they are.
func advance[T any](sum *total, before []int64, counters []observable[T], from *T) {
	for i, c := range counters {
		value := c.read(from)
		sum.values[i] += value - before[i]
		before[i] = value
	}
}

// isLess reports whether a counter is less than it was: it is another one's.
func isLess[T any](from *T, before []int64, counters []observable[T]) bool {
	for i, c := range counters {
		if c.read(from) < before[i] {
			return true
		}
	}
	return false
}

func observeAll[T any](to metric.Observer, sum *total, counters []observable[T]) {
	for i, c := range counters {
		to.ObserveInt64(c.instrument, sum.values[i], sum.attributes, c.option)
	}
}

// numbers are the ids of Clients that have no other.
var numbers idNumbers

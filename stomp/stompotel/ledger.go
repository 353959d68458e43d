package stompotel

import (
	"context"
	"reflect"
	"slices"
	"sync"
	"weak"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/webstomp/webstomp/stomp"
)

// ledger is what the Clients of one meter provider have counted, and reports it. The counters of a Client are
// still reported when it has gone: otherwise a provider that pushes would not export the last of them, and those of
// the next Client with the same messaging.client.id would begin at 0 again, which no counter may.
type ledger struct {
	meters metric.MeterProvider // which keeps the ledger, in its callback

	// Set by register.
	clientCounters, clientStates             []observable[stomp.Stats]
	subscriptionCounters, subscriptionStates []observable[stomp.SubscriptionInfo]
	connected                                metric.Int64Observable

	// mu guards what follows, and what is in it. It is held while Clients are asked, which takes their locks.
	mu           sync.Mutex
	observations map[*observation]bool // of Clients that are observed now
	accounts     map[string]*account   // by messaging.client.id
	left         []*account            // those of no observation, the first to be left first, at most maxLeft
}

// maxLeft is how many accounts of Clients that have gone are kept: there may be any number of ids of WithClientID.
const maxLeft = 100

// account is what the Clients with one messaging.client.id have counted, one after the other. Their destinations are
// bounded here as well, since each Client may have had a Telemetry of its own.
type account struct {
	id       string
	observed int                  // by how many observations now
	totals   map[seriesKey]*total // of the counters
	names    places               // of destinations in totals that are named, at most WithDestinationLimit
	servers  places
	latest   *total // of the whole Client, on the server that was looked at last; nil before
}

// seriesKey is where something was counted: on a server, and in a destination's name unless it is of the whole
// Client.
type seriesKey struct {
	server attribute.Distinct
	name   attribute.Distinct
}

// total is what the counters of a key have come to.
type total struct {
	attributes metric.ObserveOption
	values     []int64
}

// ledgers finds the ledger of a meter provider, and keeps none from the garbage collector.
var ledgers struct {
	mu  sync.Mutex // guards all; it is held while a meter makes instruments
	all []weak.Pointer[ledger]
}

// ledgerOf returns the ledger of the meter's provider.
func ledgerOf(p metric.MeterProvider, m metric.Meter) (*ledger, error) {
	ledgers.mu.Lock()
	defer ledgers.mu.Unlock()
	var found *ledger
	ledgers.all = slices.DeleteFunc(ledgers.all, func(w weak.Pointer[ledger]) bool {
		l := w.Value()
		if l != nil && isSame(l.meters, p) {
			found = l
		}
		return l == nil
	})
	if found != nil {
		return found, nil
	}
	l := &ledger{meters: p, observations: make(map[*observation]bool), accounts: make(map[string]*account)}
	if err := l.register(m); err != nil {
		return nil, err
	}
	ledgers.all = append(ledgers.all, weak.Make(l))
	return l, nil
}

// isSame compares providers; one of a type that Go does not compare is never the same.
func isSame(a, b metric.MeterProvider) bool {
	return reflect.TypeOf(a) == reflect.TypeOf(b) && reflect.ValueOf(a).Comparable() && a == b
}

// begin adds an observation of a Client with that id.
func (l *ledger) begin(o *observation, id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.accounts[id]
	if a == nil {
		a = &account{id: id, totals: make(map[seriesKey]*total), names: make(places), servers: make(places)}
		l.accounts[id] = a
	}
	l.left = slices.DeleteFunc(l.left, func(other *account) bool { return other == a })
	a.observed++
	o.account = a
	l.observations[o] = true
}

// end reads the Client for the last time, and removes the observation.
func (l *ledger) end(o *observation) {
	l.mu.Lock()
	defer l.mu.Unlock()
	o.read()
	delete(l.observations, o)
	a := o.account
	if a.observed--; a.observed > 0 {
		return
	}
	l.left = append(l.left, a)
	if len(l.left) > maxLeft {
		delete(l.accounts, l.left[0].id)
		l.left = slices.Delete(l.left, 0, 1)
	}
}

// collect is the callback.
func (l *ledger) collect(_ context.Context, to metric.Observer) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for o := range l.observations {
		o.collect(to)
	}
	for _, a := range l.left { // what has gone has nothing
		for _, s := range l.clientStates {
			to.ObserveInt64(s.instrument, 0, a.latest.attributes, s.option)
		}
		to.ObserveInt64(l.connected, 0, a.latest.attributes)
	}
	for _, a := range l.accounts {
		for key, sum := range a.totals {
			if key.name == (attribute.Distinct{}) {
				observeAll(to, sum, l.clientCounters)
			} else {
				observeAll(to, sum, l.subscriptionCounters)
			}
		}
	}
	return nil
}

// whole returns what was counted on that server. ledger.mu is held.
func (a *account) whole(server *server, counters int) *total {
	a.latest = a.total(server, attribute.Distinct{}, nil, counters)
	return a.latest
}

// at returns what was counted on that server at a destination, or, if that is beyond the limit, at all others.
// ledger.mu is held.
func (a *account) at(server *server, d *destination, t *Telemetry, counters int) *total {
	if d.isNamed && !a.names.take(d.set, t.cfg.limit) {
		d = t.others
	}
	return a.total(server, d.set.Equivalent(), d.attributes, counters)
}

func (a *account) total(server *server, name attribute.Distinct, further []attribute.KeyValue, counters int) *total {
	if !server.isOther && !a.servers.take(server.set, maxServers) {
		server = server.other(a.id)
	}
	key := seriesKey{server: server.set.Equivalent(), name: name}
	sum := a.totals[key]
	if sum == nil {
		attributes := slices.Concat(withClientID(server.series, a.id), further)
		sum = &total{attributes: metric.WithAttributeSet(attribute.NewSet(attributes...)), values: make([]int64, counters)}
		a.totals[key] = sum
	}
	return sum
}

// places are a limited number of places for what has series of its own.
type places map[attribute.Distinct]bool

// take reports whether it has a place, or gets one of so many.
func (p places) take(it attribute.Set, limit int) bool {
	key := it.Equivalent()
	if !p[key] && len(p) < limit {
		p[key] = true
	}
	return p[key]
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

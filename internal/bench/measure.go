package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/webstomp/webstomp/stomp"
)

// A Measure compares the client with a ceiling.
type Measure struct {
	Name  string // its row of the table
	Bench string // what go test and benchstat call it, after "Benchmark"

	Target float64 // the client's value against the ceiling's, at most
	Count  float64 // the client's allocations an operation, or goroutines, at most; noTarget: any

	kind     *kind
	variants []variant // at ceiling, client and, where it makes sense, handedOver
}

// noTarget is a Count that is shown and not judged.
const noTarget = -1

// Where a variant stands in Measure.variants.
const (
	ceiling = iota
	client
	handedOver
)

// A variant is one way to do the work.
type variant struct {
	name string                               // what benchstat calls it
	open func(context.Context) (*load, error) // makes it ready; of idle variants nil, see idle.go
}

// A load is a variant made ready.
type load struct {
	run   func(n int) error // n operations; the last one is complete when it returns
	close func() error      // ends everything that open started
}

// A kind is how variants are measured, and in what.
type kind struct {
	take func(ctx context.Context, v variant, d time.Duration) (Sample, error)

	valueUnit, countUnit string // for benchstat
	value                func(float64) string
	counted              string // what Count counts, for a reader
}

var (
	// perOperation has the mean time of an operation.
	perOperation = &kind{takeMean, "ns/op", "allocs/op", microseconds, "allocations"}
	// perLap has the median of the operations, each timed by itself: of a round
	// trip the mean is the scheduler's.
	perLap = &kind{takeMedian, "p50-ns/op", "allocs/op", microseconds, "allocations"}
	// perConnection has what an idle connection holds.
	perConnection = &kind{takeIdle, "B/conn", "goroutines/conn", kilobytes, "goroutines"}
)

// Measures is all there is to measure. Bodies have 256 B unless a name says otherwise.
var Measures = []Measure{
	receiving("receive, from the socket to a ranged channel", "Receive/body=256", 256, 1.6),
	receiving("receive, bodies of 4 KiB", "Receive/body=4096", 4<<10, 1.3),
	receiving("receive, bodies of 64 KiB", "Receive/body=65536", 64<<10, 1.3),
	{
		Name: "receive, 10,000 subscriptions taking turns, against 1", Bench: "Subscriptions",
		Target: 1.3, Count: noTarget, kind: perOperation,
		variants: []variant{{"one", receiveClient(1, bodySize)}, {"client", receiveClient(10_000, bodySize)}},
	},
	{
		Name: "send, one goroutine, no receipt", Bench: "Send",
		Target: 0.18, Count: 0, kind: perOperation,
		variants: []variant{{"bare", sendBare}, {"client", sendClient}},
	},
	{
		Name: "send with a receipt, 64 outstanding", Bench: "Receipt/outstanding=64",
		Target: 0.35, Count: noTarget, kind: perOperation,
		variants: []variant{{"bare", sendBareConfirmed(64)}, {"client", sendConfirmed(64)}},
	},
	{
		Name: "send with a receipt, one at a time, p50", Bench: "Receipt/outstanding=1",
		Target: 1.35, Count: noTarget, kind: perLap,
		variants: []variant{
			{"bare", roundTripBare(discarding, sendFrame("r1"))},
			{"client", sendConfirmed(1)},
			{"handover", roundTripHandedOver(discarding, sendFrame("r1"))},
		},
	},
	{
		Name: "send and receive, one at a time, p50", Bench: "RoundTrip",
		Target: 1.35, Count: noTarget, kind: perLap,
		variants: []variant{
			{"bare", roundTripBare(quoting, sendFrame(""))},
			{"client", roundTripClient},
			{"handover", roundTripHandedOver(quoting, sendFrame(""))},
		},
	},
	{
		Name: "idle, one subscription: heap and stacks", Bench: "Idle",
		Target: 1.8, Count: 3, kind: perConnection,
		variants: []variant{{name: "bare"}, {name: "client"}},
	},
}

// receiving is the measure of the receiver for one size of body.
func receiving(name, bench string, size int, target float64) Measure {
	return Measure{Name: name, Bench: bench, Target: target, Count: 3, kind: perOperation,
		variants: []variant{{"bare", receiveBare(size)}, {"client", receiveClient(1, size)}, {"handover", receiveHandedOver(size)}}}
}

// connect returns a Client without heart-beats and without a second chance: what
// breaks in a measurement shows.
func connect(ctx context.Context, p *peer) (*stomp.Client, error) {
	return stomp.Connect(ctx, p.url(), stomp.WithHeartBeat(0, 0), stomp.WithoutReconnect())
}

// closed is the error of a channel that should have gone on.
func closed(c *stomp.Client) error {
	if err := c.Err(); err != nil {
		return fmt.Errorf("the channel was closed: %w", err)
	}
	return errors.New("the channel was closed: its subscription ended")
}

// withClient returns the load of a Client at p, which it closes with it. run is
// not called before withClient has returned.
func withClient(ctx context.Context, p *peer, run func(c *stomp.Client) (func(n int) error, error)) (*load, error) {
	c, err := connect(ctx, p)
	if err != nil {
		return nil, errors.Join(err, p.close())
	}
	end := func() error { return errors.Join(c.Close(), p.close()) }
	f, err := run(c)
	if err != nil {
		return nil, errors.Join(err, end())
	}
	return &load{f, end}, nil
}

// withBare returns the load of a bare connection at p, which it closes with it.
// Messages are up to size octets long.
func withBare(ctx context.Context, p *peer, size int, run func(b *bare) func(n int) error) (*load, error) {
	b, err := dialBare(ctx, p.url(), size)
	if err != nil {
		return nil, errors.Join(err, p.close())
	}
	return &load{run(b), func() error {
		_ = b.ws.CloseNow() // it is the end of it all, whatever it says
		return p.close()
	}}, nil
}

// withHandover is withBare with a reader goroutine, which it joins.
func withHandover(ctx context.Context, p *peer, size, room int, kept bool, run func(h *handover) func(int) error) (*load, error) {
	var h *handover
	l, err := withBare(ctx, p, size, func(b *bare) func(int) error {
		h = handOver(b, room, kept)
		return run(h)
	})
	if err != nil {
		return nil, err
	}
	closeBare := l.close
	l.close = func() error {
		h.close()
		return closeBare()
	}
	return l, nil
}

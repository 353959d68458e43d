package bench

import (
	"context"
	"fmt"
	"time"

	"github.com/webstomp/webstomp/internal/bench/stat"
)

// Goal is what the client may cost, against the same contract done with the bare
// WebSocket library, on every row. The twentieth above it is what two medians of
// one thing differ by on a machine that has other work.
const Goal = 1.05

const (
	bodySize    = 256 // of a measure that names no other, in bytes
	destination = "/topic/prices"
)

// A Measure is a piece of work, and the three ways in which it is done.
type Measure struct {
	Name  string  // its row of the table
	Bench string  // what go test and benchstat call it, after "Benchmark"
	Count float64 // the client's allocations an operation, or goroutines, at most

	tls      bool // the peer wants TLS
	kind     *kind
	variants [3]variant // at ceiling, client and contract
}

// Where a variant stands in Measure.variants.
const (
	ceiling  = iota // the bare WebSocket library, used as cheaply as it can be
	client          // what is measured
	contract        // what the client does, done with the bare library: package minimal
)

// A variant is one way to do the work.
type variant struct {
	name string // what benchstat calls it
	open opener // of idle variants nil: see idle.go
}

// An opener connects to a peer and makes a load ready. ctx bounds the connecting.
type opener func(ctx context.Context, at place) (*load, error)

// three are the variants of a measure.
func three(ceiling, client, contract opener) [3]variant {
	return [3]variant{{"bare", ceiling}, {"client", client}, {"minimal", contract}}
}

// A kind is how variants are measured, and in what.
type kind struct {
	take func(ctx context.Context, m Measure, v variant, d time.Duration) (Sample, error)

	valueUnit, countUnit string // for benchstat
	value                func(float64) string
	counted              string // what Count counts, for a reader of the table; "": allocations, as its column says
}

var (
	// perOperation has the mean time of an operation.
	perOperation = &kind{takeMean, "ns/op", "allocs/op", microseconds, ""}
	// perLap has the median of the operations, each timed by itself: of a round
	// trip the mean is the scheduler's.
	perLap = &kind{takeMedian, "p50-ns/op", "allocs/op", microseconds, ""}
	// perConnection has what an idle connection holds.
	perConnection = &kind{takeIdle, "B/conn", "goroutines/conn", kilobytes, " goroutines"}
)

func microseconds(ns float64) string { return stat.Digits(ns/1e3) + " µs" }
func kilobytes(bytes float64) string { return stat.Digits(bytes/1e3) + " kB" }

// Measures is all there is to measure. Bodies have 256 B unless a name says otherwise.
var Measures = []Measure{
	receiving("receive, from the socket to a ranged channel", "body=256", 1, bodySize),
	receiving("receive, bodies of 4 KiB", "body=4096", 1, 4<<10),
	receiving("receive, bodies of 64 KiB", "body=65536", 1, 64<<10),
	receiving("receive, 10,000 subscriptions taking turns", "subscriptions=10000", 10_000, bodySize),
	grouping,
	sending,
	confirming("send with a receipt, 64 outstanding", 64, perOperation),
	confirming("send with a receipt, one at a time, p50", 1, perLap),
	echoing,
	idling,
	overTLS(receiving("receive", "body=256", 1, bodySize), 0),
	overTLS(sending, 0),
	overTLS(confirming("send with a receipt, one at a time, p50", 1, perLap), 2),
	overTLS(echoing, 2),
	overTLS(idling, 0),
}

var (
	grouping = Measure{Name: "receive, 1,000 members of a Group on one channel", Bench: "Receive/members=1000", Count: 3, kind: perOperation,
		variants: three(receiveBare(1000, bodySize), groupClient(1000), groupMinimal(1000))}
	sending = Measure{Name: "send, one goroutine, no receipt", Bench: "Send", Count: 0, kind: perOperation,
		variants: three(sendBare, sendClient, sendMinimal)}
	echoing = Measure{Name: "send and receive, one at a time, p50", Bench: "RoundTrip", Count: 2, kind: perLap,
		variants: three(echoBare, echoClient, echoMinimal)}
	idling = Measure{Name: "idle, one subscription: heap and stacks", Bench: "Idle", Count: 3, kind: perConnection,
		variants: three(nil, nil, nil)}
)

// receiving is the measure of the receiver.
func receiving(name, bench string, subscriptions, body int) Measure {
	return Measure{Name: name, Bench: "Receive/" + bench, Count: 3, kind: perOperation,
		variants: three(receiveBare(subscriptions, body), receiveClient(subscriptions, body), receiveMinimal(subscriptions, body))}
}

// confirming is the measure of sends with receipts.
func confirming(name string, outstanding int, kind *kind) Measure {
	return Measure{Name: name, Bench: fmt.Sprintf("Receipt/outstanding=%d", outstanding), Count: 2, kind: kind,
		variants: three(confirmedBare(outstanding), confirmedClient(outstanding), confirmedMinimal(outstanding))}
}

// overTLS is m with all three variants over TLS. more is what crypto/tls adds to
// the allocations: one for each record that is read, by the peer too, which is
// in this process. The bare library has them as well.
func overTLS(m Measure, more float64) Measure {
	m.Name, m.Bench, m.tls = "over TLS: "+m.Name, m.Bench+"/tls=yes", true
	m.Count += more
	return m
}

package stomp

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/webstomp/webstomp/internal/wire"
)

// env is the part of the Client that sessions and subscriptions use: configuration, log, counters, and what outlives
// a session.
type env struct {
	mark      *clientMark
	cfg       *connectConfig
	log       *slog.Logger
	life      context.Context // cancelled when the Client begins to end; has the values of Connect's ctx
	goodbyes  context.Context // see closeConn; cancelled when its user ends it, or Connect's ctx ends in vain
	receipts  *receipts
	unmatched listeners
	running   sync.WaitGroup // goroutines that the Client's end joins: all but the supervisor's and a session's

	// newSubscriptionID returns an id that no subscription of the Client has. Set before the first session.
	newSubscriptionID func() string

	attempting chan struct{}          // capacity 1: full while an attempt to connect runs, also one that was left behind
	step       atomic.Pointer[string] // the option whose function that attempt has called last; set before a function is called

	counters counters
}

// clientMark tells one Client from another, and does not lead to either.
type clientMark struct{ _ byte } // not empty: each has an address of its own

// counters holds the counters of the Client as a whole.
type counters struct {
	attempts       atomic.Uint64
	failedAttempts atomic.Uint64
	brokerErrors   atomic.Uint64
	receiptIDs     atomic.Uint64
	transactionIDs atomic.Uint64
	unmatched      atomic.Uint64
	strayErrors    atomic.Uint64
	stalls         atomic.Uint64
	dropped        atomic.Uint64
}

func (e *env) traces() bool { return e.log.Enabled(context.Background(), slog.LevelDebug) }

func (e *env) trace(what string, f wire.Frame) {
	if e.traces() {
		// Evaluated here: when a handler reads it later, frame and body may belong to a consumer or a caller again.
		e.log.Debug("stomp: "+what, "frame", frameOf(f).LogValue())
	}
}

// logDeadline says what ends because the deadline of the ctx that it was made with has passed. A ctx with a timeout
// is a habit, and such an end is no error: nothing else would tell.
func (e *env) logDeadline(ctx context.Context, what string, args ...any) {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		e.log.Debug("stomp: "+what+" ends with the deadline of its ctx, which is its lifetime and no bound of the call; make it with a ctx that has no deadline", args...)
	}
}

// frameOwner is the owner of every inbox of a Client.
type frameOwner struct{ env *env }

// What a frame takes beside its text and its body, in bytes.
const (
	frameCost = 192 // its place in a queue that doubles as it grows, and what its allocations are rounded up by
	entryCost = 32  // of one header entry: two strings, without their text
)

// Size returns how much memory f takes. A header of many short entries takes thirty times its text: a bound in bytes
// of text would bound nothing.
func (o frameOwner) Size(f Frame) int64 {
	n := frameCost + cap(f.Body) + cap(f.Header)*entryCost + len(f.raw)
	for i := range f.Header {
		n += len(f.Header[i][0]) + len(f.Header[i][1]) + len(":\n")
	}
	return int64(n)
}

// Key returns where f was sent: OverflowLatest keeps one frame of each destination.
func (o frameOwner) Key(f Frame) string { return f.Destination() }

// Dropped counts a frame that its consumer does not get, and stops waiting for its acknowledgement.
func (o frameOwner) Dropped(f Frame) {
	o.env.counters.dropped.Add(1)
	if f.number != 0 {
		f.from.forget(f.number)
	}
}

// Go runs f in a goroutine that the Client's end joins.
func (o frameOwner) Go(f func()) { o.env.running.Go(f) }

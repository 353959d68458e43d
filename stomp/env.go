package stomp

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/webstomp/webstomp/internal/wire"
)

// env is what sessions and subscriptions have of their Client: its configuration, log and counters, and what outlives a
// single session.
type env struct {
	cfg       *connectConfig
	log       *slog.Logger
	life      context.Context // ends when the Client begins to end; has the values of Connect's ctx
	receipts  *receipts
	unmatched listeners
	running   sync.WaitGroup // goroutines that the Client's end joins: all but the supervisor's, and those of a session

	// newSubscriptionID makes an id that no subscription of the Client has.
	newSubscriptionID func() string

	counters counters
}

// counters are those that belong to no single session or subscription.
type counters struct {
	receiptIDs     atomic.Uint64
	transactionIDs atomic.Uint64
	unmatched      atomic.Uint64
	strayErrors    atomic.Uint64
	stalls         atomic.Uint64
	dropped        atomic.Uint64
}

// traces reports whether frames are logged.
func (e *env) traces() bool { return e.log.Enabled(context.Background(), slog.LevelDebug) }

// trace logs a frame at debug level.
func (e *env) trace(what string, f wire.Frame) {
	if e.traces() {
		// Resolved here: by the time that a handler looks at it, the frame may be its receiver's, or its body a caller's.
		e.log.Debug("stomp: "+what, "frame", frameOf(f).LogValue())
	}
}

// frameOwner is the owner of every inbox of a Client.
type frameOwner struct{ env *env }

// Size counts the bytes of body and header.
func (o frameOwner) Size(f Frame) int64 {
	n := len(f.Body)
	for i := range f.Header {
		n += len(f.Header[i][0]) + len(f.Header[i][1])
	}
	return int64(n)
}

// Dropped counts a frame that its consumer does not get. In the client modes nobody can acknowledge it then.
func (o frameOwner) Dropped(f Frame) {
	o.env.counters.dropped.Add(1)
	if f.number != 0 {
		f.from.forget(f.number)
	}
}

// Go runs f in a goroutine that the Client's end joins.
func (o frameOwner) Go(f func()) { o.env.running.Go(f) }

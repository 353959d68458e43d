package stomp

import (
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/webstomp/webstomp/internal/ackset"
	"github.com/webstomp/webstomp/internal/inbox"
)

// route is one subscription id on one session: the consumer of its MESSAGEs, and which of them await an ACK. It ends
// with the session, so that no ACK can reach another one.
type route struct {
	session     *sessionRef
	epoch       uint64 // of the session
	version     Version
	id          string
	destination string
	ack         AckMode
	order       uint64 // in which the routes of the session were made
	made        time.Time
	to          consumer
	origin      *origin         // of the frames that it delivers to a subscription; nil: replies
	ended       <-chan struct{} // closed when the subscription has ended; nil: replies, which are not acknowledged
	dropped     chan struct{}   // closed when the broker has ended it, and the subscription is asked for again; nil: that cannot be
	acks        ackset.Set      // used in the client modes
	doubted     *Error          // has named it, and may end it; owned by the read loop
}

// consumer is what the MESSAGEs of a route go to: a subscription, or the Requests that wait at a reply queue.
type consumer interface {
	// deliver takes one MESSAGE. It is called by the read loop alone and never blocks. If it returns an inbox, that
	// is full, and reading has to stop until it has room.
	deliver(r *route, f Frame) (full *inbox.Inbox[Frame])
	// cancel ends the consumer after an ERROR that names the route.
	cancel(r *route, e *Error)
}

// origin leads from a delivered frame to its route while an ACK may go out. A frame that is kept holds this alone,
// and neither the session nor the subscription.
type origin struct {
	client *clientMark
	id     string                // the subscription's
	auto   bool                  // delivered in auto mode
	live   atomic.Pointer[route] // nil: the session or the subscription has ended
}

func newOrigin(r *route, client *clientMark) *origin {
	o := &origin{client: client, id: r.id, auto: r.ack == AckAuto}
	o.live.Store(r)
	return o
}

func (o *origin) subscriptionID() string { return o.id }

// forget notes that a frame was not delivered (see deliverer).
func (o *origin) forget(number uint64) {
	if r := o.live.Load(); r != nil {
		r.acks.Forget(number)
	}
}

// releaseFrames cuts the frames that were delivered off.
func (r *route) releaseFrames() {
	if r.origin != nil {
		r.origin.live.Store(nil)
	}
}

// ackSource is the entry of a MESSAGE by which it is acknowledged.
func (r *route) ackSource() string {
	if r.version == V12 {
		return "ack"
	}
	return "message-id"
}

// canAck reports whether the server named a delivered frame in a way that an ACK can repeat.
func (r *route) canAck(f Frame) bool {
	_, ok := f.Header.Lookup(r.ackSource())
	return ok
}

// isOver reports whether the consumer or the session has ended, so that no ACK may go out.
func (r *route) isOver() bool { return r.hasEnded() || r.session.isOver() }

// hasEnded reports whether the subscription has ended, for good or on this session.
func (r *route) hasEnded() bool {
	select {
	case <-r.ended:
		return true
	case <-r.dropped:
		return true
	default:
		return false
	}
}

// retiredKept is how many ids set by users are remembered after their UNSUBSCRIBE, for messages that were in flight
// (clause S3), and how many of reply queues. Other ids made by the library are numbered and need no memory.
const retiredKept = 1024

// routes holds the routes of one session by subscription id.
type routes struct {
	mu      sync.RWMutex // guards what follows; a leaf: nothing is locked below it
	ids     map[string]*route
	made    uint64
	retired []string
	replies []string // ids of reply queues that are over: a reply that comes late is unmatched
	highest uint64   // number of the latest id made by the library
}

func newRoutes() *routes { return &routes{ids: make(map[string]*route)} }

// add adds a route. It returns false when its id has one already. That of a subscription which has ended gives way:
// the Client has given its id to another one, and its SUBSCRIBE will not go out.
func (rs *routes) add(r *route) bool {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if old := rs.ids[r.id]; old != nil {
		if !old.hasEnded() {
			return false
		}
		old.releaseFrames()
	}
	rs.made++
	r.order = rs.made
	rs.ids[r.id] = r
	if n, ok := subscriptionNumber(r.id); ok {
		rs.highest = max(rs.highest, n)
	}
	return true
}

// remove removes a route and remembers its id as retired. It does nothing if the id is another's by now.
func (rs *routes) remove(r *route) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if rs.ids[r.id] != r {
		return
	}
	r.releaseFrames()
	delete(rs.ids, r.id)
	if r.origin == nil {
		rs.replies = remember(rs.replies, r.id)
	} else if _, ours := subscriptionNumber(r.id); !ours {
		rs.retired = remember(rs.retired, r.id)
	}
}

// remember appends an id, and forgets the oldest beyond retiredKept.
func remember(ids []string, id string) []string {
	if len(ids) == retiredKept {
		ids = append(ids[:0], ids[1:]...)
	}
	return append(ids, id)
}

// releaseFrames cuts off the frames of every route.
func (rs *routes) releaseFrames() {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	for _, r := range rs.ids {
		r.releaseFrames()
	}
}

func (rs *routes) byID(id string) *route {
	rs.mu.RLock()
	defer rs.mu.RUnlock()
	return rs.ids[id]
}

// byDestination returns the route of a MESSAGE without subscription, as STOMP 1.0 allows (clause S1): the oldest one
// with that destination.
func (rs *routes) byDestination(destination string) *route {
	rs.mu.RLock()
	defer rs.mu.RUnlock()
	var oldest *route
	for _, r := range rs.ids {
		if r.destination == destination && (oldest == nil || r.order < oldest.order) {
			oldest = r
		}
	}
	return oldest
}

// isRetired reports whether the id was unsubscribed in this session.
func (rs *routes) isRetired(id string) bool {
	rs.mu.RLock()
	defer rs.mu.RUnlock()
	if slices.Contains(rs.replies, id) {
		return false
	}
	if n, ours := subscriptionNumber(id); ours {
		return n <= rs.highest && rs.ids[id] == nil
	}
	return slices.Contains(rs.retired, id)
}

// subscriptionID returns an id made by the library: "s" and a number (clause M8).
func subscriptionID(number uint64) string { return "s" + strconv.FormatUint(number, 10) }

func subscriptionNumber(id string) (uint64, bool) {
	digits, ok := strings.CutPrefix(id, "s")
	if !ok || digits == "" || digits[0] == '0' {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 64)
	return n, err == nil
}

package stomp

import (
	"strconv"
	"strings"
	"sync"
)

// A route is one subscription on one session: where the MESSAGEs of its id go,
// and which of them await an ACK. It ends with the session, so that no ACK can
// reach another one.
type route struct {
	session *session
	order   uint64 // in which it was made
	posted  bool   // its SUBSCRIBE has been accepted; guarded by the lock of the session's outbox

	sub        *subscription
	replyQueue string // or, where sub is nil, the replies of Request come by it

	acks ackSet // in the client modes
}

// isPosted reports whether SUBSCRIBE has its place in the outbox. Where it does
// not when its subscription has begun to end, it never will.
func (r *route) isPosted() bool {
	r.session.out.mu.Lock()
	defer r.session.out.mu.Unlock()
	return r.posted
}

// destination is what was subscribed to.
func (r *route) destination() string {
	if r.sub == nil {
		return r.replyQueue
	}
	return r.sub.destination
}

// retiredKept is how many ids given by users are remembered after their
// UNSUBSCRIBE, for messages that were under way (clause S3). Ids of our own
// making need no memory: they are numbered.
const retiredKept = 1024

// routes are the routes of one session, by subscription id.
type routes struct {
	mu      sync.RWMutex // guards what follows
	ids     map[string]*route
	made    uint64
	retired []string
	highest uint64 // number of the latest id of our own making
}

func newRoutes() *routes { return &routes{ids: make(map[string]*route)} }

// add makes a route; false when the id has one.
func (rs *routes) add(id string, r *route) bool {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if rs.ids[id] != nil {
		return false
	}
	rs.made++
	r.order = rs.made
	rs.ids[id] = r
	if n, ok := subscriptionNumber(id); ok {
		rs.highest = max(rs.highest, n)
	}
	return true
}

// remove retires an id.
func (rs *routes) remove(id string) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if rs.ids[id] == nil {
		return
	}
	delete(rs.ids, id)
	if _, ours := subscriptionNumber(id); !ours {
		if len(rs.retired) == retiredKept {
			rs.retired = append(rs.retired[:0], rs.retired[1:]...)
		}
		rs.retired = append(rs.retired, id)
	}
}

func (rs *routes) byID(id string) *route {
	rs.mu.RLock()
	defer rs.mu.RUnlock()
	return rs.ids[id]
}

// byDestination finds the route of a MESSAGE that names no subscription, as
// 1.0 allows (clause S1): the oldest one to that destination.
func (rs *routes) byDestination(destination string) *route {
	rs.mu.RLock()
	defer rs.mu.RUnlock()
	var oldest *route
	for _, r := range rs.ids {
		if r.destination() == destination && (oldest == nil || r.order < oldest.order) {
			oldest = r
		}
	}
	return oldest
}

// isRetired reports whether the id was unsubscribed from in this session.
func (rs *routes) isRetired(id string) bool {
	rs.mu.RLock()
	defer rs.mu.RUnlock()
	if n, ours := subscriptionNumber(id); ours {
		return n <= rs.highest && rs.ids[id] == nil
	}
	for _, old := range rs.retired {
		if old == id {
			return true
		}
	}
	return false
}

// subscriptionID makes an id of our own: "s" and a number (clause M8).
func subscriptionID(number uint64) string { return "s" + strconv.FormatUint(number, 10) }

func subscriptionNumber(id string) (uint64, bool) {
	digits, ok := strings.CutPrefix(id, "s")
	if !ok || digits == "" || digits[0] == '0' {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 64)
	return n, err == nil
}

package stomp

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/webstomp/webstomp/internal/inbox"
	"github.com/webstomp/webstomp/internal/wire"
)

// replies holds the requests of one session that wait for their reply, and its reply queues.
type replies struct {
	session *session

	mu      sync.Mutex              // guards what follows; a leaf: nothing is locked below it
	name    string                  // of the default reply queue; "" before the first request
	queues  map[string]*replyQueue  // by name
	idle    []*replyQueue           // those without users but the default one, the one that has been so for longest first
	waiting map[string]*replyWaiter // by correlation-id
	prefix  string                  // of the correlation-ids; "" before the first one
	ids     uint64
	err     error // set when the session has ended
}

// replyQueue is one reply queue, from its SUBSCRIBE to its UNSUBSCRIBE. It is guarded by replies.mu.
type replyQueue struct {
	name    string
	ready   chan struct{}   // closed when requests may use it, or when it is no longer in queues
	users   int             // requests that wait for it or at it
	route   *route          // nil: not made yet
	confirm *pendingReceipt // of SUBSCRIBE; nil: none was needed
}

// idleReplyQueues is how many reply queues without a request stay subscribed to, beside the default one: a caller
// that takes turns among a few pays for each once, and one that makes up a name each time leaves no more than these
// behind.
const idleReplyQueues = 16

// replyWaiter is one waiting request. Whoever takes it out of waiting resolves it, once.
type replyWaiter struct {
	queue string
	done  chan struct{} // closed when reply or err is set
	reply Frame
	err   error
}

func (rs *replies) init(s *session) {
	rs.session = s
	rs.queues = make(map[string]*replyQueue)
	rs.waiting = make(map[string]*replyWaiter)
}

// tempQueue is the prefix of the reply queues that brokers make for a connection.
const tempQueue = "/temp-queue/"

// chooseReplyTo sets the reply queue of this session if the call does not choose one.
func (rs *replies) chooseReplyTo(cfg *sendConfig) {
	if cfg.replyTo != "" {
		return
	}
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if rs.name == "" {
		rs.name = tempQueue + "reply-" + rand.Text()
	}
	cfg.replyTo = rs.name
}

// open makes the route for replies at a queue, unless there is one, and keeps it until close. Requests that come
// meanwhile wait, within ctx, so that none is sent before its reply queue exists.
func (rs *replies) open(ctx context.Context, name string) (*replyQueue, error) {
	for {
		q, mine := rs.join(name)
		if mine {
			err := rs.subscribe(ctx, q)
			if err != nil { // it fails this call alone: those that wait for ready try themselves
				rs.forget(q)
			}
			close(q.ready)
			return q, err
		}
		select {
		case <-q.ready:
		case <-ctx.Done():
			rs.close(q)
			return nil, ctxError(ctx)
		}
		if rs.isOpen(q) {
			return q, nil
		}
	}
}

// join makes the caller a user of a queue. mine: the caller opens it.
func (rs *replies) join(name string) (q *replyQueue, mine bool) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	q = rs.queues[name]
	if q == nil {
		q, mine = &replyQueue{name: name, ready: make(chan struct{})}, true
		rs.queues[name] = q
	}
	if q.users++; q.users == 1 {
		rs.idle = slices.DeleteFunc(rs.idle, func(other *replyQueue) bool { return other == q })
	}
	return q, mine
}

func (rs *replies) isOpen(q *replyQueue) bool {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	return rs.queues[q.name] == q
}

func (rs *replies) forget(q *replyQueue) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if rs.queues[q.name] == q {
		delete(rs.queues, q.name)
	}
}

// close ends a request's use of a queue. The one that has been idle for longest is unsubscribed from if there are too
// many.
func (rs *replies) close(q *replyQueue) {
	rs.mu.Lock()
	var old *replyQueue
	ended := make(chan struct{})
	if q.users--; q.users == 0 && rs.queues[q.name] == q && q.name != rs.name {
		rs.idle = append(rs.idle, q)
		if len(rs.idle) > idleReplyQueues {
			old = rs.idle[0]
			rs.idle = slices.Delete(rs.idle, 0, 1)
			// In its place, so that the next request opens it again behind this UNSUBSCRIBE: the broker would share
			// out the replies between two subscriptions.
			rs.queues[old.name] = &replyQueue{name: old.name, ready: ended}
		}
	}
	rs.mu.Unlock()
	if old != nil {
		rs.unsubscribe(old)
		rs.mu.Lock()
		delete(rs.queues, old.name)
		rs.mu.Unlock()
		close(ended)
	}
}

// subscribe makes the route of a reply queue, with a SUBSCRIBE where the broker needs one.
func (rs *replies) subscribe(ctx context.Context, q *replyQueue) error {
	s := rs.session
	r := &route{session: s.ref, epoch: s.epoch, version: s.info.Version, id: q.name, destination: q.name, to: rs}
	silent := s.server.makesReplyQueues && strings.HasPrefix(q.name, tempQueue)
	if !silent {
		r.id = s.env.newSubscriptionID()
	}
	rs.mu.Lock()
	q.route = r
	rs.mu.Unlock()
	s.routes.add(r)
	if silent { // the broker sends replies with the queue's name as subscription, and refuses a SUBSCRIBE to it
		return nil
	}
	f := outgoing{op: "subscribe", target: q.name, command: wire.Subscribe, receipt: ownReceipt,
		answered: func(e *Error) {
			if e != nil {
				rs.cancel(r, e)
			}
		}}
	f.entries.add("id", r.id)
	f.entries.add("destination", q.name)
	f.entries.add("ack", AckAuto.String())
	confirm, _, err := s.submit(ctx, &f)
	if err != nil {
		s.routes.remove(r)
	}
	rs.mu.Lock()
	q.confirm = confirm
	rs.mu.Unlock()
	return err
}

// unsubscribe ends the route of a reply queue that nobody uses any more.
func (rs *replies) unsubscribe(q *replyQueue) {
	s := rs.session
	if q.confirm != nil {
		f := outgoing{op: "unsubscribe", target: q.name, command: wire.Unsubscribe, forced: true}
		f.entries.add("id", q.route.id)
		if s.info.Version == V10 {
			f.entries.add("destination", q.name)
		}
		s.submit(context.Background(), &f) // its error is that the session is over
		if s.env.receipts.areAnsweredTo(subscribes) {
			s.leaveOver(q.confirm)
		} else {
			s.env.receipts.remove(q.confirm.number) // it would be kept until the session ends
		}
	}
	s.routes.remove(q.route)
}

// count returns how many reply queues there are.
func (rs *replies) count() int {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	return len(rs.queues)
}

// deliver passes a MESSAGE at a reply queue to its request (see consumer). A reply that no request waits for is
// unmatched.
func (rs *replies) deliver(_ *route, f Frame) *inbox.Inbox[Frame] {
	if !rs.answer(f) {
		rs.session.unmatched(f)
	}
	return nil
}

// cancel ends a reply queue that the broker refused or ended, and the requests that wait at it (see consumer). The
// next request opens it again.
func (rs *replies) cancel(r *route, e *Error) {
	rs.session.routes.remove(r)
	rs.mu.Lock()
	q := rs.queues[r.destination]
	current := q != nil && q.route == r // else it was unsubscribed from, and others may wait for its successor
	if current {
		delete(rs.queues, q.name)
		rs.idle = slices.DeleteFunc(rs.idle, func(other *replyQueue) bool { return other == q })
	}
	rs.mu.Unlock()
	if current {
		rs.fail(e, func(w *replyWaiter) bool { return w.queue == r.destination })
	}
}

// nextID returns a correlation-id that no other session uses, of this Client or another: a queue of WithReplyTo may
// be everybody's, and may still bring replies to requests of the session before.
func (rs *replies) nextID() string {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if rs.prefix == "" {
		rs.prefix = rand.Text() + "-"
	}
	rs.ids++
	return rs.prefix + strconv.FormatUint(rs.ids, 10)
}

func (rs *replies) add(id, queue string) (*replyWaiter, error) {
	w := &replyWaiter{queue: queue, done: make(chan struct{})}
	rs.mu.Lock()
	defer rs.mu.Unlock()
	switch {
	case rs.err != nil:
		return nil, rs.err
	case rs.waiting[id] != nil:
		return nil, fmt.Errorf("another request with correlation-id %q is waiting", id)
	}
	rs.waiting[id] = w
	return w, nil
}

func (rs *replies) remove(id string, w *replyWaiter) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if rs.waiting[id] == w {
		delete(rs.waiting, id)
	}
}

// answer passes a reply to its request. It returns false when none waits for it.
func (rs *replies) answer(f Frame) bool {
	id := f.Header.Get("correlation-id")
	rs.mu.Lock()
	w := rs.waiting[id]
	delete(rs.waiting, id)
	rs.mu.Unlock()
	if w == nil {
		return false
	}
	w.reply = f
	close(w.done)
	return true
}

// endSession fails every request when the session ends.
func (rs *replies) endSession(err error) {
	rs.mu.Lock()
	rs.err = &overError{err}
	rs.mu.Unlock()
	rs.fail(err, func(*replyWaiter) bool { return true })
}

// fail resolves, with err, the requests for which meant returns true.
func (rs *replies) fail(err error, meant func(*replyWaiter) bool) {
	var failed []*replyWaiter
	rs.mu.Lock()
	for id, w := range rs.waiting {
		if meant(w) {
			delete(rs.waiting, id)
			failed = append(failed, w)
		}
	}
	rs.mu.Unlock()
	for _, w := range failed {
		w.err = err
		close(w.done)
	}
}

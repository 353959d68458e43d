package stomp

import (
	"context"
	"crypto/rand"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/webstomp/webstomp/internal/inbox"
	"github.com/webstomp/webstomp/internal/wire"
)

// replies holds the requests of one session that wait for their reply, and its reply queues.
type replies struct {
	session *session

	mu      sync.Mutex               // guards what follows; a leaf: nothing is locked below it
	name    string                   // of the default reply queue; "" before the first request
	queues  map[string]chan struct{} // closed when requests may use the queue
	waiting map[string]*replyWaiter  // by correlation-id
	ids     uint64
	err     error // set when the session has ended
}

// replyWaiter is one waiting request. Whoever takes it out of waiting resolves it, once.
type replyWaiter struct {
	queue string
	done  chan struct{} // closed when reply or err is set
	reply Frame
	err   error
}

func (rs *replies) init(s *session) {
	rs.session = s
	rs.queues = make(map[string]chan struct{})
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

// open makes the route for replies at queue, once per session and queue. Requests that come meanwhile wait, within
// ctx, so that none is sent before its reply queue exists.
func (rs *replies) open(ctx context.Context, queue string) error {
	for {
		ready, mine := rs.openOrJoin(queue)
		if mine {
			err := rs.subscribe(ctx, queue)
			if err != nil { // it fails this call alone: those that wait for ready try themselves
				rs.forget(queue)
			}
			close(ready)
			return err
		}
		select {
		case <-ready:
		case <-ctx.Done():
			return ctxError(ctx)
		}
		if rs.isOpen(queue, ready) {
			return nil
		}
	}
}

// openOrJoin returns the channel that is closed when queue is ready. mine: the caller opens the queue and closes it.
func (rs *replies) openOrJoin(queue string) (ready chan struct{}, mine bool) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if ready = rs.queues[queue]; ready != nil {
		return ready, false
	}
	ready = make(chan struct{})
	rs.queues[queue] = ready
	return ready, true
}

func (rs *replies) isOpen(queue string, ready chan struct{}) bool {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	return rs.queues[queue] == ready
}

func (rs *replies) forget(queue string) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	delete(rs.queues, queue)
}

// subscribe makes the route of a reply queue, with a SUBSCRIBE where the broker needs one.
func (rs *replies) subscribe(ctx context.Context, queue string) error {
	s := rs.session
	r := &route{session: s.ref, epoch: s.epoch, version: s.info.Version, id: queue, destination: queue, to: rs}
	if s.server.makesReplyQueues && strings.HasPrefix(queue, tempQueue) {
		// The broker sends replies with the queue's name as subscription, and refuses a SUBSCRIBE to it.
		s.routes.add(r)
		return nil
	}
	r.id = s.env.newSubscriptionID()
	s.routes.add(r)
	f := outgoing{op: "subscribe", target: queue, command: wire.Subscribe, receipt: ownReceipt,
		refused: func(e *Error) { rs.cancel(r, e) }}
	f.entries.add("id", r.id)
	f.entries.add("destination", queue)
	f.entries.add("ack", AckAuto.String())
	_, _, err := s.submit(ctx, &f)
	if err != nil {
		s.routes.remove(r)
	}
	return err
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
	rs.forget(r.destination)
	rs.fail(e, func(w *replyWaiter) bool { return w.queue == r.destination })
}

func (rs *replies) nextID() string {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	rs.ids++
	return "c" + strconv.FormatUint(rs.ids, 10)
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

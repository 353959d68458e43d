package stomp

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/webstomp/webstomp/internal/wire"
)

// Request sends body to destination and waits, within ctx, for the reply: the
// first MESSAGE at the reply queue with the correlation-id of the request. Any
// number of requests may wait at the same time. The one who answers sends to
// the request's reply-to and copies its correlation-id.
//
// The reply queue is one of this session: on RabbitMQ (as CONNECTED's server
// says) a /temp-queue/ that the broker makes of reply-to and that must not be
// subscribed to; elsewhere a /temp-queue/ of a random name that is subscribed to
// once per session. [WithReplyTo] chooses another, which Spring's simple broker
// needs ("/queue/…"). WithHeader("correlation-id", …) chooses that.
//
// With [WithReceipt] the request is confirmed before the reply is waited for.
// When the session ends first, the error is [ErrConnectionLost] and the outcome
// unknown. A reply that comes after its ctx is unmatched.
func (c *Client) Request(ctx context.Context, destination string, body []byte, opts ...SendOption) (Frame, error) {
	op := opError{op: "request", target: destination, unsent: true}
	cfg, err := newSendConfig(destination, opts)
	if err == nil && cfg.retry {
		err = errors.New("WithRetry excludes Request: its reply queue ends with the session")
	}
	for err == nil {
		var s *session
		if s, err = c.session(ctx, cfg.noWait); err != nil {
			break
		}
		reply, err := s.request(ctx, destination, body, cfg)
		if !errors.Is(err, errSessionOver) { // else it ended just now: the next one will do
			return reply, err
		}
	}
	op.err = err
	return Frame{}, &op
}

// request is Request on this session.
func (s *session) request(ctx context.Context, destination string, body []byte, cfg sendConfig) (Frame, error) {
	op := opError{op: "request", target: destination, unsent: true}
	fail := func(err error) (Frame, error) {
		op.err = err
		return Frame{}, &op
	}
	s.replies.chooseReplyTo(&cfg)
	id, given := cfg.header.Lookup("correlation-id")
	if !given {
		id = s.replies.nextID()
		cfg.header = append(slices.Clip(cfg.header), [2]string{"correlation-id", id})
	}
	w, err := s.replies.add(id, cfg.replyTo)
	if err != nil {
		return fail(err)
	}
	defer s.replies.remove(id, w)
	s.receipts.await() // reading goes on whatever queue is full
	defer s.receipts.unawait()
	// w is there before its queue: whoever refuses that finds w.
	if err := s.openReplyQueue(ctx, cfg.replyTo); err != nil {
		return fail(err)
	}

	var r *pendingReceipt
	if cfg.receipt {
		if r, err = s.newReceipt(posting{op: opError{op: "request", target: destination}, receipt: askedReceipt}); err != nil {
			return fail(err)
		}
	}
	if err := s.postSend(ctx, destination, body, cfg, nil, r, false); err != nil {
		if r != nil {
			s.receipts.remove(r.number)
		}
		return fail(err)
	}
	if r != nil {
		if err := s.client.await(ctx, r); err != nil {
			return Frame{}, err
		}
	}
	op.unsent, op.hint, op.step = false, "the request may have been handled", "waiting for the reply"
	select {
	case <-w.done:
		if w.err != nil {
			return fail(w.err)
		}
		return w.reply, nil
	case <-ctx.Done():
		return fail(ctxError(ctx))
	}
}

// replies are the requests of one session that await their reply, and the
// routes by which replies come.
type replies struct {
	mu      sync.Mutex               // guards what follows
	name    string                   // of the default reply queue; "" until the first request
	queues  map[string]chan struct{} // closed when requests may use that queue
	waiting map[string]*replyWaiter  // by correlation-id
	ids     uint64
	err     error // set when the session has ended
}

// replyWaiter is one request. Whoever takes it out of waiting answers it, once.
type replyWaiter struct {
	queue string
	done  chan struct{} // closed when reply or err are set
	reply Frame
	err   error
}

func (rs *replies) init() {
	rs.queues = make(map[string]chan struct{})
	rs.waiting = make(map[string]*replyWaiter)
}

// tempQueue is the prefix of the reply queues that brokers make for a
// connection.
const tempQueue = "/temp-queue/"

// chooseReplyTo fills in the reply queue of this session where the call does
// not choose one.
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

// openReplyQueue sees to it that replies at queue find their way: once per
// session and queue. Requests that come meanwhile wait, within ctx, so that
// none is sent before its reply queue is there.
func (s *session) openReplyQueue(ctx context.Context, queue string) error {
	for {
		s.replies.mu.Lock()
		ready := s.replies.queues[queue]
		if ready == nil {
			break
		}
		s.replies.mu.Unlock()
		select {
		case <-ready:
		case <-ctx.Done():
			return ctxError(ctx)
		}
		s.replies.mu.Lock()
		open := s.replies.queues[queue] == ready
		s.replies.mu.Unlock()
		if open {
			return nil
		}
	}
	ready := make(chan struct{})
	s.replies.queues[queue] = ready
	s.replies.mu.Unlock()
	defer close(ready)
	err := s.makeReplyRoute(ctx, queue)
	if err != nil { // it is this call's error alone: those who wait for ready try themselves
		s.replies.mu.Lock()
		delete(s.replies.queues, queue)
		s.replies.mu.Unlock()
	}
	return err
}

func (s *session) makeReplyRoute(ctx context.Context, queue string) error {
	r := &route{session: s, replyQueue: queue}
	if strings.HasPrefix(s.info.Server, "RabbitMQ") && strings.HasPrefix(queue, tempQueue) {
		// RabbitMQ delivers under the queue's name as subscription, which
		// nobody has made, and refuses a SUBSCRIBE to it.
		s.routes.add(queue, r)
		return nil
	}
	s.client.mu.Lock()
	id := s.client.nextIDLocked()
	s.client.mu.Unlock()
	s.routes.add(id, r)
	header := [][2]string{{"id", id}, {"destination", queue}, {"ack", AckAuto.String()}}
	_, _, err := s.post(ctx, wire.Frame{Command: wire.Subscribe, Header: header}, posting{
		op:      opError{op: "subscribe", target: queue},
		receipt: ownReceipt,
		refused: func(e *Error) {
			s.routes.remove(id)
			s.replies.refuse(queue, e)
		},
	})
	if err != nil {
		s.routes.remove(id)
	}
	return err
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

// remove forgets a request, if it is still there.
func (rs *replies) remove(id string, w *replyWaiter) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if rs.waiting[id] == w {
		delete(rs.waiting, id)
	}
}

// deliver hands a reply to its request; false when none waits for it.
func (rs *replies) deliver(f Frame) bool {
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

// refuse ends the requests that wait at a reply queue which the broker refused
// or ended. The next request tries again.
func (rs *replies) refuse(queue string, err error) {
	rs.mu.Lock()
	delete(rs.queues, queue)
	rs.mu.Unlock()
	rs.answer(err, func(w *replyWaiter) bool { return w.queue == queue })
}

// fail ends every request with the session.
func (rs *replies) fail(err error) {
	rs.mu.Lock()
	rs.err = &overError{err}
	rs.mu.Unlock()
	rs.answer(err, func(*replyWaiter) bool { return true })
}

// answer takes out those who are meant and tells them.
func (rs *replies) answer(err error, meant func(*replyWaiter) bool) {
	var told []*replyWaiter
	rs.mu.Lock()
	for id, w := range rs.waiting {
		if meant(w) {
			delete(rs.waiting, id)
			told = append(told, w)
		}
	}
	rs.mu.Unlock()
	for _, w := range told {
		w.err = err
		close(w.done)
	}
}

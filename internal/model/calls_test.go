package model_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// call is a call that is under way.
type call struct {
	by, name string
	began    time.Time
}

// call makes a call with a ctx that ends after so long, and checks that it returns by then, and with an error that it
// may return.
func (w *world) call(by, name string, within time.Duration, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	c := &call{by, name, time.Now()}
	w.mu.Lock()
	w.calls[c] = true
	w.noteLocked("%s: %s within %v", by, name, within)
	w.mu.Unlock()
	err := f(ctx)
	took := time.Since(c.began)
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.calls, c)
	w.noteLocked("%s: %s took %v: %v", by, name, took, err)
	slack := time.Duration(0)
	if name == "Drain" || name == "Disconnect" || strings.HasPrefix(name, "Subscribe ") {
		slack = leaveGrace // for functions that ignore their ctx
	}
	if took > within+slack {
		w.failLocked("%s by %s took %v, its ctx ended after %v: %v", name, by, took, within, err)
	}
	if errors.Is(err, context.DeadlineExceeded) && took < within && !errors.Is(err, stomp.ErrNotConnected) && name != "Wait" &&
		!strings.HasSuffix(name, asksForHeader) { // whose reason may be an attempt's, or the Receipt's own
		w.failLocked("%s by %s returns ctx's error after %v, its ctx ends after %v: %v", name, by, took, within, err)
	}
	if within <= 0 && (!errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, stomp.ErrClosed) && !mayIgnoreCtx(name, err)) {
		w.failLocked("%s by %s with a ctx that has ended returns: %v", name, by, err)
	}
	if err != nil {
		w.checkErrorLocked(by, name, err)
	}
	if errors.Is(err, context.DeadlineExceeded) && within >= time.Second {
		w.checkLateLocked(c)
	}
	return err
}

// checkLateLocked is called when a call has used up its time. It checks that it may.
func (w *world) checkLateLocked(c *call) {
	for other := range w.calls {
		if other.name == "Reconnect" { // until it is done everybody waits for the next session
			return
		}
	}
	if !w.renewedAt.Before(c.began) {
		return
	}
	command, _, _ := strings.Cut(c.name, " ")
	answered := w.plan.profile != stomptest.Spring && w.endBegan.IsZero() && !w.renewed
	switch command {
	case "Send", "Flush", "Begin", "Transaction.Send", "Ack", "Nack", "Transaction.Ack", "Commit", "Confirmed":
		if command == "Confirmed" && (w.plan.muteSubscribe || w.plan.relay) {
			return
		}
		if w.plan.relay && w.plan.credentials {
			return // an UNSUBSCRIBE may cost the session (WithID), and then the next one takes as long as that function
		}
		if w.plan.peaceful() && answered {
			w.failLocked("%s by %s is not done in time, and nothing was in its way", c.name, c.by)
		}
	}
	st := w.client.Status()
	if (command == "Send" && !strings.Contains(c.name, "With") || command == "Flush" && !w.slowed) && w.endBegan.IsZero() && st.State == stomp.StateConnected &&
		time.Since(st.Since) > 5*time.Second && !w.silent && time.Since(w.heard) > 5*time.Second && w.plan.odds == 0 && time.Since(c.began) > 5*time.Second {
		w.failLocked("%s by %s waits for a session that stands since %v", c.name, c.by, st.Since.Sub(w.began))
	}
}

// mayIgnoreCtx says which calls have an answer that comes before their ctx is looked at.
func mayIgnoreCtx(name string, err error) bool {
	return name == "Wait" || name == "Reconnect" || name == "Abort" && err == nil ||
		errors.Is(err, stomp.ErrNotAckable) || errors.Is(err, stomp.ErrStale) || errors.Is(err, stomp.ErrTransactionDone) ||
		errors.Is(err, stomp.ErrNotConnected) || errors.Is(err, stomp.ErrDuplicateID) || name == "Disconnect" || name == "Drain"
}

// checkErrorLocked checks what every error of a call has to say.
func (w *world) checkErrorLocked(by, name string, err error) {
	var refused *stomp.Error
	var closes *stomp.CloseError
	ended := !w.endBegan.IsZero() || !w.plan.reconnect
	switch {
	case errors.Is(err, stomp.ErrClosed):
		if !ended {
			w.failLocked("%s by %s: the Client lives, and it says %v", name, by, err)
		}
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, stomp.ErrStale), errors.Is(err, stomp.ErrNotAckable),
		errors.Is(err, stomp.ErrTransactionDone), errors.Is(err, stomp.ErrNotConnected), errors.Is(err, stomp.ErrDuplicateID),
		errors.Is(err, stomp.ErrSlowConsumer):
	case errors.Is(err, stomp.ErrConnectionLost):
		if w.lossesLocked() == 0 && !ended {
			w.failLocked("%s by %s: no connection was lost, and it says %v", name, by, err)
		}
	case errors.As(err, &refused), errors.As(err, &closes):
		if w.words == 0 {
			w.failLocked("%s by %s: the broker has said nothing, and it says %v", name, by, err)
		}
	case strings.Contains(err.Error(), "the subscription has ended"):
	case strings.HasSuffix(name, asksForHeader) && isAnswer(err):
	case errors.Is(err, context.Canceled) && (name == "Wait" || strings.HasPrefix(name, "Subscribe ")): // of SendAsync WithRetry; see there
	case strings.Contains(err.Error(), "WithoutReconnect excludes it") && !w.plan.reconnect:
	default:
		w.failLocked("%s by %s: that may not be its error: %v", name, by, err)
	}
}

// lossesLocked counts the connections that were lost, or may have been: those before the newest, and what faults have
// ended.
func (w *world) lossesLocked() (n int) {
	if w.renewed {
		n++
	}
	for _, c := range w.conns {
		if c != w.newest || c.lost || c.disconnected {
			n++
		}
	}
	return n
}

// within returns how long a call may take.
func within(dice *rand.Rand) time.Duration {
	switch dice.IntN(8) {
	case 0:
		return 0
	case 1:
		return time.Millisecond
	case 2:
		return tick(dice, 200*time.Millisecond)
	case 3, 4:
		return tick(dice, 4*time.Second)
	}
	return time.Minute
}

// kind is how something was sent.
type kind int

const (
	plain kind = iota
	confirmed
	async
	retried
	retriedAsync
	inTransaction
	racing // in a transaction that another goroutine ends
	request
	reply
	published
)

// retries reports whether it may be sent more than once.
func (k kind) retries() bool { return k == retried || k == retriedAsync }

// sending is one SEND and what became of it. Guarded by world.mu.
type sending struct {
	id       string
	by       string
	number   int // of the sender's, in order
	kind     kind
	size     int
	began    time.Time
	returned bool
	err      error
	receipt  *stomp.Receipt
	commit   outcome // of a transaction
	poison   bool    // the broker refuses it
	patient  bool    // its ctx lasts for longer than any suspicion
	seen     []sight
}

// outcome is what a transaction has come to, as its user knows.
type outcome int

const (
	unknown outcome = iota
	committed
	aborted
)

var destinations = []string{"/topic/a", "/topic/b", "/queue/a", "/queue/b"}

// The requests and their replies, on servers that make no reply queues.
const (
	requestQueue = "/queue/requests"
	replyQueue   = "/queue/replies"
)

// manyReplyQueues is how many reply queues the requests choose from that name one. Not as many stay subscribed to.
const (
	manyReplyQueues = 24
	mostReplyQueues = 16 + 1
)

// actor makes random calls.
type actor struct {
	w      *world
	name   string
	number int
	dice   *rand.Rand
	sent   int
	async  []*stomp.Receipt
}

func (a *actor) work() {
	for range a.w.plan.steps {
		a.step()
		if chance(a.dice, 2) {
			time.Sleep(tick(a.dice, time.Second))
		}
		if chance(a.dice, 12) {
			time.Sleep(tick(a.dice, 20*time.Second))
		}
	}
	for _, r := range a.async {
		a.w.call(a.name, "Wait", within(a.dice), r.Wait)
	}
}

func (a *actor) step() {
	w := a.w
	switch n := a.dice.IntN(30); {
	case n < 6:
		a.send()
	case n < 8:
		a.burst()
	case n < 9:
		a.transaction()
	case n < 14:
		a.subscribe()
	case n < 16:
		if s := w.oneOpen(a.dice); s != nil {
			s.abandon(a.name)
		}
	case n < 19:
		if s := w.oneOpen(a.dice); s != nil {
			s.unsubscribe(a.name, a.dice)
		}
	case n < 20:
		if s := w.oneOpen(a.dice); s != nil {
			s.confirm(a.name, within(a.dice))
		}
	case n < 22:
		a.flush()
	case n < 23:
		if chance(a.dice, 3) {
			a.reconnect()
		}
	case n < 24:
		ctx, cancel := context.WithCancel(context.Background())
		time.AfterFunc(tick(a.dice, time.Minute), cancel) // ends with the bubble's time
		w.watch(ctx)
	case n < 25:
		w.listen(a.dice)
	case n < 27:
		if w.plan.requests {
			a.request()
		}
	case n < 29:
		d := destinations[a.dice.IntN(len(destinations))]
		for range 1 + a.dice.IntN(12) {
			w.publish(d)
		}
	default:
		w.client.Stats()
		w.client.Status()
	}
}

// body makes a body that no other has.
func (a *actor) body(k kind) ([]byte, *sending) {
	a.sent++
	s := &sending{id: fmt.Sprintf("%s/%d", a.name, a.sent), by: a.name, number: a.sent, kind: k, began: time.Now()}
	return a.w.bodyOf(s, a.padding())
}

func (a *actor) padding() int {
	switch {
	case a.w.plan.flood && chance(a.dice, 2):
		if a.w.plan.profile == stomptest.Spring {
			return 7000
		}
		return 30_000
	case chance(a.dice, 10):
		return a.dice.IntN(5000)
	}
	return a.dice.IntN(40)
}

// bodyOf registers a body.
func (w *world) bodyOf(s *sending, padding int) ([]byte, *sending) {
	body := []byte(s.id + ":" + strings.Repeat("x", padding))
	s.size = len(body)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sends = append(w.sends, s)
	w.byBody[s.id] = s
	return body, s
}

// publish has the broker itself send a message.
func (w *world) publish(destination string) string {
	w.mu.Lock()
	s := &sending{id: fmt.Sprintf("published/%d", len(w.sends)), kind: published, began: time.Now()}
	w.mu.Unlock()
	body, _ := w.bodyOf(s, 0)
	w.broker.Publish(destination, nil, body)
	return s.id
}

func (w *world) returned(s *sending, err error, r *stomp.Receipt) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s.returned, s.err, s.receipt = true, err, r
}

func (a *actor) destination() string {
	if a.w.plan.poison && chance(a.dice, 8) {
		return poisonQueue
	}
	return destinations[a.dice.IntN(len(destinations))]
}

// send sends one message, in any way.
func (a *actor) send() {
	k := kind(a.dice.IntN(5))
	var opts []stomp.SendOption
	name := "Send"
	switch k {
	case confirmed:
		name, opts = "Send WithReceipt", append(opts, stomp.WithReceipt())
	case retried, retriedAsync:
		name, opts = "Send WithRetry", append(opts, stomp.WithRetry())
	}
	if chance(a.dice, 10) {
		name, opts = name+" WithoutWaiting", append(opts, stomp.WithoutWaiting())
	}
	destination := a.destination()
	body, s := a.body(k)
	s.poison = destination == poisonQueue
	limit := within(a.dice)
	if k != async && k != retriedAsync {
		err := a.w.call(a.name, name+" "+s.id, limit, func(ctx context.Context) error {
			return a.w.client.Send(ctx, destination, body, opts...)
		})
		a.w.returned(s, err, nil)
		return
	}
	var r *stomp.Receipt
	if k == retriedAsync {
		limit += 2 * time.Minute // the Receipt ends with its ctx
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	time.AfterFunc(limit+time.Second, cancel) // it has ended by then
	err := a.w.call(a.name, name+" async "+s.id, limit, func(bound context.Context) (err error) {
		if k != retriedAsync {
			ctx = bound
		}
		r, err = a.w.client.SendAsync(ctx, destination, body, opts...)
		return err
	})
	a.w.returned(s, err, r)
	if r != nil && chance(a.dice, 2) {
		a.async = append(a.async, r)
	}
}

// burst sends many messages in a row.
func (a *actor) burst() {
	n, limit := 3+a.dice.IntN(10), within(a.dice)
	if a.w.plan.flood {
		n *= 3
	}
	destination := destinations[a.dice.IntN(2)]
	for range n {
		body, s := a.body(plain)
		err := a.w.call(a.name, "Send "+s.id, limit, func(ctx context.Context) error {
			return a.w.client.Send(ctx, destination, body)
		})
		a.w.returned(s, err, nil)
	}
}

// beforeFlood begins a transaction, and has messages on their way that are to be acknowledged when there is no room.
func (a *actor) beforeFlood() (tx *stomp.Transaction) {
	w := a.w
	w.call(a.name, "Begin", time.Second, func(ctx context.Context) (err error) {
		tx, err = w.client.Begin(ctx)
		return err
	})
	time.Sleep(time.Second)
	for _, d := range destinations {
		for range 5 {
			w.publish(d)
		}
	}
	time.Sleep(time.Nanosecond)
	return tx
}

// flood sends more than the Client takes while nobody reads. Meanwhile everybody else waits for room, and what they
// wait for comes to its end: subscriptions, and tx.
func (a *actor) flood(tx *stomp.Transaction) {
	w := a.w
	var waiting sync.WaitGroup // joined below
	defer waiting.Wait()
	waiting.Go(func() {
		time.Sleep(2 * time.Second)
		for range 3 {
			if s := w.oneOpen(a.dice); s != nil && s.mode != stomp.AckAuto {
				s.abandon(a.name)
			}
		}
		if tx == nil {
			return
		}
		_, s := a.w.bodyOf(&sending{id: a.name + "/racing", by: a.name, kind: racing, began: time.Now()}, 0)
		waiting.Go(func() {
			err := w.call(a.name, "Transaction.Send "+s.id, time.Minute, func(ctx context.Context) error {
				return tx.Send(ctx, destinations[0], []byte(s.id+":"))
			})
			w.returned(s, err, nil)
		})
		time.Sleep(time.Second)
		w.call(a.name, "Commit", time.Minute, func(ctx context.Context) error { return tx.Commit(ctx) })
		w.call(a.name, "Abort", time.Minute, func(ctx context.Context) error { return tx.Abort(ctx) })
	})
	padding := 30_000
	if w.plan.profile == stomptest.Spring {
		padding = 7000
	}
	for range (3 << 19) / padding {
		a.sent++
		body, s := a.w.bodyOf(&sending{id: fmt.Sprintf("%s/%d", a.name, a.sent), by: a.name, number: a.sent, kind: plain, began: time.Now()}, padding)
		err := a.w.call(a.name, "Send "+s.id, 30*time.Second, func(ctx context.Context) error {
			return a.w.client.Send(ctx, "/queue/sink", body)
		})
		a.w.returned(s, err, nil)
		if err != nil {
			return
		}
	}
}

// poison sends what the broker refuses, and beside it what it does not, until there is enough trouble.
func (a *actor) poison() {
	for n := range 2 + a.dice.IntN(5) {
		kind := n // first one of each that are sent again
		if n > 1 {
			time.Sleep(tick(a.dice, 10*time.Second))
			kind = a.dice.IntN(4)
		}
		if closed(a.w.mended) {
			return
		}
		switch kind {
		case 0:
			a.insist(poisonQueue)
		case 1:
			a.insist(destinations[0])
		case 2:
			a.w.ail(tick(a.dice, 20*time.Second))
		default:
			body, s := a.body(plain)
			s.poison = true
			err := a.w.call(a.name, "Send "+s.id, time.Minute, func(ctx context.Context) error {
				return a.w.client.Send(ctx, poisonQueue, body)
			})
			a.w.returned(s, err, nil)
		}
	}
}

// ail refuses one more topic for a while, and begins with a new session.
func (w *world) ail(lasts time.Duration) {
	w.note("%s ails for %v", ailingTopic, lasts)
	w.mu.Lock()
	w.ailing = true
	w.ails++
	w.ailedFor += lasts
	w.mu.Unlock()
	w.cut()
	time.Sleep(lasts)
	w.mu.Lock()
	w.ailing = false
	w.mu.Unlock()
}

// insist sends WithRetry, with more patience than any suspicion takes.
func (a *actor) insist(destination string) {
	body, s := a.body(retriedAsync)
	s.poison, s.patient = destination == poisonQueue, true
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	time.AfterFunc(6*time.Minute, cancel) // it has ended by then
	var r *stomp.Receipt
	err := a.w.call(a.name, "Send WithRetry async "+s.id, 5*time.Minute, func(context.Context) (err error) {
		r, err = a.w.client.SendAsync(ctx, destination, body, stomp.WithRetry())
		return err
	})
	a.w.returned(s, err, r)
}

// hurry subscribes at the moment when a session begins, until there is enough trouble.
func (a *actor) hurry() {
	for range 12 {
		select {
		case <-a.w.greeted:
			a.subscribe()
		case <-a.w.mended:
			return
		}
	}
}

// transaction sends some messages in a transaction.
func (a *actor) transaction() {
	w := a.w
	var tx *stomp.Transaction
	err := w.call(a.name, "Begin", within(a.dice), func(ctx context.Context) (err error) {
		tx, err = w.client.Begin(ctx, a.frameOptions()...)
		return err
	})
	if err != nil {
		return
	}
	var sent []*sending
	for range 1 + a.dice.IntN(3) {
		body, s := a.body(inTransaction)
		err := w.call(a.name, "Transaction.Send "+s.id, within(a.dice), func(ctx context.Context) error {
			return tx.Send(ctx, a.destination(), body)
		})
		w.returned(s, err, nil)
		if err == nil {
			sent = append(sent, s)
		}
		if chance(a.dice, 3) {
			time.Sleep(tick(a.dice, 2*time.Second))
		}
	}
	if chance(a.dice, 3) { // one that races with the end
		body, s := a.body(racing)
		var both sync.WaitGroup // joined below
		both.Go(func() {
			err := w.call(a.name, "Transaction.Send "+s.id, time.Minute, func(ctx context.Context) error {
				return tx.Send(ctx, destinations[0], body)
			})
			w.returned(s, err, nil)
		})
		defer both.Wait()
	}
	a.endTransaction(tx, sent)
}

// endTransaction commits or aborts a transaction, sometimes by several goroutines at the same time.
func (a *actor) endTransaction(tx *stomp.Transaction, sent []*sending) {
	w := a.w
	result := unknown
	commit := func() {
		opts := a.frameOptions()
		err := w.call(a.name, "Commit", within(a.dice), func(ctx context.Context) error { return tx.Commit(ctx, opts...) })
		if err == nil {
			result = committed
		}
	}
	switch a.dice.IntN(4) {
	case 0, 1:
		commit()
	case 2:
		var both sync.WaitGroup // joined below
		both.Go(func() { w.call(a.name, "Abort", time.Minute, func(ctx context.Context) error { return tx.Abort(ctx) }) })
		commit()
		both.Wait()
	}
	if result == unknown {
		err := w.call(a.name, "Abort", time.Minute, func(ctx context.Context) error { return tx.Abort(ctx) })
		if err == nil {
			result = unknown // a Commit may have gone out whose receipt did not come
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range sent {
		s.commit = result
	}
}

func (a *actor) frameOptions() (opts []stomp.FrameOption) {
	if chance(a.dice, 3) {
		opts = append(opts, stomp.WithReceipt())
	}
	return opts
}

// flush checks that what this actor had sent was written.
func (a *actor) flush() {
	w := a.w
	began := time.Now()
	err := w.call(a.name, "Flush", within(a.dice), w.client.Flush)
	if err != nil {
		return
	}
	time.Sleep(time.Nanosecond) // until the broker has read it
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.plan.peaceful() || w.lossesLocked() > 0 || !w.endBegan.IsZero() {
		return // it may be on the way to nowhere
	}
	for _, s := range w.sends {
		if s.by == a.name && s.kind == plain && s.returned && s.err == nil && len(s.seen) == 0 && !s.began.After(began) {
			w.failLocked("Flush has returned, and the broker has not seen %s", s.id)
		}
	}
}

func (a *actor) reconnect() { a.w.reconnect(a.name, within(a.dice)) }

func (w *world) reconnect(by string, limit time.Duration) {
	w.mu.Lock()
	w.renewed = true
	w.mu.Unlock()
	before := w.client.Status().Epoch
	err := w.call(by, "Reconnect", limit, w.client.Reconnect)
	w.mu.Lock()
	w.renewedAt = time.Now()
	w.mu.Unlock()
	if st := w.client.Status(); err == nil && st.Epoch <= before {
		w.fail("Reconnect has returned in epoch %d, it was %d before", st.Epoch, before)
	}
}

// request sends a request and checks that the reply is its own.
func (a *actor) request() {
	w := a.w
	body, s := a.body(request)
	var opts []stomp.SendOption
	if w.plan.profile == stomptest.Spring || chance(a.dice, 3) {
		opts = append(opts, stomp.WithReplyTo(fmt.Sprint(replyQueue, a.dice.IntN(manyReplyQueues))))
	}
	if chance(a.dice, 3) {
		opts = append(opts, stomp.WithReceipt())
	}
	w.request(a.name, body, s, within(a.dice), opts)
}

func (w *world) request(by string, body []byte, s *sending, limit time.Duration, opts []stomp.SendOption) error {
	var f stomp.Frame
	err := w.call(by, "Request "+s.id, limit, func(ctx context.Context) (err error) {
		f, err = w.client.Request(ctx, requestQueue, body, opts...)
		return err
	})
	w.returned(s, err, nil)
	w.mu.Lock()
	if errors.Is(err, context.DeadlineExceeded) && len(s.seen) > 0 && s.seen[0].conn != w.newest && w.newest.connected.Before(time.Now()) {
		w.failLocked("Request %s waits, and its session is over", s.id)
	}
	w.mu.Unlock()
	if err == nil && bodyID(f.Body) != "reply to "+s.id {
		w.fail("Request %s got the reply %q", s.id, bodyID(f.Body))
	}
	return err
}

// answerRequests answers requests, as a service would on the same Client.
func (w *world) answerRequests() {
	sub, err := w.client.NewSubscription(context.Background(), requestQueue)
	if err != nil {
		w.note("nobody answers requests: %v", err)
		return
	}
	w.mu.Lock()
	w.requests = sub
	w.mu.Unlock()
	w.consumers.Go(func() {
		n := 0
		for f := range sub.C {
			w.mu.Lock()
			if d := w.delivered[f.MessageID()]; d != nil {
				d.got++
			}
			w.mu.Unlock()
			n++
			body, s := w.bodyOf(&sending{id: "reply to " + bodyID(f.Body), by: "replies", number: n, kind: reply, began: time.Now()}, 0)
			err := w.call("replies", "Send "+s.id, time.Minute, func(ctx context.Context) error {
				return w.client.Send(ctx, f.Header.Get("reply-to"), body, stomp.WithHeader("correlation-id", f.Header.Get("correlation-id")))
			})
			w.returned(s, err, nil)
		}
	})
}

// watching is a channel of Watch and what has come from it. Guarded by world.mu.
type watching struct {
	ctx    context.Context
	began  time.Time
	last   stomp.Status
	closed bool
}

func (w *world) watch(ctx context.Context) {
	one := &watching{ctx: ctx, began: time.Now()}
	w.mu.Lock()
	w.statuses = append(w.statuses, one)
	w.mu.Unlock()
	c := w.client.Watch(ctx)
	w.consumers.Go(func() {
		first := true
		for st := range c {
			w.mu.Lock()
			if !first && (st.Epoch < one.last.Epoch || st.Since.Before(one.last.Since) || one.last.State == stomp.StateClosed) {
				w.failLocked("Watch: %+v comes after %+v", st, one.last)
			}
			if w.plan.reconnect && w.endBegan.IsZero() && st.State == stomp.StateClosed {
				w.failLocked("Watch: the Client has ended by itself: %+v", st)
			}
			first = false
			one.last = st
			w.mu.Unlock()
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		one.closed = true
		if first {
			w.failLocked("Watch closes without any status")
		}
		if one.last.State != stomp.StateClosed && ctx.Err() == nil {
			w.failLocked("Watch closes with %v", one.last.State)
		}
	})
}

// listen listens to what no subscription claims.
func (w *world) listen(dice *rand.Rand) {
	limit := tick(dice, time.Minute)
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	ends := time.Now().Add(limit)
	c := w.client.Unmatched(ctx)
	w.consumers.Go(func() {
		defer cancel()
		for f := range c {
			w.mu.Lock()
			if d := w.delivered[f.MessageID()]; d != nil && d.sub != nil && !isReplyQueue(d.sub.destination) {
				w.failLocked("Unmatched: %s belongs to subscription %s", f.MessageID(), d.id)
			}
			w.mu.Unlock()
		}
		if time.Now().After(ends) {
			w.fail("Unmatched closes after its ctx has ended")
		}
		if ctx.Err() == nil && w.client.Err() == nil {
			w.fail("Unmatched closes for no reason")
		}
	})
}

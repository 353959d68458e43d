package model_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// probe sees whether a Client that has seen trouble still does what it should.
func (w *world) probe(dice *rand.Rand) {
	for _, d := range destinations {
		w.publish(d)
	}
	answers := w.plan.profile != stomptest.Spring
	a := &actor{w: w, name: "the probe", dice: dice}
	opts := []stomp.SendOption{}
	k := plain
	if answers {
		opts, k = append(opts, stomp.WithReceipt()), confirmed
	}
	body, s := a.body(k)
	err := w.call(a.name, "Send "+s.id, 30*time.Second, func(ctx context.Context) error {
		return w.client.Send(ctx, "/topic/a", body, opts...)
	})
	w.returned(s, err, nil)
	if err != nil {
		w.fail("Send fails when all is quiet: %v", err)
	}
	for range 10 { // nothing is on trial any more, for which they would wait
		began := time.Now()
		body, s := a.body(plain)
		err := w.call(a.name, "Send "+s.id, 30*time.Second, func(ctx context.Context) error {
			return w.client.Send(ctx, "/queue/sink", body)
		})
		w.returned(s, err, nil)
		if took := time.Since(began); err != nil || took > 0 {
			w.fail("Send takes %v when all is quiet: %v", took, err)
		}
		time.Sleep(700 * time.Millisecond)
	}
	time.Sleep(time.Minute)
	synctest.Wait()
	w.mu.Lock()
	if w.newest.lost && w.plan.reconnect {
		w.failLocked("a connection is lost when all is quiet")
	}
	w.judgeDeliveriesLocked()
	w.judgeSendsLocked()
	w.mu.Unlock()
	w.probeUnsubscribe(answers) // the first of its session
	if w.client.Stats().ReceiptsPending == 0 {
		w.probeStall(answers)
	}
	if answers {
		w.probeAcks()
	}
	if w.requests != nil && !closed(w.requests.Done()) {
		w.probeRequests()
	}
}

// probeUnsubscribe sees how long Unsubscribe waits for a server that may leave out the answer: once, and for a
// second.
func (w *world) probeUnsubscribe(answers bool) {
	var subs []*stomp.Subscription[stomp.Frame]
	for range 2 {
		err := w.call("the probe", "Subscribe", time.Minute, func(context.Context) error {
			s, err := w.client.NewSubscription(context.Background(), "/topic/nothing")
			subs = append(subs, s)
			return err
		})
		if err != nil {
			w.fail("Subscribe fails when all is quiet: %v", err)
			return
		}
	}
	time.Sleep(time.Second)
	for i, s := range subs {
		most := time.Duration(0)
		if i == 0 && answers && w.plan.muteUnsubscribe {
			most = time.Second
		}
		began := time.Now()
		err := w.call("the probe", "Unsubscribe", 30*time.Second, func(ctx context.Context) error { return s.Unsubscribe(ctx) })
		if took := time.Since(began); err != nil || took > most {
			w.fail("Unsubscribe takes %v when all is quiet: %v", took, err)
		}
	}
}

// probeRequests sees whether many requests at many reply queues are answered, and how many of those stay.
func (w *world) probeRequests() {
	var all sync.WaitGroup // joined below
	dice := rand.New(rand.NewPCG(w.seed, 6))
	for i := range 3 * manyReplyQueues {
		body, s := w.bodyOf(&sending{id: fmt.Sprintf("the probe's request %d", i), by: "the probe's requests", kind: request, began: time.Now()}, 0)
		opts := []stomp.SendOption{stomp.WithReplyTo(fmt.Sprint(replyQueue, dice.IntN(manyReplyQueues)))}
		all.Go(func() {
			if err := w.request("the probe", body, s, 30*time.Second, opts); err != nil {
				w.fail("Request fails when all is quiet: %v", err)
			}
		})
		if i%12 == 0 {
			all.Wait()
		}
	}
	all.Wait()
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, n := w.newest.subscriptionsLocked(); n > mostReplyQueues {
		w.failLocked("%d reply queues stay", n)
	}
}

// probeAcks sees whether frames are acknowledged one by one and together, and whether Unsubscribe waits for that and
// no longer.
func (w *world) probeAcks() {
	for _, mode := range []stomp.AckMode{stomp.AckClient, stomp.AckClientIndividual} {
		if mode == stomp.AckClientIndividual && w.plan.version == stomp.V10 {
			continue
		}
		const destination, sent = "/queue/acks", 6
		var s *stomp.Subscription[stomp.Frame]
		err := w.call("the probe", "Subscribe", time.Minute, func(context.Context) (err error) {
			s, err = w.client.NewSubscription(context.Background(), destination, stomp.WithAck(mode), stomp.WithHeader("prefetch-count", "20"))
			return err
		})
		if err != nil {
			w.fail("Subscribe fails when all is quiet: %v", err)
			return
		}
		for range sent {
			w.publish(destination)
		}
		var got []stomp.Frame
		late := time.After(time.Minute)
		for range sent {
			select {
			case f := <-s.C:
				got = append(got, f)
			case <-late:
				w.fail("the probe gets %d frames of %d", len(got), sent)
				return
			}
		}
		order := []int{3, 1, 2, 0, 5, 4}
		if mode == stomp.AckClient {
			order = []int{2, 5}
		}
		for _, i := range order {
			err := w.call("the probe", "Ack", 30*time.Second, func(ctx context.Context) error {
				return w.client.Ack(ctx, got[i], stomp.WithReceipt())
			})
			if err != nil {
				w.fail("Ack fails when all is quiet: %v", err)
			}
		}
		err = w.call("the probe", "Unsubscribe", 30*time.Second, func(ctx context.Context) error { return s.Unsubscribe(ctx) })
		if n := w.broker.QueueLen(destination); err != nil || n != 0 {
			w.fail("Unsubscribe says %v when all is acknowledged, and %d messages are given back", err, n)
		}
	}
}

// probeStall sees whether a consumer that does not read stops the reading, and whether that goes on when it does
// read: any count of those who wait for an answer that is wrong shows here.
func (w *world) probeStall(answers bool) {
	const bound, sent = 4, 60
	var s *stomp.Subscription[stomp.Frame]
	err := w.call("the probe", "Subscribe", 365*24*time.Hour, func(context.Context) (err error) {
		s, err = w.client.NewSubscription(context.Background(), "/topic/probe", stomp.WithBuffer(bound, 0, stomp.OverflowBlock))
		return err
	})
	if err != nil {
		w.fail("Subscribe fails when all is quiet: %v", err)
		return
	}
	if w.plan.confirms() {
		if err := w.call("the probe", "Confirmed", 30*time.Second, s.Confirmed); err != nil {
			w.fail("Confirmed fails when all is quiet: %v", err)
		}
	}
	time.Sleep(time.Second)
	var ids []string
	for range sent {
		ids = append(ids, w.publish("/topic/probe"))
	}
	time.Sleep(3 * time.Second)
	if n := s.Stats().Queued; n > bound+1 || n < bound {
		w.fail("%d frames wait for a consumer that does not read, with a bound of %d", n, bound)
	}
	if answers { // whose RECEIPT is behind the messages that are not read
		body, sent := w.bodyOf(&sending{id: "the probe's", by: "the probe, stalled", kind: confirmed, began: time.Now()}, 0)
		err := w.call("the probe", "Send "+sent.id, 30*time.Second, func(ctx context.Context) error {
			return w.client.Send(ctx, "/topic/a", body, stomp.WithReceipt())
		})
		w.returned(sent, err, nil)
		if err != nil {
			w.fail("Send fails when a consumer does not read: %v", err)
		}
	}
	late := time.NewTimer(time.Minute)
	defer late.Stop()
	for i, id := range ids {
		select {
		case f, open := <-s.C:
			if !open || bodyID(f.Body) != id {
				w.fail("the probe gets %q as its frame %d, channel open %t; want %s", bodyID(f.Body), i, open, id)
				return
			}
			w.mu.Lock()
			if d := w.delivered[f.MessageID()]; d != nil {
				d.got++
			}
			w.mu.Unlock()
		case <-late.C:
			w.fail("the probe gets %d frames of %d", i, sent)
			return
		}
	}
	if err := w.call("the probe", "Unsubscribe", 30*time.Second, func(ctx context.Context) error { return s.Unsubscribe(ctx) }); err != nil {
		w.fail("Unsubscribe fails when all is quiet: %v", err)
	}
	if _, open := <-s.C; open {
		w.fail("more came than was sent")
	}
}

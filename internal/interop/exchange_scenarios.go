package interop

import (
	"context"
	"fmt"
	"strconv"
	"sync"

	"github.com/webstomp/webstomp/stomp"
)

// transactionOfSends expects nothing before COMMIT and nothing after ABORT.
func transactionOfSends(ctx context.Context, s *scene) error {
	destination := s.queue()
	c, sub, err := s.listen(ctx, destination)
	if err != nil {
		return err
	}
	defer c.Close()
	aborted, err := c.Begin(ctx, stomp.WithReceipt())
	if err != nil {
		return err
	}
	if err := aborted.Send(ctx, destination, []byte("aborted")); err != nil {
		return err
	}
	if s.oneTransaction {
		if err := aborted.Abort(ctx, stomp.WithReceipt()); err != nil {
			return err
		}
	}
	committed, err := c.Begin(ctx, stomp.WithReceipt())
	if err != nil {
		return err
	}
	if err := committed.Send(ctx, destination, []byte("committed")); err != nil {
		return err
	}
	if !s.oneTransaction {
		if err := aborted.Abort(ctx, stomp.WithReceipt()); err != nil {
			return err
		}
	}
	if err := c.Send(ctx, destination, []byte("outside"), stomp.WithReceipt()); err != nil {
		return err
	}
	if err := committed.Commit(ctx, stomp.WithReceipt()); err != nil {
		return err
	}
	if err := c.Send(ctx, destination, []byte("after"), stomp.WithReceipt()); err != nil {
		return err
	}
	got, _, err := bodies(ctx, sub, 3)
	if err != nil {
		return err
	}
	if want := []string{"outside", "committed", "after"}; fmt.Sprint(got) != fmt.Sprint(want) {
		return fmt.Errorf("received %q, want %q", got, want)
	}
	return nil
}

// transactionOfAcks expects an ACK to take effect when its transaction is
// committed, and not when it is aborted.
func transactionOfAcks(ctx context.Context, s *scene) error {
	destination := s.queue()
	for _, end := range []struct {
		does func(*stomp.Transaction) error
		left []string
	}{
		{func(tx *stomp.Transaction) error { return tx.Abort(ctx, stomp.WithReceipt()) }, []string{"1"}},
		{func(tx *stomp.Transaction) error { return tx.Commit(ctx, stomp.WithReceipt()) }, nil},
	} {
		c, err := s.connect(ctx)
		if err != nil {
			return err
		}
		defer c.Close()
		sub, err := s.subscribe(ctx, c, destination, stomp.WithAck(stomp.AckClientIndividual))
		if err != nil {
			return err
		}
		if err := s.sendAll(ctx, c, destination, numbered(1)); err != nil {
			return err
		}
		f, err := next(ctx, sub)
		if err != nil {
			return err
		}
		tx, err := c.Begin(ctx, stomp.WithReceipt())
		if err != nil {
			return err
		}
		if err := tx.Ack(ctx, f); err != nil {
			return err
		}
		if err := end.does(tx); err != nil {
			return err
		}
		if err := s.expectRemaining(ctx, c, destination, end.left); err != nil {
			return err
		}
	}
	return nil
}

// receipts has a thousand receipts outstanding at once; every one is answered.
func receipts(ctx context.Context, s *scene) error {
	c, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	destination := s.topic()
	var pending []*stomp.Receipt
	for i := range 1000 {
		r, err := c.SendAsync(ctx, destination, strconv.AppendInt(nil, int64(i), 10))
		if err != nil {
			return err
		}
		pending = append(pending, r)
	}
	for i, r := range pending {
		if err := r.Wait(ctx); err != nil {
			return fmt.Errorf("receipt %d: %w", i, err)
		}
	}
	return nil
}

// requestReply makes twenty requests at the same time to another client, which
// answers each at its reply-to.
func requestReply(ctx context.Context, s *scene) error {
	server, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer server.Close()
	destination := s.queue()
	requests, err := s.subscribe(ctx, server, destination)
	if err != nil {
		return err
	}
	var answering sync.WaitGroup
	answering.Go(func() { // ends with the subscription, which server.Close ends
		for f := range requests.C {
			reply := f.Header.Get("reply-to")
			if reply == "" {
				continue // a probe
			}
			if err := server.Send(ctx, reply, append([]byte("re: "), f.Body...), stomp.WithHeader("correlation-id", f.Header.Get("correlation-id"))); err != nil {
				return
			}
		}
	})
	defer answering.Wait()
	defer server.Close()
	client, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	var opts []stomp.SendOption
	if s.replyTo != "" {
		opts = append(opts, stomp.WithReplyTo(s.replyTo+s.fresh()))
	}
	failed := make(chan error, 20)
	for i := range cap(failed) {
		go func() { // joined by the receives below
			text := strconv.Itoa(i)
			f, err := client.Request(ctx, destination, []byte(text), opts...)
			if err == nil && string(f.Body) != "re: "+text {
				err = fmt.Errorf("request %s was answered by %v", text, f)
			}
			failed <- err
		}()
	}
	for range cap(failed) {
		if e := <-failed; e != nil {
			err = e
		}
	}
	return err
}

// durableSubscription expects what was sent while the subscriber was away when it
// comes back, and nothing of that after the subscription was deleted.
func durableSubscription(ctx context.Context, s *scene) error {
	destination, d := s.topic(), s.durable(s.fresh())
	subscriber := func() (*stomp.Client, *stomp.Subscription[stomp.Frame], error) {
		c, err := s.connect(ctx, d.connect...)
		if err != nil {
			return nil, nil, err
		}
		sub, err := s.subscribe(ctx, c, destination, d.subscribe...)
		if err != nil {
			c.Close()
		}
		return c, sub, err
	}
	c, _, err := subscriber()
	if err != nil {
		return err
	}
	if err := c.Disconnect(ctx); err != nil {
		return err
	}
	publisher, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer publisher.Close()
	if err := s.sendAll(ctx, publisher, destination, []string{"while away"}, s.persistent); err != nil {
		return err
	}
	c, sub, err := subscriber()
	if err != nil {
		return err
	}
	defer c.Close()
	if got, _, err := bodies(ctx, sub, 1); err != nil || got[0] != "while away" {
		return fmt.Errorf("after coming back it received %q: %w", got, err)
	}
	if err := sub.Unsubscribe(ctx, d.unsubscribe...); err != nil {
		return err
	}
	if err := c.Disconnect(ctx); err != nil {
		return err
	}
	if err := s.sendAll(ctx, publisher, destination, []string{"after the end"}, s.persistent); err != nil {
		return err
	}
	c, sub, err = subscriber()
	if err != nil {
		return err
	}
	defer c.Close()
	if err := s.sendAll(ctx, publisher, destination, []string{"a new one"}, s.persistent); err != nil {
		return err
	}
	if got, _, err := bodies(ctx, sub, 1); err != nil || got[0] != "a new one" {
		return fmt.Errorf("subscribed anew, it received %q: %w", got, err)
	}
	return sub.Unsubscribe(ctx, d.unsubscribe...)
}

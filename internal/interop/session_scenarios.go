package interop

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/webstomp/webstomp/stomp"
)

// idle is longer than any of the servers waits for a byte from a silent client.
const idle = 65 * time.Second

// promisedBeat is short for a minute, and long for a server that shares two processors with nine others: it must not
// skip two.
const promisedBeat = 5 * time.Second

// heartBeats keeps two clients idle for a minute, one with the defaults and one
// that promises and wants heart-beats. Both keep their session.
func heartBeats(ctx context.Context, s *scene) error {
	byDefault, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer byDefault.Close()
	promised, err := s.connect(ctx, stomp.WithHeartBeat(promisedBeat, promisedBeat))
	if err != nil {
		return err
	}
	defer promised.Close()
	select {
	case <-time.After(idle):
	case <-ctx.Done():
		return ctx.Err()
	}
	for name, c := range map[string]*stomp.Client{"by default": byDefault, "with heart-beats promised": promised} {
		if st := c.Status(); st.Epoch != 1 || st.State != stomp.StateConnected {
			return fmt.Errorf("%s: the first session ended", name)
		}
		session, stats := c.Status().Session, c.Stats()
		if every := session.HeartBeatReceive; every > 0 && stats.HeartBeatsReceived < uint64(idle/every)/2 {
			return fmt.Errorf("%s: %d heart-beats came in %v, one every %v was agreed", name, stats.HeartBeatsReceived, idle, every)
		}
		if every := session.HeartBeatSend; every > 0 && stats.HeartBeatsSent < uint64(idle/every) {
			return fmt.Errorf("%s: %d heart-beats went out in %v, one every %v was agreed", name, stats.HeartBeatsSent, idle, every)
		}
		if stats.HeartBeatsSent == 0 && !(s.noHeartBeats && c == promised) {
			return fmt.Errorf("%s: no heart-beat went out", name)
		}
		if err := s.roundTrip(ctx, c, []byte("still here")); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// refusal expects Connect to have failed permanently, with an ERROR that has these
// words.
func refusal(c *stomp.Client, err error, words string) error {
	if err == nil {
		c.Close()
		return errors.New("it connects")
	}
	var refused *stomp.ConnectError
	var answer *stomp.Error
	if !errors.As(err, &refused) || !errors.As(err, &answer) {
		return fmt.Errorf("no broker ERROR in: %w", err)
	}
	if !refused.Permanent() {
		return fmt.Errorf("not permanent: %w", err)
	}
	if !strings.Contains(err.Error(), words) {
		return fmt.Errorf("the error does not say %q: %w", words, err)
	}
	return nil
}

func wrongLogin(ctx context.Context, s *scene) error {
	for {
		c, err := s.connect(ctx, stomp.WithLogin("guest", "a wrong one"))
		var closed *stomp.CloseError
		if s.mayDropError && errors.As(err, &closed) && ctx.Err() == nil {
			continue
		}
		return refusal(c, err, cmp.Or(s.wrongLogin, "guest"))
	}
}

func wrongVirtualHost(ctx context.Context, s *scene) error {
	c, err := s.connect(ctx, stomp.WithHost("no-such-host"))
	return refusal(c, err, "no-such-host")
}

// refusedDestination expects only the refused subscription to end, with a reason,
// and a send to the same destination to fail.
func refusedDestination(ctx context.Context, s *scene) error {
	c, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	destination := s.topic()
	good, err := s.subscribe(ctx, c, destination)
	if err != nil {
		return err
	}
	bad, err := c.NewSubscription(ctx, s.forbidden)
	if err != nil {
		return err
	}
	select {
	case f, open := <-bad.C:
		if open {
			return fmt.Errorf("received %v", f)
		}
	case <-ctx.Done():
		return fmt.Errorf("the refused subscription is still open; %v: %w", c.Status().Err, ctx.Err())
	}
	if bad.Err() == nil {
		return errors.New("the refused subscription ended without a reason")
	}
	if err := c.Send(ctx, s.forbidden, []byte("refused"), stomp.WithReceipt()); err == nil {
		return errors.New("a send with a receipt was confirmed")
	} else if ctx.Err() != nil {
		return fmt.Errorf("a send was not refused: %w", err)
	}
	if err := c.Send(ctx, destination, []byte("good"), stomp.WithRetry()); err != nil {
		return err
	}
	if got, _, err := bodies(ctx, good, 1); err != nil || got[0] != "good" {
		return fmt.Errorf("the other subscription received %q: %w", got, err)
	}
	return nil
}

// queueDeleted deletes the queue of a subscription, as an operator does. The
// subscription ends with the broker's ERROR or goes on with a new queue, as the
// dialect says; the other subscriptions go on.
func queueDeleted(ctx context.Context, s *scene) error {
	c, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	other := s.topic()
	good, err := s.subscribe(ctx, c, other)
	if err != nil {
		return err
	}
	destination := s.queue()
	sub, err := s.subscribe(ctx, c, destination)
	if err != nil {
		return err
	}
	if err := s.sendAll(ctx, c, destination, []string{"before"}); err != nil {
		return err
	}
	if _, err := next(ctx, sub); err != nil {
		return err
	}
	owner := s.Broker
	if s.Backend != nil {
		owner = s.Backend
	}
	if err := owner.DeleteQueue(ctx, strings.TrimPrefix(destination, "/queue/")); err != nil {
		return err
	}
	switch s.deleted {
	case cancels:
		if f, err := next(ctx, sub); err == nil {
			return fmt.Errorf("received %v", f)
		} else if ctx.Err() != nil {
			return err
		}
		var answer *stomp.Error
		if !errors.As(sub.Err(), &answer) {
			return fmt.Errorf("it ended with %w, want the broker's ERROR", sub.Err())
		}
	case recreates:
		publisher, err := s.connect(ctx)
		if err != nil {
			return err
		}
		defer publisher.Close()
		if err := arrives(ctx, publisher, sub); err != nil {
			return err
		}
	}
	return arrives(ctx, c, good)
}

// disconnect expects Disconnect to end without an error and to lose nothing that
// was sent before.
func disconnect(ctx context.Context, s *scene) error {
	destination, sent := s.topic(), numbered(100)
	receiver, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer receiver.Close()
	sub, err := s.subscribe(ctx, receiver, destination)
	if err != nil {
		return err
	}
	c, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	for _, text := range sent {
		if err := c.Send(ctx, destination, []byte(text)); err != nil {
			return err
		}
	}
	if err := c.Disconnect(ctx); err != nil {
		return err
	}
	if err := c.Err(); err != stomp.ErrClosed {
		return fmt.Errorf("after Disconnect, Err is %w", err)
	}
	got, _, err := bodies(ctx, sub, len(sent))
	if err != nil {
		return err
	}
	return same(got, sent)
}

// compression expects a body that compresses well to take fewer bytes than it has,
// in both directions unless the server sends uncompressed.
func compression(ctx context.Context, s *scene) error {
	url := s.URL
	if s.deflateURL != "" {
		url = s.deflateURL
	}
	c, err := s.connectTo(ctx, url, stomp.WithCompression())
	if err != nil {
		return err
	}
	defer c.Close()
	body := []byte(strings.Repeat("compress me ", 8000))
	if err := s.roundTrip(ctx, c, body); err != nil {
		return err
	}
	size := uint64(len(body))
	if st := c.Stats(); st.BytesSent >= size || st.BytesReceived >= size && !s.sendsUncompressed {
		return fmt.Errorf("%d bytes went out and %d came in for two bodies of %d each way", st.BytesSent, st.BytesReceived, len(body))
	}
	return nil
}

// tooBig expects a frame above the server's limit to fail with the reason, and the
// client to go on.
func tooBig(ctx context.Context, s *scene) error {
	url := s.URL
	if s.limited.url != "" {
		url = s.limited.url
	}
	c, err := s.connectTo(ctx, url, s.limited.connect...)
	if err != nil {
		return err
	}
	defer c.Close()
	destination := s.topic()
	sub, err := s.subscribe(ctx, c, destination)
	if err != nil {
		return err
	}
	send := c.Send(ctx, destination, make([]byte, s.limited.size), append(s.limited.options, stomp.WithReceipt())...)
	if send == nil {
		return fmt.Errorf("a body of %d bytes was confirmed", s.limited.size)
	}
	if ctx.Err() != nil {
		return fmt.Errorf("it was not refused: %w", send)
	}
	if !strings.Contains(send.Error(), s.limited.says) {
		return fmt.Errorf("the error does not say %q: %w", s.limited.says, send)
	}
	return arrives(ctx, c, sub)
}

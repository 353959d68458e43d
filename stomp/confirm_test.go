package stomp_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/stomp"
)

func TestConfirmed_waits_within_ctx(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c := rig.Pair(t)
		b.Delay(3 * time.Second)
		start := time.Now()
		sub, err := c.NewSubscription(t.Context(), "/a")
		rig.OK(t, err)
		rig.ErrorIs(t, sub.Confirmed(rig.Within(t, time.Second)), context.DeadlineExceeded)
		if d := time.Since(start); d != time.Second {
			t.Errorf("gave up after %v", d)
		}
		rig.OK(t, sub.Confirmed(t.Context()))
		if d := time.Since(start); d != 3*time.Second {
			t.Errorf("confirmed after %v", d)
		}
	})
}

func TestConfirmed_connection_lost_meanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, c := rig.Session(t)
		rest := p.Rest()
		sub, err := c.NewSubscription(t.Context(), "/a")
		rig.OK(t, err)
		p.Close()
		rig.ErrorIs(t, sub.Confirmed(t.Context()), stomp.ErrConnectionLost)
		<-c.Done()
		rig.ErrorIs(t, sub.Err(), stomp.ErrConnectionLost)
		<-rest
	})
}

// A SUBSCRIBE may be withdrawn on one session, and have been written on the one before.
func TestSubscribe_withdrawn_after_it_was_written(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p, c := rig.Reconnecting(t, wire.V12)
		_, err := c.Subscribe(t.Context(), "/first")
		rig.OK(t, err)
		p.Want(wire.Subscribe)
		asked := 0
		late := func(context.Context) (stomp.Header, error) {
			if asked++; asked > 1 {
				time.Sleep(time.Second / 2)
			}
			return nil, nil
		}
		subscribing := rig.Go(func() error {
			_, err := c.Subscribe(rig.Within(t, 10*time.Second), "/x", stomp.WithReceipt(), stomp.WithSubscribeHeaderFunc(late))
			return err
		})
		p.Want(wire.Subscribe)
		p.Close()
		s.Release()
		p = s.AcceptSession(wire.V12) // and does not read on
		err = <-subscribing
		rig.ErrorIs(t, err, context.DeadlineExceeded)
		rig.MaySent(t, err)
		if asked != 2 {
			t.Errorf("the function was asked %d times", asked)
		}
		rig.OK(t, c.Send(t.Context(), "/next", nil))
		p.Want(wire.Subscribe)
		p.Want(wire.Send) // and neither SUBSCRIBE nor UNSUBSCRIBE before
	})
}

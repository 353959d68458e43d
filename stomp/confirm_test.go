package stomp_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/rig"
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

package stomp_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/stomp"
)

// While the connection is lost again and again, at intervals of the back-off's own size, the Client ends at once at
// whatever instant its user wishes it.
func TestWithReconnect_end_at_any_time(t *testing.T) {
	for how, end := range ends {
		t.Run(how, func(t *testing.T) {
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			dice := rand.New(rand.NewPCG(seed, 1))
			for range 25 {
				cuts, life := dice.IntN(10)+1, time.Duration(dice.IntN(60_000))
				synctest.Test(t, func(t *testing.T) { endAt(t, end, cuts, life) })
			}
		})
	}
}

func endAt(t *testing.T, end func(*stomp.Client, func()) error, cuts int, life time.Duration) {
	route := rig.NewRoute(t)
	lifetime, endLifetime := context.WithCancel(context.Background())
	defer endLifetime()
	c := rig.Connect(t, route, stomp.WithReconnect(stomp.Backoff{Min: time.Microsecond, Max: 10 * time.Microsecond}),
		stomp.WithHeartBeat(0, 0), stomp.WithLifetime(lifetime))
	sub, err := c.NewSubscription(t.Context(), "/topic/a")
	rig.OK(t, err)
	var others sync.WaitGroup
	stop := make(chan struct{})
	others.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Duration(cuts) * time.Microsecond):
				route.Broker.Cut()
			}
		}
	})
	others.Go(func() {
		for c.Send(t.Context(), "/queue/a", nil, stomp.WithRetry()) == nil {
			time.Sleep(time.Microsecond)
		}
	})
	time.Sleep(life)
	rig.Takes(t, 0, func() {
		// A cut that comes first may cost what had been accepted: Disconnect says so.
		if err := end(c, endLifetime); err != nil && !errors.Is(err, stomp.ErrConnectionLost) {
			t.Errorf("error %v", err)
		}
	})
	close(stop)
	others.Wait()
	wantEnded(t, c, sub)
	rig.OK(t, c.Close())
}

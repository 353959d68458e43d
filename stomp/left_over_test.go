package stomp_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/stomp"
)

// A relay confirms no SUBSCRIBE to /app/…, and those to anything else. What has ended leaves nothing behind all the
// same, or not more and more: an entry that awaits a RECEIPT holds its subscription.
func TestSubscription_promise11_unconfirmed_ones_leave_little_behind(t *testing.T) {
	const rounds, most = 20_000, 12 << 20
	for name, once := range map[string]func(t *testing.T, c *stomp.Client, i int){
		"WithID": func(t *testing.T, c *stomp.Client, _ int) {
			ctx, cancel := context.WithCancel(t.Context())
			_, err := c.Subscribe(ctx, "/app/init", stomp.WithID("mine"))
			rig.OK(t, err)
			cancel()
			synctest.Wait()
		},
		"Request": func(t *testing.T, c *stomp.Client, i int) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			defer cancel()
			_, err := c.Request(ctx, "/queue/a", nil, stomp.WithReplyTo(fmt.Sprint("/app/", i)))
			rig.ErrorIs(t, err, context.DeadlineExceeded)
		},
	} {
		rig.Bubble(t, name, func(t *testing.T) {
			p, c := rig.Session(t, stomp.WithHeartBeat(0, 0))
			go func() { // ends with the connection
				for f := p.Next(); f.Command != ""; f = p.Next() {
					if wire.Get(f.Header, "receipt") != "" && !strings.HasPrefix(wire.Get(f.Header, "destination"), "/app/") {
						p.Receipt(f)
					}
				}
			}()
			_, err := c.Subscribe(t.Context(), "/topic/a", stomp.WithReceipt())
			rig.OK(t, err)
			before := heap()
			for i := range rounds {
				once(t, c, i)
			}
			if grown := heap() - before; grown > most {
				t.Errorf("%d that have ended take %d bytes, want %d at most", rounds, grown, most)
			}
		})
	}
}

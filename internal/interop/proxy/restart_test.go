package proxy

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/webstomp/webstomp/internal/interop/broker"
	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// A proxy that takes up its configuration anew ends the sessions that go through it, a moment later: they move to its
// new process, and what is sent WithRetry is not lost.
func TestProxy_promise7_reloaded_under_load(t *testing.T) {
	eachKind(t, func(t *testing.T, k kind) {
		ctx := bounded(t)
		_, to := upstream(t)
		f := k.start(t, setup{to: to})
		reloads(t, ctx, f, 4)
	})
}

// reloads reloads a proxy so often under load.
func reloads(t *testing.T, ctx context.Context, f *front, times uint64) {
	t.Helper()
	l := startLoad(t, ctx, f.url("ws"))
	for n := range times {
		l.more(t, ctx, 200)
		rig.OK(t, f.Reload())
		l.until(t, ctx, func() bool { return l.sessions() > n+1 })
	}
	l.more(t, ctx, 200)
	l.finish(t, ctx)
}

// The same where the proxy is killed, and started again after a moment.
func TestProxy_promise7_killed_under_load(t *testing.T) {
	eachKind(t, func(t *testing.T, k kind) {
		ctx := bounded(t)
		_, to := upstream(t)
		f := k.start(t, setup{to: to})
		l := startLoad(t, ctx, f.url("ws"))
		for range 4 {
			l.more(t, ctx, 200)
			f.Kill()
			<-time.After(200 * time.Millisecond)
			f.start(t)
		}
		l.more(t, ctx, 200)
		l.finish(t, ctx)
	})
}

// The server behind a proxy is away for a while. The proxy says so, which is no refusal, and the Client and its
// subscription are back when the server is.
func TestProxy_promise3_outlasts_the_absence_of_its_server(t *testing.T) {
	eachKind(t, func(t *testing.T, k kind) {
		ctx := bounded(t)
		to, err := broker.TakeAddress()
		rig.OK(t, err)
		b := stomptest.NewBroker(stomptest.WithAddr(to))
		f := k.start(t, setup{to: to})
		client := connect(t, ctx, f.url("ws"))
		client.exchange(t, ctx, "before", 1)
		b.Close()
		answered(t, client, k.unserved, 2) // HAProxy takes 3 s for each
		b = stomptest.NewBroker(stomptest.WithAddr(to))
		t.Cleanup(b.Close)
		rig.UntilSession(t, client.changes, 2)
		client.exchange(t, ctx, "after", 2)
	})
}

// answered waits until so many attempts at least were answered with that HTTP status, and none with another.
func answered(t *testing.T, c *client, status, times int) {
	t.Helper()
	for st := range c.changes {
		var err *stomp.ConnectError
		switch {
		case st.State == stomp.StateClosed:
			t.Fatalf("the Client is over: %v", c.Err())
		case !errors.As(st.Err, &err):
			continue
		case err.StatusCode != status && err.StatusCode != 0: // 0: the proxy itself is about to be replaced
			t.Errorf("answered with %d, want %d: %v", err.StatusCode, status, err)
		case err.Permanent() != (status < 500), err.Refused() != (status == 401 || status == 403):
			t.Errorf("permanent: %t, refused: %t: %v", err.Permanent(), err.Refused(), err)
		}
		if st.Attempt > times {
			t.Logf("attempt %d: %v", st.Attempt, st.Err)
			return
		}
	}
	t.Fatalf("the test's time is over; %+v", c.Status())
}

// A proxy that answers each request itself for a while, as one does during maintenance, or with a fault in its
// configuration. Also where it refuses it is not believed at once, and the Client is back when it is over.
func TestProxy_promise3_outlasts_a_proxy_that_refuses(t *testing.T) {
	for _, status := range []int{401, 403, 404, 502, 503} {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			eachKind(t, func(t *testing.T, k kind) {
				ctx := bounded(t)
				_, to := upstream(t)
				f := k.start(t, setup{to: to})
				client := connect(t, ctx, f.url("ws"))
				f.configure(t, setup{to: to, answer: status})
				rig.OK(t, f.Reload())
				answered(t, client, status, 4)
				f.configure(t, setup{to: to})
				rig.OK(t, f.Reload())
				rig.UntilSession(t, client.changes, 2)
				client.exchange(t, ctx, "after", 2)
			})
		})
	}
}

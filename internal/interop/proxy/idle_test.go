package proxy

import (
	"strings"
	"testing"
	"time"

	"github.com/webstomp/webstomp/internal/interop/servers"
	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// An idle timeout is kept off by the beats of either side, WebSocket pings among them, and a session of one that is
// longer than the default's beats by those.
func TestProxy_promise8_beats_keep_an_idle_session(t *testing.T) {
	eachKind(t, func(t *testing.T, k kind) {
		for name, c := range map[string]struct {
			idle, wait time.Duration
			opts       []stomp.ConnectOption
		}{
			"the_client's_beats":  {2 * time.Second, 7 * time.Second, []stomp.ConnectOption{stomp.WithHeartBeat(time.Second, 0)}},
			"the_server's_beats":  {3 * time.Second, 9 * time.Second, []stomp.ConnectOption{stomp.WithHeartBeat(0, time.Second)}},
			"pings":               {2 * time.Second, 7 * time.Second, []stomp.ConnectOption{stomp.WithHeartBeat(0, 0), stomp.WithPing(time.Second)}},
			"the_default's_beats": {7 * time.Second, 16 * time.Second, nil},
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				ctx := bounded(t)
				_, to := upstream(t)
				f := k.start(t, setup{to: to, idle: c.idle})
				client := connect(t, ctx, f.url("ws"), c.opts...)
				<-time.After(c.wait)
				client.exchange(t, ctx, "still here", 1)
			})
		}
	})
}

// Timeouts of HTTP's, for requests, answers and connections that are kept, do not concern a WebSocket.
func TestProxy_timeouts_of_HTTP_do_not_end_a_WebSocket(t *testing.T) {
	eachKind(t, func(t *testing.T, k kind) {
		ctx := bounded(t)
		_, to := upstream(t)
		f := k.start(t, setup{to: to, hasty: true})
		client := connect(t, ctx, f.url("ws"), stomp.WithHeartBeat(0, 0))
		<-time.After(4 * time.Second)
		client.exchange(t, ctx, "still here", 1)
	})
}

// An idle timeout shorter than any beat costs the session each time. The error says what to look at, and the Client
// is back at once.
func TestProxy_promise3_idle_timeout_shorter_than_any_beat(t *testing.T) {
	eachKind(t, func(t *testing.T, k kind) {
		ctx := bounded(t)
		_, to := upstream(t)
		f := k.start(t, setup{to: to, idle: 2500 * time.Millisecond})
		client := connect(t, ctx, f.url("ws"))
		st := rig.UntilSession(t, client.changes, 2)
		rig.ErrorIs(t, st.Err, stomp.ErrConnectionLost)
		rig.ErrorSays(t, st.Err, "ended without a close frame", "nothing had come for 2", "WithHeartBeat")
		client.exchange(t, ctx, "back", 2)
		if st := rig.UntilSession(t, client.changes, 3); !strings.Contains(st.Err.Error(), "nothing had come for 2") {
			t.Errorf("the second session ended with %v", st.Err)
		}
	})
}

// The same without HTTP: a proxy that passes bytes on. On tcp: URLs the client promises a beat every 10 s, and sends
// one every 5 s.
func TestProxy_promise8_idle_sessions_over_TCP(t *testing.T) {
	servers.OptIn(t)
	t.Parallel()
	for name, c := range map[string]struct {
		idle, wait time.Duration
		epoch      uint64
	}{"longer_than_the_beats": {7 * time.Second, 11 * time.Second, 1}, "shorter": {2 * time.Second, 3 * time.Second, 2}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := bounded(t)
			b, _ := upstream(t, stomptest.WithTCP())
			f := haproxyKind.start(t, setup{to: hostOf(t, b.TCPURL()), idle: c.idle, tcp: true})
			client := connect(t, ctx, f.url("tcp"))
			<-time.After(c.wait)
			client.exchange(t, ctx, "still here", c.epoch)
		})
	}
}

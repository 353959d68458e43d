package stomp_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// A token that is new at each attempt, in all places where servers look for one.
func TestWithBeforeConnect_has_a_fresh_token_for_each_attempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen []string
		route := rig.NewRoute(t, stomptest.WithHTTPAuth(func(r *http.Request) int {
			seen = append(seen, "http "+r.Header.Get("Authorization")+" "+r.URL.Query().Get("token"))
			return 0
		}))
		var attempts []stomp.Attempt
		c := rig.Connect(t, route, stomp.WithReconnect(rig.QuickBackoff), stomp.WithHeartBeat(0, 0),
			stomp.WithHeader("app", "shop"), stomp.WithLogin("u", "old"), stomp.WithHTTPHeader(http.Header{"X-App": {"shop"}}),
			stomp.WithBeforeConnect(func(_ context.Context, a *stomp.Attempt) error {
				attempts = append(attempts, *a)
				token := fmt.Sprintf("t%d", len(attempts))
				a.URL += "?token=" + token
				a.HTTPHeader.Set("Authorization", token)
				a.Header.Add("token", token)
				a.Passcode = token
				return nil
			}),
			stomp.WithBeforeConnect(func(_ context.Context, a *stomp.Attempt) error {
				if !strings.HasPrefix(a.Passcode, "t") {
					t.Errorf("the second function finds passcode %q", a.Passcode)
				}
				return nil
			}))
		w := c.Watch(t.Context())
		rig.Until(t, w, stomp.StateConnected)
		route.Plan(rig.NoDial, rig.Well)
		route.Broker.Cut()
		rig.Until(t, w, stomp.StateReconnecting)
		s := rig.Until(t, w, stomp.StateConnected)
		if s.Session.URL != "ws://one.test/ws" {
			t.Errorf("the session shows %q", s.Session.URL)
		}
		rig.Equal(t, "requests", seen, []string{"http t1 t1", "http t3 t3"})
		var connects []string
		for _, e := range route.Broker.Received() {
			if e.Frame.Command == wire.Connect {
				connects = append(connects, e.Frame.Get("app")+" "+e.Frame.Get("login")+" "+e.Frame.Get("passcode")+" "+e.Frame.Get("token"))
			}
		}
		rig.Equal(t, "CONNECTs", connects, []string{"shop u t1 t1", "shop u t3 t3"})
		for n, a := range attempts {
			if a.Number != []int{1, 1, 2}[n] || a.URL != "ws://one.test/ws" || a.Login != "u" || a.Passcode != "old" || a.Header.Get("app") != "shop" || a.HTTPHeader.Get("X-App") != "shop" {
				t.Errorf("attempt %d: %+v", n, a)
			}
		}
		if attempts[0].Err != nil {
			t.Errorf("the first attempt has error %v", attempts[0].Err)
		}
		rig.ErrorIs(t, attempts[1].Err, stomp.ErrConnectionLost)
		rig.ErrorIs(t, attempts[2].Err, rig.ErrDown)
	})
}

func TestWithBeforeConnect_an_error_ends_the_attempt_and_is_no_refusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		route := rig.NewRoute(t)
		down := true
		cause := errors.New("no token now")
		c := rig.Connect(t, route, stomp.WithReconnect(stomp.Backoff{Min: time.Second, Max: time.Second, Refused: time.Nanosecond}), stomp.WithHeartBeat(0, 0),
			stomp.WithBeforeConnect(func(_ context.Context, a *stomp.Attempt) error {
				if down && a.Err != nil && a.Number < 100 {
					return cause
				}
				return nil
			}))
		w := c.Watch(t.Context())
		rig.Until(t, w, stomp.StateConnected)
		route.Dials()
		route.Broker.Cut()
		rig.Until(t, w, stomp.StateReconnecting)
		s := rig.Until(t, w, stomp.StateReconnecting)
		rig.ErrorIs(t, s.Err, cause)
		if failed := rig.ErrorAs[stomp.ConnectError](t, s.Err); failed.Refused() || failed.Permanent() {
			t.Errorf("%v is taken for the server's answer", s.Err)
		}
		rig.Until(t, w, stomp.StateConnected)
		route.WantDials(t, 1)
	})
}

func TestWithBeforeConnect_what_makes_no_sense_is_that_attempt_s_error(t *testing.T) {
	for name, c := range map[string]struct {
		change func(a *stomp.Attempt)
		opts   []stomp.ConnectOption
		says   string
	}{
		"reserved_entry": {func(a *stomp.Attempt) { a.Header.Add("host", "x") }, nil, "WithHost"},
		"bad_URL":        {func(a *stomp.Attempt) { a.URL = "://?secret" }, nil, "bad URL"},
		"HTTP_header_without_HTTP": {func(a *stomp.Attempt) { a.HTTPHeader.Set("Authorization", "secret") },
			[]stomp.ConnectOption{stomp.WithDialer(func(context.Context, string) (net.Conn, error) { return nil, errors.New("dialled") })}, "HTTPHeader"},
	} {
		t.Run(name, func(t *testing.T) {
			err := rig.ConnectError(t, t.Context(), "ws://127.0.0.1:1/ws", append(c.opts, stomp.WithBeforeConnect(func(_ context.Context, a *stomp.Attempt) error {
				c.change(a)
				return nil
			}))...)
			rig.ErrorAs[stomp.ConnectError](t, err)
			rig.ErrorSays(t, err, c.says)
			rig.ErrorHides(t, err, "secret")
		})
	}
}

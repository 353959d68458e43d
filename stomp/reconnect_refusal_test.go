package stomp_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// When reconnecting, where all of it worked before, only the refusal of who we are ends the Client, the third time in a
// row; everything else goes on.
func TestWithReconnect_what_ends_the_Client(t *testing.T) {
	for name, c := range map[string]struct {
		script []rig.Trouble
		dials  int // at which the Client ends; 0: it lives
		status int
		broker string // ERROR's message
	}{
		"401_three_times":   {script: rig.Times(3, rig.RefusedUpgrade(401)), dials: 3, status: 401},
		"403_three_times":   {script: rig.Times(3, rig.RefusedUpgrade(403)), dials: 3, status: 403},
		"ERROR_three_times": {script: rig.Times(3, rig.Denied), dials: 3, broker: "Access refused for user 'u'"},
		"each_once":         {script: []rig.Trouble{rig.RefusedUpgrade(401), rig.RefusedUpgrade(403), rig.Denied}, dials: 3, broker: "Access refused for user 'u'"},
		"after_other_troubles": {script: append(append(rig.Times(5, rig.NoDial), rig.RefusedUpgrade(500), rig.Denied, rig.NoDial),
			rig.Times(3, rig.Denied)...), dials: 11, broker: "Access refused for user 'u'"},
		"two_refusals":                {script: rig.Times(2, rig.Denied)},
		"two_and_two_with_a_trouble":  {script: []rig.Trouble{rig.Denied, rig.Denied, rig.NoDial, rig.Denied, rig.RefusedUpgrade(401)}},
		"two_and_two_with_a_mute_one": {script: []rig.Trouble{rig.Denied, rig.Denied, rig.Mute, rig.Denied, rig.Denied}},
		"404":                         {script: rig.Times(20, rig.RefusedUpgrade(404))},
		"429":                         {script: rig.Times(20, rig.RefusedUpgrade(429))},
		"500":                         {script: rig.Times(20, rig.RefusedUpgrade(500))},
		"503":                         {script: rig.Times(20, rig.RefusedUpgrade(503))},
		"nobody_listens":              {script: rig.Times(20, rig.NoDial)},
		"a_dial_that_hangs":           {script: rig.Times(5, rig.Hangs)},
		"an_upgrade_that_hangs":       {script: rig.Times(5, rig.Silent)},
		"a_mute_server":               {script: rig.Times(5, rig.Mute)},
		"no_version_in_common":        {script: rig.Times(20, rig.Foreign)},
		"garbage":                     {script: rig.Times(20, rig.Garbage)},
		"a_bare_close":                {script: rig.Times(20, rig.Closes)},
	} {
		rig.Bubble(t, name, func(t *testing.T) {
			route := rig.NewRoute(t)
			client := rig.Connect(t, route, stomp.WithReconnect(rig.QuickBackoff), stomp.WithHeartBeat(0, 0))
			sub, err := client.NewSubscription(t.Context(), "/topic/a")
			rig.OK(t, err)
			w := client.Watch(t.Context())
			route.Dials()
			route.Plan(c.script...)
			route.Broker.Cut()
			if c.dials == 0 {
				rig.Until(t, w, stomp.StateReconnecting)
				if s := rig.Until(t, w, stomp.StateConnected); s.Epoch != 2 || s.Err != nil {
					t.Errorf("status %+v", s)
				}
				route.WantDials(t, len(c.script)+1)
				return
			}
			<-client.Done()
			failed := rig.ErrorAs[stomp.ConnectError](t, client.Err())
			if failed.StatusCode != c.status || !failed.Permanent() {
				t.Errorf("the Client ended with %v", client.Err())
			}
			if c.broker != "" {
				rig.Refused(t, client.Err(), c.broker)
			}
			rig.ErrorIs(t, sub.Err(), client.Err())
			route.WantDials(t, c.dials)
		})
	}
}

// Two refusals, a session, two more: not three in a row.
func TestWithReconnect_refusals_start_afresh_with_a_session(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		route := rig.NewRoute(t)
		c := rig.Connect(t, route, stomp.WithReconnect(rig.QuickBackoff), stomp.WithHeartBeat(0, 0))
		w := c.Watch(t.Context())
		for epoch := uint64(2); epoch < 6; epoch++ {
			route.Plan(rig.Denied, rig.RefusedUpgrade(401))
			route.Broker.Cut()
			rig.Until(t, w, stomp.StateReconnecting)
			if s := rig.Until(t, w, stomp.StateConnected); s.Epoch != epoch {
				t.Fatalf("status %+v", s)
			}
		}
	})
}

// A broker that accepts and says nothing is given up after 15 s.
func TestWithReconnect_attempt_is_bounded(t *testing.T) {
	for name, trouble := range map[string]rig.Trouble{"dial": rig.Hangs, "upgrade": rig.Silent, "handshake": rig.Mute} {
		rig.Bubble(t, name, func(t *testing.T) {
			route := rig.NewRoute(t)
			c := rig.Connect(t, route, stomp.WithReconnect(rig.LongBackoff), stomp.WithHeartBeat(0, 0))
			w := c.Watch(t.Context())
			route.Plan(trouble)
			route.Broker.Cut()
			first := rig.Until(t, w, stomp.StateReconnecting)
			second := rig.Until(t, w, stomp.StateReconnecting)
			if got := time.Since(first.RetryAt); got != 15*time.Second {
				t.Errorf("the attempt took %v, want 15 s", got)
			}
			var failed *stomp.ConnectError
			if second.Attempt != 2 || !errors.As(second.Err, &failed) {
				t.Errorf("status %+v", second)
			}
			rig.ErrorIs(t, second.Err, context.DeadlineExceeded)
		})
	}
}

type contextKey struct{}

// Credentials and headers are asked before every attempt, with the values of Connect's ctx, and what they say then is
// what the broker gets.
func TestWithReconnect_asks_afresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var logins, tokens []string
		b := rig.PipeBroker(t, stomptest.WithHTTPAuth(func(r *http.Request) int {
			tokens = append(tokens, r.Header.Get("Authorization"))
			return 0
		}))
		refusals := 2
		b.Intercept(func(e stomptest.Event) stomptest.Action {
			if e.Frame.Command != wire.Connect {
				return stomptest.Pass()
			}
			logins = append(logins, e.Frame.Get("login")+":"+e.Frame.Get("passcode"))
			if len(logins) > 1 && refusals > 0 {
				refusals--
				return stomptest.ReplyError("expired", nil, nil, true)
			}
			return stomptest.Pass()
		})
		ctx, cancel := context.WithCancel(context.WithValue(t.Context(), contextKey{}, "v"))
		asked := 0
		check := func(ctx context.Context) {
			if ctx.Value(contextKey{}) != "v" || ctx.Err() != nil {
				t.Error("the ctx is not one of Connect's values, or is over")
			}
		}
		c, err := stomp.Connect(ctx, b.URL(), stomp.WithHTTPClient(b.Client()), stomp.WithReconnect(rig.QuickBackoff),
			stomp.WithCredentials(func(ctx context.Context) (string, string, error) {
				check(ctx)
				asked++
				if asked == 3 {
					return "", "", errors.New("the vault is sealed")
				}
				return "u", strconv.Itoa(asked), nil
			}),
			stomp.WithHTTPHeaderFunc(func(ctx context.Context) (http.Header, error) {
				check(ctx)
				return http.Header{"Authorization": {"Bearer " + strconv.Itoa(asked)}}, nil
			}))
		rig.OK(t, err)
		cancel() // of no concern any more
		defer c.Close()
		b.Cut()
		w := c.Watch(t.Context())
		rig.Until(t, w, stomp.StateReconnecting)
		rig.Until(t, w, stomp.StateConnected)
		// The third time, the vault was sealed: nothing was dialled.
		if want := []string{"u:1", "u:2", "u:4", "u:5"}; !slices.Equal(logins, want) {
			t.Errorf("logins %v, want %v", logins, want)
		}
		if want := []string{"Bearer 1", "Bearer 2", "Bearer 4", "Bearer 5"}; !slices.Equal(tokens, want) {
			t.Errorf("tokens %v, want %v", tokens, want)
		}
	})
}

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

// When reconnecting, where all of it worked before, only the refusal of our credentials ends the Client, and only
// when it has lasted; everything else goes on.
func TestWithReconnect_what_ends_the_Client(t *testing.T) {
	backoff := stomp.Backoff{Min: time.Second, Max: 4 * time.Second, Refused: time.Minute}
	for name, c := range map[string]struct {
		script []rig.Trouble
		ends   bool
		status int
		broker string // ERROR's message
	}{
		"401":                        {script: rig.Times(99, rig.RefusedUpgrade(401)), ends: true, status: 401},
		"403":                        {script: rig.Times(99, rig.RefusedUpgrade(403)), ends: true, status: 403},
		"ERROR":                      {script: rig.Times(99, rig.Denied), ends: true, broker: "Access refused for user 'u'"},
		"after_others":               {script: append(append(rig.Times(5, rig.NoDial), rig.RefusedUpgrade(500), rig.Closes), rig.Times(99, rig.Denied)...), ends: true, broker: "Access refused for user 'u'"},
		"dials_that_fail_in_between": {script: slices.Repeat([]rig.Trouble{rig.Denied, rig.NoDial, rig.Hangs}, 33), ends: true, broker: "Access refused for user 'u'"},

		"refusals_for_less_than_that": {script: rig.Times(4, rig.Denied)},
		"503_now_and_then":            {script: append(slices.Repeat([]rig.Trouble{rig.Denied, rig.Denied, rig.Denied, rig.RefusedUpgrade(503)}, 20), rig.Well)},
		"closes_now_and_then":         {script: append(slices.Repeat([]rig.Trouble{rig.Denied, rig.Denied, rig.Denied, rig.Closes}, 20), rig.Well)},
		"404":                         {script: rig.Times(40, rig.RefusedUpgrade(404))},
		"429":                         {script: rig.Times(40, rig.RefusedUpgrade(429))},
		"500":                         {script: rig.Times(40, rig.RefusedUpgrade(500))},
		"503":                         {script: rig.Times(40, rig.RefusedUpgrade(503))},
		"nobody_listens":              {script: rig.Times(40, rig.NoDial)},
		"a_dial_that_hangs":           {script: rig.Times(9, rig.Hangs)},
		"an_upgrade_that_hangs":       {script: rig.Times(9, rig.Silent)},
		"a_mute_server":               {script: rig.Times(9, rig.Mute)},
		"no_version_in_common":        {script: rig.Times(40, rig.Foreign)},
		"garbage":                     {script: rig.Times(40, rig.Garbage)},
		"a_bare_close":                {script: rig.Times(40, rig.Closes)},
	} {
		rig.Bubble(t, name, func(t *testing.T) {
			route := rig.NewRoute(t)
			client := rig.Connect(t, route, stomp.WithReconnect(backoff), stomp.WithHeartBeat(0, 0))
			sub, err := client.NewSubscription(t.Context(), "/topic/a")
			rig.OK(t, err)
			w := client.Watch(t.Context())
			route.Dials()
			route.Plan(c.script...)
			cut := time.Now()
			route.Broker.Cut()
			if !c.ends {
				rig.Until(t, w, stomp.StateReconnecting)
				if s := rig.Until(t, w, stomp.StateConnected); s.Epoch != 2 || !errors.Is(s.Err, stomp.ErrConnectionLost) {
					t.Errorf("status %+v", s)
				}
				return
			}
			<-client.Done()
			if took := time.Since(cut); took < time.Minute || took > 3*time.Minute {
				t.Errorf("it took %v, want a minute of refusals and at most one delay more", took)
			}
			failed := rig.ErrorAs[stomp.ConnectError](t, client.Err())
			if failed.StatusCode != c.status || !failed.Permanent() || !failed.Refused() {
				t.Errorf("the Client ended with %v", client.Err())
			}
			if c.broker != "" {
				rig.Refused(t, client.Err(), c.broker)
			}
			rig.ErrorIs(t, sub.Err(), client.Err())
		})
	}
}

// The delays after refusals: Max/2 to Max, twice as long after each further one, up to 4·Max. Another answer in
// between starts them afresh.
func TestWithReconnect_refusals_are_spaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const most = 10 * time.Second
		route := rig.NewRoute(t)
		c := rig.Connect(t, route, stomp.WithReconnect(stomp.Backoff{Min: time.Millisecond, Max: most, Refused: -1}), stomp.WithHeartBeat(0, 0))
		w := c.Watch(t.Context())
		rig.Until(t, w, stomp.StateConnected)
		for range 30 {
			route.Dials()
			route.Plan(append(rig.Times(6, rig.Denied), rig.Closes, rig.Denied, rig.Well)...)
			route.Broker.Cut()
			rig.Until(t, w, stomp.StateReconnecting)
			rig.Until(t, w, stomp.StateConnected)
			dials := route.Dials()
			if len(dials) != 9 {
				t.Fatalf("%d dials: %v", len(dials), dials)
			}
			for n, bounds := range map[int][2]time.Duration{
				1: {most / 2, most}, 2: {most, 2 * most}, 3: {2 * most, 4 * most}, 4: {4 * most, 4 * most}, 5: {4 * most, 4 * most}, 6: {4 * most, 4 * most},
				8: {most / 2, most},
			} {
				if d := dials[n].At.Sub(dials[n-1].At); d < bounds[0] || d > bounds[1] {
					t.Errorf("attempt %d after %v, want %v to %v", n+1, d, bounds[0], bounds[1])
				}
			}
		}
	})
}

// Backoff.Refused below 0: refusals go on being tried, here for weeks.
func TestWithReconnect_refusals_without_end(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		route := rig.NewRoute(t)
		c := rig.Connect(t, route, stomp.WithReconnect(stomp.Backoff{Refused: -1}), stomp.WithHeartBeat(0, 0))
		w := c.Watch(t.Context())
		rig.Until(t, w, stomp.StateConnected)
		route.Plan(rig.Times(500, rig.Denied)...)
		route.Broker.Cut()
		rig.Until(t, w, stomp.StateReconnecting)
		rig.Until(t, w, stomp.StateConnected)
	})
}

// The defaults: a refusal of five minutes and no less ends the Client.
func TestWithReconnect_refusals_by_default(t *testing.T) {
	for name, c := range map[string]struct {
		lasts time.Duration
		ends  bool
	}{"four_minutes": {4 * time.Minute, false}, "for_good": {24 * time.Hour, true}} {
		rig.Bubble(t, name, func(t *testing.T) {
			route := rig.NewRoute(t)
			client := rig.Connect(t, route, stomp.WithHeartBeat(0, 0))
			cut := time.Now()
			route.Plan(rig.Times(1000, rig.Denied)...)
			time.AfterFunc(c.lasts, route.Mend)
			route.Broker.Cut()
			if !c.ends {
				w := client.Watch(t.Context())
				rig.Until(t, w, stomp.StateReconnecting)
				rig.Until(t, w, stomp.StateConnected)
				return
			}
			<-client.Done()
			if took := time.Since(cut); took < 5*time.Minute || took > 8*time.Minute {
				t.Errorf("the Client ended after %v", took)
			}
		})
	}
}

// A demoted primary that refuses does not keep the Client from the promoted standby: it is there in under a second.
// Where one refuses and the other is dead, that is the end all the same.
func TestWithFailover_refusals_of_one_endpoint(t *testing.T) {
	rig.Bubble(t, "the_other_is_promoted", func(t *testing.T) {
		route := rig.NewRoute(t)
		c := rig.Connect(t, route, stomp.WithFailover("ws://two.test/ws"), stomp.WithHeartBeat(0, 0))
		w := c.Watch(t.Context())
		rig.Until(t, w, stomp.StateConnected)
		route.Dials()
		route.Plan(rig.Denied, rig.NoDial, rig.NoDial, rig.Well)
		cut := time.Now()
		route.Broker.Cut()
		rig.Until(t, w, stomp.StateReconnecting)
		rig.Until(t, w, stomp.StateConnected)
		if took := time.Since(cut); took > time.Second {
			t.Errorf("it took %v", took)
		}
		rig.Equal(t, "endpoints", route.Hosts(), []string{"one.test", "two.test", "two.test", "two.test"})
	})
	rig.Bubble(t, "the_other_is_dead", func(t *testing.T) {
		route := rig.NewRoute(t)
		c := rig.Connect(t, route, stomp.WithFailover("ws://two.test/ws"), stomp.WithHeartBeat(0, 0))
		dead := func(host string) rig.Trouble {
			if host == "two.test" {
				return rig.NoDial
			}
			return rig.Denied
		}
		route.PlanByHost(dead)
		route.Broker.Cut()
		<-c.Done()
		rig.Refused(t, c.Err(), "Access refused for user 'u'")
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

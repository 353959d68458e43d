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

	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// When reconnecting, where all of it worked before, only the refusal of who we are ends the Client, the third time in a
// row; everything else goes on.
func TestReconnect_what_ends_the_Client(t *testing.T) {
	for name, c := range map[string]struct {
		script []trouble
		dials  int // at which the Client ends; 0: it lives
		status int
		broker string // ERROR's message
	}{
		"401_three_times":   {script: times(3, refusedUpgrade(401)), dials: 3, status: 401},
		"403_three_times":   {script: times(3, refusedUpgrade(403)), dials: 3, status: 403},
		"ERROR_three_times": {script: times(3, refused), dials: 3, broker: "Access refused for user 'u'"},
		"each_once":         {script: []trouble{refusedUpgrade(401), refusedUpgrade(403), refused}, dials: 3, broker: "Access refused for user 'u'"},
		"after_other_troubles": {script: append(append(times(5, noDial), refusedUpgrade(500), refused, noDial),
			times(3, refused)...), dials: 11, broker: "Access refused for user 'u'"},
		"two_refusals":                {script: times(2, refused)},
		"two_and_two_with_a_trouble":  {script: []trouble{refused, refused, noDial, refused, refusedUpgrade(401)}},
		"two_and_two_with_a_mute_one": {script: []trouble{refused, refused, mute, refused, refused}},
		"404":                         {script: times(20, refusedUpgrade(404))},
		"429":                         {script: times(20, refusedUpgrade(429))},
		"500":                         {script: times(20, refusedUpgrade(500))},
		"503":                         {script: times(20, refusedUpgrade(503))},
		"nobody_listens":              {script: times(20, noDial)},
		"a_dial_that_hangs":           {script: times(5, hangs)},
		"an_upgrade_that_hangs":       {script: times(5, silent)},
		"a_mute_server":               {script: times(5, mute)},
		"no_version_in_common":        {script: times(20, foreign)},
		"garbage":                     {script: times(20, garbage)},
		"a_bare_close":                {script: times(20, closes)},
	} {
		bubble(t, name, func(t *testing.T) {
			l := newApproach(t)
			client := l.join(t, stomp.WithReconnect(quickBackoff), stomp.WithHeartBeat(0, 0))
			sub, err := client.NewSubscription(t.Context(), "/topic/a")
			fine(t, err)
			w := client.Watch(t.Context())
			l.forget()
			l.plan(c.script...)
			l.broker.Cut()
			if c.dials == 0 {
				until(t, w, stomp.StateReconnecting)
				if s := until(t, w, stomp.StateConnected); s.Epoch != 2 || s.Err != nil {
					t.Errorf("status %+v", s)
				}
				if dials := l.forget(); len(dials) != len(c.script)+1 {
					t.Error(describe(dials))
				}
				return
			}
			<-client.Done()
			var failed *stomp.ConnectError
			if !errors.As(client.Err(), &failed) || failed.StatusCode != c.status || !failed.Permanent() {
				t.Errorf("the Client ended with %v", client.Err())
			}
			if c.broker != "" {
				refusal(t, client.Err(), c.broker)
			}
			matches(t, sub.Err(), client.Err())
			if dials := l.forget(); len(dials) != c.dials {
				t.Error(describe(dials))
			}
		})
	}
}

// Two refusals, a session, two more: not three in a row.
func TestReconnect_refusals_start_afresh_with_a_session(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newApproach(t)
		c := l.join(t, stomp.WithReconnect(quickBackoff), stomp.WithHeartBeat(0, 0))
		w := c.Watch(t.Context())
		for epoch := uint64(2); epoch < 6; epoch++ {
			l.plan(refused, refusedUpgrade(401))
			l.broker.Cut()
			until(t, w, stomp.StateReconnecting)
			if s := until(t, w, stomp.StateConnected); s.Epoch != epoch {
				t.Fatalf("status %+v", s)
			}
		}
	})
}

// A broker that accepts and says nothing is given up after 15 s.
func TestReconnect_attempt_is_bounded(t *testing.T) {
	for name, trouble := range map[string]trouble{"dial": hangs, "upgrade": silent, "handshake": mute} {
		bubble(t, name, func(t *testing.T) {
			l := newApproach(t)
			c := l.join(t, stomp.WithReconnect(longBackoff), stomp.WithHeartBeat(0, 0))
			w := c.Watch(t.Context())
			l.plan(trouble)
			l.broker.Cut()
			first := until(t, w, stomp.StateReconnecting)
			second := until(t, w, stomp.StateReconnecting)
			if got := time.Since(first.RetryAt); got != 15*time.Second {
				t.Errorf("the attempt took %v, want 15 s", got)
			}
			var failed *stomp.ConnectError
			if second.Attempt != 2 || !errors.As(second.Err, &failed) {
				t.Errorf("status %+v", second)
			}
			matches(t, second.Err, context.DeadlineExceeded)
		})
	}
}

type contextKey struct{}

// Credentials and headers are asked before every attempt, with the values of Connect's ctx, and what they say then is
// what the broker gets.
func TestReconnect_asks_afresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var logins, tokens []string
		b := pipeBroker(t, stomptest.WithHTTPAuth(func(r *http.Request) int {
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
		c, err := stomp.Connect(ctx, b.URL(), stomp.WithHTTPClient(b.Client()), stomp.WithReconnect(quickBackoff),
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
		fine(t, err)
		cancel() // of no concern any more
		defer c.Close()
		b.Cut()
		w := c.Watch(t.Context())
		until(t, w, stomp.StateReconnecting)
		until(t, w, stomp.StateConnected)
		// The third time, the vault was sealed: nothing was dialled.
		if want := []string{"u:1", "u:2", "u:4", "u:5"}; !slices.Equal(logins, want) {
			t.Errorf("logins %v, want %v", logins, want)
		}
		if want := []string{"Bearer 1", "Bearer 2", "Bearer 4", "Bearer 5"}; !slices.Equal(tokens, want) {
			t.Errorf("tokens %v, want %v", tokens, want)
		}
	})
}

package stomp_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// again is WithResubscribe with delays that do not matter, never with ones that last longer than the test.
var (
	again = stomp.WithResubscribe(rig.QuickBackoff)
	never = stomp.WithResubscribe(rig.LongBackoff)
)

// asked lists the SUBSCRIBEs to a destination: on which connection, and with which of these entries.
func asked(b *stomptest.Broker, destination string, entries ...string) (list []string) {
	for _, e := range b.Received() {
		if e.Frame.Command != wire.Subscribe || e.Frame.Get("destination") != destination {
			continue
		}
		text := fmt.Sprint("on ", e.Connection)
		for _, name := range entries {
			text += " " + e.Frame.Get(name)
		}
		list = append(list, text)
	}
	return list
}

// restored fails the test unless the subscription is open and was restored so often.
func restored(t *testing.T, sub *stomp.Subscription[stomp.Frame], times uint64) {
	t.Helper()
	rig.OK(t, sub.Err())
	if n := sub.Stats().Restored; n != times {
		t.Errorf("it was restored %d times, want %d", n, times)
	}
}

// RabbitMQ ends the session over a SUBSCRIBE to a queue that was deleted in it: it is asked on a connection of its
// own first, and the others hear nothing of that.
func TestWithResubscribe_RabbitMQ_cancels(t *testing.T) {
	for _, once := range []bool{false, true} {
		rig.Bubble(t, fmt.Sprint("once=", once), func(t *testing.T) {
			b := rig.PipeBroker(t, stomptest.WithProfile(stomptest.RabbitMQ))
			log := new(rig.Log)
			opts := []stomp.ConnectOption{stomp.WithLogger(log.Logger(0)), stomp.WithReconnect(rig.QuickBackoff)}
			if once {
				opts = append(opts, stomp.WithoutReconnect())
			}
			c := rig.Connect(t, b, opts...)
			other, err := c.NewSubscription(t.Context(), "/topic/ticks")
			rig.OK(t, err)
			sub, err := c.NewSubscription(t.Context(), "/queue/a", again, stomp.WithReceipt(), stomp.WithHeader("x-queue-type", "quorum"),
				stomp.WithHeader("prefetch-count", "7"))
			rig.OK(t, err)
			rig.Deliver(t, b, "/queue/a", sub.C, 3)
			for n := 1; n <= 3; n++ {
				rig.Publish(b, "/queue/a", "arrived") // and waits in the channel
				synctest.Wait()
				b.Cancel("/queue/a")
				synctest.Wait()
				restored(t, sub, uint64(n-1))
				time.Sleep(2 * time.Millisecond)
				restored(t, sub, uint64(n))
				rig.OK(t, sub.Confirmed(t.Context()))
				rig.Publish(b, "/queue/a", "after")
				rig.Body(t, sub.C, "arrived")
				rig.Body(t, sub.C, "after")
			}
			rig.Equal(t, "SUBSCRIBEs", asked(b, "/queue/a", "ack", "x-queue-type", "prefetch-count"), []string{"on 1 auto quorum 7",
				"on 2 client-individual quorum 1", "on 1 auto quorum 7", "on 3 client-individual quorum 1", "on 1 auto quorum 7",
				"on 4 client-individual quorum 1", "on 1 auto quorum 7"})
			if n := b.Connections(); n != 1 {
				t.Errorf("%d connections", n)
			}
			if st := c.Status(); st.Epoch != 1 || c.Stats().Sessions != 1 || c.Stats().Subscriptions != 2 {
				t.Errorf("%+v, %+v", st, c.Stats())
			}
			rig.Publish(b, "/topic/ticks", "tick")
			if f := rig.Body(t, other.C, "tick"); f.Epoch != 1 {
				t.Errorf("epoch %d", f.Epoch)
			}
			for text, want := range map[string]int{"it is asked for again": 3, "a subscription is back": 3, "level=WARN": 3} {
				if n := len(log.Lines(text)); n != want {
					t.Errorf("%d lines say %q, want %d:\n%s", n, text, want, log)
				}
			}
			rig.OK(t, sub.Unsubscribe(t.Context()))
			if n := b.Subscriptions("/queue/a"); n != 0 {
				t.Errorf("%d subscriptions are left", n)
			}
		})
	}
}

// Where the session outlives a refusal, it is asked for there.
func TestWithResubscribe_refused_first_then_accepted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c := rig.Pair(t)
		refusals := 3
		rig.On(b, wire.Subscribe, "/queue/a", func(f stomptest.Frame) stomptest.Action {
			if refusals--; refusals >= 0 {
				return rig.Refuse("not yet")(f)
			}
			return stomptest.Pass()
		})
		sub, err := c.NewSubscription(t.Context(), "/queue/a", again, stomp.WithReceipt())
		rig.OK(t, err)
		restored(t, sub, 1)
		rig.Deliver(t, b, "/queue/a", sub.C, 3)
		rig.Equal(t, "SUBSCRIBEs", asked(b, "/queue/a", "id"), slices.Repeat([]string{"on 1 " + sub.ID()}, 4))
	})
}

func TestWithResubscribe_delays_and_attempts(t *testing.T) {
	for _, attempts := range []int{1, 3, 10} {
		rig.Bubble(t, fmt.Sprint(attempts), func(t *testing.T) {
			b, c := rig.Pair(t)
			var times []time.Time
			rig.On(b, wire.Subscribe, "/queue/a", func(f stomptest.Frame) stomptest.Action {
				times = append(times, time.Now())
				return rig.Refuse(fmt.Sprint("refusal ", len(times)))(f)
			})
			backoff := stomp.Backoff{Min: time.Second, Max: 20 * time.Second, Factor: 3, Attempts: attempts, Refused: time.Nanosecond}
			sub, err := c.NewSubscription(t.Context(), "/queue/a", stomp.WithResubscribe(backoff))
			rig.OK(t, err)
			confirmed := rig.Go(func() error { return sub.Confirmed(t.Context()) })
			rig.Closed(t, sub.C)
			rig.Refused(t, sub.Err(), fmt.Sprint("refusal ", attempts+1))
			rig.Refused(t, <-confirmed, fmt.Sprint("refusal ", attempts+1))
			if len(times) != attempts+1 {
				t.Errorf("it was asked for %d times", len(times))
			}
			most := time.Second
			for i := 1; i < len(times); i++ {
				if d := times[i].Sub(times[i-1]); d > most {
					t.Errorf("attempt %d came after %v, want %v at most", i, d, most)
				}
				most = min(3*most, 20*time.Second)
			}
			if n := c.Stats().Subscriptions; n != 0 {
				t.Errorf("%d subscriptions", n)
			}
			_, err = c.Subscribe(t.Context(), "/queue/a", stomp.WithResubscribe(backoff), stomp.WithReceipt())
			rig.Refused(t, err, fmt.Sprint("refusal ", 2*attempts+2))
			rig.MaySent(t, err)
		})
	}
}

// The attempts on a connection of its own count as well, and begin anew once it was accepted.
func TestWithResubscribe_attempts_on_connections_of_its_own(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var refusals atomic.Int32
		b := refusing(t, stomptest.RabbitMQ, func(stomptest.Event) stomptest.Action {
			if refusals.Add(-1) >= 0 {
				return stomptest.ReplyError("no", nil, nil, true)
			}
			return stomptest.Pass()
		})
		c := rig.Connect(t, b)
		sub, err := c.NewSubscription(t.Context(), "/queue/bad", stomp.WithReceipt(), stomp.WithResubscribe(
			stomp.Backoff{Min: time.Millisecond, Max: time.Millisecond, Attempts: 3}))
		rig.OK(t, err)
		for n := range 3 {
			refusals.Store(2)
			b.Cancel("/queue/bad")
			synctest.Wait()
			rig.OK(t, sub.Confirmed(t.Context()))
			restored(t, sub, uint64(n+1))
		}
		refusals.Store(3)
		b.Cancel("/queue/bad")
		rig.Closed(t, sub.C)
		rig.Refused(t, sub.Err(), "no")
		if st := c.Status(); st.State != stomp.StateConnected || b.Sessions() != 1+3*3+3 {
			t.Errorf("%+v after %d sessions", st, b.Sessions())
		}
	})
}

// A connection of its own that the server ends over SUBSCRIBE is a refusal as well, and its error one to test for.
func TestWithResubscribe_attempts_that_end_a_connection_of_its_own(t *testing.T) {
	for name, way := range map[string]struct {
		ends  stomptest.Action
		check func(error) bool
	}{
		"without_a_word": {stomptest.CutAfter(), func(err error) bool {
			return errors.Is(err, stomp.ErrConnectionLost) && errors.Is(err, io.EOF)
		}},
		"close": {stomptest.CloseWith(1000, "STOMP died"), func(err error) bool {
			var closed *stomp.CloseError
			return errors.As(err, &closed) && !errors.Is(err, stomp.ErrConnectionLost)
		}},
	} {
		rig.Bubble(t, name, func(t *testing.T) {
			var down atomic.Bool
			b := refusing(t, stomptest.RabbitMQ, func(stomptest.Event) stomptest.Action {
				if down.Load() {
					return way.ends
				}
				return stomptest.Pass()
			})
			c := rig.Connect(t, b)
			sub, err := c.NewSubscription(t.Context(), "/queue/bad", stomp.WithReceipt(), stomp.WithResubscribe(
				stomp.Backoff{Min: time.Millisecond, Max: time.Millisecond, Attempts: 2}))
			rig.OK(t, err)
			down.Store(true)
			b.Cancel("/queue/bad")
			synctest.Wait()
			confirmed := rig.Go(func() error { return sub.Confirmed(t.Context()) })
			rig.Closed(t, sub.C)
			for _, err := range []error{sub.Err(), <-confirmed} {
				if !way.check(err) {
					t.Errorf("the error is %v", err)
				}
			}
			if st := c.Status(); st.State != stomp.StateConnected || b.Sessions() != 1+2 {
				t.Errorf("%+v after %d sessions", st, b.Sessions())
			}
		})
	}
}

// A connection of its own has no heart-beats: a server that does not answer there, as a relay does to a SUBSCRIBE
// that it keeps, would end it for their absence, and that is not its refusal.
func TestWithResubscribe_no_heart_beats_on_a_connection_of_its_own(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var kept atomic.Bool
		b := refusing(t, stomptest.RabbitMQ, func(stomptest.Event) stomptest.Action {
			if kept.Load() {
				return stomptest.Drop()
			}
			return stomptest.Pass()
		})
		c := rig.Connect(t, b, stomp.WithHeartBeat(time.Second, time.Second))
		sub, err := c.NewSubscription(t.Context(), "/queue/bad", stomp.WithReceipt(), stomp.WithResubscribe(
			stomp.Backoff{Min: time.Millisecond, Max: time.Millisecond, Attempts: 1}))
		rig.OK(t, err)
		kept.Store(true)
		b.Cancel("/queue/bad")
		time.Sleep(40 * time.Second) // more than two connections
		restored(t, sub, 0)
		kept.Store(false)
		time.Sleep(20 * time.Second)
		restored(t, sub, 1)
		var beats []string
		for _, e := range b.Received() {
			if e.Frame.Command == wire.Connect {
				beats = append(beats, e.Frame.Get("heart-beat"))
			}
		}
		rig.Equal(t, "heart-beats", beats, append([]string{"1000,1000"}, slices.Repeat([]string{"0,0"}, len(beats)-1)...))
	})
}

// What was handed out before is stale, and no ack of it goes out.
func TestWithResubscribe_promise6_acks(t *testing.T) {
	for _, mode := range []stomp.AckMode{stomp.AckClient, stomp.AckClientIndividual} {
		rig.Bubble(t, mode.String(), func(t *testing.T) {
			b, c := rig.Pair(t, stomptest.WithProfile(stomptest.RabbitMQ))
			sub, err := c.NewSubscription(t.Context(), "/queue/a", again, stomp.WithAck(mode), stomp.WithReceipt())
			rig.OK(t, err)
			rig.Publish(b, "/queue/a", "1", "2")
			old, waits := rig.Body(t, sub.C, "1"), ""
			b.Cancel("/queue/a")
			synctest.Wait()
			rig.ErrorIs(t, c.Ack(t.Context(), old), stomp.ErrStale)
			rig.OK(t, sub.Confirmed(t.Context()))
			rig.Publish(b, "/queue/a", "3")
			for waits != "3" {
				f := <-sub.C
				waits = string(f.Body)
				if err := c.Ack(t.Context(), f); waits == "3" {
					rig.OK(t, err)
				} else {
					rig.ErrorIs(t, err, stomp.ErrStale)
				}
			}
			rig.OK(t, sub.Unsubscribe(t.Context())) // waits for acknowledgements of the last one alone
			if n, stale := b.Unacked("/queue/a"), b.StaleAcks(); n != 0 || stale != 0 || c.Status().Epoch != 1 {
				t.Errorf("%d are not acked, %d acks were stale", n, stale)
			}
		})
	}
}

// A subscription that waits ends at once by whatever ends it, and no UNSUBSCRIBE goes out for what is not there.
func TestWithResubscribe_ends_while_it_waits(t *testing.T) {
	ends := map[string]func(c *stomp.Client, sub *stomp.Subscription[stomp.Frame], cancel func()) error{
		"ctx": func(_ *stomp.Client, _ *stomp.Subscription[stomp.Frame], cancel func()) error { cancel(); return nil },
		"Unsubscribe": func(_ *stomp.Client, sub *stomp.Subscription[stomp.Frame], _ func()) error {
			return sub.Unsubscribe(context.Background(), stomp.WithReceipt())
		},
		"Drain": func(c *stomp.Client, _ *stomp.Subscription[stomp.Frame], _ func()) error {
			return c.Drain(context.Background())
		},
		"Disconnect": func(c *stomp.Client, _ *stomp.Subscription[stomp.Frame], _ func()) error {
			return c.Disconnect(context.Background())
		},
		"Close": func(c *stomp.Client, _ *stomp.Subscription[stomp.Frame], _ func()) error { return c.Close() },
	}
	// For what it waits.
	waits := map[string]struct {
		option stomp.SubscribeOption
		path   []rig.Trouble
	}{
		"for_its_time":        {never, nil},
		"for_a_connection":    {again, []rig.Trouble{rig.Well, rig.Hangs}},
		"for_CONNECTED":       {again, []rig.Trouble{rig.Well, rig.Mute}},
		"for_an_answer_there": {again, []rig.Trouble{rig.Well, unanswered}},
		"for_a_session":       {again, []rig.Trouble{rig.Well, rig.Hangs, rig.Hangs}},
	}
	for wait, w := range waits {
		for how, end := range ends {
			for _, mode := range []stomp.AckMode{stomp.AckAuto, stomp.AckClient} {
				rig.Bubble(t, wait+"/"+how+"/"+mode.String(), func(t *testing.T) {
					route := rig.NewRoute(t, stomptest.WithProfile(stomptest.RabbitMQ))
					b := route.Broker
					route.Plan(w.path...)
					c := rig.Connect(t, route, stomp.WithReconnect(rig.QuickBackoff))
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					sub, err := c.NewSubscription(ctx, "/queue/a", w.option, stomp.WithAck(mode), stomp.WithID("mine"))
					rig.OK(t, err)
					rig.OK(t, sub.Confirmed(t.Context()))
					b.Cancel("/queue/a")
					if wait == "for_a_session" {
						synctest.Wait()
						b.Cut()
					}
					time.Sleep(5 * time.Millisecond)
					late := sub.Confirmed(rig.Within(t, time.Millisecond))
					rig.ErrorIs(t, late, context.DeadlineExceeded)
					rig.Refused(t, late, "Server cancelled subscription")
					rig.OK(t, sub.Err())
					rig.Takes(t, 0, func() {
						rig.OK(t, end(c, sub, cancel))
						rig.Closed(t, sub.C)
					})
					rig.OK(t, sub.Err())
					synctest.Wait()
					for _, e := range b.Received() {
						if e.Frame.Command == wire.Unsubscribe {
							t.Errorf("%v came", e.Frame)
						}
					}
					if c.Err() != nil {
						return
					}
					time.Sleep(100 * time.Millisecond)
					if wait != "for_a_session" {
						b.Intercept(nil)
						_, err = c.NewSubscription(t.Context(), "/topic/b", stomp.WithID("mine"), stomp.WithReceipt())
						rig.OK(t, err)
					}
					if st := c.Stats(); st.Subscriptions > 1 || c.Status().Epoch != 1 {
						t.Errorf("%+v", st)
					}
				})
			}
		}
	}
}

// unanswered leaves SUBSCRIBE unanswered.
func unanswered(_ context.Context, b *stomptest.Broker) error {
	rig.On(b, wire.Subscribe, "", rig.Always(stomptest.Drop()))
	return nil
}

// A new session does not restore what waits; Reconnect has it asked for at once.
func TestWithResubscribe_waits_while_the_session_is_lost_and_restored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := rig.PipeBroker(t, stomptest.WithProfile(stomptest.RabbitMQ))
		c := rig.Connect(t, b, stomp.WithReconnect(rig.QuickBackoff))
		sub, err := c.NewSubscription(t.Context(), "/queue/a", never, stomp.WithReceipt())
		rig.OK(t, err)
		other, err := c.NewSubscription(t.Context(), "/topic/b")
		rig.OK(t, err)
		b.Cancel("/queue/a")
		for range 3 {
			synctest.Wait()
			b.Cut()
			time.Sleep(10 * time.Millisecond)
		}
		rig.Deliver(t, b, "/topic/b", other.C, 1)
		restored(t, sub, 0)
		rig.Equal(t, "SUBSCRIBEs", asked(b, "/queue/a"), []string{"on 1"})
		rig.OK(t, c.Reconnect(t.Context()))
		rig.OK(t, sub.Confirmed(t.Context()))
		rig.Deliver(t, b, "/queue/a", sub.C, 2)
		restored(t, sub, 1)
		rig.Equal(t, "SUBSCRIBEs", asked(b, "/queue/a"), []string{"on 1", "on 6", "on 5"})
		b.Cut() // which restores it as any other, and counts nothing
		time.Sleep(10 * time.Millisecond)
		rig.Deliver(t, b, "/queue/a", sub.C, 2)
		restored(t, sub, 1)
	})
}

// Several are cancelled at once, again and again.
func TestWithResubscribe_several_at_once(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c := rig.Pair(t, stomptest.WithProfile(stomptest.RabbitMQ))
		var subs []*stomp.Subscription[stomp.Frame]
		for i := range 30 {
			sub, err := c.NewSubscription(t.Context(), fmt.Sprint("/queue/", i%10), stomp.WithResubscribe(stomp.Backoff{Min: time.Second, Max: time.Second}))
			rig.OK(t, err)
			rig.OK(t, sub.Confirmed(t.Context()))
			subs = append(subs, sub)
		}
		other, err := c.NewSubscription(t.Context(), "/topic/ticks")
		rig.OK(t, err)
		l := listenTo(b, other)
		for range 3 {
			for i := range 10 {
				b.Cancel(fmt.Sprint("/queue/", i))
			}
			time.Sleep(3 * time.Second)
		}
		for _, sub := range subs {
			restored(t, sub, 3)
		}
		l.share(t, 0.99) // the last one may be under way
		if st := c.Status(); st.Epoch != 1 || b.Connections() != 1 {
			t.Errorf("%+v, %d connections", st, b.Connections())
		}
	})
}

// A queue whose home node is down ends each session that subscribes to it. That costs two, and no more until it is
// back.
func TestWithResubscribe_home_node_is_down(t *testing.T) {
	for name, way := range map[string]struct {
		profile stomptest.Profile
		answer  stomptest.Action
	}{
		"RabbitMQ_closes":              {stomptest.RabbitMQ, stomptest.CloseWith(1000, "STOMP died")},
		"RabbitMQ_ERROR_and_close":     {stomptest.RabbitMQ, stomptest.ReplyError("not_found", nil, []byte("home node is down"), true)},
		"Generic_ERROR_and_close":      {stomptest.Generic, stomptest.ReplyError("not_found", nil, []byte("home node is down"), true)},
		"Spring_ERROR_without_receipt": {stomptest.Spring, stomptest.ReplyError("not_found", nil, []byte("home node is down"), true)},
	} {
		for _, before := range []bool{true, false} {
			rig.Bubble(t, fmt.Sprint(name, "/there_before=", before), func(t *testing.T) {
				var down atomic.Bool
				down.Store(!before)
				b := refusing(t, way.profile, func(stomptest.Event) stomptest.Action {
					if down.Load() {
						return way.answer
					}
					return stomptest.Pass()
				})
				c := rig.Connect(t, b, stomp.WithReconnect(rig.QuickBackoff))
				var others []*stomp.Subscription[stomp.Frame]
				for range 5 {
					sub, err := c.NewSubscription(t.Context(), "/topic/ticks")
					rig.OK(t, err)
					others = append(others, sub)
				}
				bad, err := c.NewSubscription(t.Context(), "/queue/bad", stomp.WithResubscribe(stomp.Backoff{Max: time.Second}))
				rig.OK(t, err)
				time.Sleep(time.Minute)
				epoch := uint64(1)
				if before {
					down.Store(true)
					b.Cut()
					epoch++
				}
				time.Sleep(10 * time.Second)
				most := uint64(2)
				if way.profile == stomptest.Spring && !before {
					most = 7 // which confirms nothing: each of six may be the reason
				}
				if n := c.Status().Epoch - epoch; n > most {
					t.Errorf("it cost %d sessions", n)
				}
				epoch = c.Status().Epoch
				l := listenTo(b, others[4])
				time.Sleep(40 * time.Second)
				l.share(t, 0.99)
				if n := c.Status().Epoch; n != epoch {
					t.Errorf("then it cost %d sessions more", n-epoch)
				}
				restored(t, bad, 0)
				down.Store(false)
				time.Sleep(2 * time.Second)
				if way.profile == stomptest.Spring {
					time.Sleep(15 * time.Second) // which confirms nothing
				}
				restored(t, bad, 1)
				rig.Publish(b, "/queue/bad", "back")
				rig.Body(t, bad.C, "back")
				if n := c.Status().Epoch; n != epoch {
					t.Errorf("its return cost %d sessions", n-epoch)
				}
			})
		}
	}
}

// A relay names the subscription, and ends the session all the same: the next one has the others, and this one when
// it can be had.
func TestWithResubscribe_relay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := rig.PipeBroker(t, stomptest.WithProfile(stomptest.RabbitMQ))
		c := rig.Connect(t, b, stomp.WithReconnect(rig.QuickBackoff))
		sub, err := c.NewSubscription(t.Context(), "/queue/a", again, stomp.WithReceipt())
		rig.OK(t, err)
		other, err := c.NewSubscription(t.Context(), "/topic/b")
		rig.OK(t, err)
		rig.OK(t, b.SendFrame(wire.Error, [][2]string{{"message", "Server cancelled subscription"}, {"subscription", sub.ID()}}, nil))
		b.CloseConnections(1002, "")
		time.Sleep(10 * time.Millisecond)
		restored(t, sub, 1)
		rig.Deliver(t, b, "/queue/a", sub.C, 2)
		rig.Deliver(t, b, "/topic/b", other.C, 2)
		if n := c.Status().Epoch; n != 2 {
			t.Errorf("epoch %d", n)
		}
	})
}

// Artemis says for whom it is only by ending the session: that is not its business.
func TestWithResubscribe_a_session_that_ends_is_restored_as_ever(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := rig.PipeBroker(t, stomptest.WithProfile(stomptest.Artemis))
		c := rig.Connect(t, b, stomp.WithReconnect(rig.QuickBackoff))
		sub, err := c.NewSubscription(t.Context(), "/queue/a", again, stomp.WithReceipt())
		rig.OK(t, err)
		b.Cancel("/queue/a")
		time.Sleep(2 * time.Second)
		rig.Deliver(t, b, "/queue/a", sub.C, 2)
		restored(t, sub, 0)
	})
}

// Only the session itself can declare an exclusive queue: a new one does, and where there can be none the
// subscription ends.
func TestWithResubscribe_exclusive_queue(t *testing.T) {
	for i, once := range []bool{false, true, false} {
		rig.Bubble(t, fmt.Sprint("once=", once), func(t *testing.T) {
			b := rig.PipeBroker(t, stomptest.WithProfile(stomptest.RabbitMQ))
			opts := []stomp.ConnectOption{stomp.WithReconnect(rig.QuickBackoff)}
			if once {
				opts = append(opts, stomp.WithoutReconnect())
			}
			c := rig.Connect(t, b, opts...)
			header := []stomp.HeaderOption{stomp.WithHeader("exclusive", "true"), stomp.WithHeader("durable", "false"), stomp.WithHeader("durable", "false")}[i]
			sub, err := c.NewSubscription(t.Context(), "/queue/a", again, stomp.WithReceipt(), header)
			rig.OK(t, err)
			b.Cancel("/queue/a")
			if once {
				rig.Closed(t, sub.C)
				rig.Refused(t, sub.Err(), "Server cancelled subscription")
				rig.OK(t, c.Err())
				return
			}
			time.Sleep(5 * time.Millisecond)
			restored(t, sub, 1)
			rig.Deliver(t, b, "/queue/a", sub.C, 2)
			rig.Equal(t, "SUBSCRIBEs", asked(b, "/queue/a"), []string{"on 1", "on 2"})
			if list := rig.Received(b); list[1] != wire.Disconnect {
				t.Errorf("the session did not end gently: %v", list)
			}
		})
	}
}

// A queue that is deleted with its last subscription is held until the session has it.
func TestWithResubscribe_auto_delete_queue(t *testing.T) {
	for _, auto := range []bool{false, true} {
		rig.Bubble(t, fmt.Sprint("auto-delete=", auto), func(t *testing.T) {
			b, c := rig.Pair(t, stomptest.WithProfile(stomptest.RabbitMQ))
			sub, err := c.NewSubscription(t.Context(), "/queue/a", again, stomp.WithReceipt(), stomp.WithHeader("auto-delete", fmt.Sprint(auto)))
			rig.OK(t, err)
			b.Cancel("/queue/a")
			time.Sleep(5 * time.Millisecond)
			restored(t, sub, 1)
			want := []string{"SUBSCRIBE 1", "SUBSCRIBE 2", "DISCONNECT 2", "SUBSCRIBE 1"}
			if auto {
				want[2], want[3] = want[3], want[2]
			}
			var got []string
			for _, e := range b.Received() {
				if e.Frame.Command != wire.Connect {
					got = append(got, fmt.Sprint(e.Frame.Command, " ", e.Connection))
				}
			}
			rig.Equal(t, "frames", got, want)
		})
	}
}

// What came to the connection that asks goes back to where it was.
func TestWithResubscribe_promise7_loses_nothing_that_it_finds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c := rig.Pair(t, stomptest.WithProfile(stomptest.RabbitMQ))
		sub, err := c.NewSubscription(t.Context(), "/queue/a", stomp.WithResubscribe(stomp.Backoff{Min: time.Minute, Max: time.Minute}), stomp.WithReceipt())
		rig.OK(t, err)
		b.Cancel("/queue/a")
		synctest.Wait()
		rig.Publish(b, "/queue/a", rig.Numbers(1, 50)...)
		for _, want := range rig.Numbers(1, 50) {
			rig.Body(t, sub.C, want)
		}
		restored(t, sub, 1)
	})
}

// The function of WithSubscribeHeaderFunc is asked before each SUBSCRIBE, and when it fails no attempt is used up.
func TestWithResubscribe_WithSubscribeHeaderFunc(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c := rig.Pair(t, stomptest.WithProfile(stomptest.RabbitMQ))
		calls := 0
		sub, err := c.NewSubscription(t.Context(), "/queue/a", stomp.WithReceipt(),
			stomp.WithResubscribe(stomp.Backoff{Min: time.Millisecond, Max: time.Millisecond, Attempts: 1}),
			stomp.WithSubscribeHeaderFunc(func(context.Context) (stomp.Header, error) {
				if calls++; calls == 2 || calls == 3 || calls == 5 || calls == 8 {
					return nil, errors.New("sealed")
				}
				return stomp.Header{{"token", fmt.Sprint(calls)}}, nil
			}))
		rig.OK(t, err)
		b.Cancel("/queue/a")
		time.Sleep(20 * time.Millisecond)
		restored(t, sub, 1)
		rig.Equal(t, "SUBSCRIBEs", asked(b, "/queue/a", "token"), []string{"on 1 1", "on 2 4", "on 3 6", "on 1 7"})
	})
}

// No connection can be had to ask on: for a minute that is tried, and then the session itself is asked.
func TestWithResubscribe_no_second_connection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		route := rig.NewRoute(t, stomptest.WithProfile(stomptest.RabbitMQ))
		log := new(rig.Log)
		c := rig.Connect(t, route, stomp.WithReconnect(rig.QuickBackoff), stomp.WithLogger(log.Logger(0)))
		sub, err := c.NewSubscription(t.Context(), "/topic/a", stomp.WithReceipt(), stomp.WithResubscribe(stomp.Backoff{Min: time.Second, Max: 5 * time.Second, Attempts: 1}))
		rig.OK(t, err)
		route.PlanByHost(func(string) rig.Trouble { return rig.RefusedUpgrade(http.StatusServiceUnavailable) })
		route.Broker.Cancel("/topic/a")
		time.Sleep(50 * time.Second)
		restored(t, sub, 0)
		rig.Equal(t, "SUBSCRIBEs", asked(route.Broker, "/topic/a"), []string{"on 1"})
		time.Sleep(20 * time.Second)
		restored(t, sub, 1)
		if n := c.Status().Epoch; n != 1 {
			t.Errorf("epoch %d", n)
		}
		if lines := log.Lines("there is no connection on which to ask"); len(lines) != 1 || !strings.Contains(lines[0], "503") {
			t.Errorf("%v", lines)
		}
	})
}

// The growth of delays is forgotten after a subscription that lasted.
func TestWithResubscribe_delays_begin_anew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c := rig.Pair(t, stomptest.WithProfile(stomptest.RabbitMQ))
		sub, err := c.NewSubscription(t.Context(), "/queue/a", stomp.WithReceipt(), stomp.WithResubscribe(stomp.Backoff{Min: time.Millisecond, Max: 100 * time.Hour, Factor: 1000}))
		rig.OK(t, err)
		back := func() time.Duration {
			b.Cancel("/queue/a")
			synctest.Wait()
			start := time.Now()
			rig.OK(t, sub.Confirmed(t.Context()))
			return time.Since(start)
		}
		for range 10 { // it lasts longer than the delay before
			time.Sleep(2 * time.Millisecond)
			if d := back(); d > time.Millisecond {
				t.Errorf("it took %v", d)
			}
		}
		longest := time.Duration(0)
		for range 3 { // it does not
			longest = max(longest, back())
		}
		if longest < time.Second {
			t.Errorf("the longest of three delays, up to 1 s, 1,000 s and 100 h, was %v", longest)
		}
	})
}

// Its order among the others stays, and its id is taken while it waits.
func TestWithResubscribe_keeps_its_place_and_its_id(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := rig.PipeBroker(t, stomptest.WithProfile(stomptest.RabbitMQ))
		c := rig.Connect(t, b, stomp.WithReconnect(rig.QuickBackoff))
		for _, d := range []string{"/queue/a", "/queue/b", "/queue/c"} {
			_, err := c.NewSubscription(t.Context(), d, stomp.WithID(d[7:]), stomp.WithResubscribe(stomp.Backoff{Min: time.Second, Max: time.Second}), stomp.WithReceipt())
			rig.OK(t, err)
		}
		b.Cancel("/queue/a")
		synctest.Wait()
		_, err := c.Subscribe(t.Context(), "/queue/x", stomp.WithID("a"))
		rig.ErrorIs(t, err, stomp.ErrDuplicateID)
		time.Sleep(2 * time.Second)
		b.Cut()
		time.Sleep(2 * time.Millisecond)
		list := rig.Received(b, "id")
		rig.Equal(t, "the last session", list[len(list)-3:], []string{"SUBSCRIBE id:a", "SUBSCRIBE id:b", "SUBSCRIBE id:c"})
	})
}

func TestWithResubscribe_without_it_a_subscription_ends(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c := rig.Pair(t, stomptest.WithProfile(stomptest.RabbitMQ))
		sub, err := c.NewSubscription(t.Context(), "/queue/a", stomp.WithReceipt())
		rig.OK(t, err)
		b.Cancel("/queue/a")
		rig.Closed(t, sub.C)
		rig.Refused(t, sub.Err(), "Server cancelled subscription")
		if n := sub.Stats().Restored; n != 0 {
			t.Errorf("restored %d times", n)
		}
	})
}

func TestWithResubscribe_options_refused(t *testing.T) {
	_, c := rig.Session(t)
	for want, opts := range map[string][]stomp.SubscribeOption{
		"WithResubscribe and WithoutResubscribe exclude each other":        {again, stomp.WithoutResubscribe()},
		"WithResubscribe: negative value in Backoff (0 keeps the default)": {stomp.WithResubscribe(stomp.Backoff{Attempts: -1})},
		"WithResubscribe: Backoff.Max is below Min":                        {stomp.WithResubscribe(stomp.Backoff{Min: 2, Max: 1})},
		"WithResubscribe: Backoff.Factor is below 1":                       {stomp.WithResubscribe(stomp.Backoff{Factor: 0.5})},
	} {
		_, err := c.Subscribe(t.Context(), "/a", opts...)
		rig.ErrorText(t, err, "stomp: subscribe /a: "+want)
		rig.Unsent(t, err)
	}
}

package stomp_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// refusing is a broker that answers every SUBSCRIBE to a destination that begins with /queue/bad in its own way.
func refusing(t *testing.T, profile stomptest.Profile, answer func(stomptest.Event) stomptest.Action) *stomptest.Broker {
	t.Helper()
	b := rig.PipeBroker(t, stomptest.WithProfile(profile))
	b.Intercept(func(e stomptest.Event) stomptest.Action {
		if e.Direction == stomptest.In && e.Frame.Command == wire.Subscribe && strings.HasPrefix(e.Frame.Get("destination"), "/queue/bad") {
			return answer(e)
		}
		return stomptest.Pass()
	})
	return b
}

// Promise 5: a subscription that the broker refuses ends alone, with the broker's words, and is never replayed.
func TestSubscription_promise5_refused_ends_alone(t *testing.T) {
	words := []byte("RESOURCE_LOCKED")
	errorNobody := func(closeAfter bool) func(stomptest.Event) stomptest.Action {
		return func(stomptest.Event) stomptest.Action { return stomptest.ReplyError("refused", nil, words, closeAfter) }
	}
	for _, way := range []struct {
		name    string
		profile stomptest.Profile
		answer  func(stomptest.Event) stomptest.Action
		once    bool // it costs no session
		closes  bool // there is no ERROR, only a close
	}{
		{"ERROR_with_receipt-id", stomptest.RabbitMQ, func(e stomptest.Event) stomptest.Action {
			return stomptest.ReplyError("refused", [][2]string{{"receipt-id", e.Frame.Get("receipt")}}, words, false)
		}, true, false},
		{"ERROR_with_receipt-id_and_close", stomptest.Generic, func(e stomptest.Event) stomptest.Action {
			return stomptest.ReplyError("refused", [][2]string{{"receipt-id", e.Frame.Get("receipt")}}, words, true)
		}, false, false},
		{"ERROR_that_names_nobody", stomptest.RabbitMQ, errorNobody(false), false, false},
		{"ERROR_that_names_nobody_and_close", stomptest.Generic, errorNobody(true), false, false},
		{"close_1000_STOMP_died", stomptest.RabbitMQ, func(stomptest.Event) stomptest.Action {
			return stomptest.CloseWith(1000, "STOMP died")
		}, false, true},
		{"ERROR_without_receipts", stomptest.Spring, errorNobody(true), false, false},
	} {
		for _, destinations := range []string{"bad", "bad a b c", "a bad b", "a b c bad", "bad1 a bad2 b bad3"} {
			rig.Bubble(t, way.name+"/"+destinations, func(t *testing.T) {
				b := refusing(t, way.profile, way.answer)
				c := rig.Connect(t, b, stomp.WithReconnect(rig.QuickBackoff))
				var good, bad []*stomp.Subscription[stomp.Frame]
				for _, d := range strings.Fields(destinations) {
					sub, err := c.NewSubscription(t.Context(), "/queue/"+d)
					rig.OK(t, err)
					if strings.HasPrefix(d, "bad") {
						bad = append(bad, sub)
					} else {
						good = append(good, sub)
					}
				}
				start := time.Now()
				for _, sub := range bad {
					rig.Closed(t, sub.C)
					if !way.closes {
						rig.Refused(t, sub.Err(), "refused")
						if !strings.Contains(sub.Err().Error(), string(words)) {
							t.Errorf("the broker's words are not in %v", sub.Err())
						}
						continue
					}
					closed := rig.ErrorAs[stomp.CloseError](t, sub.Err())
					if closed.Code != 1000 || closed.Reason != "STOMP died" {
						t.Errorf("it ended with %v", sub.Err())
					}
				}
				least, most := time.Duration(0), 100*time.Millisecond
				if way.closes { // three times, 2 and 4 s apart, and a second each for last words
					least, most = 6*time.Second, time.Duration(len(bad))*9*time.Second
				}
				if d := time.Since(start); way.profile != stomptest.Spring && (d < least || d > most) {
					t.Errorf("took %v", d)
				}
				time.Sleep(10 * time.Second)
				asked, sessions := tries(b), b.Sessions()
				if way.once && sessions != 1 {
					t.Errorf("%d sessions", sessions)
				}
				b.Cut()
				time.Sleep(10 * time.Second)
				if n := tries(b); n != asked {
					t.Errorf("replayed: %d times, then %d", asked, n)
				}
				if b.Sessions() != sessions+1 {
					t.Errorf("%d sessions, %d after a cut", sessions, b.Sessions())
				}
				for _, sub := range good {
					rig.OK(t, sub.Err())
					b.Publish(sub.Destination(), nil, []byte("x"))
					if f := <-sub.C; string(f.Body) != "x" || f.Epoch != c.Status().Epoch {
						t.Errorf("%v, epoch %d of %d", f, f.Epoch, c.Status().Epoch)
					}
				}
			})
		}
	}
}

// tries counts the SUBSCRIBEs to what is refused.
func tries(b *stomptest.Broker) (n int) {
	for _, e := range b.Received() {
		if e.Frame.Command == wire.Subscribe && strings.HasPrefix(e.Frame.Get("destination"), "/queue/bad") {
			n++
		}
	}
	return n
}

// Promise 5: who is not refused does not end.
func TestSubscription_promise5_survives_plain_cuts_while_SUBSCRIBE_is_unanswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cuts := 0
		b := rig.PipeBroker(t)
		b.Intercept(func(e stomptest.Event) stomptest.Action {
			if e.Direction == stomptest.In && e.Frame.Command == wire.Subscribe && cuts < 50 {
				cuts++
				switch cuts % 5 {
				case 0:
					return stomptest.CutBefore()
				case 1:
					return stomptest.CutAfter()
				case 2:
					return stomptest.CloseWith(1001, "going away")
				case 3:
					return stomptest.CloseWith(1012, "restart")
				default:
					return stomptest.CutInside(5)
				}
			}
			return stomptest.Pass()
		})
		c := rig.Connect(t, b, stomp.WithReconnect(rig.QuickBackoff))
		sub, err := c.NewSubscription(t.Context(), "/queue/a", stomp.WithReceipt())
		rig.OK(t, err)
		b.Publish("/queue/a", nil, []byte("x"))
		if f := <-sub.C; f.Epoch != 51 {
			t.Errorf("epoch %d", f.Epoch)
		}
	})
}

func TestSubscription_promise5_survives_cuts_between_refusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		b := refusing(t, stomptest.Generic, func(stomptest.Event) stomptest.Action {
			if n++; n%2 == 1 {
				return stomptest.CloseWith(1000, "")
			}
			return stomptest.CutBefore()
		})
		c := rig.Connect(t, b, stomp.WithReconnect(rig.QuickBackoff))
		good, err := c.NewSubscription(t.Context(), "/queue/a")
		rig.OK(t, err)
		bad, err := c.NewSubscription(t.Context(), "/queue/bad")
		rig.OK(t, err)
		for range bad.C {
		}
		var closed *stomp.CloseError
		if !errors.As(bad.Err(), &closed) {
			t.Errorf("it ended with %v", bad.Err())
		}
		rig.OK(t, good.Err())
	})
}

func TestSubscription_promise5_survives_an_ERROR_before_its_SUBSCRIBE_is_sent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, p, c := rig.Reconnecting(t, wire.V12)
		held := make(chan struct{})
		asked := 0
		_, err := c.Subscribe(t.Context(), "/queue/a")
		rig.OK(t, err)
		innocent, err := c.NewSubscription(t.Context(), "/queue/b", stomp.WithSubscribeHeaderFunc(func(context.Context) (stomp.Header, error) {
			if asked++; asked == 2 {
				<-held
			}
			return nil, nil
		}))
		rig.OK(t, err)
		p.Want(wire.Subscribe)
		p = suspect(t, server, p)
		f := p.Want(wire.Subscribe)
		p.Receipt(f)
		synctest.Wait()
		p.Send(wire.Error, "", "message", "going down")
		synctest.Wait()
		close(held)
		server.Attend(server.AcceptSession(wire.V12))
		rig.OK(t, innocent.Confirmed(t.Context()))
		rig.OK(t, innocent.Err())
	})
}

func TestSubscription_promise5_survives_an_ERROR_about_a_SEND(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, p, c := rig.Reconnecting(t, wire.V12)
		sub, err := c.NewSubscription(t.Context(), "/queue/a")
		rig.OK(t, err)
		f := p.Want(wire.Subscribe)
		p.Receipt(f)
		synctest.Wait()
		p.Send(wire.Error, "", "message", "bad SEND")
		server.Release()
		p = server.AcceptSession(wire.V12)
		p.Want(wire.Subscribe) // unanswered, but nobody is under suspicion:
		for c.Status().State != stomp.StateConnected {
			synctest.Wait()
		}
		rig.OK(t, sub.Err())
	})
}

func TestSubscription_promise12_server_cancels_it(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := rig.PipeBroker(t, stomptest.WithProfile(stomptest.RabbitMQ))
		c := rig.Connect(t, b, stomp.WithReconnect(rig.QuickBackoff))
		cancelled, err := c.NewSubscription(t.Context(), "/queue/a", stomp.WithReceipt())
		rig.OK(t, err)
		other, err := c.NewSubscription(t.Context(), "/queue/b", stomp.WithReceipt())
		rig.OK(t, err)
		b.Cancel("/queue/a")
		rig.Closed(t, cancelled.C)
		rig.Refused(t, cancelled.Err(), "Server cancelled subscription")
		time.Sleep(time.Minute)
		if n := b.Sessions(); n != 1 {
			t.Errorf("%d sessions", n)
		}
		b.Cut()
		b.Publish("/queue/b", nil, []byte("x"))
		if f := <-other.C; f.Epoch != 2 {
			t.Errorf("epoch %d", f.Epoch)
		}
		if n := b.Subscriptions("/queue/a"); n != 0 {
			t.Errorf("%d subscriptions to what was cancelled", n)
		}
	})
}

// Promise 11: a server that sends no receipts costs one second of probation, however many subscriptions there are.
func TestSubscription_promise11_probation_takes_a_second(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := rig.PipeBroker(t, stomptest.WithProfile(stomptest.Spring))
		c := rig.Connect(t, b, stomp.WithReconnect(rig.QuickBackoff))
		for i := range 20 {
			_, err := c.Subscribe(t.Context(), fmt.Sprint("/topic/", i))
			rig.OK(t, err)
		}
		rig.OK(t, c.Flush(t.Context()))
		synctest.Wait()
		start := time.Now()
		b.CloseConnections(1000, "")
		synctest.Wait()
		rig.OK(t, c.Send(t.Context(), "/topic/x", nil))
		if d := time.Since(start); d < time.Second || d > time.Second+2*time.Millisecond {
			t.Errorf("took %v", d)
		}
		if b.Sessions() != 2 {
			t.Errorf("%d sessions", b.Sessions())
		}
	})
}

package stomp_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// joinLasting connects a client that reconnects within a millisecond, and ends with the test.
func joinLasting(t *testing.T, b *stomptest.Broker, opts ...stomp.ConnectOption) *stomp.Client {
	t.Helper()
	return joinBroker(t, b, append([]stomp.ConnectOption{stomp.WithReconnect(stomp.Backoff{Min: time.Millisecond, Max: time.Millisecond})}, opts...)...)
}

// refusing is a broker that answers every SUBSCRIBE to a destination that begins with /queue/bad in its own way.
func refusing(t *testing.T, profile stomptest.Profile, answer func(stomptest.Event) stomptest.Action) *stomptest.Broker {
	t.Helper()
	b := pipeBroker(t, stomptest.WithProfile(profile))
	b.Intercept(func(e stomptest.Event) stomptest.Action {
		if e.Direction == stomptest.In && e.Frame.Command == wire.Subscribe && strings.HasPrefix(e.Frame.Get("destination"), "/queue/bad") {
			return answer(e)
		}
		return stomptest.Pass()
	})
	return b
}

// Promise 5: a subscription that the broker refuses ends alone, with the broker's words, and is never replayed.
func TestPromise5_Refused(t *testing.T) {
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
			bubble(t, way.name+"/"+destinations, func(t *testing.T) {
				b := refusing(t, way.profile, way.answer)
				c := joinLasting(t, b)
				var good, bad []*stomp.Subscription[stomp.Frame]
				for _, d := range strings.Fields(destinations) {
					sub, err := c.NewSubscription(t.Context(), "/queue/"+d)
					fine(t, err)
					if strings.HasPrefix(d, "bad") {
						bad = append(bad, sub)
					} else {
						good = append(good, sub)
					}
				}
				start := time.Now()
				for _, sub := range bad {
					if _, open := <-sub.C; open {
						t.Fatal("a message came")
					}
					if !way.closes {
						refusal(t, sub.Err(), "refused")
						if !strings.Contains(sub.Err().Error(), string(words)) {
							t.Errorf("the broker's words are not in %v", sub.Err())
						}
						continue
					}
					var closed *stomp.CloseError
					if !errors.As(sub.Err(), &closed) || closed.Code != 1000 || closed.Reason != "STOMP died" {
						t.Errorf("it ended with %v", sub.Err())
					}
				}
				if d := time.Since(start); way.profile != stomptest.Spring && d > 100*time.Millisecond {
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
					fine(t, sub.Err())
					b.Publish(sub.Destination(), nil, []byte("x"))
					if f := <-sub.C; string(f.Body) != "x" || f.Epoch != b.Sessions() {
						t.Errorf("%v, epoch %d of %d", f, f.Epoch, b.Sessions())
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
func TestPromise5_Innocent(t *testing.T) {
	bubble(t, "plain_cuts_while_SUBSCRIBE_is_unanswered", func(t *testing.T) {
		cuts := 0
		b := pipeBroker(t)
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
		c := joinLasting(t, b)
		sub, err := c.NewSubscription(t.Context(), "/queue/a", stomp.WithReceipt())
		fine(t, err)
		b.Publish("/queue/a", nil, []byte("x"))
		if f := <-sub.C; f.Epoch != 51 {
			t.Errorf("epoch %d", f.Epoch)
		}
	})
	bubble(t, "cuts_between_refusals", func(t *testing.T) {
		n := 0
		b := refusing(t, stomptest.Generic, func(stomptest.Event) stomptest.Action {
			if n++; n%2 == 1 {
				return stomptest.CloseWith(1000, "")
			}
			return stomptest.CutBefore()
		})
		c := joinLasting(t, b)
		good, err := c.NewSubscription(t.Context(), "/queue/a")
		fine(t, err)
		bad, err := c.NewSubscription(t.Context(), "/queue/bad")
		fine(t, err)
		for range bad.C {
		}
		var closed *stomp.CloseError
		if !errors.As(bad.Err(), &closed) {
			t.Errorf("it ended with %v", bad.Err())
		}
		fine(t, good.Err())
	})
	bubble(t, "an_ERROR_before_its_SUBSCRIBE_is_sent", func(t *testing.T) {
		l, c, p := trunkRig(t, wire.V12)
		held := make(chan struct{})
		asked := 0
		_, err := c.Subscribe(t.Context(), "/queue/a")
		fine(t, err)
		innocent, err := c.NewSubscription(t.Context(), "/queue/b", stomp.WithHeaderFunc(func() stomp.Header {
			if asked++; asked == 2 {
				<-held
			}
			return nil
		}))
		fine(t, err)
		p.want(wire.Subscribe)
		p = suspect(t, l, p)
		f := p.want(wire.Subscribe)
		p.send(wire.Receipt, "", [2]string{"receipt-id", wire.Get(f.Header, "receipt")})
		synctest.Wait()
		p.send(wire.Error, "", [2]string{"message", "going down"})
		synctest.Wait()
		close(held)
		l.attend(l.accept(wire.V12))
		fine(t, innocent.Confirmed(t.Context()))
		fine(t, innocent.Err())
	})
	bubble(t, "an_ERROR_about_a_SEND", func(t *testing.T) {
		l, c, p := trunkRig(t, wire.V12)
		sub, err := c.NewSubscription(t.Context(), "/queue/a")
		fine(t, err)
		f := p.want(wire.Subscribe)
		p.send(wire.Receipt, "", [2]string{"receipt-id", wire.Get(f.Header, "receipt")})
		synctest.Wait()
		p.send(wire.Error, "", [2]string{"message", "bad SEND"})
		close(l.gate)
		p = l.accept(wire.V12)
		p.want(wire.Subscribe) // unanswered, but nobody is under suspicion:
		for c.Status().State != stomp.StateConnected {
			synctest.Wait()
		}
		fine(t, sub.Err())
	})
	bubble(t, "Promise12_Server_cancelled_subscription", func(t *testing.T) {
		b := pipeBroker(t, stomptest.WithProfile(stomptest.RabbitMQ))
		c := joinLasting(t, b)
		cancelled, err := c.NewSubscription(t.Context(), "/queue/a", stomp.WithReceipt())
		fine(t, err)
		other, err := c.NewSubscription(t.Context(), "/queue/b", stomp.WithReceipt())
		fine(t, err)
		b.Cancel("/queue/a")
		if _, open := <-cancelled.C; open {
			t.Error("a message came")
		}
		refusal(t, cancelled.Err(), "Server cancelled subscription")
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
func TestPromise11_Probation(t *testing.T) {
	bubble(t, "Spring", func(t *testing.T) {
		b := pipeBroker(t, stomptest.WithProfile(stomptest.Spring))
		c := joinLasting(t, b)
		for i := range 20 {
			_, err := c.Subscribe(t.Context(), fmt.Sprint("/topic/", i))
			fine(t, err)
		}
		fine(t, c.Flush(t.Context()))
		synctest.Wait()
		start := time.Now()
		b.CloseConnections(1000, "")
		synctest.Wait()
		fine(t, c.Send(t.Context(), "/topic/x", nil))
		if d := time.Since(start); d < time.Second || d > time.Second+2*time.Millisecond {
			t.Errorf("took %v", d)
		}
		if b.Sessions() != 2 {
			t.Errorf("%d sessions", b.Sessions())
		}
	})
}

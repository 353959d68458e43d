package stomptest_test

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// when makes an interceptor that acts once, on the first frame of that command.
func when(command string, act stomptest.Action) func(stomptest.Event) stomptest.Action {
	var done atomic.Bool // the reader and the writer ask
	return func(e stomptest.Event) stomptest.Action {
		if e.Frame.Command != command || done.Swap(true) {
			return stomptest.Pass()
		}
		return act
	}
}

func TestBroker_Intercept_each_action_on_what_comes(t *testing.T) {
	each := func(name string, act stomptest.Action, test func(t *testing.T, b *stomptest.Broker, c *client)) {
		t.Run(name, func(t *testing.T) {
			for i := range 2 {
				inBubble(t, func(t *testing.T, b *stomptest.Broker) {
					c := both(t, b)[i]
					b.Intercept(when(wire.Send, act))
					c.send(wire.Send, "x", "destination", "/queue/a", "receipt", "r")
					test(t, b, c)
				})
			}
		})
	}
	none := func(t *testing.T, b *stomptest.Broker) {
		t.Helper()
		if n := b.QueueLen("/queue/a"); n != 0 {
			t.Error("the frame took effect")
		}
	}
	each("Drop", stomptest.Drop(), func(t *testing.T, b *stomptest.Broker, c *client) {
		c.quiet()
		none(t, b)
	})
	each("Replace", stomptest.Replace(stomptest.Frame{Command: wire.Send, Header: [][2]string{{"destination", "/queue/b"}}}), func(t *testing.T, b *stomptest.Broker, c *client) {
		c.quiet()
		none(t, b)
		if b.QueueLen("/queue/b") != 1 {
			t.Error("its replacement did not take effect")
		}
	})
	each("ReplyError", stomptest.ReplyError("no\nway", [][2]string{{"receipt-id", "r"}}, []byte("because"), false), func(t *testing.T, b *stomptest.Broker, c *client) {
		if f := c.next(wire.Error, "message", "no way", "receipt-id", "r"); string(f.Body) != "because" {
			t.Errorf("ERROR says %q", f.Body)
		}
		none(t, b)
		c.sent("/topic/a", "goes on")
	})
	each("ReplyError_without_a_message", stomptest.ReplyError("", nil, []byte("because"), false), func(t *testing.T, b *stomptest.Broker, c *client) {
		c.lacks(c.next(wire.Error, "content-type", "text/plain"), "message")
	})
	each("ReplyError_and_close", stomptest.ReplyError("no", nil, nil, true), func(t *testing.T, b *stomptest.Broker, c *client) {
		c.next(wire.Error, "message", "no")
		if c.ws.IsStream() {
			c.cut()
		} else {
			c.closed(1002, "")
		}
	})
	for _, act := range []stomptest.Action{stomptest.CutBefore(), stomptest.CutInside(3)} {
		each("CutBefore", act, func(t *testing.T, b *stomptest.Broker, c *client) {
			c.cut()
			none(t, b)
		})
	}
	each("CutAfter", stomptest.CutAfter(), func(t *testing.T, b *stomptest.Broker, c *client) {
		c.cut()
		if b.QueueLen("/queue/a") != 1 {
			t.Error("the frame took no effect")
		}
	})
	each("CloseWith", stomptest.CloseWith(4000, "why not"), func(t *testing.T, b *stomptest.Broker, c *client) {
		if c.ws.IsStream() {
			c.cut()
		} else {
			c.closed(4000, "why not")
		}
		none(t, b)
	})
	each("FallSilent", stomptest.FallSilent(), func(t *testing.T, b *stomptest.Broker, c *client) {
		c.quiet()
		none(t, b)
		other := connect(t, b)
		other.sent("/topic/a", "others go on")
		b.Silence(false)
		c.next(wire.Receipt)
	})
	each("DelayFor", stomptest.DelayFor(time.Minute), func(t *testing.T, b *stomptest.Broker, c *client) {
		start := time.Now()
		c.quiet()
		none(t, b)
		c.next(wire.Receipt)
		if d := time.Since(start); d != time.Minute {
			t.Errorf("it took effect after %v", d)
		}
	})
}

func TestBroker_Intercept_each_action_on_what_goes(t *testing.T) {
	type try struct {
		b *stomptest.Broker
		c *client
	}
	each := func(name string, act stomptest.Action, test func(t *testing.T, x try)) {
		t.Run(name, func(t *testing.T) {
			for i := range 2 {
				inBubble(t, func(t *testing.T, b *stomptest.Broker) {
					c := both(t, b)[i]
					c.subscribe("s", "/topic/a")
					b.Intercept(when(wire.Message, act))
					c.send(wire.Send, "", "destination", "/queue/x", "receipt", "before")
					c.send(wire.Send, "body", "destination", "/topic/a", "receipt", "after")
					c.next(wire.Receipt, "receipt-id", "before")
					test(t, try{b, c})
				})
			}
		})
	}
	each("Pass", stomptest.Pass(), func(t *testing.T, x try) {
		x.c.message("body")
		x.c.next(wire.Receipt)
	})
	each("Drop", stomptest.Drop(), func(t *testing.T, x try) {
		x.c.next(wire.Receipt, "receipt-id", "after")
		x.c.quiet()
	})
	each("Replace", stomptest.Replace(stomptest.Frame{Command: wire.Message, Body: []byte("changeling")}), func(t *testing.T, x try) {
		x.c.message("changeling")
		x.c.next(wire.Receipt)
	})
	each("ReplyError", stomptest.ReplyError("no", nil, nil, false), func(t *testing.T, x try) {
		x.c.next(wire.Error, "message", "no")
		x.c.next(wire.Receipt)
	})
	each("ReplyError_and_close", stomptest.ReplyError("no", nil, nil, true), func(t *testing.T, x try) {
		x.c.next(wire.Error, "message", "no")
		_ = x.c.ended()
	})
	each("CutBefore", stomptest.CutBefore(), func(t *testing.T, x try) {
		x.c.cut()
		if x.c.dec.Partial() {
			t.Error("part of the frame came")
		}
	})
	each("CutAfter", stomptest.CutAfter(), func(t *testing.T, x try) {
		x.c.message("body")
		x.c.cut()
	})
	each("CloseWith", stomptest.CloseWith(4001, "out"), func(t *testing.T, x try) {
		if x.c.ws.IsStream() {
			x.c.cut()
		} else {
			x.c.closed(4001, "out")
		}
	})
	each("FallSilent", stomptest.FallSilent(), func(t *testing.T, x try) {
		x.c.quiet()
		connect(t, x.b).sent("/topic/b", "others go on")
		x.b.Silence(false)
		x.c.message("body")
		x.c.next(wire.Receipt)
	})
	each("DelayFor", stomptest.DelayFor(time.Minute), func(t *testing.T, x try) {
		rig.Takes(t, time.Minute, func() { x.c.message("body") })
	})
}

func TestBroker_Intercept_sees_every_frame(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		var mu sync.Mutex // guards seen
		var seen []string
		b.Intercept(func(e stomptest.Event) stomptest.Action {
			mu.Lock()
			defer mu.Unlock()
			seen = append(seen, e.Direction.String()+" "+e.Frame.Command)
			if e.Connection != 1 {
				t.Errorf("connection %d", e.Connection)
			}
			return stomptest.Action{}
		})
		c := connect(t, b)
		c.subscribe("s", "/queue/a", "ack", "client")
		c.send(wire.Send, "x", "destination", "/queue/a")
		c.ack(wire.Ack, c.message("x"))
		c.send(wire.Disconnect, "", "receipt", "r")
		c.next(wire.Receipt)
		c.closed(1000, "")
		synctest.Wait()
		want := "in CONNECT, out CONNECTED, in SUBSCRIBE, out RECEIPT, in SEND, out MESSAGE, in ACK, out RECEIPT, in DISCONNECT, out RECEIPT"
		if got := strings.Join(seen, ", "); got != want {
			t.Errorf("saw %s", got)
		}
		b.Intercept(nil)
		session(dial(t, b))
	})
}

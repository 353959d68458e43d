package stomptest_test

import (
	"errors"
	"io"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/internal/ws"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// both is a session on each transport.
func both(t *testing.T, b *stomptest.Broker, header ...string) []*client {
	return []*client{connect(t, b, header...), session(dialStream(t, b), header...)}
}

func TestBroker_Cut_resets_every_connection(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		clients := both(t, b)
		for _, c := range clients {
			c.subscribe("s", "/queue/a", "ack", "client")
		}
		b.Publish("/queue/a", nil, []byte("1"))
		clients[0].message("1")
		b.Cut()
		if n := b.QueueLen("/queue/a"); n != 1 {
			t.Errorf("QueueLen is %d at once, want 1", n)
		}
		for _, c := range clients {
			c.cut()
			if !errors.Is(c.err, syscall.ECONNRESET) {
				t.Errorf("cut as %v, want a reset", c.err)
			}
		}
		synctest.Wait()
		if n := b.Connections(); n != 0 {
			t.Errorf("%d connections are left", n)
		}
		connect(t, b).subscribe("s", "/topic/a")
	})
}

func TestBroker_CloseConnections_W5_tells_the_client(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		clients := both(t, b)
		clients[0].subscribe("s", "/topic/a")
		b.Publish("/topic/a", nil, []byte("before"))
		b.CloseConnections(1012, "restart")
		b.Publish("/topic/a", nil, []byte("after"))
		clients[0].message("before")
		clients[0].closed(1012, "restart") // W5
		clients[1].cut()
		if !errors.Is(clients[1].err, io.EOF) {
			t.Errorf("bare STOMP ended with %v, want EOF", clients[1].err)
		}
	})
}

func TestBroker_CloseConnections_a_client_that_does_not_answer_is_cut(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		nc, err := b.Client().Transport.RoundTrip(upgradeRequest(t, b))
		rig.OK(t, err)
		defer nc.Body.Close()
		synctest.Wait()
		start := time.Now()
		b.CloseConnections(1000, "")
		for b.Connections() > 0 {
			time.Sleep(time.Millisecond)
		}
		if d := time.Since(start).Round(10 * time.Millisecond); d != 5*time.Second {
			t.Errorf("it took %v, want 5s", d)
		}
	})
}

func TestBroker_Silence_reads_and_writes_nothing(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		clients := both(t, b)
		b.Silence(true)
		for _, c := range clients {
			c.send(wire.Send, "x", "destination", "/queue/a", "receipt", "r")
			c.quiet()
		}
		if n := b.QueueLen("/queue/a"); n != 0 {
			t.Errorf("a silent broker takes messages")
		}
		opened := make(chan *client, 1)
		go func() { opened <- dial(t, b) }()
		time.Sleep(time.Hour)
		if len(opened) > 0 {
			t.Error("a silent broker upgrades")
		}
		b.Silence(false)
		for _, c := range clients {
			c.next(wire.Receipt)
		}
		session(<-opened)
	})
}

func TestBroker_Silence_Close_ends_it(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		c := connect(t, b)
		b.Silence(true)
		go func() {
			target, _ := ws.ParseURL(b.URL())
			if _, err := ws.Dial(t.Context(), target, ws.DialOptions{HTTPClient: b.Client()}); err == nil {
				t.Error("a closed broker upgrades")
			}
		}()
		synctest.Wait()
		b.Close()
		c.cut()
	})
}

func TestBroker_Delay_holds_frames_and_no_heart_beats(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		c := connect(t, b, "accept-version", "1.2", "heart-beat", "0,1000")
		b.Delay(2500 * time.Millisecond)
		start := time.Now()
		c.send(wire.Send, "", "destination", "/topic/a", "receipt", "1")
		c.send(wire.Send, "", "destination", "/topic/a", "receipt", "2")
		for _, want := range []time.Duration{2500 * time.Millisecond, 5 * time.Second} {
			c.next(wire.Receipt)
			if d := time.Since(start); d != want {
				t.Errorf("a frame came after %v, want %v", d, want)
			}
		}
		for i := range 4 {
			if d := (<-c.beats).Sub(start); d != time.Duration(i+1)*time.Second {
				t.Errorf("a heart-beat came after %v", d)
			}
		}
		b.Delay(0)
		rig.Takes(t, 0, func() { c.sent("/topic/a", "") })
	})
}

func TestBroker_SendRaw_sends_anything(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		for _, c := range both(t, b) {
			b.SendRaw([]byte("RECEIPT\nreceipt-id:made-up\n\n\x00"))
			c.next(wire.Receipt, "receipt-id", "made-up")
			b.SendRaw([]byte("nonsense\n\n\x00"))
			if err := c.ended(); !strings.Contains(err.Error(), "F14") {
				t.Errorf("the client saw %v", err)
			}
			_ = c.ws.CloseNow()
			<-c.done
			synctest.Wait()
		}
	})
}

func TestBroker_SendFrame_encodes_for_each_version(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		x, y := connect(t, b), connect(t, b, "accept-version", "1.0")
		rig.OK(t, b.SendFrame(wire.Message, [][2]string{{"subscription", "nobody"}, {"k", "a:b"}}, []byte("x")))
		x.message("x", "subscription", "nobody", "k", "a:b")
		y.message("x", "subscription", "nobody", "k", "a:b")
		if err := b.SendFrame("HELLO", nil, nil); err == nil {
			t.Error("an unknown command was taken")
		}
	})
}

func TestBroker_Received_in_order(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		x, y := connect(t, b), connect(t, b)
		x.subscribe("s", "/topic/a")
		y.sent("/topic/a", "hello")
		x.message("hello")
		var got []string
		for _, e := range b.Received() {
			got = append(got, e.Frame.Command)
			if e.Direction != stomptest.In {
				t.Errorf("%v is not incoming", e)
			}
		}
		if s := strings.Join(got, " "); s != "CONNECT CONNECT SUBSCRIBE SEND" {
			t.Errorf("received %s", s)
		}
		isSend := func(e stomptest.Event) bool { return e.Frame.Command == wire.Send }
		if e, err := b.AwaitReceived(t.Context(), isSend); err != nil || e.Connection != 2 || string(e.Frame.Body) != "hello" {
			t.Errorf("awaited %v, %v", e, err)
		}
		var late sync.WaitGroup
		defer late.Wait()
		late.Go(func() {
			time.Sleep(time.Second)
			x.send(wire.Unsubscribe, "", "id", "s")
		})
		start := time.Now()
		e, err := b.AwaitReceived(t.Context(), func(e stomptest.Event) bool { return e.Frame.Get("id") == "s" && e.Frame.Command == wire.Unsubscribe })
		if err != nil || time.Since(start) != time.Second || e.Connection != 1 {
			t.Errorf("awaited %v, %v, for %v", e, err, time.Since(start))
		}
	})
}

func TestBroker_Received_is_bounded(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		c := connect(t, b)
		for range 3 {
			c.sent("/topic/a", strings.Repeat("x", 7<<20))
		}
		if n := len(b.Received()); n != 2 {
			t.Errorf("%d frames are kept, want 2", n)
		}
		for range 10_000 {
			c.send(wire.Send, "", "destination", "/topic/a")
		}
		c.sent("/topic/a", "")
		if n := len(b.Received()); n != 4096 {
			t.Errorf("%d frames are kept, want 4096", n)
		}
	})
}

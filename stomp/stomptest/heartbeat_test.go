package stomptest_test

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/internal/ws"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

func TestHeartBeat_C6_agreement(t *testing.T) {
	for _, test := range []struct {
		opts      []stomptest.Option
		asked     string
		offered   string
		send, cut time.Duration // 0: never
	}{
		{nil, "", "10000,10000", 0, 0},
		{nil, "0,0", "10000,10000", 0, 0},
		{nil, "10000,10000", "10000,10000", 10 * time.Second, 20 * time.Second},
		{nil, "1000,2000", "2000,1000", 2 * time.Second, 2 * time.Second},
		{nil, "0,1", "1,10000", time.Millisecond, 0},
		{nil, "1,0", "10000,1", 0, 2 * time.Millisecond},
		{nil, "30000,20000", "10000,10000", 20 * time.Second, 60 * time.Second},
		{[]stomptest.Option{stomptest.WithHeartBeat(5*time.Second, 3*time.Second)}, "1000,1000", "5000,3000", 5 * time.Second, 6 * time.Second},
		{[]stomptest.Option{stomptest.WithHeartBeat(0, 0)}, "1000,1000", "0,0", 0, 0},
		{[]stomptest.Option{stomptest.WithProfile(stomptest.RabbitMQ)}, "500,2500", "2000,1000", 2500 * time.Millisecond, 2 * time.Second},
		{[]stomptest.Option{stomptest.WithProfile(stomptest.RabbitMQ)}, "0,0", "0,0", 0, 60 * time.Second},
		{[]stomptest.Option{stomptest.WithProfile(stomptest.Classic)}, "300,200", "200,300", 200 * time.Millisecond, 600 * time.Millisecond},
		{[]stomptest.Option{stomptest.WithProfile(stomptest.Artemis)}, "0,200", "500,30000", 500 * time.Millisecond, 60 * time.Second},
		{[]stomptest.Option{stomptest.WithProfile(stomptest.Artemis)}, "", "", 0, 60 * time.Second},
		{[]stomptest.Option{stomptest.WithProfile(stomptest.Artemis)}, "40000,0", "0,40000", 0, 80 * time.Second},
		{[]stomptest.Option{stomptest.WithProfile(stomptest.RabbitMQ)}, "40000,0", "0,40000", 0, 60 * time.Second},
		{[]stomptest.Option{stomptest.WithProfile(stomptest.Spring)}, "1000,1000", "0,0", 0, 0},
		{[]stomptest.Option{stomptest.WithProfile(stomptest.Spring), stomptest.WithHeartBeat(time.Second, time.Second)}, "1000,1000", "1000,1000", time.Second, 3 * time.Second},
	} {
		inBubble(t, func(t *testing.T, b *stomptest.Broker) {
			c := dial(t, b)
			header := []string{"accept-version", "1.2"}
			if test.asked != "" {
				header = append(header, "heart-beat", test.asked)
			}
			start := time.Now()
			c.send(wire.Connect, "", header...)
			if f := c.next(wire.Connected); wire.Get(f.Header, "heart-beat") != test.offered {
				t.Errorf("%q: offered %v, want %q", test.asked, f.Header, test.offered)
			}
			synctest.Wait()
			for len(c.beats) > 0 {
				<-c.beats // the LF that some servers put behind a frame
			}
			for at := test.send; test.send > 0 && at < 4*test.send && (test.cut == 0 || at < test.cut); at += test.send {
				if got := (<-c.beats).Sub(start); got != at {
					t.Errorf("%q: a heart-beat came after %v, want %v", test.asked, got, at)
				}
			}
			if test.cut > 0 {
				for range c.frames {
				}
				if at := time.Since(start); at != test.cut {
					t.Errorf("%q: cut after %v, want %v", test.asked, at, test.cut)
				}
				return
			}
			time.Sleep(max(100*test.send, 10*time.Second))
			if n := b.Connections(); n != 1 {
				t.Errorf("%q: the connection is gone", test.asked)
			}
		}, test.opts...)
	}
}

func TestHeartBeat_M7_at_a_fixed_rate_whatever_else_is_sent(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		c := connect(t, b, "accept-version", "1.2", "heart-beat", "0,1000")
		start := time.Now()
		c.subscribe("s", "/topic/a")
		for range 35 {
			time.Sleep(100 * time.Millisecond)
			b.Publish("/topic/a", nil, nil)
			c.next(wire.Message)
		}
		for i := range 3 {
			if at := (<-c.beats).Sub(start); at != time.Duration(i+1)*time.Second {
				t.Errorf("heart-beat after %v", at)
			}
		}
	})
}

func TestHeartBeat_M7_any_byte_of_the_client_counts(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		c := connect(t, b, "accept-version", "1.2", "heart-beat", "1000,0")
		for i := range 10 {
			time.Sleep(1900 * time.Millisecond)
			if i%2 == 0 {
				c.raw("\n")
			} else {
				c.sent("/topic/a", "x")
			}
		}
		rig.Takes(t, 2*time.Second, func() { c.cut() })
	})
}

func TestHeartBeat_W4_a_message_of_one_LF(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		c := connect(t, b, "accept-version", "1.2", "heart-beat", "0,1000")
		before := c.ws.BytesRead()
		<-c.beats
		if n := c.ws.BytesRead() - before; n != 3 || <-c.types != ws.Text || <-c.types != ws.Text {
			t.Errorf("a heart-beat is %d bytes on the wire, want 3", n)
		}
	})
}

func TestHeartBeat_what_waits_for_an_interceptor_is_not_the_clients_fault(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		c := connect(t, b, "accept-version", "1.2", "heart-beat", "1000,0")
		b.Intercept(when(wire.Send, stomptest.DelayFor(time.Minute)))
		c.send(wire.Send, "", "destination", "/topic/a", "receipt", "r")
		for range 60 {
			time.Sleep(time.Second)
			c.raw("\n")
		}
		c.next(wire.Receipt)
	})
}

func TestHeartBeat_silence_of_the_broker_is_not_the_clients_fault(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		c := connect(t, b, "accept-version", "1.2", "heart-beat", "1000,1000")
		b.Silence(true)
		time.Sleep(time.Minute)
		c.quiet()
		if n := len(c.beats); n > 0 {
			t.Errorf("%d heart-beats came out of silence", n)
		}
		b.Silence(false)
		rig.Takes(t, 2*time.Second, func() { c.cut() })
	})
}

func TestHeartBeat_profiles_say_goodbye_in_their_own_way(t *testing.T) {
	for _, test := range []struct {
		profile stomptest.Profile
		error   string
		code    int
		reason  string
	}{
		{stomptest.RabbitMQ, "", 1000, "STOMP died"},
		{stomptest.Classic, "", 1000, ""},
		{stomptest.Artemis, "Session closed.", 0, ""},
		{stomptest.Spring, "Session closed.", 1002, ""},
	} {
		inBubble(t, func(t *testing.T, b *stomptest.Broker) {
			c := connect(t, b, "accept-version", "1.2", "heart-beat", "1000,0")
			if test.error != "" {
				c.next(wire.Error, "message", test.error)
			}
			if test.code == 0 {
				c.cut()
			} else {
				c.closed(test.code, test.reason)
			}
		}, stomptest.WithProfile(test.profile), stomptest.WithHeartBeat(time.Second, time.Second))
	}
}

func TestHeartBeat_pings_count_where_the_server_reads_bytes(t *testing.T) {
	for profile, want := range map[stomptest.Profile]bool{stomptest.Generic: true, stomptest.Classic: false} {
		inBubble(t, func(t *testing.T, b *stomptest.Broker) {
			c := connect(t, b, "accept-version", "1.2", "heart-beat", "1000,0")
			var alive bool
			for range 3 {
				time.Sleep(1500 * time.Millisecond)
				alive = c.ping()
			}
			if alive != want {
				t.Errorf("%v: alive is %v, want %v", profile, alive, want)
			}
		}, stomptest.WithProfile(profile))
	}
}

// ping sends a WebSocket ping and flushes it; it says whether the pong came.
func (c *client) ping() bool {
	pong := make(chan error, 1)
	go func() { pong <- c.ws.Ping(c.t.Context()) }()
	synctest.Wait()
	_ = c.ws.Flush()
	return <-pong == nil
}

func TestHeartBeat_an_ERROR_that_waits_for_Delay_is_not_the_clients_fault(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		c := connect(t, b, "accept-version", "1.2", "heart-beat", "1000,0")
		b.Delay(1500 * time.Millisecond)
		for i := range 4 {
			c.send(wire.Send, "", "destination", "/topic/a", "receipt", strconv.Itoa(i))
		}
		c.raw("NONSENSE\n\n\x00")
		for range 4 {
			c.next(wire.Receipt)
		}
		c.next(wire.Error)
	})
}

package hostile_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/stomp"
)

// A server that stops in the middle of connecting, or says something for ever that leads nowhere: Connect returns
// when its ctx ends, not later, and says what it was waiting for.
func TestConnect_C4_on_silence(t *testing.T) {
	whole, _, _ := strings.Cut(accepted, "%s")
	for name, c := range map[string]struct {
		secure, bare bool
		answer       func(s *server) error // to the upgrade; nil: none
		drips        string                // what comes once a second after it
		says         string                // in Connect's error
	}{
		"in the TLS handshake":      {secure: true, says: "in the TLS handshake"},
		"before the answer":         {answer: nil, says: "waiting for the answer to the WebSocket upgrade"},
		"in the status line":        {answer: writes("HTTP/1.1 10"), says: "waiting for the answer to the WebSocket upgrade"},
		"in the header":             {answer: writes(whole[:50]), says: "waiting for the answer to the WebSocket upgrade"},
		"in an endless header":      {answer: writes(whole[:strings.Index(whole, "Sec")]), drips: "X: y\r\n", says: "waiting for the answer to the WebSocket upgrade"},
		"100 without end":           {answer: writes(""), drips: "HTTP/1.1 100 Continue\r\n\r\n", says: ""},
		"before CONNECTED":          {answer: upgrades, says: "waiting for CONNECTED"},
		"in CONNECTED":              {answer: then(upgrades, text("CONNECTED\nversion")), says: "waiting for CONNECTED"},
		"in the frame of CONNECTED": {answer: then(upgrades, text(rig.Connected12)[:5]), says: "waiting for CONNECTED"},
		"heart-beats without end":   {answer: upgrades, drips: text("\n"), says: "waiting for CONNECTED"},
		"pings without end":         {answer: upgrades, drips: ping("p"), says: "waiting for CONNECTED"},
		"fragments without end":     {answer: then(upgrades, first("")), drips: next(""), says: "waiting for CONNECTED"},
		"an endless value":          {answer: then(upgrades, text("CONNECTED\nserver:")), drips: text("x"), says: "waiting for CONNECTED"},
		"on a stream":               {bare: true, says: "waiting for CONNECTED"},
		"on a stream, heart-beats":  {bare: true, drips: "\n", says: "waiting for CONNECTED"},
	} {
		rig.Bubble(t, name, func(t *testing.T) {
			client, far := net.Pipe()
			s := newServer(far, c.bare, false)
			var playing sync.WaitGroup // joined below
			playing.Go(func() {
				if c.secure {
					return // not even a ServerHello
				}
				if c.bare {
					s.listen()
				}
				if c.answer != nil && c.answer(s) != nil {
					return
				}
				for c.drips != "" && s.write([]byte(c.drips)) == nil {
					time.Sleep(time.Second)
				}
			})
			url, dial := dialing(t, client, c.secure, c.bare)
			const d = 10*time.Second + time.Millisecond // not at the moment of a drip
			rig.Takes(t, d, func() {
				err := rig.ConnectError(t, rig.Within(t, d), url, dial)
				rig.ErrorIs(t, err, context.DeadlineExceeded)
				rig.ErrorSays(t, err, c.says)
			})
			s.nc.Close()
			playing.Wait()
			s.close()
		})
	}
}

// writes answers an upgrade with text.
func writes(text string) func(*server) error {
	return func(s *server) error { return s.upgrade([]byte(text), nil) }
}

// upgrades accepts the upgrade.
func upgrades(s *server) error {
	script := attack{}.script()
	return s.upgrade(script.before, script.after)
}

// then writes more after an answer.
func then(answer func(*server) error, more string) func(*server) error {
	return func(s *server) error { return errors.Join(answer(s), s.write([]byte(more))) }
}

// silentWays are those that a bubble takes.
var silentWays = []way{{name: "pipe", pair: pipePair}, {name: "TLS", secure: true, pair: pipePair}}

// Silence on a session: the Client cuts it after two intervals, to the moment. Any byte counts against silence
// (clause M7), wherever it stands: a server that lets its frames trickle is slow and not dead.
func TestClient_M7_on_silence(t *testing.T) {
	beats := "CONNECTED\nversion:1.2\nheart-beat:10000,0\nserver:x\n\n\x00"
	for _, w := range silentWays {
		for name, drips := range map[string]string{ // a byte every 9 s
			"nothing":     "",
			"a trickle":   text(b),
			"heart-beats": text("\n\n\n"),
		} {
			judge(t, "silence: "+name+", "+w.name, func(t *testing.T) (problems []string) {
				synctest.Test(t, func(t *testing.T) {
					c := engage(t, w, beats)
					start := time.Now()
					dripping := rig.Go(func() (err error) {
						for i := 0; i < len(drips) && err == nil; i++ {
							if i > 0 {
								time.Sleep(9 * time.Second)
							}
							err = c.server.write([]byte(drips[i : i+1]))
						}
						return err
					})
					<-c.client.Done()
					dies := 20*time.Second + 9*time.Second*time.Duration(max(0, len(drips)-1))
					if took := time.Since(start); took != dies {
						problems = append(problems, fmt.Sprintf("the session was cut after %v, want %v: %v", took, dies, c.client.Err()))
					}
					if err := c.client.Err(); !errors.Is(err, stomp.ErrHeartBeat) || !errors.Is(err, stomp.ErrConnectionLost) {
						problems = append(problems, fmt.Sprintf("the session ended with %v; want ErrHeartBeat", err))
					}
					<-dripping
				})
				return problems
			})
		}
	}
}

// A control frame is given 5 s from its header on, though its bytes count against silence: the WebSocket library's
// bound.
func TestClient_on_a_control_frame_that_trickles(t *testing.T) {
	for _, w := range silentWays {
		for name, control := range map[string]string{"a ping": ping("1234"), "a pong": pong("1234"), "a close": closing(1000, "bye")} {
			rig.Bubble(t, name+", "+w.name, func(t *testing.T) {
				c := engage(t, w, rig.Connected12)
				rig.OK(t, c.server.write([]byte(first("\n")+control[:2])))
				rig.Takes(t, 5*time.Second, func() {
					trickling := rig.Go(func() (err error) {
						for i := 2; i < 5 && err == nil; i++ {
							time.Sleep(1500 * time.Millisecond)
							err = c.server.write([]byte(control[i : i+1]))
						}
						return err
					})
					<-c.client.Done()
					rig.OK(t, <-trickling)
				})
				rig.ErrorText(t, c.client.Err(), "connection lost: ws: read: the rest of a control frame did not come within 5 s")
				rig.ErrorIs(t, c.client.Err(), stomp.ErrConnectionLost)
			})
		}
	}
}

// A server that reads nothing: every call ends with its own ctx, Close at once, and what waits is bounded.
func TestClient_on_a_server_that_reads_nothing(t *testing.T) {
	for _, w := range silentWays {
		for name, call := range map[string]func(ctx context.Context, c *stomp.Client) error{
			"Send": func(ctx context.Context, c *stomp.Client) error {
				for {
					if err := c.Send(ctx, "/a", make([]byte, 10_000)); err != nil {
						return err
					}
				}
			},
			"Send with a receipt": func(ctx context.Context, c *stomp.Client) error { return c.Send(ctx, "/a", nil, stomp.WithReceipt()) },
			"Flush": func(ctx context.Context, c *stomp.Client) error {
				return errors.Join(c.Send(ctx, "/a", nil), c.Flush(ctx))
			},
			"Request": func(ctx context.Context, c *stomp.Client) error {
				_, err := c.Request(ctx, "/a", nil)
				return err
			},
			"Disconnect": func(ctx context.Context, c *stomp.Client) error {
				return errors.Join(c.Send(ctx, "/a", nil), c.Disconnect(ctx))
			},
		} {
			rig.Bubble(t, w.name+", "+name, func(t *testing.T) {
				c := engage(t, w, rig.Connected12, stomp.WithHeartBeat(0, 0))
				c.server.deafen()
				rig.Takes(t, 3*time.Second, func() {
					err := call(rig.Within(t, 3*time.Second), c.client)
					if name != "Disconnect" {
						rig.ErrorIs(t, err, context.DeadlineExceeded)
					}
				})
				rig.Takes(t, 0, func() { c.client.Close() })
			})
		}
	}
}

// A server that sends pings, and reads no pong: what waits for it is bounded, and the connection is cut beyond.
func TestClient_on_pings_whose_pongs_are_not_read(t *testing.T) {
	for _, w := range silentWays {
		rig.Bubble(t, w.name, func(t *testing.T) {
			c := engage(t, w, rig.Connected12, stomp.WithHeartBeat(0, 0))
			c.server.deafen()
			storm := []byte(strings.Repeat(ping(strings.Repeat("p", 125)), 100))
			sent := 0
			for c.server.write(storm) == nil {
				if sent += len(storm); sent > 4<<20 {
					t.Fatal("4 MiB of pings are taken, and no pong is read")
				}
			}
			<-c.client.Done()
			rig.ErrorIs(t, c.client.Err(), stomp.ErrConnectionLost)
			rig.ErrorSays(t, c.client.Err(), "more than 1048576 bytes wait to be sent")
		})
	}
}

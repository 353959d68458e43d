package peer_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/webstomp/webstomp/internal/bench/peer"
	"github.com/webstomp/webstomp/internal/leak"
	"github.com/webstomp/webstomp/stomp"
)

func TestMain(m *testing.M) { leak.Main(m) }

// each runs a test on every way to a peer.
func each(t *testing.T, test func(t *testing.T, p *peer.Peer, c *stomp.Client)) {
	for name, way := range map[string]struct {
		start func(context.Context) (*peer.Peer, error)
		url   func(*peer.Peer) string
	}{
		"WebSocket": {peer.Start, (*peer.Peer).URL},
		"TLS":       {peer.StartTLS, (*peer.Peer).URL},
		"TCP":       {peer.Start, (*peer.Peer).TCPURL},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := way.start(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { p.Close() })
			trusting, err := peer.Trusting(p.Certificate())
			if err != nil {
				t.Fatal(err)
			}
			opts := []stomp.ConnectOption{stomp.WithoutReconnect()}
			if trusting != nil {
				opts = append(opts, stomp.WithHTTPClient(trusting))
			}
			c, err := stomp.Connect(t.Context(), way.url(p), opts...)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { c.Close() })
			test(t, p, c)
		})
	}
}

func flood(ctx context.Context, c *stomp.Client, count, size int) error {
	return c.Send(ctx, "/flood", nil, stomp.WithHeader("count", strconv.Itoa(count)), stomp.WithHeader("size", strconv.Itoa(size)))
}

// A flood goes to all subscriptions in turns, and begins with the first one.
func TestPeer_floods_subscriptions_in_turns(t *testing.T) {
	each(t, func(t *testing.T, _ *peer.Peer, c *stomp.Client) {
		var channels []<-chan stomp.Frame
		for i := range 7 { // 7 does not divide the number of bodies
			messages, err := c.Subscribe(t.Context(), "/anything", stomp.WithID(strings.Repeat("i", i+1)))
			if err != nil {
				t.Fatal(err)
			}
			channels = append(channels, messages)
		}
		for _, count := range []int{10, 2500} {
			if err := flood(t.Context(), c, count, 16); err != nil {
				t.Fatal(err)
			}
			for i := range count {
				m, open := <-channels[i%len(channels)]
				if !open {
					t.Fatal(c.Err())
				}
				if want := peer.Body(i, 16); !bytes.Equal(m.Body, want) {
					t.Fatalf("message %d of %d has the body %q, want %q", i+1, count, m.Body, want)
				}
			}
		}
	})
}

// Floods of every length come complete and in order, also of messages of another
// size than before.
func TestPeer_floods_in_order(t *testing.T) {
	each(t, func(t *testing.T, _ *peer.Peer, c *stomp.Client) {
		messages, err := c.Subscribe(t.Context(), "/anything", stomp.WithReceipt())
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range []struct{ count, size int }{{0, 16}, {1, 16}, {peer.Bodies(16), 16}, {peer.Bodies(300)*40 + 1, 300}, {2, 70_000}, {5, peer.Smallest}} {
			if err := flood(t.Context(), c, f.count, f.size); err != nil {
				t.Fatal(err)
			}
			for i := range f.count {
				m, open := <-messages
				if !open {
					t.Fatal(c.Err())
				}
				if want := peer.Body(i, f.size); !bytes.Equal(m.Body, want) {
					t.Fatalf("message %d of %d has the body %.20q (%d bytes), want %.20q", i+1, f.count, m.Body, len(m.Body), want)
				}
			}
		}
	})
}

// What cannot be flooded is answered with an ERROR that says why.
func TestPeer_refuses_a_flood_with_an_ERROR(t *testing.T) {
	each(t, func(t *testing.T, _ *peer.Peer, c *stomp.Client) {
		if err := flood(t.Context(), c, 1, peer.Smallest-1); err != nil {
			t.Fatal(err)
		}
		<-c.Done()
		var refused *stomp.Error
		if !errors.As(c.Err(), &refused) || refused.Message != "the size of a flood: 3 bytes, want 4 or more" {
			t.Errorf("the client ended with %v", c.Err())
		}
	})
}

func TestPeer_echoes(t *testing.T) {
	each(t, func(t *testing.T, p *peer.Peer, c *stomp.Client) {
		messages, err := c.Subscribe(t.Context(), "/anything", stomp.WithReceipt())
		if err != nil {
			t.Fatal(err)
		}
		bodies := [][]byte{nil, []byte("x"), []byte("one\n\ntwo\nreceipt:no\n"), bytes.Repeat([]byte("x"), 40_000)}
		for _, body := range bodies {
			if err := c.Send(t.Context(), "/echo", body); err != nil {
				t.Fatal(err)
			}
		}
		for _, want := range bodies {
			if m := <-messages; !bytes.Equal(m.Body, want) {
				t.Errorf("%.20q came back, want %.20q (%v)", m.Body, want, c.Err())
			}
		}
		if n := p.Sends(); n != uint64(len(bodies)) {
			t.Errorf("the peer counts %d SENDs, want %d", n, len(bodies))
		}
	})
}

// Receipts of many senders, while a flood goes the other way.
func TestPeer_answers_beside_a_flood(t *testing.T) {
	each(t, func(t *testing.T, p *peer.Peer, c *stomp.Client) {
		messages, err := c.Subscribe(t.Context(), "/anything", stomp.WithReceipt())
		if err != nil {
			t.Fatal(err)
		}
		const count, senders, sends = 20_000, 8, 200
		if err := flood(t.Context(), c, count, 64); err != nil {
			t.Fatal(err)
		}
		var sending sync.WaitGroup
		for range senders {
			sending.Go(func() {
				for i := range sends {
					if err := c.Send(t.Context(), "/sink", fmt.Append(nil, i), stomp.WithReceipt()); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		for range count {
			if _, open := <-messages; !open {
				t.Error(c.Err())
				break
			}
		}
		sending.Wait()
		if n := p.Sends(); n != 1+senders*sends {
			t.Errorf("the peer counts %d SENDs, want %d", n, 1+senders*sends)
		}
	})
}

// Close ends clients, and no connection comes after it.
func TestPeer_Close_ends_clients(t *testing.T) {
	each(t, func(t *testing.T, p *peer.Peer, c *stomp.Client) {
		p.Close()
		<-c.Done()
		if late, err := stomp.Connect(t.Context(), p.URL(), stomp.WithoutReconnect()); err == nil {
			late.Close()
			t.Error("somebody answers after Close")
		}
	})
}

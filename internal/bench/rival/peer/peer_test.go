package peer_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"

	"github.com/webstomp/webstomp/internal/bench/rival/peer"
	"github.com/webstomp/webstomp/internal/leak"
	"github.com/webstomp/webstomp/stomp"
)

func TestMain(m *testing.M) { leak.Main(m) }

// both runs a test over WebSocket and over a bare socket.
func both(t *testing.T, test func(t *testing.T, p *peer.Peer, c *stomp.Client)) {
	for name, url := range map[string]func(*peer.Peer) string{"WebSocket": (*peer.Peer).URL, "TCP": (*peer.Peer).TCPURL} {
		t.Run(name, func(t *testing.T) {
			p, err := peer.Start()
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(p.Close)
			c, err := stomp.Connect(t.Context(), url(p), stomp.WithoutReconnect())
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

// Floods of every length come complete and in order, also of messages of another
// size than before.
func TestFlood(t *testing.T) {
	both(t, func(t *testing.T, _ *peer.Peer, c *stomp.Client) {
		messages, err := c.Subscribe(t.Context(), "/anything", stomp.WithReceipt())
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range []struct{ count, size int }{{0, 16}, {1, 16}, {peer.Cycle, 16}, {peer.Cycle*3 + 1, 300}, {2, 70_000}, {5, peer.Smallest}} {
			if err := flood(t.Context(), c, f.count, f.size); err != nil {
				t.Fatal(err)
			}
			for i := range f.count {
				m, open := <-messages
				if !open {
					t.Fatal(c.Err())
				}
				if want := peer.Body(i, f.size); !bytes.Equal(m.Body, want) {
					t.Fatalf("message %d of %d has the body %.20q (%d octets), want %.20q", i+1, f.count, m.Body, len(m.Body), want)
				}
			}
		}
	})
}

// What cannot be flooded is answered with an ERROR that says why.
func TestFlood_refused(t *testing.T) {
	both(t, func(t *testing.T, _ *peer.Peer, c *stomp.Client) {
		if err := flood(t.Context(), c, 1, peer.Smallest-1); err != nil {
			t.Fatal(err)
		}
		<-c.Done()
		var refused *stomp.Error
		if !errors.As(c.Err(), &refused) || refused.Message != "the size of a flood: 3 octets, want 4 or more" {
			t.Errorf("the client ended with %v", c.Err())
		}
	})
}

func TestEcho(t *testing.T) {
	both(t, func(t *testing.T, p *peer.Peer, c *stomp.Client) {
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
func TestReceipts_beside_a_flood(t *testing.T) {
	both(t, func(t *testing.T, p *peer.Peer, c *stomp.Client) {
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
func TestClose(t *testing.T) {
	both(t, func(t *testing.T, p *peer.Peer, c *stomp.Client) {
		p.Close()
		<-c.Done()
		if late, err := stomp.Connect(t.Context(), p.URL(), stomp.WithoutReconnect()); err == nil {
			late.Close()
			t.Error("somebody answers after Close")
		}
	})
}

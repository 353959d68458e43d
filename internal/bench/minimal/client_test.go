package minimal_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/webstomp/webstomp/internal/bench/minimal"
	"github.com/webstomp/webstomp/internal/bench/peer"
	"github.com/webstomp/webstomp/internal/leak"
)

func TestMain(m *testing.M) { leak.Main(m) }

// dial connects to a peer of the test's own.
func dial(t *testing.T) (*peer.Peer, *minimal.Client) {
	t.Helper()
	p, err := peer.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	c, err := minimal.Dial(t.Context(), p.URL(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return p, c
}

// Messages of every length come out of the channels they are for, in order, and
// none lies in the memory of another.
func TestClient_hands_messages_to_their_subscription_to_keep(t *testing.T) {
	_, c := dial(t)
	var channels []<-chan minimal.Frame
	for i := range 3 {
		messages, err := c.Subscribe(t.Context(), "/anything", fmt.Sprint("s", i))
		if err != nil {
			t.Fatal(err)
		}
		channels = append(channels, messages)
	}
	for _, size := range []int{16, 70_000, 300} {
		const count = 12
		if err := c.Write(t.Context(), peer.FloodRequest(count, size)); err != nil {
			t.Fatal(err)
		}
		var kept [][]byte
		for i := range count {
			m := <-channels[i%3]
			kept = append(kept, m.Body)
			if want := fmt.Appendf(nil, "\nsubscription:s%d\n", i%3); !bytes.Contains(m.Head, want) {
				t.Errorf("message %d has the head %q, want %q in it", i, m.Head, want)
			}
		}
		for i, body := range kept {
			if want := peer.Body(i, size); !bytes.Equal(body, want) {
				t.Errorf("message %d of %d bytes: %.20q (%d), want %.20q", i, size, body, len(body), want)
			}
		}
	}
}

func TestClient_confirms_every_sender(t *testing.T) {
	p, c := dial(t)
	const senders, each = 16, 50
	var sending sync.WaitGroup // joined below
	for range senders {
		sending.Go(func() {
			for range each {
				if err := c.SendConfirmed(t.Context(), peer.Sink, []byte("body")); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	sending.Wait()
	if n := p.Sends(); n != senders*each {
		t.Errorf("%d SENDs have arrived, want %d", n, senders*each)
	}
}

// A call whose ctx has ended leaves, and the connection goes on: also with the
// receipt that nobody waits for any more.
func TestClient_outlives_the_ctx_of_a_call(t *testing.T) {
	_, c := dial(t)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for range 100 { // it may still have its turn, and its receipt
		if err := c.SendConfirmed(gone, peer.Sink, nil); err != nil && !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
	if err := c.SendConfirmed(t.Context(), peer.Sink, nil); err != nil {
		t.Error(err)
	}
}

// The end is for everybody: for receivers, for those who wait for a receipt, and
// for those who come later.
func TestClient_ends_with_its_connection(t *testing.T) {
	p, c := dial(t)
	messages, err := c.Subscribe(t.Context(), "/anything", "s")
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	for range messages { // to its end
	}
	if err := c.SendConfirmed(t.Context(), peer.Sink, nil); err == nil {
		t.Error("a SEND is confirmed without a peer")
	}
	if _, err := c.Subscribe(t.Context(), "/anything", "s"); err == nil || c.Err() == nil {
		t.Errorf("Subscribe after the end: %v, and Err is %v", err, c.Err())
	}
}

// Close does not wait for a receiver: the cleanup of dial returns.
func TestClient_Close_waits_for_no_receiver(t *testing.T) {
	_, c := dial(t)
	full, err := c.Subscribe(t.Context(), "/anything", "s")
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Write(t.Context(), peer.FloodRequest(10*minimal.Room, 16)); err != nil {
		t.Fatal(err)
	}
	<-full // the reader is at it
}

func TestDial_refuses_who_is_no_peer(t *testing.T) {
	p, _ := dial(t)
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if c, err := minimal.Dial(t.Context(), p.URL(), nil); err == nil {
		c.Close()
		t.Error("nobody is there, and Dial connects")
	}
}

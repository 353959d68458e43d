package soak

import (
	"context"
	"fmt"
	"testing"

	"github.com/webstomp/webstomp/internal/bench/peer"
	"github.com/webstomp/webstomp/stomp"
)

const (
	topics = 1000

	// What a member of a Group may hold, in bytes: itself, its id and destination,
	// and its places in the tables of Group, session and Client.
	perMember = 2500
)

// 1,000 members of a Group have no goroutine, and hold less than 1,000
// subscriptions, each with a channel and a queue of its own.
func TestGroup_members_have_no_goroutine(t *testing.T) {
	p, err := peer.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}()
	alone := held(t, p, func(c *stomp.Client, topic string) error {
		_, err := c.Subscribe(t.Context(), topic)
		return err
	})
	var group *stomp.Group
	grouped := held(t, p, func(c *stomp.Client, topic string) (err error) {
		if group == nil {
			if group, err = c.NewGroup(context.WithoutCancel(t.Context())); err != nil {
				return err
			}
		}
		_, err = group.Add(t.Context(), topic)
		return err
	})
	t.Logf("bytes held by each of %d: subscriptions %d, members of a Group %d", topics, alone, grouped)
	if grouped > perMember || grouped > alone {
		t.Errorf("a member holds %d bytes, want at most %d, and less than the %d of a subscription", grouped, perMember, alone)
	}
}

// held is how many bytes each of the topics holds that add has subscribed to on
// a client of its own. None may have a goroutine.
func held(t *testing.T, p *peer.Peer, add func(c *stomp.Client, topic string) error) int64 {
	t.Helper()
	client, err := stomp.Connect(t.Context(), p.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := add(client, "/topic/first"); err != nil { // it pays for what all share
		t.Fatal(err)
	}
	if err := client.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := measure()
	for i := range topics {
		if err := add(client, fmt.Sprint("/topic/", i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := client.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !settled(before.goroutines) {
		t.Errorf("%d goroutines have begun with %d topics", measure().goroutines-before.goroutines, topics)
	}
	after := measure()
	return (int64(after.live+after.stacks) - int64(before.live+before.stacks)) / topics
}

package main

import (
	"context"
	"io"
	"strings"
	"testing"

	"github.com/webstomp/webstomp/internal/exampletest"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

func TestMain(m *testing.M) { exampletest.Main(m, main) }

const want = `sent: invoice 1
billing has invoice 1
billing is away
sent: invoice 2
sent: invoice 3
billing is back
billing has invoice 2
billing has invoice 3
ended for good: nothing is collected any more
`

func TestMain_needs_no_flags(t *testing.T) {
	exampletest.Prints(t, want)
}

func TestMain_collects_on_every_broker(t *testing.T) {
	for _, profile := range []stomptest.Profile{stomptest.RabbitMQ, stomptest.RabbitMQ4, stomptest.Classic, stomptest.Artemis} {
		t.Run(profile.String(), func(t *testing.T) {
			broker := stomptest.NewBroker(stomptest.WithProfile(profile))
			defer broker.Close()
			exampletest.Prints(t, want, "-url", broker.URL())
			broker.Publish(topic, nil, []byte("too late"))
			if n := broker.QueueLen(topic); n != 0 {
				t.Errorf("%d messages were collected after the end", n)
			}
		})
	}
}

func TestMain_exits_with_1(t *testing.T) {
	exampletest.Fails(t, (*stomptest.Broker).URL)
	spring := stomptest.NewBroker(stomptest.WithProfile(stomptest.Spring))
	defer spring.Close()
	if r := exampletest.Start(t, "-url", spring.URL()).Wait(); r.Code != 1 || !strings.Contains(r.Stderr, "no recipe") {
		t.Error(r)
	}
}

func TestRun_gives_up_with_its_ctx(t *testing.T) {
	exampletest.GivesUp(t, (*stomptest.Broker).URL, func(ctx context.Context, url string) error {
		return run(ctx, io.Discard, url)
	})
}

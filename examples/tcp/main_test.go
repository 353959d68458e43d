package main

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"

	"github.com/webstomp/webstomp/internal/exampletest"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

func TestMain(m *testing.M) { exampletest.Main(m, main) }

func TestRun_dials_from_the_local_address(t *testing.T) {
	broker := stomptest.NewBroker(stomptest.WithTCP())
	defer broker.Close()
	for _, local := range []string{"", "127.0.0.1"} {
		var out bytes.Buffer
		if err := run(t.Context(), &out, broker.TCPURL(), local); err != nil {
			t.Fatal(err)
		}
		want := "connected to stomptest/1, STOMP 1.2\nreceived \"hello over TCP\" from /topic/greetings\n"
		if out.String() != want {
			t.Errorf("got\n%swant\n%s", out.String(), want)
		}
	}
	// An address that this machine does not have shows that it is used.
	err := run(t.Context(), &bytes.Buffer{}, broker.TCPURL(), "192.0.2.1")
	if err == nil || !strings.Contains(err.Error(), "WithDialer: dial tcp 192.0.2.1:0->127.0.0.1:") {
		t.Errorf("from a local address that is not ours: %v", err)
	}
}

func TestMain_needs_no_flags(t *testing.T) {
	if r := exampletest.Start(t).Wait(); r.Code != 0 || !strings.Contains(r.Stdout, "hello over TCP") {
		t.Error(r)
	}
}

func TestMain_exits_with_1(t *testing.T) {
	exampletest.Fails(t, (*stomptest.Broker).TCPURL)
}

func TestRun_gives_up_with_its_ctx(t *testing.T) {
	exampletest.GivesUp(t, (*stomptest.Broker).TCPURL, func(ctx context.Context, url string) error {
		return run(ctx, io.Discard, url, "")
	})
}

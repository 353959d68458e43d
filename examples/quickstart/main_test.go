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

func TestRun_prints_what_it_received(t *testing.T) {
	broker := stomptest.NewBroker()
	defer broker.Close()
	var out bytes.Buffer
	if err := run(t.Context(), &out, broker.URL()); err != nil {
		t.Fatal(err)
	}
	want := "connected to stomptest/1, STOMP 1.2\nreceived \"hello 1\" from /topic/greetings\nreceived \"hello 2\" from /topic/greetings\nreceived \"hello 3\" from /topic/greetings\ndisconnected\n"
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
}

func TestMain_needs_no_flags(t *testing.T) {
	if r := exampletest.Start(t).Wait(); r.Code != 0 || !strings.HasPrefix(r.Stdout, "embedded broker at ws://127.0.0.1:") || !strings.HasSuffix(r.Stdout, "disconnected\n") {
		t.Error(r)
	}
}

func TestMain_logs_in(t *testing.T) {
	broker := stomptest.NewBroker(stomptest.WithLogin("guest", "guest"))
	defer broker.Close()
	if r := exampletest.Start(t, "-url", broker.URL(), "-login", "guest", "-passcode", "guest").Wait(); r.Code != 0 {
		t.Error(r)
	}
}

func TestMain_exits_with_1(t *testing.T) {
	exampletest.Fails(t, (*stomptest.Broker).URL)
}

func TestRun_gives_up_with_its_ctx(t *testing.T) {
	exampletest.GivesUp(t, (*stomptest.Broker).URL, func(ctx context.Context, url string) error {
		return run(ctx, io.Discard, url)
	})
}

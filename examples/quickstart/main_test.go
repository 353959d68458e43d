package main

import (
	"bytes"
	"testing"

	"github.com/webstomp/webstomp/internal/leak"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

func TestMain(m *testing.M) { leak.Main(m) }

func TestRun_prints_what_it_received(t *testing.T) {
	broker := stomptest.NewBroker()
	defer broker.Close()
	var out bytes.Buffer
	if err := run(&out, broker.URL()); err != nil {
		t.Fatal(err)
	}
	want := "connected to stomptest/1, STOMP 1.2\nreceived \"hello 1\" from /topic/greetings\nreceived \"hello 2\" from /topic/greetings\nreceived \"hello 3\" from /topic/greetings\ndisconnected\n"
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
}

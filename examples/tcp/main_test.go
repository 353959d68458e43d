package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/webstomp/webstomp/internal/leak"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

func TestMain(m *testing.M) { leak.Main(m) }

func TestRun_dials_from_the_local_address(t *testing.T) {
	broker := stomptest.NewBroker(stomptest.WithTCP())
	defer broker.Close()
	for _, local := range []string{"", "127.0.0.1"} {
		var out bytes.Buffer
		if err := run(&out, broker.TCPURL(), local); err != nil {
			t.Fatal(err)
		}
		want := "connected to stomptest/1, STOMP 1.2\nreceived \"hello over TCP\" from /topic/greetings\n"
		if out.String() != want {
			t.Errorf("got\n%swant\n%s", out.String(), want)
		}
	}
	// An address that this machine does not have shows that it is used.
	err := run(&bytes.Buffer{}, broker.TCPURL(), "192.0.2.1")
	if err == nil || !strings.Contains(err.Error(), "WithDialer: dial tcp 192.0.2.1:0->127.0.0.1:") {
		t.Errorf("from a local address that is not ours: %v", err)
	}
}

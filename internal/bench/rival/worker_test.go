package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/webstomp/webstomp/internal/bench/peer"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// places are where the works can be done: the topic takes a broker.
func places(t *testing.T) map[string]endpoint {
	t.Helper()
	p, err := peer.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	b := stomptest.NewBroker(stomptest.WithTCP(), stomptest.WithLogin("guest", "guest"), stomptest.WithVirtualHosts("/"))
	t.Cleanup(b.Close)
	at := endpoint{url: p.URL(), tcpURL: p.TCPURL()}
	return map[string]endpoint{
		workReceive: at, workSend: at, workEcho: at,
		workTopic: {url: b.URL(), tcpURL: b.TCPURL(), login: "guest", passcode: "guest"},
	}
}

func TestCarryOut_does_every_piece_of_work(t *testing.T) {
	for work, at := range places(t) {
		for name, c := range map[string]contender{"WebSocket": {}, "TCP": {bare: true}} {
			t.Run(work+", "+name, func(t *testing.T) {
				text, err := json.Marshal(plan{messages: 1000, size: 256}.task(work, c, at))
				if err != nil {
					t.Fatal(err)
				}
				f, err := carryOut(t.Context(), string(text))
				if err != nil || f.Seconds <= 0 {
					t.Errorf("%+v, %v", f, err)
				}
			})
		}
	}
}

func TestCarryOut_refuses_what_it_cannot_do(t *testing.T) {
	p, err := peer.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for text, want := range map[string]string{
		`x`:               "invalid character",
		`{"work":"doze"}`: `no such work as "doze"`,
		`{"work":"receive","size":1,"messages":1,"warmUp":1,"url":"` + p.URL() + `"}`: "the size of a flood",
	} {
		if _, err := carryOut(t.Context(), text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

package main

import (
	"bytes"
	"testing"

	"github.com/webstomp/webstomp/internal/leak"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

func TestMain(m *testing.M) { leak.Main(m) }

func TestRun_skips_what_does_not_decode(t *testing.T) {
	broker := stomptest.NewBroker()
	defer broker.Close()
	var out bytes.Buffer
	if err := run(t.Context(), &out, broker.URL()); err != nil {
		t.Fatal(err)
	}
	want := "ACME costs 12.99\nskipped: not a price\nLAST costs 0.05\n"
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
}

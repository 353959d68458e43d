package main

import (
	"bytes"
	"testing"

	"github.com/webstomp/webstomp/internal/leak"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

func TestMain(m *testing.M) { leak.Main(m) }

func TestRun_rolls_back_then_commits(t *testing.T) {
	broker := stomptest.NewBroker()
	defer broker.Close()
	var out bytes.Buffer
	if err := run(t.Context(), &out, broker.URL()); err != nil {
		t.Fatal(err)
	}
	want := "rolled back: no cups left\nshipped: 12 cups\n"
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
}

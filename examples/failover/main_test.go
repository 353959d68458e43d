package main

import (
	"bytes"
	"testing"

	"github.com/webstomp/webstomp/internal/leak"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

func TestMain(m *testing.M) { leak.Main(m) }

func TestRun_goes_on_with_the_second_broker(t *testing.T) {
	primary, standIn := stomptest.NewBroker(), stomptest.NewBroker()
	defer standIn.Close()
	defer primary.Close()
	var out bytes.Buffer
	if err := run(t.Context(), &out, primary, standIn); err != nil {
		t.Fatal(err)
	}
	want := "order 1 came through session 1\norder 2 came through session 1\norder 3 came through session 2\norder 4 came through session 2\nthe stand-in has taken over\n"
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
}

package main

import (
	"context"
	"io"
	"testing"

	"github.com/webstomp/webstomp/internal/exampletest"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

func TestMain(m *testing.M) { exampletest.Main(m, main) }

func TestMain_goes_on_with_the_second_broker(t *testing.T) {
	exampletest.Prints(t, "order 1 came through session 1\norder 2 came through session 1\norder 3 came through session 2\norder 4 came through session 2\nthe stand-in has taken over\n")
}

func TestMain_takes_the_one_that_is_there(t *testing.T) {
	broker := stomptest.NewBroker()
	defer broker.Close()
	exampletest.Prints(t, "order 1 came through session 1\norder 2 came through session 1\norder 3 came through session 1\norder 4 came through session 1\nthe stand-in has taken over\n",
		"-url", "ws://127.0.0.1:1/,"+broker.URL())
}

func TestMain_exits_with_1(t *testing.T) {
	exampletest.Fails(t, (*stomptest.Broker).URL)
}

func TestRun_gives_up_with_its_ctx(t *testing.T) {
	exampletest.GivesUp(t, (*stomptest.Broker).URL, func(ctx context.Context, url string) error {
		return run(ctx, io.Discard, []string{url}, func() {})
	})
}

package main

import (
	"context"
	"io"
	"testing"

	"github.com/webstomp/webstomp/internal/exampletest"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

func TestMain(m *testing.M) { exampletest.Main(m, main) }

func TestMain_rolls_back_then_commits(t *testing.T) {
	exampletest.Prints(t, "rolled back: no cups left\nshipped: 12 cups\n")
}

func TestMain_exits_with_1(t *testing.T) {
	exampletest.Fails(t, (*stomptest.Broker).URL)
}

func TestRun_gives_up_with_its_ctx(t *testing.T) {
	exampletest.GivesUp(t, (*stomptest.Broker).URL, func(ctx context.Context, url string) error {
		return run(ctx, io.Discard, url)
	})
}

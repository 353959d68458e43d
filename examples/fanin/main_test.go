package main

import (
	"context"
	"io"
	"strings"
	"testing"

	"github.com/webstomp/webstomp/internal/exampletest"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

func TestMain(m *testing.M) { exampletest.Main(m, main) }

func TestMain_takes_the_last_price_of_each_topic(t *testing.T) {
	r := exampletest.Start(t, "-rounds", "6").Wait()
	if r.Code != 0 || r.Stdout != "1000 topics, 1 refused\n6000 prices were sent; the last one of each topic was taken\n" {
		t.Error(r)
	}
	if !strings.Contains(r.Stderr, "/topic/price.0013: broker says ERROR \"access_refused\"") || strings.Contains(r.Stderr, " 0 were replaced") {
		t.Errorf("want the topic that has failed, and prices that were replaced: %v", r)
	}
}

func TestMain_exits_with_1(t *testing.T) {
	exampletest.Fails(t, (*stomptest.Broker).URL)
	for _, flag := range []string{"-topics", "-rounds"} {
		if r := exampletest.Start(t, flag, "0").Wait(); r.Code != 1 || !strings.Contains(r.Stderr, flag) {
			t.Errorf("%s 0: %v", flag, r)
		}
	}
}

func TestRun_gives_up_with_its_ctx(t *testing.T) {
	exampletest.GivesUp(t, (*stomptest.Broker).URL, func(ctx context.Context, url string) error {
		return run(ctx, io.Discard, url, 3, 2, 0)
	})
}

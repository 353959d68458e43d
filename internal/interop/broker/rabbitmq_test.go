package broker_test

import (
	"errors"
	"testing"

	"github.com/coder/websocket"

	"github.com/webstomp/webstomp/internal/interop/broker"
	"github.com/webstomp/webstomp/stomp"
)

func TestRabbitMQ_serves_and_restarts(t *testing.T) {
	var home string
	b := prepared(t, func(dir string) (*broker.RabbitMQ, error) {
		home = dir
		return broker.NewRabbitMQ(dir, broker.RabbitMQOptions{BinaryFrames: true, MaxFrame: 100_000})
	})
	ctx := bounded(t)
	start(t, ctx, b)
	exchange(t, ctx, "/queue/a", b.URL(), b.TCPURL())
	sends(t, ctx, b.URL(), websocket.MessageBinary)
	var closed *stomp.CloseError
	if err := carries(t, ctx, b.URL(), 120_000); !errors.As(err, &closed) || closed.Code != int(websocket.StatusMessageTooBig) {
		t.Errorf("above MaxFrame: %v, want a close with 1009", err)
	}
	if err := carries(t, ctx, b.TCPURL(), 4<<20); err != nil {
		t.Errorf("a body of 4 MiB: %v", err)
	}
	if err := carries(t, ctx, b.TCPURL(), 4<<20+1); err == nil {
		t.Error("a body above 4 MiB is accepted")
	}
	survives(t, ctx, b, b.URL())
	guarded(t, ctx, b.URL(), stomp.WithLogin("limited", "limited"))
	deletes(t, ctx, b, b.URL())
	b.Stop()
	leavesNothing(t, home)
	refuses(t, b.URL())
	refuses(t, b.TCPURL())
}

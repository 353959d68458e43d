package broker_test

import (
	"errors"
	"testing"

	"github.com/coder/websocket"

	"github.com/webstomp/webstomp/internal/interop/broker"
	"github.com/webstomp/webstomp/stomp"
)

func TestRabbitMQ_serves_and_restarts(t *testing.T) {
	for name, release := range map[string]broker.RabbitMQRelease{
		"3.10": broker.RabbitMQ310, "4.0": broker.RabbitMQ40, "4.3": broker.RabbitMQ43,
	} {
		t.Run(name, func(t *testing.T) { servesAndRestarts(t, release) })
	}
}

func servesAndRestarts(t *testing.T, release broker.RabbitMQRelease) {
	var home string
	b := prepared(t, func(dir string) (*broker.RabbitMQ, error) {
		home = dir
		b, err := broker.NewRabbitMQ(dir, broker.RabbitMQOptions{Release: release, BinaryFrames: true, MaxFrame: 100_000})
		var missing *broker.Missing
		if release == broker.RabbitMQ43 && errors.As(err, &missing) {
			t.Skip(err)
		}
		return b, err
	})
	ctx := bounded(t)
	start(t, ctx, b)
	c := connect(t, ctx, b.URL())
	if says := c.Status().Session.Server; says != "RabbitMQ/"+b.Version() {
		t.Errorf("the server says that it is %s, want %s", says, b.Version())
	}
	c.Close()
	exchange(t, ctx, "/queue/a", b.URL(), b.TCPURL())
	sends(t, ctx, b.URL(), websocket.MessageBinary)
	var closed *stomp.CloseError
	if err := carries(t, ctx, b.URL(), 120_000); !errors.As(err, &closed) || closed.Code != int(websocket.StatusMessageTooBig) {
		t.Errorf("above MaxFrame: %v, want a close with 1009", err)
	}
	if release == broker.RabbitMQ310 { // later ones limit frames over TCP, too
		if err := carries(t, ctx, b.TCPURL(), 4<<20); err != nil {
			t.Errorf("a body of 4 MiB: %v", err)
		}
		if err := carries(t, ctx, b.TCPURL(), 4<<20+1); err == nil {
			t.Error("a body above 4 MiB is accepted")
		}
	}
	survives(t, ctx, b, b.URL())
	guarded(t, ctx, b.URL(), stomp.WithLogin("limited", "limited"))
	deletes(t, ctx, b, b.URL())
	b.Stop()
	leavesNothing(t, home)
	refuses(t, b.URL())
	refuses(t, b.TCPURL())
}

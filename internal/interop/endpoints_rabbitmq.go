package interop

import (
	"errors"
	"path/filepath"

	"github.com/webstomp/webstomp/internal/interop/broker"
	"github.com/webstomp/webstomp/stomp"
)

func rabbitMQEndpoints(dir string) ([]*Endpoint, error) {
	text, err := broker.NewRabbitMQ(filepath.Join(dir, "rabbitmq"), broker.RabbitMQOptions{})
	if err != nil {
		return nil, err
	}
	binary, err := broker.NewRabbitMQ(filepath.Join(dir, "rabbitmq-binary"), broker.RabbitMQOptions{BinaryFrames: true, MaxFrame: 2 << 20})
	if err != nil {
		return nil, err
	}
	old, err := broker.NewRabbitMQ(filepath.Join(dir, "rabbitmq-old"), broker.RabbitMQOptions{Release: broker.RabbitMQ310})
	if err != nil {
		return nil, err
	}
	newest, err := newestRabbitMQ(dir)
	if err != nil {
		return nil, err
	}
	relay, err := broker.NewSpring(filepath.Join(dir, "spring-relay"), broker.SpringOptions{Backend: text})
	if err != nil {
		return nil, err
	}
	d := rabbitDialect
	limitedFrames := d
	limitedFrames.limited = limited{size: 3 << 20, says: "max_frame_size"}
	relayed := d
	relayed.name = springRelay
	relayed.limited = tomcatLimit
	return []*Endpoint{
		{Column: "RabbitMQ 4.0 ws", Broker: text, URL: text.URL(), dialect: d},
		{Column: "RabbitMQ 4.0 ws, binary", Broker: binary, URL: binary.URL(), dialect: limitedFrames},
		{Column: "RabbitMQ 4.0 TCP", Broker: text, URL: text.TCPURL(), TCP: true, dialect: d},
		newest,
		{Column: "RabbitMQ 3.10 ws", Broker: old, URL: old.URL(), dialect: d},
		{Column: "Spring relay", Broker: relay, URL: relay.URL(), Backend: text, Options: []stomp.ConnectOption{tomcatSplit}, dialect: relayed},
	}, nil
}

var rabbitDialect = dialect{
	name:       rabbitMQ,
	prefetch:   stomp.WithHeader("prefetch-count", "1"),
	nack:       requeues,
	persistent: persistent,
	durable:    rabbitDurable,
	forbidden:  "/exchange/there-is-no-such-exchange",
	deleted:    cancels,
	limited:    limited{size: 5 << 20, says: "connection lost"}, // above max_message_size
}

// newestRabbitMQ is the one of the Debian suite that moves. It is absent where it cannot be had.
func newestRabbitMQ(dir string) (*Endpoint, error) {
	e := &Endpoint{Column: "RabbitMQ 4.3 ws", Moves: true, dialect: rabbitDialect}
	e.limited.says = "max_frame_size" // stomp.max_frame_size, 4 MiB by default
	b, err := broker.NewRabbitMQ(filepath.Join(dir, "rabbitmq-newest"), broker.RabbitMQOptions{Release: broker.RabbitMQ43})
	var missing *broker.Missing
	switch {
	case errors.As(err, &missing):
		e.Absent = err
		return e, nil
	case err != nil:
		return nil, err
	}
	e.Broker, e.URL = b, b.URL()
	return e, nil
}

// rabbitDurable returns RabbitMQ's options: the id names the queue, and
// UNSUBSCRIBE with SUBSCRIBE's headers deletes it.
func rabbitDurable(name string) durable {
	return durable{
		subscribe:   []stomp.SubscribeOption{stomp.WithID(name), stomp.WithHeader("durable", "true"), stomp.WithHeader("auto-delete", "false")},
		unsubscribe: []stomp.FrameOption{stomp.WithHeader("durable", "true"), stomp.WithHeader("auto-delete", "false")},
	}
}

package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/webstomp/webstomp/internal/interop/broker"
)

// startTime bounds the start of one server, with its build.
const startTime = 10 * time.Minute

// servers are a broker and those that must start before it.
type servers struct {
	brokers []broker.Broker // in the order of their start
	ws, tcp string          // the last one's URLs; tcp is "" if it has none
}

// prepare returns the broker of that name, with its data in dir.
func prepare(name, dir string) (*servers, error) {
	switch name {
	case "rabbitmq":
		return prepareRabbitMQ(broker.RabbitMQ40, dir)
	case "rabbitmq-4.3":
		return prepareRabbitMQ(broker.RabbitMQ43, dir)
	case "rabbitmq-3.10":
		return prepareRabbitMQ(broker.RabbitMQ310, dir)
	case "relay":
		return prepareRelay(dir)
	}
	return prepareJava(name, dir)
}

func prepareRabbitMQ(release broker.RabbitMQRelease, dir string) (*servers, error) {
	b, err := broker.NewRabbitMQ(dir, broker.RabbitMQOptions{Release: release})
	if err != nil {
		return nil, err
	}
	return &servers{[]broker.Broker{b}, b.URL(), b.TCPURL()}, nil
}

func prepareRelay(dir string) (*servers, error) {
	behind, err := broker.NewRabbitMQ(filepath.Join(dir, "rabbitmq"), broker.RabbitMQOptions{})
	if err != nil {
		return nil, err
	}
	b, err := broker.NewSpring(filepath.Join(dir, "spring"), broker.SpringOptions{Backend: behind})
	if err != nil {
		return nil, err
	}
	return &servers{[]broker.Broker{behind, b}, b.URL(), ""}, nil
}

// fill replaces {ws} and {tcp} in command.
func (s *servers) fill(command []string) ([]string, error) {
	filled := make([]string, len(command))
	for i, arg := range command {
		if s.tcp == "" && strings.Contains(arg, "{tcp}") {
			return nil, fmt.Errorf("%s has no URL for {tcp}", s.brokers[len(s.brokers)-1].Name())
		}
		filled[i] = strings.NewReplacer("{ws}", s.ws, "{tcp}", s.tcp).Replace(arg)
	}
	return filled, nil
}

// start starts the brokers in their order.
func (s *servers) start(ctx context.Context) error {
	for _, b := range s.brokers {
		ctx, cancel := context.WithTimeout(ctx, startTime)
		err := b.Start(ctx)
		cancel()
		if err != nil {
			return err
		}
	}
	return nil
}

// stop stops them in the opposite order, including any that does not run.
func (s *servers) stop() {
	for i := len(s.brokers) - 1; i >= 0; i-- {
		s.brokers[i].Stop()
	}
}

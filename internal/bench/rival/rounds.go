package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/webstomp/webstomp/internal/bench/peer"
	"github.com/webstomp/webstomp/internal/interop/broker"
)

// plan is how much is done.
type plan struct{ messages, size, rounds int }

// besidePeer has every client do all but the topic against one peer.
func besidePeer(ctx context.Context, clients []contender, p plan) (_ *table, err error) {
	server, err := peer.Start(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	return p.carryOut(ctx, clients, []string{workReceive, workSend, workEcho}, endpoint{
		name: "a peer that costs next to nothing", url: server.URL(), tcpURL: server.TCPURL(),
	})
}

// startTime bounds the start of RabbitMQ.
const startTime = 2 * time.Minute

// besideRabbitMQ has every client publish to a topic and receive from it.
func besideRabbitMQ(ctx context.Context, clients []contender, p plan) (_ *table, err error) {
	dir, err := os.MkdirTemp("", "webstomp-rival-rabbitmq-*")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	server, err := broker.NewRabbitMQ(dir, broker.RabbitMQOptions{})
	if err != nil {
		return nil, err
	}
	start, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	if err := server.Start(start); err != nil {
		return nil, err
	}
	defer server.Stop()
	return p.carryOut(ctx, clients, []string{workTopic}, endpoint{
		name: server.Name() + " " + server.Version(), url: server.URL(), tcpURL: server.TCPURL(), login: "guest", passcode: "guest",
	})
}

// endpoint is the server that all clients work with.
type endpoint struct{ name, url, tcpURL, login, passcode string }

// carryOut has every client do each of the works, and once more in every round,
// so that what else the machine does falls on all of them.
func (p plan) carryOut(ctx context.Context, clients []contender, works []string, at endpoint) (*table, error) {
	result := newTable(at.name, works, clients)
	for round := range p.rounds {
		for _, work := range works {
			for _, c := range clients {
				t := p.task(work, c, at)
				f, err := c.run(ctx, t)
				if err != nil {
					return nil, fmt.Errorf("round %d: %w", round+1, err)
				}
				result.add(work, c.name, t.Messages, f)
			}
		}
	}
	return result, nil
}

func (p plan) task(work string, c contender, at endpoint) task {
	t := task{Work: work, URL: at.url, Login: at.login, Passcode: at.passcode, Messages: p.messages, Size: p.size}
	if c.bare {
		t.URL = at.tcpURL
	}
	if work == workEcho {
		t.Messages /= 10
	}
	t.WarmUp = max(1, t.Messages/10)
	return t
}

// Broker is a broker in memory to try things with, until Ctrl-C: it prints its URL, takes any login, behaves as
// the server of a profile, and answers requests to /queue/echo with their own body.
//
//	go run ./examples/broker
//	go run ./examples/broker -profile RabbitMQ4 -addr 127.0.0.1:15674 -echo /queue/quotes
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

func main() {
	name := flag.String("profile", "RabbitMQ4", "the server to behave as, by the name of stomptest's constant")
	addr := flag.String("addr", "127.0.0.1:0", "where it listens")
	echo := flag.String("echo", "/queue/echo", "requests to this destination are answered")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Stdout, *name, *addr, *echo); err != nil {
		log.Fatal(err)
	}
}

// run serves until ctx ends, which is no error.
func run(ctx context.Context, out io.Writer, name, addr, echo string) error {
	profile, err := profileOf(name)
	if err != nil {
		return err
	}
	broker, err := start(stomptest.WithProfile(profile), stomptest.WithAddr(addr))
	if err != nil {
		return err
	}
	defer broker.Close()
	client, err := stomp.Connect(ctx, broker.URL())
	if err != nil {
		return err
	}
	defer client.Close()
	requests, err := client.NewSubscription(ctx, echo)
	if err != nil {
		return err
	}
	if err := client.Flush(ctx); err != nil {
		return err
	}
	fmt.Fprintf(out, "%v at %s, which answers requests to %s; press Ctrl-C to end\n", profile, broker.URL(), echo)
	for r := range requests.C {
		err := client.Reply(ctx, r, r.Body, stomp.WithContentType(r.ContentType()))
		if err != nil && !errors.Is(err, stomp.ErrNoReplyTo) && ctx.Err() == nil {
			log.Print(err)
		}
	}
	return requests.Err()
}

var profiles = []stomptest.Profile{stomptest.Generic, stomptest.RabbitMQ, stomptest.RabbitMQ4, stomptest.Classic, stomptest.Artemis,
	stomptest.Spring, stomptest.Spring7, stomptest.Spring7Jetty, stomptest.OpenMQ}

func profileOf(name string) (stomptest.Profile, error) {
	for _, p := range profiles {
		if strings.EqualFold(p.String(), name) {
			return p, nil
		}
	}
	return 0, fmt.Errorf("there is no profile %q: use one of %v", name, profiles)
}

// start starts a broker. NewBroker panics where it cannot listen, as is right in a test.
func start(opts ...stomptest.Option) (b *stomptest.Broker, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	return stomptest.NewBroker(opts...), nil
}

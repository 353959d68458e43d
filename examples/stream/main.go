// Stream reads a RabbitMQ stream and works each message off once, in order, also across
// a lost connection and a kill of the program: it writes its offset together with the
// work, and goes on behind it.
//
//	go run ./examples/stream
//	go run ./examples/stream -url ws://127.0.0.1:15674/ws -login guest -passcode guest -ledger ledger.txt -n 0
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
	"path/filepath"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/webstomp/webstomp/examples/internal/brokerflag"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

const queue = "/queue/journal"

// stream makes a queue a stream. SEND and SUBSCRIBE both declare it, so both need this.
var stream = []stomp.HeaderOption{
	stomp.WithHeader("x-queue-type", "stream"), stomp.WithHeader("durable", "true"), stomp.WithHeader("auto-delete", "false"),
}

func main() {
	broker := brokerflag.Define()
	path := flag.String("ledger", "", "the file to write to, and to go on from; without one, a temporary file that is removed again")
	publish := flag.Int("publish", 3, "messages to send first")
	n := flag.Int("n", 3, "messages to read; 0: until Ctrl-C")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if broker.URL == "" {
		embedded := stomptest.NewBroker()
		defer embedded.Close()
		broker.URL = embedded.URL()
	}
	remove := func() {}
	if *path == "" {
		dir, err := os.MkdirTemp("", "stream-*")
		if err != nil {
			log.Fatal(err)
		}
		remove = func() { os.RemoveAll(dir) }
		*path = filepath.Join(dir, "ledger.txt")
	}
	err := run(ctx, os.Stdout, broker.URL, *path, *publish, *n, broker.Options()...)
	remove() // not deferred: log.Fatal would leave the file behind
	if err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, out io.Writer, url, path string, publish, n int, opts ...stomp.ConnectOption) error {
	ledger, next, err := openLedger(path)
	if err != nil {
		return err
	}
	defer ledger.Close()
	client, err := stomp.Connect(ctx, url, opts...)
	if err != nil {
		return err
	}
	defer client.Close()
	for i := range publish {
		if err := send(ctx, client, fmt.Appendf(nil, "event %d", i+1)); err != nil {
			return err
		}
	}
	fmt.Fprintf(out, "goes on with offset %d\n", next)
	err = read(ctx, client, next, func(offset int64, m stomp.Frame) error {
		// One write has the work and the offset: what a transaction is in a database. It
		// outlives the program; Sync would have it outlive the machine. It is one line, %q,
		// whatever the message has in it.
		if _, err := fmt.Fprintf(ledger, "%d %q\n", offset, m.Body); err != nil {
			return err
		}
		fmt.Fprintf(out, "offset %d: %s\n", offset, m.Body)
		if n--; n == 0 {
			return errEnough
		}
		return nil
	})
	if !errors.Is(err, errEnough) && ctx.Err() == nil {
		return err
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return client.Disconnect(grace)
}

var errEnough = errors.New("read enough")

// send sends until the broker has confirmed or refused it, or until ctx or the Client ends. A
// stream does not know that two messages are the same: a repetition whose receipt was lost has
// an offset of its own.
func send(ctx context.Context, client *stomp.Client, body []byte) error {
	for {
		// RabbitMQ does not tell that it has rejected a message, nor that it cannot store it yet.
		bounded, cancel := context.WithTimeout(ctx, time.Minute)
		err := client.Send(bounded, queue, body, sending(stomp.WithRetry())...)
		late := bounded.Err() != nil
		cancel()
		if err == nil || !late || ctx.Err() != nil {
			return err
		}
		log.Printf("not sent, trying again: %v", err)
	}
}

// read calls work for each message from an offset on, once and in order, until work
// fails, ctx ends, or the subscription does.
func read(ctx context.Context, client *stomp.Client, next int64, work func(offset int64, m stomp.Frame) error) error {
	var resume atomic.Int64 // what the next SUBSCRIBE asks for
	resume.Store(next)
	sub, err := client.NewSubscription(ctx, queue, subscribing(
		stomp.WithAck(stomp.AckClientIndividual), stomp.WithHeader("prefetch-count", "100"), // RabbitMQ wants both
		stomp.WithSubscribeHeaderFunc(func(context.Context) (stomp.Header, error) { // also after a reconnect
			return stomp.Header{{"x-stream-offset", fmt.Sprintf("offset=%d", resume.Load())}}, nil
		}))...)
	if err != nil {
		return err
	}
	for m := range sub.C {
		offset, err := strconv.ParseInt(m.Header.Get("x-stream-offset"), 10, 64)
		if err != nil {
			return fmt.Errorf("%s is no stream: %w", queue, err)
		}
		if offset >= resume.Load() { // else it had arrived before a reconnect, and came again
			if err := work(offset, m); err != nil {
				return err
			}
			resume.Store(offset + 1)
		}
		// ACK asks for more, and takes nothing out of the stream.
		if err := m.Ack(ctx); err != nil && !errors.Is(err, stomp.ErrStale) && ctx.Err() == nil {
			return err
		}
	}
	return sub.Err()
}

func sending(more ...stomp.SendOption) []stomp.SendOption {
	for _, entry := range stream {
		more = append(more, entry)
	}
	return more
}

func subscribing(more ...stomp.SubscribeOption) []stomp.SubscribeOption {
	for _, entry := range stream {
		more = append(more, entry)
	}
	return more
}

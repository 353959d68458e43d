// Fanin reads 1,000 topics through one channel, without a goroutine for each: a Group
// with OverflowLatest. Its consumer is slow, and sees the last price of every topic all
// the same, because a newer price takes the place of an older one that waits. Topics come
// and go while it runs, and one that the broker refuses fails alone.
//
//	go run ./examples/fanin
//	go run ./examples/fanin -url ws://127.0.0.1:15674/ws -login guest -passcode guest
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/webstomp/webstomp/examples/internal/brokerflag"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

func main() {
	broker := brokerflag.Define()
	topics := flag.Int("topics", 1000, "topics")
	rounds := flag.Int("rounds", 20, "prices of each")
	slow := flag.Duration("slow", 200*time.Microsecond, "that the consumer takes for a price")
	flag.Parse()
	if *topics < 1 || *rounds < 1 {
		log.Fatal("-topics and -rounds are at least 1")
	}
	if broker.URL == "" {
		embedded := stomptest.NewBroker(stomptest.WithProfile(stomptest.RabbitMQ4))
		defer embedded.Close()
		embedded.Refuse(topic(13)) // as a real one would for want of permission
		broker.URL = embedded.URL()
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := run(ctx, os.Stdout, broker.URL, *topics, *rounds, *slow, broker.Options()...); err != nil {
		log.Fatal(err)
	}
}

func topic(i int) string { return fmt.Sprintf("/topic/price.%04d", i) }

func run(ctx context.Context, out io.Writer, url string, topics, rounds int, slow time.Duration, opts ...stomp.ConnectOption) error {
	client, err := stomp.Connect(ctx, url, opts...)
	if err != nil {
		return err
	}
	defer client.Close()
	prices, err := client.NewGroup(ctx, stomp.WithBuffer(0, 0, stomp.OverflowLatest))
	if err != nil {
		return err
	}
	members := make([]*stomp.Member, topics)
	for i := range members {
		if members[i], err = prices.Add(ctx, topic(i)); err != nil {
			return err
		}
	}
	refused := 0
	for _, m := range members {
		if m.Confirmed(ctx) != nil { // it comes on Failed as well
			refused++
		}
	}
	fmt.Fprintf(out, "%d topics, %d refused\n", topics, refused)
	go func() { // ends with the Client
		for m := range prices.Failed() {
			log.Printf("%s: %v", m.Destination(), m.Err())
		}
	}()

	sent, taken := 0, 0
	live := topics - refused // topics whose last price has not come; below one goes and another one comes
	var work errgroup.Group
	work.Go(func() error { // ends with the last price of the last topic, or when the Group does
		for f := range prices.C {
			price, err := strconv.Atoi(string(f.Body))
			if err != nil {
				return err
			}
			time.Sleep(slow) // its work
			taken++
			if price == rounds {
				live--
			}
			if live == 0 {
				return nil
			}
		}
		return cmp.Or(prices.Err(), context.Cause(ctx))
	})
	for round := range rounds {
		if round == rounds/2 {
			if err := members[0].Unsubscribe(ctx); err != nil {
				return err
			}
			if _, err := prices.Add(ctx, topic(topics), stomp.WithReceipt()); err != nil {
				return err
			}
		}
		for i := range topics + 1 {
			if i < topics && members[i].Err() != nil {
				continue // who may not read it may not write it either: RabbitMQ would end the session
			}
			sent++
			if err := client.Send(ctx, topic(i), fmt.Append(nil, round+1)); err != nil {
				return err
			}
		}
	}
	if err := work.Wait(); err != nil {
		return err
	}
	fmt.Fprintf(out, "%d prices were sent; the last one of each topic was taken\n", sent)
	log.Printf("%d prices were taken, %d were replaced by newer ones", taken, prices.Stats().Dropped)
	return client.Disconnect(ctx)
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/webstomp/webstomp/stomp"
)

const (
	orderQueue    = "/queue/orders"
	shipmentQueue = "/queue/shipments"
	rejectedQueue = "/queue/orders.rejected" // what is no order, for somebody to look at

	pause = 5 * time.Second // between two tries to ship an order
)

// Order is what comes, and what is shipped.
type Order struct {
	ID   string
	Item string
}

// Service makes one shipment of each order. It sends a shipment before it remembers the
// order, so that none is lost; whoever receives shipments has to bear one twice, which
// the ID shows.
type Service struct {
	Shipped func(id string) bool // has this order been shipped? A table of your database.
	Ship    func(id string)      // remembers that it has
	Log     *slog.Logger
}

// Run works off orders until ctx ends, and then disconnects, or until the Client or its
// subscription fails.
func (s *Service) Run(ctx context.Context, client *stomp.Client) error {
	orders, err := client.NewSubscription(context.WithoutCancel(ctx), orderQueue,
		stomp.WithAck(stomp.AckClientIndividual), stomp.WithHeader("prefetch-count", "10"))
	if err != nil {
		return err
	}
	for {
		select {
		case f, ok := <-orders.C:
			if !ok {
				return orders.Err()
			}
			if err := s.handle(ctx, client, f); err != nil {
				s.Log.Warn("the broker delivers it again", "order", f.MessageID(), "why", err)
			}
		case <-ctx.Done():
			grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
			defer cancel()
			return client.Disconnect(grace)
		}
	}
}

// handle works off one order, and acknowledges it when nothing is left to be done. If it
// returns an error the order is still the broker's.
func (s *Service) handle(ctx context.Context, client *stomp.Client, f stomp.Frame) error {
	order, err := stomp.JSON[Order](f)
	if err == nil && order.ID == "" {
		err = errors.New("it has no ID")
	}
	if err != nil {
		s.Log.Warn("rejected", "message", f.MessageID(), "why", err)
		if err := client.Send(ctx, rejectedQueue, f.Body, stomp.WithRetry(), stomp.WithPersistent()); err != nil {
			return err
		}
		return f.Ack(ctx)
	}
	if s.Shipped(order.ID) { // it came again: an ACK was lost
		return f.Ack(ctx)
	}
	body, err := json.Marshal(order)
	if err != nil {
		return err
	}
	for {
		err := client.Send(ctx, shipmentQueue, body,
			stomp.WithContentType("application/json"), stomp.WithRetry(), stomp.WithPersistent())
		if err == nil {
			break
		}
		// The broker has refused it, or ctx has ended. A lost connection is not seen here.
		s.Log.Warn("not shipped", "order", order.ID, "why", err)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return fmt.Errorf("not shipped: %w", context.Cause(ctx))
		}
	}
	s.Ship(order.ID)
	return f.Ack(ctx)
}

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

	patience = time.Minute     // RabbitMQ does not tell that a full queue has rejected a message
	pause    = 5 * time.Second // between two tries to send something of an order's
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
				s.Log.Warn("the broker delivers it again", "message", f.MessageID(), "why", err)
			}
		case <-ctx.Done():
			grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
			defer cancel()
			return client.Disconnect(grace)
		}
	}
}

// handle works off one order, and acknowledges it when nothing is left to be done. It returns
// an error only when the session of the order is over, or ctx, whose end ends that, or if the
// order can be sent nowhere: the broker delivers it again after its session, and not before.
// Until then an order that is neither acknowledged nor refused keeps its place in the
// prefetch; after ten such nothing would come any more. What is done is acknowledged also
// where ctx has ended meanwhile, before Run disconnects.
func (s *Service) handle(ctx context.Context, client *stomp.Client, f stomp.Frame) error {
	order, err := stomp.JSON[Order](f)
	if err == nil && order.ID == "" {
		err = errors.New("it has no ID")
	}
	if err != nil {
		return s.reject(ctx, client, f, err)
	}
	if s.Shipped(order.ID) { // it came again: an ACK was lost
		return f.Ack(context.WithoutCancel(ctx))
	}
	body, err := json.Marshal(order)
	if err != nil {
		return err // never, of two strings
	}
	err = s.send(ctx, client, shipmentQueue, body, "application/json")
	if cannotBeSent(err) { // too long, with what JSON escapes
		return s.reject(ctx, client, f, err)
	}
	if err != nil {
		return err
	}
	s.Ship(order.ID)
	return f.Ack(context.WithoutCancel(ctx))
}

// reject puts away what cannot be shipped, as it came.
func (s *Service) reject(ctx context.Context, client *stomp.Client, f stomp.Frame, why error) error {
	s.Log.Warn("rejected", "message", f.MessageID(), "why", why)
	if err := s.send(ctx, client, rejectedQueue, f.Body, f.ContentType()); err != nil {
		return err
	}
	return f.Ack(context.WithoutCancel(ctx))
}

// send sends until the broker has confirmed it, with a pause where it refuses or says nothing
// for a minute, or until ctx or the Client ends. What was not confirmed may have arrived. A
// lost connection is not seen here, unless it is away for that long. No waiting helps where
// the frame itself cannot be sent: it goes without its content-type then, which a foreign
// sender may have written in Latin-1, or not at all.
func (s *Service) send(ctx context.Context, client *stomp.Client, destination string, body []byte, contentType string) error {
	for {
		bounded, cancel := context.WithTimeout(ctx, patience)
		err := client.Send(bounded, destination, body,
			stomp.WithContentType(contentType), stomp.WithRetry(), stomp.WithPersistent())
		cancel()
		if err == nil || errors.Is(err, stomp.ErrClosed) {
			return err
		}
		s.Log.Warn("not sent", "to", destination, "why", err)
		if cannotBeSent(err) {
			if contentType == "" {
				return err
			}
			contentType = ""
			continue
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return fmt.Errorf("not sent: %w", context.Cause(ctx))
		}
	}
}

// cannotBeSent reports whether an error of Send is about the frame, so that no waiting helps.
func cannotBeSent(err error) bool {
	if !stomp.Unsent(err) || errors.Is(err, stomp.ErrNotConnected) || errors.Is(err, stomp.ErrClosed) {
		return false // it may hold a ProtocolError about what the broker has sent
	}
	var protocol *stomp.ProtocolError
	var limit *stomp.LimitError
	return errors.As(err, &protocol) || errors.As(err, &limit)
}

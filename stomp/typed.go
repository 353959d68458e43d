package stomp

import (
	"context"
	"encoding/json"
	"fmt"
)

// Message is a delivered frame with its decoded body.
type Message[T any] struct {
	Frame
	Value T
	Err   error // why this body did not decode; the subscription goes on
}

// SubscribeAs is [Client.NewSubscription] with each frame decoded by decode, in order of arrival, in a goroutine of
// the subscription. A frame that does not decode is delivered with the error in its Err, and can be acknowledged or
// refused like any other. decode must not end the Client. Its panics are not recovered: they end the process.
//
// The channel has no buffer: when ctx ends, the message about to be delivered is dropped with those that wait.
func SubscribeAs[T any](ctx context.Context, c *Client, destination string, decode func(Frame) (T, error), opts ...SubscribeOption) (*Subscription[Message[T]], error) {
	if decode == nil {
		return nil, &opError{op: "subscribe", target: destination, err: nilFunction("SubscribeAs"), unsent: true}
	}
	converted := make(chan struct{})
	sub, err := c.subscribe(ctx, destination, opts, converted)
	if err != nil {
		close(converted) // a Drain may have found the subscription meanwhile
		return nil, err
	}
	out := make(chan Message[T])
	convert := func() { // joined by the Client
		defer func() {
			if x := recover(); x != nil {
				panic(x) // of decode. With out closed, the program might end in peace before the panic ends it
			}
			close(out)
			close(converted)
		}()
		for f := range sub.inbox.C() {
			m := Message[T]{Frame: f}
			m.Value, m.Err = decode(f)
			select {
			case out <- m:
			case <-sub.inbox.Cut():
				sub.inbox.Lose(f)
			}
		}
	}
	if !c.goJoined(convert) {
		convert() // the Client has ended, and the channel is closed
	}
	return &Subscription[Message[T]]{C: out, sub: sub}, nil
}

// SubscribeJSON is [SubscribeAs] for JSON bodies. It returns the channel alone, like [Client.Subscribe].
func SubscribeJSON[T any](ctx context.Context, c *Client, destination string, opts ...SubscribeOption) (<-chan Message[T], error) {
	sub, err := SubscribeAs(ctx, c, destination, JSON[T], opts...)
	if err != nil {
		return nil, err
	}
	return sub.C, nil
}

// RequestJSON is [Client.Request] with v encoded as JSON, content-type application/json, and the reply's body decoded from
// JSON. A reply that does not decode is an error that shows the start of it.
func RequestJSON[T any](ctx context.Context, c *Client, destination string, v any, opts ...SendOption) (T, error) {
	var none T
	body, opts, err := encodeJSON("request", destination, v, opts)
	if err != nil {
		return none, err
	}
	reply, err := c.Request(ctx, destination, body, opts...)
	if err != nil {
		return none, err
	}
	return JSON[T](reply)
}

// JSON decodes the body of a frame, regardless of its content-type. Its error names the message and shows the start
// of the body.
func JSON[T any](f Frame) (T, error) {
	var v T
	if err := json.Unmarshal(f.Body, &v); err != nil {
		return v, fmt.Errorf("stomp: message %q from %s is not the JSON of a %T: %w: %q", f.MessageID(), f.Destination(), v, err, f.Body[:min(len(f.Body), bodyShown)])
	}
	return v, nil
}

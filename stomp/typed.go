package stomp

import (
	"context"
	"encoding/json"
	"fmt"
)

// Message is a delivered frame with its decoded body.
type Message[T any] struct {
	Frame
	Value T     // what decode returned; the zero value, or what there was of it, if Err is set
	Err   error // why this body did not decode; the subscription goes on
}

// SubscribeAs is [Client.NewSubscription], whose ctx and errors are its own, with each frame decoded by decode, in
// order of arrival, one at a time, in a goroutine of the subscription that runs while messages wait. A frame that
// does not decode is delivered with the error in its Err, and can be acknowledged or refused like any other. decode
// must not end the Client. Its panics are not recovered: they end the process, and so does runtime.Goexit, which the
// Fatal of a test calls.
//
// The channel has no buffer: when ctx ends, the message about to be delivered is dropped with those that wait.
func SubscribeAs[T any](ctx context.Context, c *Client, destination string, decode func(Frame) (T, error), opts ...SubscribeOption) (*Subscription[Message[T]], error) {
	if decode == nil {
		return nil, &opError{op: "subscribe", target: destination, err: nilFunction("SubscribeAs"), unsent: true}
	}
	out := &decoder[T]{decode: decode, out: make(chan Message[T])}
	sub, err := c.subscribe(ctx, destination, opts, target{through: out})
	if err != nil {
		return nil, err
	}
	return &Subscription[Message[T]]{C: out.out, sub: sub}, nil
}

// decoder is the outlet of a subscription made by SubscribeAs.
type decoder[T any] struct {
	decode func(Frame) (T, error)
	out    chan Message[T] // the subscription's C
}

func (d *decoder[T]) Close() { close(d.out) }

func (d *decoder[T]) Send(f Frame, converted func() bool, cut, yield <-chan struct{}) bool {
	m := Message[T]{Frame: f}
	m.Value, m.Err = d.decoded(f)
	if !converted() {
		return false
	}
	select {
	case d.out <- m:
		return true
	case <-cut:
	case <-yield:
	}
	return false
}

// decoded calls decode, in the goroutine of the subscription.
func (d *decoder[T]) decoded(f Frame) (v T, err error) {
	mustReturn(func() { v, err = d.decode(f) }, func() string {
		return fmt.Sprintf("the decode of SubscribeAs, at message %q from %s,", f.MessageID(), printable(f.Destination()))
	})
	return v, err
}

// SubscribeJSON is [SubscribeAs] for JSON bodies. It returns the channel alone, like [Client.Subscribe]: where you
// want to know why that was closed, use SubscribeAs with [JSON] as decode.
func SubscribeJSON[T any](ctx context.Context, c *Client, destination string, opts ...SubscribeOption) (<-chan Message[T], error) {
	sub, err := SubscribeAs(ctx, c, destination, JSON[T], opts...)
	if err != nil {
		return nil, err
	}
	return sub.C, nil
}

// RequestJSON is [Client.Request] with v encoded as JSON, content-type application/json, and the reply's body decoded
// from JSON. A reply that does not decode is an error that shows the start of it.
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
		return v, &printableError{fmt.Errorf("stomp: message %q from %s is not the JSON of a %T: %w: %q", f.MessageID(), f.Destination(), v, err, f.Body[:min(len(f.Body), bodyShown)])}
	}
	return v, nil
}

package rig

import (
	"strings"
	"testing"

	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// NewBroker starts a broker on the loopback, unless an option says otherwise. It ends with the test.
func NewBroker(t testing.TB, opts ...stomptest.Option) *stomptest.Broker {
	t.Helper()
	b := stomptest.NewBroker(opts...)
	t.Cleanup(b.Close)
	return b
}

// PipeBroker starts a broker without sockets, as a bubble needs it. It ends with the test.
func PipeBroker(t testing.TB, opts ...stomptest.Option) *stomptest.Broker {
	t.Helper()
	return NewBroker(t, append(opts, stomptest.WithPipe())...)
}

// Pair starts a broker without sockets, and connects a Client to it.
func Pair(t testing.TB, opts ...stomptest.Option) (*stomptest.Broker, *stomp.Client) {
	t.Helper()
	b := PipeBroker(t, opts...)
	return b, Connect(t, b)
}

// On makes the broker do something about the frames of one command and destination ("": of any) that it receives or
// sends. It replaces what was said to Intercept before.
func On(b *stomptest.Broker, command, destination string, do func(stomptest.Frame) stomptest.Action) {
	b.Intercept(func(e stomptest.Event) stomptest.Action {
		if e.Frame.Command == command && (destination == "" || e.Frame.Get("destination") == destination) {
			return do(e.Frame)
		}
		return stomptest.Pass()
	})
}

// Always does that about every frame.
func Always(a stomptest.Action) func(stomptest.Frame) stomptest.Action {
	return func(stomptest.Frame) stomptest.Action { return a }
}

// Refuse answers a frame with an ERROR that names its receipt, and leaves the connection open.
func Refuse(message string) func(stomptest.Frame) stomptest.Action {
	return func(f stomptest.Frame) stomptest.Action {
		return stomptest.ReplyError(message, [][2]string{{"receipt-id", f.Get("receipt")}}, nil, false)
	}
}

// Received lists the commands that the broker has received, but CONNECT, and of each the entries named.
func Received(b *stomptest.Broker, entries ...string) (list []string) {
	for _, e := range b.Received() {
		if e.Frame.Command == wire.Connect {
			continue
		}
		parts := []string{e.Frame.Command}
		for _, name := range entries {
			if v, ok := e.Frame.Lookup(name); ok {
				parts = append(parts, name+":"+v)
			}
		}
		list = append(list, strings.Join(parts, " "))
	}
	return list
}

// Publish sends messages to a destination, in order.
func Publish(b *stomptest.Broker, destination string, bodies ...string) {
	for _, body := range bodies {
		b.Publish(destination, nil, []byte(body))
	}
}

// Deliver publishes n messages to a destination and receives them from c: "1", "2"…
func Deliver(t testing.TB, b *stomptest.Broker, destination string, c <-chan stomp.Frame, n int) (frames []stomp.Frame) {
	t.Helper()
	for _, s := range Numbers(1, n) {
		Publish(b, destination, s)
		frames = append(frames, Body(t, c, s))
	}
	return frames
}

// Answer lets c answer every request at that destination with its body, twice, until c ends.
func Answer(t testing.TB, c *stomp.Client, destination string, opts ...stomp.SubscribeOption) {
	t.Helper()
	requests, err := c.Subscribe(t.Context(), destination, opts...)
	OK(t, err)
	go func() { // ends with c
		for f := range requests {
			c.Send(t.Context(), f.Header.Get("reply-to"), append(f.Body, f.Body...),
				stomp.WithHeader("correlation-id", f.Header.Get("correlation-id")))
		}
	}()
}

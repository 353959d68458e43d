package rig

import (
	"context"
	"testing"

	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// Target is what a Client is connected to: a URL, a broker, a server that the test plays, or a way to a broker. A
// Client of the first three does not reconnect unless an option says so.
type Target interface {
	string | *stomptest.Broker | *Server | *Route
}

// reach returns the URL of a Target, and its options followed by opts.
func reach(to any, opts []stomp.ConnectOption) (string, []stomp.ConnectOption) {
	own := []stomp.ConnectOption{stomp.WithoutReconnect()}
	url := ""
	switch to := to.(type) {
	case string:
		url = to
	case *stomptest.Broker:
		url = to.URL()
		own = append(own, way(to)...)
	case *Server:
		url = to.URL
		if to.dials != nil {
			own = append(own, stomp.WithDialer(to.dial))
		}
	case *Route:
		url = routeURL
		own = []stomp.ConnectOption{stomp.WithHTTPClient(to.client())}
	}
	return url, append(own, opts...)
}

// Connect connects a Client, which ends with the test.
func Connect[T Target](t testing.TB, to T, opts ...stomp.ConnectOption) *stomp.Client {
	t.Helper()
	url, opts := reach(to, opts)
	c, err := stomp.Connect(t.Context(), url, opts...)
	OK(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

// ConnectError returns the error of a Connect that must not succeed.
func ConnectError[T Target](t testing.TB, ctx context.Context, to T, opts ...stomp.ConnectOption) error {
	t.Helper()
	url, opts := reach(to, opts)
	c, err := stomp.Connect(ctx, url, opts...)
	if err == nil {
		c.Close()
		t.Fatal("Connect succeeded")
	}
	if c != nil {
		t.Error("Connect returned a Client beside its error")
	}
	return err
}

// Connecting is a Connect under way, so that the test itself can play the server. Its Client ends with the test.
type Connecting struct {
	t      testing.TB
	client *stomp.Client // set before done is closed
	err    error         // likewise
	done   chan struct{}
}

// StartConnect connects a Client in a goroutine.
func StartConnect[T Target](t testing.TB, to T, opts ...stomp.ConnectOption) *Connecting {
	url, opts := reach(to, opts)
	c := &Connecting{t: t, done: make(chan struct{})}
	go func() { // joined by the cleanup
		defer close(c.done)
		c.client, c.err = stomp.Connect(t.Context(), url, opts...)
	}()
	t.Cleanup(func() {
		<-c.done
		if c.client != nil {
			c.client.Close()
		}
	})
	return c
}

// Client waits for the Client.
func (c *Connecting) Client() *stomp.Client {
	c.t.Helper()
	<-c.done
	OK(c.t, c.err)
	return c.client
}

// Err waits for the error of a Connect that must not succeed.
func (c *Connecting) Err() error {
	c.t.Helper()
	<-c.done
	if c.err == nil {
		c.t.Fatal("Connect succeeded")
	}
	return c.err
}

package hostile_test

import (
	"runtime"
	"testing"
	"time"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/stomp"
)

// conversation is a session on which the test says one thing after the other.
type conversation struct {
	t      *testing.T
	server *server
	client *stomp.Client
	sub    <-chan stomp.Frame
	said   uint64 // bytes since the handshake
}

// converse begins one, with the subscription that every case has. It ends with the test.
func converse(t *testing.T, w way, opts ...stomp.ConnectOption) *conversation {
	t.Helper()
	c := engage(t, w, rig.Connected12, opts...)
	var err error
	c.sub, err = c.client.Subscribe(t.Context(), "/a", stomp.WithID(subscription))
	rig.OK(t, err)
	rig.OK(t, c.server.await("SUBSCRIBE"))
	return c
}

// engage begins one without a subscription, with that answer to CONNECT.
func engage(t *testing.T, w way, connected string, opts ...stomp.ConnectOption) *conversation {
	t.Helper()
	nc, url, dial := w.connect(t, false)
	c := &conversation{t: t, server: newServer(nc, false, w.bytes)}
	upgraded := rig.Go(func() error {
		script := attack{}.script()
		if err := c.server.upgrade(script.before, script.after); err != nil {
			return err
		}
		return c.server.await("CONNECT")
	})
	connecting := rig.StartConnect(t, url, append([]stomp.ConnectOption{dial, stomp.WithoutReconnect()}, opts...)...)
	rig.OK(t, <-upgraded)
	hello := text(connected)
	rig.OK(t, c.server.write([]byte(hello)))
	c.client, c.said = connecting.Client(), uint64(len(hello))
	t.Cleanup(func() {
		c.client.Close()
		if faults := c.server.close().faults; len(faults) > 0 {
			t.Error(faults)
		}
	})
	return c
}

// say writes bytes, and waits until the Client has read them.
func (c *conversation) say(bytes string) {
	c.t.Helper()
	rig.OK(c.t, c.server.write([]byte(bytes)))
	c.said += uint64(len(bytes))
	c.wait("reads what it is sent", func() bool { return c.client.Stats().BytesReceived >= c.said })
}

// want receives messages.
func (c *conversation) want(bodies []string) {
	c.t.Helper()
	for _, body := range bodies {
		if f, open := <-c.sub; !open || string(f.Body) != body {
			c.t.Fatalf("got %.80q, channel open %t; want %.80q (%v)", f.Body, open, body, c.client.Err())
		}
	}
}

// wait waits until it has come to something in a Client that lives.
func (c *conversation) wait(what string, reached func() bool) {
	c.t.Helper()
	for end := time.Now().Add(patience); !reached(); runtime.Gosched() {
		if err := c.client.Err(); err != nil {
			c.t.Fatalf("the Client never %s: %v", what, err)
		}
		if time.Now().After(end) {
			c.t.Fatalf("the Client never %s", what)
		}
	}
}

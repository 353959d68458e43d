//go:build !js

package ws

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"

	"github.com/coder/websocket"
)

// This file dials where there are sockets: see dial_js.go for a browser.

func dial(ctx context.Context, t Target, o DialOptions) (*Conn, error) {
	client := o.HTTPClient
	if client == nil {
		client = http.DefaultClient
	}
	if client.Timeout > 0 {
		bounded, cancel := context.WithTimeout(ctx, client.Timeout)
		defer cancel()
		ctx = bounded
	}
	if err := ctx.Err(); err != nil {
		return nil, &HandshakeError{Err: err}
	}

	a := &attempt{ctx: ctx, auth: new(clientAuth)}
	var c *Conn
	var err error
	if t.Bare() {
		c, err = a.dialBare(t, client)
	} else {
		c, err = a.dialWebSocket(t, client, o)
	}
	a.finish(err == nil)
	if err != nil {
		return nil, err
	}
	return c, nil
}

func (a *attempt) dialWebSocket(t Target, user *http.Client, o DialOptions) (*Conn, error) {
	client := *user
	client.Timeout = 0 // a.ctx has it
	client.CheckRedirect = checkRedirect(user.CheckRedirect)
	up := &upgrader{attempt: a, offered: o.Subprotocols}
	var cleanUp func()
	up.next, cleanUp = a.transport(client.Transport)
	defer cleanUp()
	client.Transport = up

	mode := websocket.CompressionDisabled
	if o.Compression {
		mode = websocket.CompressionContextTakeover
	}
	conn, resp, err := websocket.Dial(a.traceContext(), t.u.String(), &websocket.DialOptions{
		HTTPClient:      &client,
		HTTPHeader:      o.Header,
		Host:            o.Header.Get("Host"), // net/http ignores it among the headers
		Subprotocols:    o.Subprotocols,
		CompressionMode: mode,
	})
	if err != nil {
		return nil, a.explain(t, resp, err)
	}
	conn.SetReadLimit(-1)                                       // W6: Conn checks its own limit
	agreed := resp.Header.Get("Sec-WebSocket-Extensions") != "" // the library takes none but permessage-deflate
	up.upgraded.startClient(o.Compression, agreed)
	return &Conn{b: up.upgraded, ws: conn, client: true, readLimit: o.ReadLimit, failing: make(chan struct{})}, nil
}

// upgrader is the RoundTripper that sends the upgrade request, and puts a buffered connection in place of the
// upgraded one.
type upgrader struct {
	*attempt
	next     http.RoundTripper
	offered  []string  // subprotocols
	upgraded *buffered // set by the 101
}

func (u *upgrader) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := u.next.RoundTrip(req)
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		return resp, err
	}
	if resp.Body == http.NoBody {
		return resp, nil // it names no protocol that it switches to: the library reports that
	}
	if resp.Header.Get(subprotocolHeader) == classicSubprotocol && !slices.Contains(u.offered, classicSubprotocol) {
		resp.Header.Del(subprotocolHeader) // the library would refuse it
	}
	rwc, ok := resp.Body.(io.ReadWriteCloser)
	if !ok {
		_ = resp.Body.Close() // of no use to anyone
		return nil, fmt.Errorf("the HTTP client's transport (%T) cannot upgrade a connection: the body of its 101 is a %T and not an io.ReadWriteCloser", u.next, resp.Body)
	}
	u.upgraded = newBuffered(rwc, u.socket())
	resp.Body = u.upgraded
	return resp, nil
}

const (
	subprotocolHeader = "Sec-WebSocket-Protocol"

	// classicSubprotocol is what ActiveMQ Classic 5 selects where nothing was offered that it knows.
	classicSubprotocol = "stomp"
)

// socket returns the connection under the response's body; nil where it is not known: a RoundTripper that is not
// net/http's may have put something of its own in between, which must not be bypassed.
func (u *upgrader) socket() net.Conn {
	if !u.cloned {
		return nil
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.conn
}

package stomp_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// bubble runs a subtest in a synctest bubble: its time is exact, and a goroutine that is left behind fails it.
func bubble(t *testing.T, name string, f func(t *testing.T)) {
	t.Helper()
	t.Run(name, func(t *testing.T) { synctest.Test(t, f) })
}

// pipeBroker starts a broker without sockets, which ends with the test.
func pipeBroker(t *testing.T, opts ...stomptest.Option) *stomptest.Broker {
	t.Helper()
	b := stomptest.NewBroker(append([]stomptest.Option{stomptest.WithPipe()}, opts...)...)
	t.Cleanup(b.Close)
	return b
}

// joinBroker connects a client over WebSocket, which ends with the test.
func joinBroker(t *testing.T, b *stomptest.Broker, opts ...stomp.ConnectOption) *stomp.Client {
	t.Helper()
	c, err := stomp.Connect(t.Context(), b.URL(), append([]stomp.ConnectOption{stomp.WithHTTPClient(b.Client()), stomp.WithoutReconnect()}, opts...)...)
	fine(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

// pipeRig is a broker of its own and a client of it.
func pipeRig(t *testing.T, opts ...stomptest.Option) (*stomptest.Broker, *stomp.Client) {
	t.Helper()
	b := pipeBroker(t, opts...)
	return b, joinBroker(t, b)
}

// fine ends the test at an error.
func fine(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// matches fails the test unless errors.Is finds each of targets in err.
func matches(t testing.TB, err error, targets ...error) {
	t.Helper()
	for _, target := range targets {
		if !errors.Is(err, target) {
			t.Errorf("error %v; want one that matches %q", err, target)
		}
	}
}

// refusal fails the test unless err holds the broker's ERROR with that message.
func refusal(t testing.TB, err error, message string) {
	t.Helper()
	var refused *stomp.Error
	if !errors.As(err, &refused) || refused.Message != message {
		t.Errorf("error %v; want the broker's ERROR %q", err, message)
	}
}

// breach fails the test unless err is a *ProtocolError of that clause.
func breach(t testing.TB, err error, clause string) {
	t.Helper()
	var protocol *stomp.ProtocolError
	if !errors.As(err, &protocol) || protocol.Clause != clause {
		t.Errorf("error %v; want a *ProtocolError of clause %s", err, clause)
	}
}

// within is a ctx that ends after d, in the bubble's time.
func within(t testing.TB, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// bodies reads what lies in a channel until it is closed or, in a bubble, until nobody has anything left to do.
func bodies(c <-chan stomp.Frame) (got []string, open bool) {
	for {
		synctest.Wait()
		select {
		case f, ok := <-c:
			if !ok {
				return got, false
			}
			got = append(got, string(f.Body))
		default:
			return got, true
		}
	}
}

// numbers is "first", …, "last" as bodies.
func numbers(first, last int) (s []string) {
	for i := first; i <= last; i++ {
		s = append(s, fmt.Sprint(i))
	}
	return s
}

// same fails the test where got is not want.
func same[T comparable](t testing.TB, what string, got, want []T) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// took lists the commands that the broker has received, but CONNECT, and of each the entries named.
func took(b *stomptest.Broker, entries ...string) (list []string) {
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

// peer is the server's end of a connection, played by the test. What it does not read blocks the client's writes: the
// pipe has no buffer.
type peer struct {
	t   *testing.T
	nc  net.Conn
	dec *wire.Decoder
	enc wire.Encoder
	buf []byte
}

// peerRig connects a client to a peer, which answers CONNECT with those entries. Both end with the test.
func peerRig(t *testing.T, connected [][2]string, opts ...stomp.ConnectOption) (*stomp.Client, *peer) {
	t.Helper()
	near, far := net.Pipe()
	p := &peer{t: t, nc: far, buf: make([]byte, 64<<10),
		dec: wire.NewDecoder(wire.DecoderConfig{From: wire.FromClient})}
	if version, ok := wire.Lookup(connected, "version"); ok {
		p.enc.Version = wire.Version(version)
	} else {
		connected = append(connected, [2]string{"version", "1.2"})
	}
	hello := make(chan struct{})
	go func() { // joined below
		defer close(hello)
		p.next()
		p.send(wire.Connected, "", connected...)
	}()
	dial := stomp.WithDialer(func(context.Context, string) (net.Conn, error) { return near, nil })
	c, err := stomp.Connect(t.Context(), "tcp://peer.test", append(opts, dial, stomp.WithoutReconnect())...)
	fine(t, err)
	<-hello
	p.dec.SetVersion(wire.V12)
	t.Cleanup(func() { c.Close(); far.Close() })
	return c, p
}

// next reads the client's next frame; a frame without a command when there is none any more.
func (p *peer) next() (f wire.Frame) {
	for {
		ok, err := p.dec.Next(&f)
		if err != nil {
			p.t.Errorf("the client sent nonsense: %v", err)
			return wire.Frame{}
		}
		if ok {
			return f
		}
		n, err := p.nc.Read(p.buf)
		if err != nil {
			return wire.Frame{}
		}
		p.dec.Feed(p.buf[:n], false)
	}
}

// want reads the client's next frame, which must be that one.
func (p *peer) want(command string) wire.Frame {
	p.t.Helper()
	p.nc.SetReadDeadline(time.Now().Add(time.Hour)) // heart-beats would go on for ever
	defer p.nc.SetReadDeadline(time.Time{})
	f := p.next()
	if f.Command != command {
		p.t.Fatalf("the client sent %q %v, want %s", f.Command, f.Header, command)
	}
	return f
}

// rest reads everything from now on, and returns what it was when the client has gone.
func (p *peer) rest() <-chan []string {
	all := make(chan []string, 1)
	go func() { // ends with the connection, which the test closes
		var list []string
		for f := p.next(); f.Command != ""; f = p.next() {
			list = append(list, f.Command)
		}
		all <- list
	}()
	return all
}

// send sends a frame of the server's.
func (p *peer) send(command, body string, header ...[2]string) {
	frame, err := p.enc.AppendFrame(nil, wire.Frame{Command: command, Header: header, Body: []byte(body)})
	if err == nil {
		_, err = p.nc.Write(frame)
	}
	if err != nil {
		p.t.Errorf("sending %s: %v", command, err)
	}
}

// block makes the client's writer wait for this peer, so that what is sent from now on stays in the client.
func (p *peer) block(c *stomp.Client) {
	p.t.Helper()
	fine(p.t, c.Send(p.t.Context(), "/block", nil))
	synctest.Wait()
}

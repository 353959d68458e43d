package stomptest_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/leak"
	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/internal/ws"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// TestMain fails when a goroutine is left behind.
func TestMain(m *testing.M) { leak.Main(m) }

// inBubble runs a test with a broker of its own, without sockets and with a clock of its own.
func inBubble(t *testing.T, test func(t *testing.T, b *stomptest.Broker), opts ...stomptest.Option) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := stomptest.NewBroker(append(opts, stomptest.WithPipe())...)
		defer b.Close()
		test(t, b)
	})
}

// client is a raw STOMP client: wire and ws, and nothing between them and the test.
type client struct {
	t      testing.TB
	ws     *ws.Conn
	enc    wire.Encoder
	dec    *wire.Decoder
	frames chan wire.Frame
	beats  chan time.Time
	types  chan ws.MessageType // of each message
	err    error               // set before frames is closed
	done   chan struct{}
}

// dial opens a WebSocket through the broker's pipes and sends nothing.
func dial(t testing.TB, b *stomptest.Broker) *client {
	t.Helper()
	return dialAs(t, b, ws.DialOptions{HTTPClient: b.Client(), Subprotocols: []string{"v12.stomp", "v11.stomp", "v10.stomp"}})
}

func dialAs(t testing.TB, b *stomptest.Broker, o ws.DialOptions) *client {
	t.Helper()
	target, err := ws.ParseURL(b.URL())
	rig.OK(t, err)
	wc, err := ws.Dial(context.Background(), target, o)
	rig.OK(t, err)
	return newClient(t, wc)
}

// dialStream opens bare STOMP over a pipe.
func dialStream(t testing.TB, b *stomptest.Broker) *client {
	t.Helper()
	nc, err := b.Dial(context.Background(), b.TCPURL())
	rig.OK(t, err)
	return newClient(t, ws.Stream(nc))
}

func newClient(t testing.TB, wc *ws.Conn) *client {
	c := &client{
		t: t, ws: wc, enc: wire.Encoder{Version: wire.V12},
		dec:    wire.NewDecoder(wire.DecoderConfig{From: wire.FromServer, Repair: true}),
		frames: make(chan wire.Frame, 1<<14), beats: make(chan time.Time, 1<<10), types: make(chan ws.MessageType, 1<<14),
		done: make(chan struct{}),
	}
	go c.read() // joined by the Cleanup
	t.Cleanup(func() { _ = wc.CloseNow(); <-c.done })
	return c
}

func (c *client) read() {
	defer close(c.done)
	defer close(c.frames)
	for {
		p, final, err := c.ws.Read()
		if err != nil {
			c.err = err
			return
		}
		if final {
			select {
			case c.types <- c.ws.ReadType():
			default: // nobody looks
			}
		}
		c.dec.Feed(p, final)
		beats := c.dec.HeartBeats()
		for {
			var f wire.Frame
			ok, err := c.dec.Next(&f)
			if err != nil {
				c.err = err
				return
			}
			if !ok {
				break
			}
			if f.Command == wire.Connected {
				v, ok := wire.Lookup(f.Header, "version")
				if !ok {
					v = string(wire.V10)
				}
				c.dec.SetVersion(wire.Version(v))
				c.enc.Version = wire.Version(v)
			}
			c.frames <- f
		}
		if c.dec.HeartBeats() > beats {
			select {
			case c.beats <- time.Now():
			default: // nobody looks
			}
		}
	}
}

// send writes a frame; header is name, value, name, value…
func (c *client) send(command, body string, header ...string) {
	c.t.Helper()
	c.raw(string(c.encode(command, body, header...)))
}

func (c *client) encode(command, body string, header ...string) []byte {
	c.t.Helper()
	f := wire.Frame{Command: command, Body: []byte(body)}
	for i := 0; i < len(header); i += 2 {
		f.Header = append(f.Header, [2]string{header[i], header[i+1]})
	}
	p, err := c.enc.AppendFrame(nil, f)
	rig.OK(c.t, err)
	return p
}

func (c *client) raw(p string) { c.t.Helper(); c.rawAs(ws.Text, p) }

func (c *client) rawAs(typ ws.MessageType, p string) {
	c.t.Helper()
	err := errors.Join(c.ws.Write(typ, []byte(p)), c.ws.Flush())
	// The broker may have read it, answered and closed before Flush looks whether the connection stands. What it said
	// will be read: a write that went nowhere shows there.
	if err != nil && !errors.Is(err, net.ErrClosed) {
		c.t.Fatal(err)
	}
}

// next returns the next frame, which has to be of that command and hold these entries.
func (c *client) next(command string, header ...string) wire.Frame {
	c.t.Helper()
	f, ok := <-c.frames
	if !ok {
		c.t.Fatalf("no %s: the connection ended: %v", command, c.err)
	}
	if f.Command != command {
		c.t.Fatalf("got %s %v %q, want %s", f.Command, f.Header, f.Body, command)
	}
	for i := 0; i < len(header); i += 2 {
		if v, ok := wire.Lookup(f.Header, header[i]); !ok || v != header[i+1] {
			c.t.Fatalf("%s: %s is %q, want %q, in %v", command, header[i], v, header[i+1], f.Header)
		}
	}
	return f
}

// lacks sees that a frame has no entries of these names.
func (c *client) lacks(f wire.Frame, names ...string) {
	c.t.Helper()
	for _, name := range names {
		if v, ok := wire.Lookup(f.Header, name); ok {
			c.t.Fatalf("%s has %s:%s, in %v", f.Command, name, v, f.Header)
		}
	}
}

// message returns the next frame, a MESSAGE of that body.
func (c *client) message(body string, header ...string) wire.Frame {
	c.t.Helper()
	f := c.next(wire.Message, header...)
	if string(f.Body) != body {
		c.t.Fatalf("MESSAGE holds %q, want %q", f.Body, body)
	}
	return f
}

// quiet sees that nothing comes. In a bubble alone.
func (c *client) quiet() {
	c.t.Helper()
	synctest.Wait()
	select {
	case f, ok := <-c.frames:
		c.t.Fatalf("got %s %v %q (%v), want nothing", f.Command, f.Header, f.Body, ok)
	default:
	}
}

// ended waits for the end of the connection, and sees that no frame precedes it.
func (c *client) ended() error {
	c.t.Helper()
	if f, ok := <-c.frames; ok {
		c.t.Fatalf("got %s %v %q, want the connection's end", f.Command, f.Header, f.Body)
	}
	return c.err
}

// closed waits for a close frame of the broker's.
func (c *client) closed(code int, reason string) {
	c.t.Helper()
	var e *ws.CloseError
	if err := c.ended(); !errors.As(err, &e) || e.Code != code || e.Reason != reason {
		c.t.Fatalf("the connection ended with %v, want close %d %q", err, code, reason)
	}
}

// cut waits for an end without a close frame.
func (c *client) cut() {
	c.t.Helper()
	var e *ws.CloseError
	if err := c.ended(); errors.As(err, &e) {
		c.t.Fatalf("the connection was closed with %v, want a cut", err)
	}
}

// connect opens a session of STOMP 1.2, or what header asks for.
func connect(t testing.TB, b *stomptest.Broker, header ...string) *client {
	t.Helper()
	return session(dial(t, b), header...)
}

func session(c *client, header ...string) *client {
	c.t.Helper()
	if len(header) == 0 {
		header = []string{"accept-version", "1.2", "host", "/"}
	}
	c.send(wire.Connect, "", header...)
	c.next(wire.Connected)
	return c
}

// subscribe subscribes and awaits the RECEIPT.
func (c *client) subscribe(id, destination string, header ...string) {
	c.t.Helper()
	c.send(wire.Subscribe, "", append([]string{"id", id, "destination", destination, "receipt", "sub-" + id}, header...)...)
	c.next(wire.Receipt, "receipt-id", "sub-"+id)
}

// sent sends and awaits the RECEIPT.
func (c *client) sent(destination, body string) {
	c.t.Helper()
	c.send(wire.Send, body, "destination", destination, "receipt", "sent")
	c.next(wire.Receipt, "receipt-id", "sent")
}

// upgradeRequest is the handshake of a client that will never answer anything.
func upgradeRequest(t *testing.T, b *stomptest.Broker) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", "http"+strings.TrimPrefix(b.URL(), "ws"), nil)
	rig.OK(t, err)
	r.Header = http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="}}
	return r
}

// Package minimal is the measure of the client: what its contract costs when it
// is written down with the WebSocket library (github.com/coder/websocket) and
// nothing else, as well as we can. The contract is this:
//
//   - A message comes out of the channel of the subscription that it names, in
//     order, and is its receiver's to keep. Subscriptions may share a channel.
//   - Send may be called by any goroutine. It has the caller's body back when it
//     returns, and the frames of one caller keep their order.
//   - A receipt goes to the Send that asked for it, by its id.
//   - A ctx ends the wait of its call, and never the connection.
//
// All else is left out, in this package's favour. It decodes no headers and
// undoes no escapes, and has no heart-beats, no limits and no reconnecting. It
// writes each frame by itself: the library has no way to put off a system call.
// One receiver that is slow delays all others. And while the network holds up a
// write, its sender waits for longer than its ctx: to leave it, the library would
// cut the connection.
//
// A goroutine that writes what senders put into a channel would do without that
// last exception. It was tried in the same rounds as this: no measure was faster,
// and round trips were 2 to 7 % slower.
package minimal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/coder/websocket"
)

// Room is how many messages a subscription's channel has room for.
const Room = 8

// Frame is a MESSAGE.
type Frame struct {
	Head []byte // the command and the header lines, as they came
	Body []byte
}

// Client is a STOMP connection with one goroutine, which reads. Senders write
// themselves, one after the other.
type Client struct {
	ws      *websocket.Conn
	turn    chan struct{} // full while somebody writes
	written []byte        // the last SEND, for its memory; owned by whose turn it is
	closing chan struct{} // closed by Close: nobody takes messages any more
	done    chan struct{} // closed when the reader has ended
	err     error         // why it did; set before done is closed
	last    atomic.Uint64 // the id of the last receipt

	mu            sync.Mutex               // guards the following
	subscriptions map[string]chan Frame    // by id; nil once the reader has ended
	channels      []chan Frame             // those in subscriptions, each once; closed by the reader
	receipts      map[string]chan struct{} // closed when the receipt has come
}

var errClosed = errors.New("minimal: closed")

// Dial connects over WebSocket and as STOMP 1.2, by an HTTP client that may be
// nil. ctx bounds this call alone.
func Dial(ctx context.Context, url string, by *http.Client) (*Client, error) {
	ws, _, err := websocket.Dial(ctx, url, &websocket.DialOptions{HTTPClient: by})
	if err != nil {
		return nil, err
	}
	ws.SetReadLimit(-1)
	c := &Client{
		ws: ws, turn: make(chan struct{}, 1), closing: make(chan struct{}), done: make(chan struct{}),
		subscriptions: make(map[string]chan Frame), receipts: make(map[string]chan struct{}),
	}
	if err := c.Write(ctx, []byte("CONNECT\naccept-version:1.2\nhost:/\nheart-beat:0,0\n\n\x00")); err != nil {
		return nil, errors.Join(err, ws.CloseNow())
	}
	if _, answer, err := ws.Read(ctx); err != nil || !bytes.HasPrefix(answer, []byte("CONNECTED\n")) {
		return nil, errors.Join(fmt.Errorf("CONNECT was answered with %.100q, %w", answer, err), ws.CloseNow())
	}
	go c.read() // joined by Close
	return c, nil
}

// Close cuts the connection, which closes all channels, and joins the reader.
func (c *Client) Close() {
	close(c.closing)
	_ = c.ws.CloseNow() // it is the end of it all, whatever it says
	<-c.done
}

// Err is why the connection has ended. It is for after a channel was closed.
func (c *Client) Err() error {
	<-c.done
	return c.err
}

// Subscribe returns the channel that messages for id come out of.
func (c *Client) Subscribe(ctx context.Context, destination, id string) (<-chan Frame, error) {
	messages, err := c.open()
	if err != nil {
		return nil, err
	}
	return messages, c.route(ctx, destination, id, messages)
}

// A Group is several subscriptions with one channel.
type Group struct {
	C        <-chan Frame // closed when the connection has ended
	client   *Client
	messages chan Frame
}

// NewGroup makes a Group without subscriptions.
func (c *Client) NewGroup() (*Group, error) {
	messages, err := c.open()
	return &Group{messages, c, messages}, err
}

// Add subscribes.
func (g *Group) Add(ctx context.Context, destination, id string) error {
	return g.client.route(ctx, destination, id, g.messages)
}

// open makes a channel that the reader closes when it ends.
func (c *Client) open() (chan Frame, error) {
	messages := make(chan Frame, Room)
	c.mu.Lock()
	ended := c.subscriptions == nil
	if !ended {
		c.channels = append(c.channels, messages)
	}
	c.mu.Unlock()
	if ended {
		return nil, c.Err()
	}
	return messages, nil
}

// route has messages for id come out of a channel.
func (c *Client) route(ctx context.Context, destination, id string, messages chan Frame) error {
	c.mu.Lock()
	if c.subscriptions != nil {
		c.subscriptions[id] = messages
	}
	c.mu.Unlock()
	return c.Write(ctx, fmt.Appendf(nil, "SUBSCRIBE\nid:%s\ndestination:%s\nack:auto\n\n\x00", id, destination))
}

// Send sends a message.
func (c *Client) Send(ctx context.Context, destination string, body []byte) error {
	return c.send(ctx, destination, "", body)
}

// SendConfirmed sends a message and waits for its receipt.
func (c *Client) SendConfirmed(ctx context.Context, destination string, body []byte) error {
	id, came := strconv.FormatUint(c.last.Add(1), 10), make(chan struct{})
	c.mu.Lock()
	c.receipts[id] = came
	c.mu.Unlock()
	err := c.send(ctx, destination, id, body)
	if err == nil {
		select {
		case <-came:
			return nil
		case <-c.done:
			err = c.err
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	c.mu.Lock()
	delete(c.receipts, id)
	c.mu.Unlock()
	return err
}

func (c *Client) send(ctx context.Context, destination, receipt string, body []byte) error {
	if err := c.takeTurn(ctx); err != nil {
		return err
	}
	defer c.passTurn()
	c.written = AppendSend(c.written[:0], destination, receipt, body)
	return c.ws.Write(context.Background(), websocket.MessageText, c.written)
}

// Write writes a frame.
func (c *Client) Write(ctx context.Context, frame []byte) error {
	if err := c.takeTurn(ctx); err != nil {
		return err
	}
	defer c.passTurn()
	return c.ws.Write(context.Background(), websocket.MessageText, frame) // a ctx that ends would end the connection
}

// takeTurn waits until nobody else writes, or ctx ends.
func (c *Client) takeTurn(ctx context.Context) error {
	select {
	case c.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *Client) passTurn() { <-c.turn }

// read hands out what comes until the connection ends, and then closes all channels.
func (c *Client) read() {
	c.err = c.handOut()
	c.mu.Lock()
	ended := c.channels
	c.subscriptions, c.channels = nil, nil
	c.mu.Unlock()
	for _, messages := range ended {
		close(messages)
	}
	close(c.done)
}

// handOut returns why the connection has ended. A message keeps the memory that
// it was read into; the next one gets as much.
func (c *Client) handOut() error {
	for buf := make([]byte, 512); ; {
		n, err := 0, error(nil)
		if buf, n, err = c.readInto(buf); err != nil {
			return err
		}
		head, body, _ := bytes.Cut(buf[:n], []byte("\n\n"))
		switch {
		case bytes.HasPrefix(head, []byte("MESSAGE\n")):
			if !c.deliver(Frame{head, bytes.TrimSuffix(body, []byte{0})}) {
				return errClosed
			}
			buf = make([]byte, n+1) // one byte more than a message is free, for its EOF
		case bytes.HasPrefix(head, []byte("RECEIPT\n")):
			c.confirm(header(head, "\nreceipt-id:"))
		}
	}
}

// readInto reads one message into buf, which grows as it must, and returns buf
// and the message's length.
func (c *Client) readInto(buf []byte) (_ []byte, n int, _ error) {
	_, r, err := c.ws.Reader(context.Background()) // a ctx that can end costs 9 allocations
	for err == nil {
		if n == len(buf) {
			buf = append(buf, 0)
			buf = buf[:cap(buf)]
		}
		var k int
		k, err = r.Read(buf[n:])
		n += k
	}
	if err == io.EOF {
		err = nil
	}
	return buf, n, err
}

// deliver reports false once nobody takes messages any more.
func (c *Client) deliver(f Frame) bool {
	c.mu.Lock()
	messages := c.subscriptions[string(header(f.Head, "\nsubscription:"))]
	c.mu.Unlock()
	if messages == nil {
		return true
	}
	select {
	case messages <- f:
		return true
	case <-c.closing:
		return false
	}
}

// confirm wakes the Send that waits for a receipt, if one still does.
func (c *Client) confirm(id []byte) {
	c.mu.Lock()
	came := c.receipts[string(id)]
	delete(c.receipts, string(id))
	c.mu.Unlock()
	if came != nil {
		close(came)
	}
}

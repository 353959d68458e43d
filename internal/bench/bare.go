package bench

import (
	"context"
	"fmt"
	"io"

	"github.com/coder/websocket"
)

// A bare is the ceiling: the WebSocket library alone, used as cheaply as it can
// be. Reads go into a reused buffer; a context that can end costs 9 allocations
// a read, so there is none, and closing the connection is what ends a call.
type bare struct {
	ws  *websocket.Conn
	buf []byte
}

// dialBare connects. Messages may be up to size octets long.
func dialBare(ctx context.Context, url string, size int) (*bare, error) {
	ws, _, err := websocket.Dial(ctx, url, nil)
	if err != nil {
		return nil, fmt.Errorf("bare: %w", err)
	}
	ws.SetReadLimit(-1)
	return &bare{ws, make([]byte, size)}, nil
}

// read returns the next message; it is valid until the next call.
func (b *bare) read() ([]byte, error) {
	_, r, err := b.ws.Reader(context.Background())
	if err != nil {
		return nil, err
	}
	for n := 0; ; {
		k, err := r.Read(b.buf[n:])
		n += k
		if err == io.EOF {
			return b.buf[:n], nil
		}
		if err != nil {
			return nil, err
		}
		if n == len(b.buf) { // one octet more than a message is free, for its EOF
			return nil, fmt.Errorf("bare: a message is longer than %d octets", n-1)
		}
	}
}

func (b *bare) write(message []byte) error {
	return b.ws.Write(context.Background(), websocket.MessageText, message)
}

// A handover is a bare with one goroutine that reads and does nothing but hand
// over to one channel: the least that any library with channels costs. Where
// messages are their receiver's, each is read into memory of its own: the least
// that any library costs whose messages may be kept.
type handover struct {
	*bare
	kept     bool          // a message is its receiver's
	messages chan []byte   // closed at the end of the reading
	err      error         // set before messages is closed
	done     chan struct{} // closed by close: nobody takes messages any more
}

// handOver starts the reader, which close joins, with room for so many messages
// in the channel.
func handOver(b *bare, room int, kept bool) *handover {
	h := &handover{bare: b, kept: kept, messages: make(chan []byte, room), done: make(chan struct{})}
	go func() { // joined by close, which waits for the end of messages
		defer close(h.messages)
		for {
			if h.kept {
				b.buf = make([]byte, len(b.buf))
			}
			message, err := b.read()
			if err != nil {
				h.err = err
				return
			}
			select {
			case h.messages <- message:
			case <-h.done:
				return
			}
		}
	}()
	return h
}

// read returns the next message. Unless it is its receiver's, the reader may
// overwrite it once another one arrives.
func (h *handover) read() ([]byte, error) {
	message, open := <-h.messages
	if !open {
		return nil, h.err
	}
	return message, nil
}

func (h *handover) close() {
	close(h.done)
	_ = h.ws.CloseNow() // it is the end of it all, whatever it says
	for range h.messages {
	}
}

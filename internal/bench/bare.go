package bench

import (
	"context"
	"fmt"
	"io"

	"github.com/coder/websocket"

	"github.com/webstomp/webstomp/internal/bench/peer"
)

// A bare is the ceiling: the WebSocket library alone, used as cheaply as it can
// be. Reads go into a reused buffer; a context that can end costs 9 allocations
// a read, so there is none, and closing the connection is what ends a call.
type bare struct {
	ws  *websocket.Conn
	buf []byte
}

// dialBare connects. Messages may be up to size bytes long.
func dialBare(ctx context.Context, at place, size int) (*bare, error) {
	by, err := peer.Trusting(at.Certificate)
	if err != nil {
		return nil, fmt.Errorf("bare: %w", err)
	}
	ws, _, err := websocket.Dial(ctx, at.URL, &websocket.DialOptions{HTTPClient: by})
	if err != nil {
		return nil, fmt.Errorf("bare: %w", err)
	}
	ws.SetReadLimit(-1)
	return &bare{ws, make([]byte, size)}, nil
}

// subscribe makes the peer send messages for id.
func (b *bare) subscribe(id string) error {
	return b.write(fmt.Appendf(nil, "SUBSCRIBE\nid:%s\n\n\x00", id))
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
		if n == len(b.buf) { // one byte more than a message is free, for its EOF
			return nil, fmt.Errorf("bare: a message is longer than %d bytes", n-1)
		}
	}
}

func (b *bare) write(message []byte) error {
	return b.ws.Write(context.Background(), websocket.MessageText, message)
}

// Package ws carries STOMP's bytes: over a WebSocket, or over a bare stream that looks the same from above. It is the
// only place that knows the WebSocket library, and it knows nothing of STOMP.
//
// A buffer of ours (see buffered) lies between the library and the connection, above TLS and below the WebSocket:
//
//	Conn.Write --> library --+                     +--> Flush, TryFlush --> connection
//	    +------ one frame ---+--> memory (gather) -+
//	Conn.Read  --> library --+    a pong, a close reply: Pending is signalled
//	    ^
//	    +--------- library <--+-- memory (source) <------------------------- connection
//	    +------ one frame ----+
//
// A message in one frame without extensions, which is what nearly every one is, goes past the library on a client's
// connection: its locks and copies cost more than all the rest. The handshakes, fragments, compression and control
// frames are the library's, and so is whatever is not as it should be.
//
// Nothing that the library writes touches the connection: so a reader never blocks on the pong that it owes, and many
// messages go out in one system call. Who may call what, and when:
//
//	Read, ReadType                  one goroutine, the reader
//	Write, Flush, TryFlush, Close   one at a time: the writer of the moment. Beside the reader
//	Pending                         the writer waits on it: bytes wait that only a Flush will send
//	Ping, CloseNow, and the rest    anyone, at any time
//
// Nothing runs in the background but an unanswered Ping. CloseNow joins it.
package ws

import (
	"io"
	"net"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// MessageType is the type of a WebSocket message. It has no meaning on a stream.
type MessageType int

// The two types of RFC 6455, section 5.6.
const (
	Text   MessageType = 1
	Binary MessageType = 2
)

// Conn is one connection: a WebSocket, or a bare stream. Whoever made it ends it with Close or CloseNow; a CloseNow
// after either changes nothing, so that a deferred one is always right.
type Conn struct {
	b  *buffered
	ws *websocket.Conn // nil: a stream

	own   bool // a client's WebSocket without extensions: what fits one frame is written past the library
	whole bool // a stream of which each Write becomes a message: nothing is gathered

	readLimit int64 // octets of one message; 0: none

	// Reading. Owned by the reader.
	typ     MessageType
	msg     io.Reader // the message under way; nil between messages
	msgSize int64     // octets of msg so far
	piece   *chunk    // what Read handed out; pooled, nil while the connection is idle
	small   []byte    // stream: what a quiet connection blocks on
	readErr error     // the first error stays

	// Pings that wait for their pong; see Ping.
	pingMu sync.Mutex // guards pingsOver, and that no ping starts once it is set
	// pingsOver is set by CloseNow before it waits for pings.
	pingsOver bool
	pings     sync.WaitGroup
}

// Stream makes a Conn of any byte stream, which it takes over. One that is a WebSocket of somebody else's gets each
// message in a Write of its own, which makes it one there as well (W2).
func Stream(nc net.Conn) *Conn {
	b := newBuffered(nc, nc)
	b.judged = true
	return &Conn{b: b, whole: keepsMessages(nc)}
}

// keepsMessages tells whether each Write to nc becomes a message. The net.Conns that coder/websocket,
// nhooyr.io/websocket and x/net/websocket make say so by the network of their address, and so may anybody's.
func keepsMessages(nc net.Conn) bool {
	addr := nc.LocalAddr()
	return addr != nil && addr.Network() == "websocket"
}

// Gathers tells whether what is written waits for a Flush.
func (c *Conn) Gathers() bool { return !c.whole }

// Hold makes Write gather without a bound and never wait for the connection, where Gathers is true, until Hold(false).
func (c *Conn) Hold(held bool) { c.b.hold(held) }

// IsStream tells whether this is a bare stream, without messages, types, pings or a close handshake.
func (c *Conn) IsStream() bool { return c.ws == nil }

// Subprotocol returns what the two sides agreed on; "" for none.
func (c *Conn) Subprotocol() string {
	if c.ws == nil {
		return ""
	}
	return c.ws.Subprotocol()
}

// LastRead returns when the last octet came; before the first one, when the connection was made.
func (c *Conn) LastRead() time.Time { return c.b.lastRead() }

// BytesRead returns how many octets came from the connection since its handshake, frame headers included.
func (c *Conn) BytesRead() uint64 { return c.b.bytesRead.Load() }

// BytesWritten returns how many octets were handed to the connection since its handshake, frame headers included.
func (c *Conn) BytesWritten() uint64 { return c.b.bytesWritten.Load() }

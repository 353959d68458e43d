// Package ws carries STOMP's bytes over a WebSocket, or over a bare stream that looks the same from above. It is the
// only package that knows the WebSocket library, and it knows nothing of STOMP.
//
// A buffer of ours (see buffered) lies between the library and the connection, above TLS and below the WebSocket:
//
//	Conn.Write --> library -----------+
//	     +-------- a frame of ours ---+--> sink: memory --> Flush, TryFlush --> connection
//	                    pongs and close replies: Pending is signalled
//	Conn.Read <--- library -----------+
//	     +-------- a whole message ---+--- source: memory <-------------------- connection
//
// On a client's connection a message that fits one frame, as nearly every one does, bypasses the library: its locks
// and copies would cost more than all the rest. The handshakes, fragments, compression and control frames are the
// library's, and so is everything that is not as expected. docs/websocket.md has the reasons and the figures.
//
// Under GOOS=js the browser is in the place of library and connection (browser_js.go): messages go to it at once, and
// the buffer holds none.
//
// Nothing that the library writes touches the connection before a flush: so a reader never blocks on the pong that it
// owes, and many messages go out in one system call. Who may call what, and when:
//
//	Read, ReadInto, ReadType              one goroutine, the reader
//	Write, Hold, Flush, TryFlush, Close   one at a time: the writer. Beside the reader
//	Pending                               the writer waits on it: bytes wait that only a Flush will send
//	Fail                                  the reader, or one who knows that it has finished. Beside the writer
//	Ping, CloseNow, and the rest          any goroutine, at any time
//
// The only goroutine that may run in the background is an unanswered Ping's. CloseNow joins it.
package ws

import (
	"io"
	"net"
	"sync"
	"time"
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
	ws library // nil: a stream

	// Set before the Conn is handed out.
	client        bool        // made by Dial; see firstPiece
	keepsMessages bool        // a stream of which each Write becomes a message: nothing is gathered
	readLimit     int64       // bytes of one message; 0: none
	auth          *clientAuth // a bare socket with TLS: for the alert that the first read may meet; else nil

	// Reading. Owned by the reader.
	typ     MessageType
	msg     io.Reader // of the current message: the library's, or inflate; nil between messages
	msgSize int64     // bytes of the current message so far, decompressed
	inflate *inflater // nil before the first compressed message
	piece   *chunk    // what Read handed out; pooled, nil while the connection is idle
	small   []byte    // stream: what a quiet connection blocks on
	readErr error     // the first error stays

	failOnce sync.Once     // closes failing
	failing  chan struct{} // closed by Fail; nil where that is CloseNow

	// Pings that wait for their pong; see Ping.
	pingMu sync.Mutex // guards pingsClosed, and that no ping starts once it is set
	// pingsClosed is set by CloseNow before it waits for pings.
	pingsClosed bool
	pings       sync.WaitGroup
}

// Stream makes a Conn of any byte stream, which it takes over. One that is a WebSocket of somebody else's gets each
// message in a Write of its own, which makes it one message there as well (W2).
func Stream(nc net.Conn) *Conn {
	return &Conn{b: newBuffered(nc, nc), keepsMessages: isMessageConn(nc)}
}

// isMessageConn reports whether each Write to nc becomes a message. The net.Conns that coder/websocket,
// nhooyr.io/websocket and x/net/websocket make say so by the network of their address, and anybody's may.
func isMessageConn(nc net.Conn) bool {
	addr := nc.LocalAddr()
	return addr != nil && addr.Network() == "websocket"
}

// Gathers reports whether what is written waits for a Flush.
func (c *Conn) Gathers() bool { return !c.keepsMessages }

// Hold makes Write gather without a bound and never wait for the connection, where Gathers is true, until
// Hold(false).
func (c *Conn) Hold(held bool) { c.b.out.hold(held) }

// IsStream reports whether this is a bare stream, without messages, types, pings or a close handshake.
func (c *Conn) IsStream() bool { return c.ws == nil }

// Subprotocol returns what the two sides agreed on; "" for none.
func (c *Conn) Subprotocol() string {
	if c.ws == nil {
		return ""
	}
	return c.ws.Subprotocol()
}

// LastRead returns when the last byte came; before the first one, when the connection was made.
func (c *Conn) LastRead() time.Time { return c.b.in.lastRead() }

// BytesRead returns how many bytes came from the connection since its handshake, frame headers included.
func (c *Conn) BytesRead() uint64 { return c.b.in.bytesRead.Load() }

// BytesWritten returns how many bytes were handed to the connection since its handshake, frame headers included.
func (c *Conn) BytesWritten() uint64 { return c.b.out.bytesWritten.Load() }

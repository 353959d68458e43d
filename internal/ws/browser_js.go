package ws

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"syscall/js"
	"time"

	"github.com/coder/websocket"

	"github.com/webstomp/webstomp/internal/notify"
)

// library is a WebSocket of the browser's, with those methods of the library's that Conn uses. The library has one for
// browsers too, which would not do (v1.8.15): it tells no close code, may lose the messages that came just before a
// close, and where it asks for a close code that browsers do not send, as in CloseNow and when a dial's ctx ends, the
// connection stays open. Its types are used all the same.
type library = *browserSocket

// browserSocket is one WebSocket of the browser's. Events fill it, and calls wait for what they bring. There is one
// thread: an event comes when every goroutine waits, and its function must not.
type browserSocket struct {
	socket  js.Value // a WebSocket
	decoder js.Value // a TextDecoder
	buffers *buffered
	events  []event // owned by release

	mu      sync.Mutex // guards the following
	opened  bool
	said    string       // of why there is no connection; browsers leave that out
	queue   []message    // what came and was not read
	end     error        // why no more comes, once the queue is empty; nil: more may come
	changed notify.Event // any of these has
}

type message struct {
	typ  websocket.MessageType
	data []byte
}

type event struct {
	name string
	f    js.Func
}

// newBrowserSocket asks the browser for a WebSocket, which then begins to connect. An error is what the browser says
// of the URL or of the subprotocols.
func newBrowserSocket(url string, subprotocols []string) (s *browserSocket, err error) {
	constructor := js.Global().Get("WebSocket")
	if constructor.Type() != js.TypeFunction {
		return nil, errNoWebSocket
	}
	offered := make([]any, len(subprotocols))
	for i, name := range subprotocols {
		offered[i] = name
	}
	defer catch(&err)
	s = &browserSocket{
		socket:  constructor.New(url, offered),
		decoder: js.Global().Get("TextDecoder").New("utf-8", map[string]any{"fatal": true, "ignoreBOM": true}),
	}
	s.socket.Set("binaryType", "arraybuffer")
	s.buffers = newBuffered(browserConn{s}, nil)
	s.on("open", func(js.Value) { s.change(func() { s.opened = true }) })
	s.on("message", func(e js.Value) { s.receive(e.Get("data")) })
	s.on("error", s.noteError)
	s.on("close", s.noteClose)
	return s, nil
}

// errNoWebSocket is for JavaScript outside of a browser.
var errNoWebSocket = errors.New("there is no WebSocket in this JavaScript: browsers have one, and Node.js from version 22 on")

// catch turns what JavaScript throws into an error.
func catch(err *error) {
	switch thrown := recover().(type) {
	case nil:
	case js.Error:
		*err = thrown
	default:
		panic(thrown)
	}
}

func (s *browserSocket) on(name string, f func(e js.Value)) {
	listener := js.FuncOf(func(_ js.Value, args []js.Value) any {
		f(args[0])
		return nil
	})
	s.socket.Call("addEventListener", name, listener)
	s.events = append(s.events, event{name, listener})
}

// change changes the state, and wakes whoever waits for that.
func (s *browserSocket) change(f func()) {
	s.mu.Lock()
	f()
	waiting := s.changed.Take()
	s.mu.Unlock()
	waiting.Wake()
}

func (s *browserSocket) receive(data js.Value) {
	m := message{typ: websocket.MessageText}
	if data.Type() == js.TypeString {
		m.data = []byte(data.String())
	} else {
		m.typ = websocket.MessageBinary
		array := js.Global().Get("Uint8Array").New(data)
		m.data = make([]byte, array.Length())
		js.CopyBytesToGo(m.data, array)
	}
	s.buffers.in.count(len(m.data))
	s.change(func() { s.queue = append(s.queue, m) })
}

// noteError notes that there will be no connection: Node.js 20 has no close event then. Of one that stood the close
// event tells.
func (s *browserSocket) noteError(e js.Value) {
	said := ""
	if text := e.Get("message"); text.Type() == js.TypeString {
		said = text.String()
	}
	s.change(func() {
		if !s.opened && s.end == nil {
			s.said, s.end = said, io.EOF
		}
	})
}

// noteClose notes how the connection has ended: with a close frame, or without one (RFC 6455, section 7.1.5).
func (s *browserSocket) noteClose(e js.Value) {
	var end error = websocket.CloseError{Code: websocket.StatusCode(e.Get("code").Int()), Reason: e.Get("reason").String()}
	if !e.Get("wasClean").Bool() {
		end = io.EOF
		s.buffers.in.readErr.Store(&end)
	}
	s.change(func() {
		if s.end == nil {
			s.end = end
		}
	})
}

// await waits until the connection stands or has failed.
func (s *browserSocket) await(ctx context.Context) error {
	for {
		s.mu.Lock()
		opened, end, changed := s.opened, s.end, s.changed.Wait()
		s.mu.Unlock()
		switch {
		case opened:
			return nil
		case end != nil:
			return end
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Subprotocol returns what the server has chosen.
func (s *browserSocket) Subprotocol() string { return s.socket.Get("protocol").String() }

// Reader returns the next message. What has come before the end is handed out before it.
func (s *browserSocket) Reader(context.Context) (websocket.MessageType, io.Reader, error) {
	for {
		s.mu.Lock()
		if len(s.queue) > 0 {
			m := s.queue[0]
			s.queue[0] = message{}
			s.queue = s.queue[1:]
			s.mu.Unlock()
			return m.typ, bytes.NewReader(m.data), nil
		}
		end, changed := s.end, s.changed.Wait()
		s.mu.Unlock()
		if end != nil {
			return 0, nil, end
		}
		<-changed
	}
}

// Write hands the browser a message. It does not wait: see awaitTaken.
func (s *browserSocket) Write(_ context.Context, typ websocket.MessageType, p []byte) (err error) {
	const open = 1
	if s.socket.Get("readyState").Int() != open {
		return net.ErrClosed // the browser would drop it without a word
	}
	defer catch(&err)
	array := js.Global().Get("Uint8Array").New(len(p))
	js.CopyBytesToJS(array, p)
	if typ == websocket.MessageText {
		text, err := s.decode(array)
		if err != nil {
			return err
		}
		s.socket.Call("send", text)
	} else {
		s.socket.Call("send", array)
	}
	s.buffers.out.bytesWritten.Add(uint64(len(p)))
	return nil
}

// decode returns the bytes as JavaScript's text, a BOM in front of it included.
func (s *browserSocket) decode(array js.Value) (text js.Value, err error) {
	defer func() {
		if err != nil {
			err = errNotText
		}
	}()
	defer catch(&err)
	return s.decoder.Call("decode", array), nil
}

// errNotText is for what JavaScript would send with other bytes in the place of some.
var errNotText = errors.New("it is not UTF-8, and a browser sends only that as a text message")

// Writer returns what gathers a message, since a browser sends no part of one.
func (s *browserSocket) Writer(ctx context.Context, typ websocket.MessageType) (io.WriteCloser, error) {
	return &gathered{socket: s, typ: typ}, nil
}

// gathered is a message that Close sends.
type gathered struct {
	bytes.Buffer
	socket *browserSocket
	typ    websocket.MessageType
}

func (g *gathered) Close() error { return g.socket.Write(context.Background(), g.typ, g.Bytes()) }

// closeTimeout is how long the server may take to answer a close frame. It is the library's elsewhere. Browsers have
// their own.
const closeTimeout = 5 * time.Second

// Close sends what waits and a close frame, and waits for the server's.
func (s *browserSocket) Close(code websocket.StatusCode, reason string) error {
	s.mu.Lock()
	ended := s.end != nil
	s.mu.Unlock()
	if ended {
		return net.ErrClosed // the server was first
	}
	if err := s.beginClose(allowedCode(int(code)), reason); err != nil {
		return err
	}
	late := time.NewTimer(closeTimeout)
	defer late.Stop()
	for {
		s.mu.Lock()
		end, changed := s.end, s.changed.Wait()
		s.mu.Unlock()
		if end != nil {
			return end
		}
		select {
		case <-changed:
		case <-late.C:
			return context.DeadlineExceeded
		}
	}
}

// beginClose begins the close handshake, which the browser finishes by itself.
func (s *browserSocket) beginClose(code int, reason string) (err error) {
	defer catch(&err)
	s.socket.Call("close", code, reason)
	return nil
}

// allowedCode returns the close code to send for code: 1000 and those from 3000 on are what a browser sends. Of the
// others the last three digits are kept: 1009 becomes 4009.
func allowedCode(code int) int {
	if code == 1000 || code >= 3000 && code < 5000 {
		return code
	}
	return 4000 + code%1000
}

// CloseNow does nothing that closing the browserConn has not done.
func (s *browserSocket) CloseNow() error { return nil }

// Ping is an error: JavaScript can send none.
func (s *browserSocket) Ping(context.Context) error {
	return errors.New("a browser sends no pings of ours")
}

// release lets go of the connection: nothing more comes, and who waits is woken. The browser says goodbye to the server
// on its own; to cut a connection is not possible there.
func (s *browserSocket) release() {
	s.change(func() { s.end, s.queue = net.ErrClosed, nil })
	for _, e := range s.events {
		s.socket.Call("removeEventListener", e.name, e.f)
		e.f.Release()
	}
	s.events = nil
	s.socket.Call("close") // no error without a code
}

// browserConn is the connection under a browserSocket as far as there is one. Only Close is used.
type browserConn struct{ s *browserSocket }

func (browserConn) Read([]byte) (int, error)  { return 0, net.ErrClosed }
func (browserConn) Write([]byte) (int, error) { return 0, net.ErrClosed }

func (c browserConn) Close() error {
	c.s.release()
	return nil
}

const (
	// maxBacklog is how many bytes may wait in the browser before Flush waits: as many as in the outbox above.
	maxBacklog = 1 << 20

	// backlogPoll is how often Flush looks, since no event tells. In a page that is not shown, browsers make of it a
	// second or more.
	backlogPoll = 5 * time.Millisecond
)

// isBacklogged reports whether more waits in the browser than should.
func (c *Conn) isBacklogged() bool {
	return c.ws != nil && c.ws.socket.Get("bufferedAmount").Float() > maxBacklog
}

// awaitTaken waits while isBacklogged. A browser takes everything at once and keeps it: without this a fast sender
// would fill the memory.
func (c *Conn) awaitTaken() error {
	for c.isBacklogged() {
		s := c.ws
		s.mu.Lock()
		end, changed := s.end, s.changed.Wait()
		s.mu.Unlock()
		if end != nil {
			return net.ErrClosed
		}
		timer := time.NewTimer(backlogPoll)
		select {
		case <-changed:
		case <-timer.C:
		}
		timer.Stop()
	}
	return nil
}

// tellFailure begins the close handshake, with no word of how it ends: the browser sees to that.
func (c *Conn) tellFailure(code int, reason string) {
	_ = c.ws.beginClose(allowedCode(code), reason) // the connection ends either way
}

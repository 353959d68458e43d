package rig

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/internal/ws"
	"github.com/webstomp/webstomp/stomp"
)

// Server is a STOMP server that the test plays. It accepts connections; each is a Peer, and says what the test lets
// it.
type Server struct {
	URL string
	// Wrap, where it is set, makes of a pipe's near end what the Client gets. Set it before the first dial.
	Wrap func(net.Conn) net.Conn

	t     testing.TB
	conns chan *Peer // accepted, in order
	dials chan bool  // holds one entry for each dial that may succeed now, and is closed when all may; nil: not a pipe

	mu   sync.Mutex // guards what follows
	fars []net.Conn // of pipes
	log  []wire.Frame
}

// NewServer returns a server over in-memory pipes. They have no buffer: what a Peer does not read blocks the Client.
func NewServer(t testing.TB) *Server {
	s := newServer(t, "tcp://broker.test")
	s.dials = make(chan bool, 1)
	close(s.dials)
	t.Cleanup(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, far := range s.fars {
			far.Close()
		}
	})
	return s
}

// NewSocketServer returns a server on a TCP socket of the loopback, where a sender may write a lone frame itself.
func NewSocketServer(t testing.TB) *Server {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	OK(t, err)
	s := newServer(t, "tcp://"+l.Addr().String())
	var accepting sync.WaitGroup // joined by the cleanup
	accepting.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			s.conns <- newPeer(t, nc)
		}
	})
	t.Cleanup(func() { l.Close(); accepting.Wait() })
	return s
}

// NewWebServer returns a server of WebSockets on the loopback.
func NewWebServer(t testing.TB) *Server {
	over := make(chan struct{}) // closed by the cleanup
	var handlers sync.WaitGroup
	s := newServer(t, "")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handlers.Add(1)
		defer handlers.Done()
		c, err := ws.Accept(w, r, ws.AcceptOptions{Subprotocols: []string{"v12.stomp"}})
		if err != nil {
			t.Errorf("accepting a WebSocket: %v", err)
			return
		}
		defer c.CloseNow()
		s.conns <- newWebPeer(t, c)
		<-over
	}))
	s.URL = WebSocketURL(server)
	t.Cleanup(func() {
		close(over)
		server.Close()
		handlers.Wait()
	})
	return s
}

func newServer(t testing.TB, url string) *Server {
	return &Server{URL: url, t: t, conns: make(chan *Peer, 16)}
}

// dial is what a Client of a pipe's server dials with.
func (s *Server) dial(ctx context.Context, _ string) (net.Conn, error) {
	select {
	case <-s.dials:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	near, far := net.Pipe()
	s.mu.Lock()
	s.fars = append(s.fars, far)
	s.mu.Unlock()
	s.conns <- newPeer(s.t, far)
	if s.Wrap != nil {
		return s.Wrap(near), nil
	}
	return near, nil
}

// Accept takes the next connection.
func (s *Server) Accept() *Peer { return <-s.conns }

// AcceptSession takes the next connection and shakes hands, in that version.
func (s *Server) AcceptSession(version wire.Version) *Peer {
	s.t.Helper()
	p := s.Accept()
	p.Handshake("version:" + string(version))
	return p
}

// Start starts Connect, and returns the far end of its connection.
func (s *Server) Start(opts ...stomp.ConnectOption) (*Peer, *Connecting) {
	c := StartConnect(s.t, s, opts...)
	return s.Accept(), c
}

// Session makes a session: connected is the header of CONNECTED, one entry a line.
func (s *Server) Session(connected string, opts ...stomp.ConnectOption) (*Peer, *stomp.Client) {
	s.t.Helper()
	p, c := s.Start(opts...)
	p.Handshake(connected)
	return p, c.Client()
}

// Session makes a session of version 1.2 over a pipe, whose server the test plays.
func Session(t testing.TB, opts ...stomp.ConnectOption) (*Peer, *stomp.Client) {
	t.Helper()
	return NewServer(t).Session("version:1.2", opts...)
}

// Reconnecting makes the first session of a Client that reconnects within a millisecond, over pipes. No later dial
// succeeds before Release.
func Reconnecting(t testing.TB, version wire.Version, opts ...stomp.ConnectOption) (*Server, *Peer, *stomp.Client) {
	t.Helper()
	s := NewServer(t)
	s.dials = make(chan bool, 1)
	s.dials <- true
	p, c := s.Session("version:"+string(version), append([]stomp.ConnectOption{stomp.WithReconnect(QuickBackoff)}, opts...)...)
	return s, p, c
}

// Release lets the dials of a Reconnecting succeed from now on.
func (s *Server) Release() { close(s.dials) }

// Resume lets the dials of a Reconnecting succeed, and attends the next session.
func (s *Server) Resume(version wire.Version) {
	s.t.Helper()
	s.Release()
	s.Attend(s.AcceptSession(version))
}

// Attend answers as a server would, and writes down what comes, until the connection ends: a RECEIPT to every frame
// that asks for one, and "reply" to every request.
func (s *Server) Attend(p *Peer) {
	go func() { // ends with the connection, which the test closes
		queues := make(map[string]string) // destination to subscription
		for f := p.Next(); f.Command != ""; f = p.Next() {
			s.mu.Lock()
			s.log = append(s.log, f)
			s.mu.Unlock()
			if f.Command == wire.Subscribe {
				queues[wire.Get(f.Header, "destination")] = wire.Get(f.Header, "id")
			}
			var err error
			if _, ok := wire.Lookup(f.Header, "receipt"); ok {
				err = p.receipt(f)
			}
			if reply, ok := wire.Lookup(f.Header, "reply-to"); ok && err == nil {
				err = p.send(wire.Message, "reply", "destination", reply, "message-id", "m",
					"subscription", queues[reply], "correlation-id", wire.Get(f.Header, "correlation-id"))
			}
			if err != nil {
				return // the Client has gone meanwhile
			}
		}
	}()
}

// Attended returns what has come to the attended connections, in order, when nobody has anything left to do.
func (s *Server) Attended() []wire.Frame {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]wire.Frame(nil), s.log...)
}

// Carried lists what has come to the attended connections: command, destination and body of each frame.
func (s *Server) Carried() (list []string) {
	for _, f := range s.Attended() {
		text := f.Command
		if d := wire.Get(f.Header, "destination"); d != "" {
			text += " " + d
		}
		if len(f.Body) > 0 {
			text += " " + string(f.Body)
		}
		list = append(list, text)
	}
	return list
}

package stomptest

import (
	"cmp"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// Broker is an in-memory STOMP broker. Its methods may be called at any time, by any goroutine.
type Broker struct {
	cfg         config
	act         behaviour
	messageType MessageType
	log         *slog.Logger
	url, tcpURL string
	faults      faults
	record      record

	server    *http.Server
	pipes     *pipeListener
	client    *http.Client
	listeners []net.Listener
	stop      chan struct{}  // closed by Close
	stopped   chan struct{}  // closed when Close has joined everything
	serving   sync.WaitGroup // the goroutines that accept; Close joins them first
	working   sync.WaitGroup // the goroutines of connections
	upgrading sync.WaitGroup // those that net/http runs, until they are hijacked

	mu         sync.Mutex // guards what follows, every session, queue and topic; nothing blocks under it
	closed     bool
	conns      map[uint64]*conn
	queues     map[string]*queue
	refused    map[string]bool // destinations of Refuse
	gone       map[string]bool // queues that Cancel has deleted, and nobody has made anew; see declare
	topics     map[string]*topic
	accepted   uint64 // connections so far
	sessions   uint64 // CONNECTED so far
	deliveries uint64 // so far
	staleAcks  uint64
}

// NewBroker starts a broker on a free port of the loopback. Close stops it. It panics when it cannot listen, or when
// the options make no sense.
func NewBroker(opts ...Option) *Broker {
	cfg := newConfig(opts)
	b := &Broker{
		cfg: cfg, act: cfg.profile.behaviour(), log: cfg.log,
		stop: make(chan struct{}), stopped: make(chan struct{}),
		conns: make(map[uint64]*conn), queues: make(map[string]*queue), gone: make(map[string]bool), refused: make(map[string]bool), topics: make(map[string]*topic),
	}
	if b.act.maxBody > 0 {
		b.cfg.limits.Body = min(b.cfg.limits.Body, b.act.maxBody)
	}
	b.messageType = b.act.messageType
	if cfg.messageTypeSet {
		b.messageType = cfg.messageType
	}
	b.listen()
	return b
}

// URL is where the broker speaks STOMP over WebSocket: ws://127.0.0.1:port/ws.
func (b *Broker) URL() string { return b.url }

// TCPURL is where it speaks STOMP on a bare socket, tcp://127.0.0.1:port; "" without WithTCP.
func (b *Broker) TCPURL() string { return b.tcpURL }

// Client returns an HTTP client whose connections are in-memory pipes to this broker, whatever host it is asked for:
// use it with URL. Where everything has to happen in one synctest bubble, so does it.
func (b *Broker) Client() *http.Client { return b.client }

// Close ends every connection abruptly, stops the broker and joins its goroutines. When that takes more than 5 s it
// says on standard error what it waits for. Further calls wait for the first.
func (b *Broker) Close() {
	b.mu.Lock()
	first := !b.closed
	b.closed = true
	b.mu.Unlock()
	if !first {
		<-b.stopped
		return
	}
	close(b.stop)
	hang := time.AfterFunc(5*time.Second, b.sayWhy)
	defer hang.Stop()
	for _, l := range b.listeners {
		_ = l.Close()
	}
	_ = b.server.Close()
	b.serving.Wait()
	_ = b.server.Close() // what was accepted while it closed the first time
	for _, c := range b.connections() {
		c.cut()
	}
	b.client.CloseIdleConnections()
	b.working.Wait()
	b.upgrading.Wait()
	close(b.stopped)
}

// sayWhy tells what Close waits for.
func (b *Broker) sayWhy() {
	var why []string
	for _, c := range b.connections() {
		s := fmt.Sprintf("connection %d", c.num)
		if c.asking.Load() > 0 {
			s += " (in the function given to Intercept)"
		}
		why = append(why, s)
	}
	if why == nil {
		why = []string{"an upgrade (a function given to WithHTTPAuth?)"}
	}
	fmt.Fprintf(os.Stderr, "stomptest: Broker.Close has waited for 5 seconds for %s\n", strings.Join(why, ", "))
}

// connections returns the live connections in the order in which they came.
func (b *Broker) connections() []*conn {
	b.mu.Lock()
	defer b.mu.Unlock()
	conns := make([]*conn, 0, len(b.conns))
	for _, c := range b.conns {
		conns = append(conns, c)
	}
	slices.SortFunc(conns, func(x, y *conn) int { return cmp.Compare(x.num, y.num) })
	return conns
}

// enter counts a goroutine that Close will join; false: the broker is closed. The caller calls working.Done.
func (b *Broker) enter() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false
	}
	b.working.Add(1)
	return true
}

func (b *Broker) register(c *conn) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false
	}
	b.accepted++
	c.num = b.accepted
	b.conns[c.num] = c
	return true
}

func (b *Broker) unregister(c *conn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.conns, c.num)
}

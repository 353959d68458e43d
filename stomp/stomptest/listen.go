package stomptest

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/webstomp/webstomp/internal/ws"
)

// listen opens the ways in.
func (b *Broker) listen() {
	mux := http.NewServeMux()
	mux.Handle("/ws", b.Handler())
	mux.Handle("/ws/", b.Handler())
	b.server = &http.Server{
		Handler:   mux,
		ConnState: b.connState,
		ErrorLog:  log.New(slogWriter{b.log}, "", 0),
	}
	b.pipes = newPipeListener()
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) { return b.pipes.dial(ctx) }
	b.client = &http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}
	var web, bare net.Listener
	if b.cfg.pipe {
		b.url = "ws://pipe.test/ws"
		if b.cfg.tcp {
			b.tcpURL = "tcp://pipe.test:61613"
		}
	} else {
		web = b.mustListen(b.cfg.addr)
		b.url = "ws://" + web.Addr().String() + "/ws"
		if b.cfg.tcp {
			bare = b.mustListen("127.0.0.1:0")
			b.tcpURL = "tcp://" + bare.Addr().String()
		}
	}
	// Nothing runs before all are open: a NewBroker that panics leaves nothing behind.
	b.listeners = append(b.listeners, b.pipes)
	b.serveHTTP(b.pipes)
	if web != nil {
		b.serveHTTP(web)
	}
	if bare != nil {
		b.serveTCP(bare)
	}
}

func (b *Broker) mustListen(addr string) net.Listener {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		for _, l := range b.listeners {
			_ = l.Close()
		}
		panic(fmt.Sprintf("stomptest: NewBroker cannot listen: %v", err))
	}
	b.listeners = append(b.listeners, l)
	return l
}

func (b *Broker) serveHTTP(l net.Listener) {
	b.serving.Go(func() { _ = b.server.Serve(l) }) // Close ends and joins it
}

func (b *Broker) serveTCP(l net.Listener) {
	b.serving.Go(func() { // Close ends and joins it
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			b.serveStream(nc)
		}
	})
}

// serveStream runs STOMP on a bare connection, in a goroutine that Close joins.
func (b *Broker) serveStream(nc net.Conn) bool {
	if !b.enter() {
		_ = nc.Close()
		return false
	}
	go func() {
		defer b.working.Done()
		fault := newFaultConn(nc, &b.faults.silence, nil)
		if b.faults.refuse.Load() != nil {
			_ = fault.Close()
			return
		}
		b.serve(ws.Stream(fault), fault)
	}()
	return true
}

// Dial opens bare STOMP over an in-memory pipe, whatever the URL: it fits stomp.WithDialer. ctx bounds the dial
// alone.
func (b *Broker) Dial(ctx context.Context, url string) (net.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("stomptest: dial %s: %w", url, err)
	}
	client, server := newPipe()
	if !b.serveStream(server) {
		return nil, fmt.Errorf("stomptest: dial %s: the broker is closed: %w", url, refusedDial())
	}
	return client, nil
}

// Handler upgrades requests to WebSocket and serves STOMP on them, on any path: to be mounted in a server of one's
// own, as one with TLS. Close ends what it serves.
func (b *Broker) Handler() http.Handler { return http.HandlerFunc(b.upgrade) }

func (b *Broker) upgrade(w http.ResponseWriter, r *http.Request) {
	if !b.enter() {
		http.Error(w, "the broker is closed", http.StatusServiceUnavailable)
		return
	}
	defer b.working.Done()
	if !b.mayUpgrade(w, r) {
		return
	}
	r.Header.Del("Origin") // a page from anywhere may use a test broker
	h := &hijacker{ResponseWriter: w, all: &b.faults.silence, piece: b.act.maxPiece}
	wc, err := ws.Accept(h, r, ws.AcceptOptions{Subprotocols: b.subprotocol(w, r), Compression: b.cfg.compression})
	if err != nil {
		b.log.Warn("upgrade failed", "from", r.RemoteAddr, "why", err)
		return
	}
	b.serve(wc, h.conn)
}

// mayUpgrade lets a request pass, or answers it.
func (b *Broker) mayUpgrade(w http.ResponseWriter, r *http.Request) bool {
	for {
		wait, _ := b.faults.silence.state()
		if wait == nil {
			break
		}
		select {
		case <-wait:
		case <-r.Context().Done():
			return false
		case <-b.stop:
			return false
		}
	}
	if refuse := b.faults.refuse.Load(); refuse != nil {
		w.WriteHeader(refuse.status)
		_, _ = w.Write([]byte(refuse.body))
		return false
	}
	if b.cfg.httpAuth != nil {
		if status := b.cfg.httpAuth(r); status != 0 {
			http.Error(w, http.StatusText(status), status)
			return false
		}
	}
	return true
}

// subprotocol chooses one of those that the client offers.
func (b *Broker) subprotocol(w http.ResponseWriter, r *http.Request) []string {
	var offered []string
	for _, line := range r.Header.Values("Sec-WebSocket-Protocol") {
		for name := range strings.SplitSeq(line, ",") {
			offered = append(offered, strings.TrimSpace(name))
		}
	}
	known := b.cfg.subprotocols
	if b.act.clientPicks {
		known, offered = offered, known
	}
	for _, name := range known {
		if slices.Contains(offered, name) {
			return []string{name}
		}
	}
	if b.act.unasked != "" {
		w.Header().Set("Sec-WebSocket-Protocol", b.act.unasked)
	}
	return nil
}

// connState counts the goroutines that net/http runs for connections which are not upgraded yet.
func (b *Broker) connState(_ net.Conn, s http.ConnState) {
	switch s {
	case http.StateNew:
		b.upgrading.Add(1)
	case http.StateHijacked, http.StateClosed:
		b.upgrading.Done()
	}
}

// slogWriter takes what net/http has to complain about.
type slogWriter struct{ log *slog.Logger }

func (w slogWriter) Write(p []byte) (int, error) {
	w.log.Warn("http: " + strings.TrimSpace(string(p)))
	return len(p), nil
}

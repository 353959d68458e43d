package ws

import (
	"context"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync"
)

// attempt is one Dial under way: how far it is, and what it has to clear away should it fail.
type attempt struct {
	ctx    context.Context
	cloned bool // the transport is a copy for this attempt alone, and so is what GotConn shows; set before it is used

	mu    sync.Mutex // guards the following
	stage string     // what is under way, for the error of a ctx that ends
	got   net.Conn   // what the upgrade goes over, as net/http tells
	open  []net.Conn // what was dialled
	over  bool       // whatever is dialled now comes too late
	via   *url.URL   // the proxy that the request under way needs a tunnel of; nil: none
}

type dialFunc = func(ctx context.Context, network, addr string) (net.Conn, error)

// tracked returns dial bound to the attempt. A transport detaches its dials from the request, to have a connection for
// the next one: they would outlive ctx.
func (a *attempt) tracked(dial dialFunc) dialFunc {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(a.ctx, cancel)() // does nothing but cancel: needs no join
		a.at("connecting to " + addr)
		nc, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		a.at("waiting for " + addr + ", which is connected")
		if !a.add(nc) {
			hardClose(nc)
			_ = nc.Close() // it came too late for anyone to care
			return nil, context.Canceled
		}
		return nc, nil
	}
}

func (a *attempt) add(nc net.Conn) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.over {
		a.open = append(a.open, nc)
	}
	return !a.over
}

// end closes what was dialled, unless it is in use now. It ends what waits in there: a TLS handshake, a proxy.
func (a *attempt) end(inUse bool) {
	a.mu.Lock()
	open := a.open
	a.over, a.open = true, nil
	a.mu.Unlock()
	if inUse {
		return
	}
	for _, nc := range open {
		hardClose(nc)
		_ = nc.Close() // the attempt's own error is the one that counts
	}
}

func (a *attempt) at(stage string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stage = stage
}

// traced returns a context by which net/http tells where it is, and what connection it uses.
func (a *attempt) traced() context.Context {
	return httptrace.WithClientTrace(a.ctx, &httptrace.ClientTrace{
		DNSStart:          func(i httptrace.DNSStartInfo) { a.at("looking up " + i.Host) },
		ConnectStart:      func(_, addr string) { a.at("connecting to " + addr) },
		TLSHandshakeStart: func() { a.at("in the TLS handshake") },
		GotConn: func(i httptrace.GotConnInfo) {
			a.mu.Lock()
			defer a.mu.Unlock()
			a.got, a.stage = i.Conn, "waiting for the answer to the WebSocket upgrade"
		},
	})
}

// transport returns what to send the upgrade with, and what to call when that is done. Of an *http.Transport it is a
// copy, for this attempt alone: HTTP/1.1, no connection kept.
func (a *attempt) transport(rt http.RoundTripper) (_ http.RoundTripper, cleanUp func()) {
	if rt == nil {
		rt = http.DefaultTransport
	}
	t, ok := rt.(*http.Transport)
	if !ok {
		return rt, func() {}
	}
	t, a.cloned = t.Clone(), true
	http1 := new(http.Protocols)
	http1.SetHTTP1(true)
	t.Protocols, t.ForceAttemptHTTP2 = http1, false
	t.DisableKeepAlives = true              // an upgrade request is exempt from the "Connection: close" that this means
	t.DisableCompression = true             // there is nothing to ask for but an upgrade
	t.DialContext = a.tracked(plainDial(t)) // goes before Dial
	if dial := secureDial(t); dial != nil {
		t.DialTLSContext = a.tracked(dial)
	}
	if t.Proxy != nil {
		a.throughProxy(t)
	}
	return t, t.CloseIdleConnections
}

// plainDial returns how t dials.
func plainDial(t *http.Transport) dialFunc {
	if t.DialContext != nil {
		return t.DialContext
	}
	//lint:ignore SA1019 a user's transport may still have it
	if dial := t.Dial; dial != nil {
		return func(_ context.Context, network, addr string) (net.Conn, error) { return dial(network, addr) }
	}
	return new(net.Dialer).DialContext
}

// secureDial returns how t dials with TLS, where it does that by itself; else nil.
func secureDial(t *http.Transport) dialFunc {
	if t.DialTLSContext != nil {
		return t.DialTLSContext
	}
	//lint:ignore SA1019 a user's transport may still have it
	if dial := t.DialTLS; dial != nil {
		return func(_ context.Context, network, addr string) (net.Conn, error) { return dial(network, addr) }
	}
	return nil
}

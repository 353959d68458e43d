package ws

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync"
)

// attempt is one Dial under way: what it is doing, and what it has to close should it fail.
type attempt struct {
	ctx    context.Context
	cloned bool        // the transport is a copy for this attempt alone, and so is the connection that it uses; set before it is used
	auth   *clientAuth // apart, because the connection's tls.Config refers to it

	mu       sync.Mutex // guards the following
	stage    string     // what is under way, for the error of a ctx that ends
	conn     net.Conn   // what the upgrade goes over, as net/http's trace tells; nil before
	open     []net.Conn // what was dialled; finish closes it
	finished bool       // whatever is dialled now comes too late
	proxy    *url.URL   // the proxy to open a tunnel through for the current request; nil: none
}

// maxResponseHeader bounds the header of the answer to the upgrade, unless the user's transport has a bound of its
// own. Without one net/http takes 10 MB, which cost 150 MB as they are parsed. No honest answer has a hundredth of
// this.
const maxResponseHeader = 256 << 10

// Two stages that decide what a failure means. awaitingUpgrade begins when the request is sent.
const (
	inHandshake     = "in the TLS handshake"
	awaitingUpgrade = "waiting for the answer to the WebSocket upgrade"
)

type dialFunc = func(ctx context.Context, network, addr string) (net.Conn, error)

// trackDial returns dial bound to the attempt. A transport detaches its dials from the request, to have a connection
// for the next one: they would outlive ctx.
func (a *attempt) trackDial(dial dialFunc) dialFunc {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(a.ctx, cancel)() // does nothing but cancel: needs no join
		a.setStage("connecting to " + addr)
		nc, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		a.setStage("waiting for " + addr + ", which is connected")
		if !a.add(nc) {
			hardClose(nc)
			_ = nc.Close() // it came too late: nobody uses it
			return nil, context.Canceled
		}
		return nc, nil
	}
}

// add records a connection that finish has to close. false: it comes too late, and the caller closes it.
func (a *attempt) add(nc net.Conn) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.finished {
		a.open = append(a.open, nc)
	}
	return !a.finished
}

// finish closes what was dialled, unless it is in use now. That also ends whatever waits on it: a TLS handshake, a
// proxy.
func (a *attempt) finish(inUse bool) {
	a.mu.Lock()
	open := a.open
	a.finished, a.open = true, nil
	a.mu.Unlock()
	if inUse {
		return
	}
	for _, nc := range open {
		hardClose(nc)
		_ = nc.Close() // the attempt's own error is the one that counts
	}
}

func (a *attempt) setStage(stage string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stage = stage
}

// traceContext returns a context by which net/http reports what it is doing, and what connection it uses.
func (a *attempt) traceContext() context.Context {
	return httptrace.WithClientTrace(a.ctx, &httptrace.ClientTrace{
		DNSStart:     func(i httptrace.DNSStartInfo) { a.setStage("looking up " + i.Host) },
		ConnectStart: func(_, addr string) { a.setStage("connecting to " + addr) },
		TLSHandshakeStart: func() {
			a.setStage(inHandshake)
			a.auth.begin()
		},
		GotConn: func(i httptrace.GotConnInfo) {
			a.mu.Lock()
			defer a.mu.Unlock()
			a.conn, a.stage = i.Conn, awaitingUpgrade
		},
	})
}

// transport returns what to send the upgrade with, and what to call after that. Of an *http.Transport that is a copy
// for this attempt alone, which speaks HTTP/1.1 and keeps no connection.
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
	t.DisableKeepAlives = true  // an upgrade request is exempt from the "Connection: close" that this means
	t.DisableCompression = true // there is no content to compress
	if t.MaxResponseHeaderBytes == 0 {
		t.MaxResponseHeaderBytes = maxResponseHeader
	}
	t.DialContext = a.trackDial(plainDial(t)) // takes precedence over Dial
	if dial := secureDial(t); dial != nil {
		t.DialTLSContext = a.trackDial(dial)
	} else {
		if t.TLSClientConfig == nil { // else it is a copy
			t.TLSClientConfig = new(tls.Config)
		}
		a.auth.watch(t.TLSClientConfig)
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

// secureDial returns how t dials with TLS where it brings a function for that; else nil.
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

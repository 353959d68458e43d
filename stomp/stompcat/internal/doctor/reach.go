package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"syscall"
)

// Port is one on which brokers listen, and the URL to write for it, with %s for the host.
type Port struct {
	Number, Of, URL string
}

var usualPorts = []Port{
	{"15674", "RabbitMQ's Web STOMP", "ws://%s:15674/ws"},
	{"15673", "RabbitMQ's Web STOMP with TLS", "wss://%s:15673/ws"},
	{"61614", "ActiveMQ Classic's WebSocket", "ws://%s:61614"},
	{"61613", "STOMP over TCP, and Artemis's WebSocket", "tcp://%s:61613"},
	{"61616", "Artemis for all protocols", "ws://%s:61616"},
	{"443", "the web with TLS", "wss://%s/ws"},
	{"80", "the web", "ws://%s/ws"},
	{"8080", "many a Spring application", "ws://%s:8080/ws"},
	{"8443", "many a Spring application with TLS", "wss://%s:8443/ws"},
}

// reach looks the host up and connects to its port, or those of the proxy.
func (e *examination) reach(ctx context.Context) error {
	address := e.address()
	proxy, err := e.proxy()
	switch {
	case err != nil:
		e.failed("proxy", err.Error(), "correct HTTP_PROXY and HTTPS_PROXY, as in http://proxy.example:3128")
		return err
	case proxy != nil:
		e.note("proxy", fmt.Sprintf("the way goes through %s, by HTTP_PROXY or HTTPS_PROXY; NO_PROXY=%s leaves it out", proxy.Host, e.u.Hostname()))
		address = hostPort(proxy)
	}
	if err := e.resolve(ctx, address, proxy != nil); err != nil {
		return err
	}
	nc, err := e.dial(ctx, address)
	if err == nil {
		_ = nc.Close() // it was opened for this alone
		e.ok("port", address+" takes connections")
		return nil
	}
	if proxy != nil {
		e.failed("port", "the proxy: "+err.Error(), "start the proxy, correct HTTP_PROXY and HTTPS_PROXY, or put "+e.u.Hostname()+" into NO_PROXY")
		return err
	}
	e.failed("port", err.Error(), e.otherPort(ctx, err))
	return err
}

// proxy returns the proxy that stands between, or nil.
func (e *examination) proxy() (*url.URL, error) { return e.proxyFor(e.u) }

func (e *examination) proxyFor(u *url.URL) (*url.URL, error) {
	if isBare(u) || e.Proxy == nil {
		return nil, nil
	}
	asked := *u
	asked.Scheme = map[bool]string{false: "http", true: "https"}[isSecure(u)]
	return e.Proxy(&asked)
}

func hostPort(u *url.URL) string {
	port := u.Port()
	switch {
	case port != "":
	case u.Scheme == "https":
		port = "443"
	default:
		port = "80"
	}
	return net.JoinHostPort(u.Hostname(), port)
}

func (e *examination) resolve(ctx context.Context, address string, isProxy bool) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil || net.ParseIP(host) != nil {
		return err
	}
	e.Trying(host)
	bounded, cancel := context.WithTimeout(ctx, e.Timeout)
	defer cancel()
	found, err := e.Lookup(bounded, host)
	if err == nil {
		e.ok("DNS", host+" is "+strings.Join(found, ", "))
		return nil
	}
	advice := "is the name right? Is it known outside of the server's own network, of its containers, of a VPN?"
	if isProxy {
		advice = "correct the proxy's name in HTTP_PROXY and HTTPS_PROXY"
	}
	e.failed("DNS", err.Error(), advice)
	return err
}

func (e *examination) dial(ctx context.Context, address string) (net.Conn, error) {
	e.Trying(address)
	bounded, cancel := context.WithTimeout(ctx, e.probeTime())
	defer cancel()
	return new(net.Dialer).DialContext(bounded, "tcp", address)
}

// otherPort tries the usual ports of the same host, and returns what to change.
func (e *examination) otherPort(ctx context.Context, err error) string {
	var open []string
	for _, port := range e.Ports {
		if port.Number == e.u.Port() {
			continue
		}
		nc, err := e.dial(ctx, net.JoinHostPort(e.u.Hostname(), port.Number))
		if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) {
			break // a firewall drops what comes: each would take as long
		}
		if err != nil {
			continue
		}
		_ = nc.Close() // it was opened for this alone
		wanted := fmt.Sprintf(port.URL, bracketed(e.u.Hostname()))
		if reachesSTOMP(e.probe(ctx, wanted)) {
			e.found = wanted
			return "use " + wanted + ": STOMP is spoken there"
		}
		open = append(open, port.Number+" ("+port.Of+")")
	}
	switch {
	case e.guarded != "":
		return e.guarded + " answers and wants credentials, which are for the URL that was given: run doctor with this one if you trust it"
	case len(open) > 0:
		return "these ports of the host are open: " + strings.Join(open, ", ")
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nothing listens there, nor on the usual ports: does the server run? Does it listen on this address, and not on its loopback alone? Is the container's port published?"
	}
	return "is the address right, and does a firewall let this machine through?"
}

func bracketed(host string) string {
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}

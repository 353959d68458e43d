package ws

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
)

// An alert that has ended the connection is what is reported, even where net/http reports that the request found it
// closed. Which of the two it reports is a race.
func TestAttempt_finds_an_alert_behind_another_error(t *testing.T) {
	cert, pool := certificate(t, "broker.test")
	addr := listen(t, func(nc net.Conn) {
		tls.Server(nc, &tls.Config{Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequireAnyClientCert}).Handshake()
	})
	conn, err := tls.Dial("tcp", addr, &tls.Config{RootCAs: pool, ServerName: "broker.test", MinVersion: tls.VersionTLS13})
	must(t, err)
	defer conn.Close()
	_, alert := conn.Read(make([]byte, 1)) // as net/http does in the background
	conn.Close()

	a := &attempt{ctx: t.Context(), cloned: true, conn: conn}
	failed := a.explain(target(t, "wss://broker.test"), nil, net.ErrClosed)
	var permanent *PermanentError
	if !errors.As(failed, &permanent) || !strings.Contains(failed.Error(), "certificate required (the server wants") {
		t.Errorf("%v; the read had said %v", failed, alert)
	}
	// One that was not ended by an alert has nothing to add.
	quiet, err := tls.Dial("tcp", listen(t, func(nc net.Conn) {
		tls.Server(nc, &tls.Config{Certificates: []tls.Certificate{cert}}).Handshake()
		io.Copy(io.Discard, nc) // until it is closed
	}), &tls.Config{RootCAs: pool, ServerName: "broker.test"})
	must(t, err)
	defer quiet.Close()
	a = &attempt{ctx: t.Context(), conn: quiet}
	a.explain(target(t, "wss://broker.test"), nil, net.ErrClosed)
	if _, err := quiet.Write([]byte("a")); err != nil {
		t.Errorf("a foreign transport's connection was closed: %v", err)
	}
	a.cloned = true
	if failed := a.explain(target(t, "wss://broker.test"), nil, net.ErrClosed); !errors.Is(failed, net.ErrClosed) {
		t.Error(failed)
	}
}

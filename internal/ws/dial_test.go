package ws

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"strings"
	"testing"
)

// W7: the error of a refused upgrade has the status, the start of the body, and a hint what to look at.
func TestDial_W7_refused(t *testing.T) {
	long := strings.Repeat("0123456789abcdef", 100)
	for _, tc := range []struct {
		status         int
		header         [2]string
		body, wantBody string
		text           []string
	}{
		{401, [2]string{"WWW-Authenticate", "Basic"}, "who are you", "who are you", []string{"refused", "401 Unauthorized", "credentials", `"who are you"`}},
		{403, [2]string{}, long, long[:1024], []string{"refused", "403 Forbidden", `0123`}},
		{404, [2]string{}, "", "", []string{"404 Not Found", "is the path right?"}},
		{302, [2]string{"Location", "https://user:secret@elsewhere.test/ws?token=secret"}, "", "", []string{"302 Found to https://elsewhere.test/ws", "CheckRedirect"}},
		{301, [2]string{}, "", "", []string{"301 Moved Permanently: "}},
		{200, [2]string{"Content-Type", "text/html; charset=utf-8"}, "<html>\n  <p>", "<html>\n  <p>", []string{"no WebSocket", "200 OK with text/html", `"<html> <p>"`}},
		{500, [2]string{"Content-Type", "application/octet-stream"}, "\x00\x01", "\x00\x01", []string{"500 Internal Server Error"}},
		{503, [2]string{}, "later", "later", []string{"503"}},
	} {
		t.Run(fmt.Sprint(tc.status), func(t *testing.T) {
			url := serveHTTP(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header()[http.CanonicalHeaderKey("Content-Type")] = nil
				if tc.header[0] != "" {
					w.Header().Set(tc.header[0], tc.header[1])
				}
				w.WriteHeader(tc.status)
				io.WriteString(w, tc.body)
			})
			_, err := Dial(t.Context(), target(t, url), DialOptions{})
			var he *HandshakeError
			if !errors.As(err, &he) || he.StatusCode != tc.status || string(he.Body) != tc.wantBody {
				t.Fatalf("%+v", err)
			}
			for _, text := range tc.text {
				if !strings.Contains(err.Error(), text) {
					t.Errorf("%q is not in: %v", text, err)
				}
			}
			for _, text := range []string{"secret", "failed to", "\x00"} {
				if strings.Contains(err.Error(), text) {
					t.Errorf("%q is in: %v", text, err)
				}
			}
		})
	}
}

// The header of the answer is bounded, by us where the user's transport has no bound of its own.
func TestDial_W7_a_header_without_end(t *testing.T) {
	url := serveHTTP(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X", strings.Repeat("x", maxResponseHeader))
	})
	for own, text := range map[int64]string{0: "exceeded 262144 bytes", 1000: "exceeded 1000 bytes", 1 << 20: "200 OK"} {
		client := &http.Client{Transport: &http.Transport{MaxResponseHeaderBytes: own}}
		_, err := Dial(t.Context(), target(t, url), DialOptions{HTTPClient: client})
		if err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("with a bound of %d: %v; want %q in it", own, err, text)
		}
	}
}

// Servers that do not speak WebSocket, or not as they should.
func TestDial_odd_servers(t *testing.T) {
	reply := func(s string) func(net.Conn) {
		return func(nc net.Conn) {
			buf := make([]byte, 4096)
			nc.Read(buf)
			io.WriteString(nc, s)
		}
	}
	upgrade := "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
	for _, tc := range []struct {
		name   string
		serve  func(net.Conn)
		status int
		is     error
		text   string
	}{
		{"stomp_over_tcp", reply("ERROR\nmessage:no\n\n\x00"), 0, nil, "port for STOMP without WebSocket? Then it is tcp://"},
		{"tls", reply("\x15\x03\x01\x00\x02\x02\x46"), 0, nil, "is it wss://?"},
		{"closes_at_once", func(net.Conn) {}, 0, nil, ""}, // EOF, or a reset when it has not read
		{"closes_after_the_request", reply(""), 0, io.EOF, "closed the connection instead of answering: does it speak WebSocket on this port, and without TLS? With TLS write wss://, for STOMP without WebSocket tcp://"},
		{"W7_wrong_accept_key", reply(upgrade + "Sec-WebSocket-Accept: nonsense\r\n\r\n"), 101, nil, "invalid Sec-WebSocket-Accept"},
		{"W7_no_upgrade_header", reply("HTTP/1.1 101 Switching Protocols\r\n\r\n"), 101, nil, "does not contain Upgrade"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := Dial(t.Context(), target(t, "ws://"+listen(t, tc.serve)), DialOptions{})
			var he *HandshakeError
			if !errors.As(err, &he) || he.StatusCode != tc.status {
				t.Fatalf("%+v", err)
			}
			if tc.is != nil && !errors.Is(err, tc.is) {
				t.Errorf("%v is not %v", err, tc.is)
			}
			if !strings.Contains(err.Error(), tc.text) || strings.Contains(err.Error(), "failed to") || strings.Contains(err.Error(), "ws://127") {
				t.Errorf("%v; want %q in it", err, tc.text)
			}
		})
	}
}

// W1: what was not offered must not be selected.
func TestDial_W1_selected_but_not_offered(t *testing.T) {
	url := serveHTTP(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Sec-WebSocket-Protocol", "mqtt")
		w.Header().Set("Upgrade", "websocket")
		w.Header().Set("Connection", "Upgrade")
		w.Header().Set("Sec-WebSocket-Accept", acceptKey(r.Header.Get("Sec-WebSocket-Key")))
		w.WriteHeader(http.StatusSwitchingProtocols)
	})
	_, err := Dial(t.Context(), target(t, url), DialOptions{Subprotocols: []string{"v12.stomp"}})
	if err == nil || !strings.Contains(err.Error(), `unexpected Sec-WebSocket-Protocol from server: "mqtt"`) {
		t.Error(err)
	}
}

// ActiveMQ Classic 5 answers "stomp" to whoever offers nothing that it knows (W1).
func TestDial_W1_selected_unasked(t *testing.T) {
	url := serveHTTP(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Sec-WebSocket-Protocol", "stomp")
		c, err := Accept(w, r, AcceptOptions{})
		if err == nil {
			_ = c.CloseNow()
		}
	})
	for _, offered := range [][]string{nil, {"v12.stomp"}} {
		c, err := Dial(t.Context(), target(t, url), DialOptions{Subprotocols: offered})
		must(t, err)
		if got := c.Subprotocol(); got != "" {
			t.Errorf("offered %q, the subprotocol is %q", offered, got)
		}
		must(t, c.CloseNow())
	}
}

func TestDial_nobody_listens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	addr := l.Addr().String()
	l.Close()
	for _, scheme := range []string{"ws", "wss", "tcp", "tls"} {
		_, err := Dial(t.Context(), target(t, scheme+"://"+addr), DialOptions{})
		var op *net.OpError
		var he *HandshakeError
		if !errors.As(err, &op) || op.Op != "dial" || !errors.As(err, &he) || he.StatusCode != 0 {
			t.Errorf("%s: %v", scheme, err)
		}
	}
}

// W1 and the rest of the upgrade request.
func TestDial_W1_upgrade_request(t *testing.T) {
	var got *http.Request
	url := serveHTTP(t, func(w http.ResponseWriter, r *http.Request) {
		got = r.Clone(context.Background())
		echo(AcceptOptions{})(w, r)
	})
	url = strings.Replace(url, "ws://", "ws://user:secret@", 1) + "/ws?a=b"
	header := http.Header{"X-Token": {"t"}, "Host": {"virtual.test"}}
	c, err := Dial(t.Context(), target(t, url), DialOptions{Header: header, Subprotocols: []string{"v12.stomp", "v11.stomp", "v10.stomp"}})
	must(t, err)
	defer c.CloseNow()
	if c.Subprotocol() != "" { // a server that selects none is accepted
		t.Errorf("subprotocol %q", c.Subprotocol())
	}
	user, password, _ := got.BasicAuth()
	for what, pair := range map[string][2]string{
		"W1_subprotocols": {got.Header.Get("Sec-WebSocket-Protocol"), "v12.stomp,v11.stomp,v10.stomp"},
		"header":          {got.Header.Get("X-Token"), "t"},
		"host":            {got.Host, "virtual.test"},
		"user":            {user + ":" + password, "user:secret"},
		"path":            {got.URL.RequestURI(), "/ws?a=b"},
		"compression":     {got.Header.Get("Sec-WebSocket-Extensions"), ""},
		"encoding":        {got.Header.Get("Accept-Encoding"), ""},
		"connection":      {got.Header.Get("Connection"), "Upgrade"},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: %q, want %q", what, pair[0], pair[1])
		}
	}
	if len(header) != 2 {
		t.Errorf("the caller's header was changed: %v", header)
	}
}

// The user's client keeps its jar and its redirects, and is not modified.
func TestDial_with_a_client(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/from", func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "session", Value: "1", Path: "/"})
		http.Redirect(w, r, "/to", http.StatusFound)
	})
	mux.HandleFunc("/to", func(w http.ResponseWriter, r *http.Request) {
		if cookie, err := r.Cookie("session"); err != nil || cookie.Value != "1" {
			http.Error(w, "no cookie", http.StatusForbidden)
			return
		}
		echo(AcceptOptions{})(w, r)
	})
	base := serveHTTP(t, mux.ServeHTTP)
	jar, err := cookiejar.New(nil)
	must(t, err)
	transport := &http.Transport{}
	redirects := 0
	client := &http.Client{Transport: transport, Jar: jar, Timeout: 1 << 40}

	// Without a CheckRedirect the redirect is refused; its cookie is kept.
	_, err = Dial(t.Context(), target(t, base+"/from"), DialOptions{HTTPClient: client})
	var he *HandshakeError
	if !errors.As(err, &he) || he.StatusCode != http.StatusFound {
		t.Fatal(err)
	}
	if client.CheckRedirect != nil || client.Transport != transport || client.Jar != jar || client.Timeout != 1<<40 {
		t.Errorf("the client was modified: %+v", client)
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { redirects++; return nil }
	c, err := Dial(t.Context(), target(t, base+"/from"), DialOptions{HTTPClient: client})
	must(t, err)
	defer c.CloseNow()
	must(t, send(c, "a"))
	if got, err := readMessage(c); err != nil || string(got) != "a" || redirects != 1 {
		t.Errorf("%q, %v, %d redirects", got, err, redirects)
	}
	if canTryFlush && c.b.out.raw == nil {
		t.Error("a plain socket is not known as one")
	}
}

// roundTripper is a transport that is not net/http's own.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestDial_with_a_foreign_transport(t *testing.T) {
	url := serveHTTP(t, echo(AcceptOptions{}))
	inner := &http.Transport{}
	defer inner.CloseIdleConnections()
	c, err := Dial(t.Context(), target(t, url), DialOptions{HTTPClient: &http.Client{Transport: roundTripper(inner.RoundTrip)}})
	must(t, err)
	defer c.CloseNow()
	if c.b.out.raw != nil {
		t.Error("TryFlush would bypass what a foreign transport may have put in between")
	}
	must(t, send(c, "a"))
	if got, err := readMessage(c); err != nil || string(got) != "a" {
		t.Errorf("%q, %v", got, err)
	}

	readOnly := roundTripper(func(r *http.Request) (*http.Response, error) {
		resp, err := inner.RoundTrip(r)
		if err == nil {
			body := resp.Body
			resp.Body = struct{ io.ReadCloser }{body}
		}
		return resp, err
	})
	_, err = Dial(t.Context(), target(t, url), DialOptions{HTTPClient: &http.Client{Transport: readOnly}})
	if err == nil || !strings.Contains(err.Error(), "io.ReadWriteCloser") {
		t.Error(err)
	}
}

// A user's transport may still have the deprecated ways to dial.
func TestDial_with_a_deprecated_Dial(t *testing.T) {
	url := serveHTTP(t, echo(AcceptOptions{}))
	dials := 0
	transport := &http.Transport{}
	//lint:ignore SA1019 it is what is tested
	transport.Dial = func(network, addr string) (net.Conn, error) { dials++; return net.Dial(network, addr) }
	c, err := Dial(t.Context(), target(t, url), DialOptions{HTTPClient: &http.Client{Transport: transport}})
	must(t, err)
	c.CloseNow()
	bare, err := Dial(t.Context(), target(t, strings.Replace(url, "ws://", "tcp://", 1)), DialOptions{HTTPClient: &http.Client{Transport: transport}})
	must(t, err)
	bare.CloseNow()
	//lint:ignore SA1019 it is what is tested
	transport.DialTLS = transport.Dial // DialTLS is trusted to do TLS; this one does none
	for _, scheme := range []string{"wss://", "tls://"} {
		c, err := Dial(t.Context(), target(t, strings.Replace(url, "ws://", scheme, 1)), DialOptions{HTTPClient: &http.Client{Transport: transport}})
		must(t, err)
		c.CloseNow()
	}
	if dials != 4 {
		t.Errorf("%d dials", dials)
	}
}

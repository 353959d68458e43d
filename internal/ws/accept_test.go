package ws

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// W1: the server's own order decides; a client that offers nothing in common is accepted without a subprotocol.
func TestAccept_W1_subprotocol(t *testing.T) {
	for _, tc := range []struct {
		offered []string
		want    string
	}{
		{[]string{"v10.stomp", "v12.stomp"}, "v12.stomp"},
		{[]string{"v11.stomp"}, "v11.stomp"},
		{[]string{"mqtt"}, ""},
		{nil, ""},
	} {
		client, server := tcpPair(t)
		c, s := pair(t, client, server, DialOptions{Subprotocols: tc.offered},
			AcceptOptions{Subprotocols: []string{"v12.stomp", "v11.stomp", "v10.stomp"}})
		if c.Subprotocol() != tc.want || s.Subprotocol() != tc.want {
			t.Errorf("%v: %q, %q", tc.offered, c.Subprotocol(), s.Subprotocol())
		}
	}
}

// What a client sends together with its request is not lost.
func TestAccept_keeps_early_data(t *testing.T) {
	url := serveHTTP(t, echo(AcceptOptions{}))
	nc, err := net.Dial("tcp", strings.TrimPrefix(url, "ws://"))
	must(t, err)
	defer nc.Close()
	// Masked with zeros, a client's frame has the payload of a server's.
	early := strings.Repeat("early ", 500)
	f := frame{true, opText, []byte(early)}.bytes()
	masked := append([]byte{f[0], f[1] | 0x80, f[2], f[3], 0, 0, 0, 0}, f[4:]...)
	fmt.Fprintf(nc, "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n\r\n%s", "MTIzNDU2Nzg5MDEyMzQ1Ng==", masked)
	br := bufio.NewReader(nc)
	resp, err := http.ReadResponse(br, nil)
	must(t, err)
	if resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatal(resp.Status)
	}
	p := &peer{t: t, nc: nc, br: br}
	p.want(opText, early)
}

// What comes from a client is not handed out while it is masked, wherever the connection ends in it.
func TestAccept_of_a_message_cut_short(t *testing.T) {
	text := strings.Repeat("0123456789", 10)
	whole := maskedFrame(0x81, text, 0x01020304)
	fragment := maskedFrame(0x01, text, 0x05060708)
	for cut := range len(fragment) + len(whole) {
		client, server := net.Pipe()
		c, s := pair(t, client, server, DialOptions{}, AcceptOptions{})
		sent := append(slices.Clip(fragment), whole...)
		sent[len(fragment)] = 0x80 // a continuation, and the last one
		go func() {                // ends with the connection
			client.Write(sent[:cut])
			client.Close()
		}()
		var got []byte
		for {
			p, _, err := s.Read()
			if err != nil {
				break
			}
			got = append(got, p...)
		}
		if !strings.HasPrefix(text+text, string(got)) {
			t.Errorf("of %d bytes: %q", cut, got)
		}
		c.CloseNow()
		s.CloseNow()
	}
}

// wrapped hides the Hijacker as middleware does, and reveals it by Unwrap.
type wrapped struct{ inner http.ResponseWriter }

func (w wrapped) Header() http.Header         { return w.inner.Header() }
func (w wrapped) Write(p []byte) (int, error) { return w.inner.Write(p) }
func (w wrapped) WriteHeader(status int)      { w.inner.WriteHeader(status) }
func (w wrapped) Unwrap() http.ResponseWriter { return w.inner }

func TestAccept_behind_middleware(t *testing.T) {
	handler := echo(AcceptOptions{})
	url := serveHTTP(t, func(w http.ResponseWriter, r *http.Request) { handler(wrapped{w}, r) })
	c, err := Dial(t.Context(), target(t, url), DialOptions{})
	must(t, err)
	defer c.CloseNow()
	must(t, send(c, "a"))
	if got, err := readMessage(c); err != nil || string(got) != "a" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestAccept_refuses(t *testing.T) {
	upgrade := func(change func(http.Header)) *http.Request {
		r := httptest.NewRequest(http.MethodGet, "http://broker.test/ws", nil)
		for name, value := range map[string]string{"Connection": "Upgrade", "Upgrade": "websocket",
			"Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "MTIzNDU2Nzg5MDEyMzQ1Ng=="} {
			r.Header.Set(name, value)
		}
		change(r.Header)
		return r
	}
	for _, tc := range []struct {
		name   string
		r      *http.Request
		hijack bool
		status int
		text   string
	}{
		{"cannot_be_taken_over", upgrade(func(http.Header) {}), false, http.StatusNotImplemented, "cannot be taken over"},
		{"no_upgrade", upgrade(func(h http.Header) { h.Del("Upgrade") }), true, http.StatusUpgradeRequired, "Upgrade header"},
		{"another_origin", upgrade(func(h http.Header) { h.Set("Origin", "http://evil.test") }), true, http.StatusForbidden, "not authorized"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var sent bytes.Buffer
			hijackable := &response{brw: bufio.NewReadWriter(bufio.NewReader(strings.NewReader("")), bufio.NewWriter(&sent)), header: http.Header{}}
			recorder := httptest.NewRecorder()
			var w http.ResponseWriter = recorder
			if tc.hijack {
				w = hijackable
			}
			_, err := Accept(w, tc.r, AcceptOptions{})
			if err == nil || !strings.Contains(err.Error(), tc.text) || strings.Contains(err.Error(), "failed to") {
				t.Error(err)
			}
			status := recorder.Code
			if tc.hijack {
				status = hijackable.status
			}
			if status != tc.status {
				t.Errorf("status %d", status)
			}
		})
	}
}

// A client that disconnects before it gets its response is an error, and its connection is closed.
func TestAccept_of_a_client_that_is_gone(t *testing.T) {
	client, server := net.Pipe()
	go func() { // ends with its write
		io.WriteString(client, "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
			"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MTIzNDU2Nzg5MDEyMzQ1Ng==\r\n\r\n")
		client.Close()
	}()
	br := bufio.NewReader(server)
	req, err := http.ReadRequest(br)
	must(t, err)
	<-closedPeer(client)
	if _, err := Accept(newResponse(server, br), req, AcceptOptions{}); err == nil {
		t.Error("no error")
	}
	if _, err := server.Read(make([]byte, 1)); err != io.ErrClosedPipe {
		t.Errorf("the connection was left open: %v", err)
	}
}

// closedPeer is closed when nc is.
func closedPeer(nc net.Conn) <-chan struct{} {
	done := make(chan struct{})
	go func() { // ends when nc does
		defer close(done)
		io.Copy(io.Discard, nc)
	}()
	return done
}

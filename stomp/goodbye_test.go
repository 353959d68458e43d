package stomp_test

import (
	"bufio"
	"bytes"
	"compress/flate"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/stomp"
)

// framePeer is a WebSocket server at the end of a pipe, which writes frames as the test makes them.
type framePeer struct {
	t  *testing.T
	nc net.Conn
	br *bufio.Reader
}

// framePeers returns options of Connect by which each dial leads to the next of the peers that accept returns.
func framePeers(t *testing.T, opts ...stomp.ConnectOption) (all []stomp.ConnectOption, accept func() *framePeer) {
	peers := make(chan *framePeer, 16)
	dial := func(context.Context, string, string) (net.Conn, error) {
		near, far := net.Pipe()
		t.Cleanup(func() { far.Close() })
		peers <- &framePeer{t: t, nc: far, br: bufio.NewReader(far)}
		return near, nil
	}
	client := &http.Client{Transport: &http.Transport{DialContext: dial}}
	return append(opts, stomp.WithHTTPClient(client)), func() *framePeer {
		p := <-peers
		p.upgrade()
		return p
	}
}

// upgrade takes the upgrade, and compression if that is offered.
func (p *framePeer) upgrade() {
	req, err := http.ReadRequest(p.br)
	rig.OK(p.t, err)
	sum := sha1.Sum([]byte(req.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	extensions := ""
	if req.Header.Get("Sec-WebSocket-Extensions") != "" {
		extensions = "Sec-WebSocket-Extensions: permessage-deflate\r\n"
	}
	fmt.Fprintf(p.nc, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n%sSec-WebSocket-Accept: %s\r\n\r\n",
		extensions, base64.StdEncoding.EncodeToString(sum[:]))
}

// send writes a frame with that first byte, of at most 125 bytes.
func (p *framePeer) send(first byte, payload string) {
	p.t.Helper()
	_, err := p.nc.Write(append([]byte{first, byte(len(payload))}, payload...))
	rig.OK(p.t, err)
}

// read returns the Client's next frame, unmasked; opcode 0 when there is none any more.
func (p *framePeer) read() (opcode byte, payload string) {
	var h [6]byte
	if _, err := io.ReadFull(p.br, h[:2]); err != nil {
		return 0, ""
	}
	size := int(h[1] & 0x7f)
	if size == 126 {
		io.ReadFull(p.br, h[:2])
		size = int(binary.BigEndian.Uint16(h[:]))
	}
	io.ReadFull(p.br, h[2:])
	body := make([]byte, size)
	io.ReadFull(p.br, body)
	for i := range body {
		body[i] ^= h[2+i%4]
	}
	return h[0] & 0x0f, string(body)
}

// wantClose reads until the Client's close frame.
func (p *framePeer) wantClose(code int, reason ...string) {
	p.t.Helper()
	for {
		switch opcode, payload := p.read(); {
		case opcode == 0:
			p.t.Error("there is no close frame")
			return
		case opcode == 8 && (len(payload) < 2 || int(binary.BigEndian.Uint16([]byte(payload))) != code):
			p.t.Errorf("the close frame says %q, want code %d", payload, code)
			return
		case opcode == 8:
			for _, part := range reason {
				if !strings.Contains(payload, part) {
					p.t.Errorf("the close frame says %q, want %q in it", payload, part)
				}
			}
			return
		}
	}
}

const (
	textFrame       = 0x81
	compressedFrame = 0xc1
	pingFrame       = 0x89
	closeFrame      = 0x88
)

// half returns the first half of a message, compressed.
func half(t *testing.T, message string) string {
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestCompression)
	rig.OK(t, err)
	io.WriteString(w, message)
	rig.OK(t, w.Flush())
	return b.String()[:b.Len()/2]
}

// W9, F12: a server that breaks a rule, or a limit, is told which by a close frame; in the session, and in answer to
// CONNECT. Close and reconnecting do not wait for what it makes of that.
func TestClient_W9_tells_a_server_what_it_did_wrong(t *testing.T) {
	message := "MESSAGE\nsubscription:s1\nmessage-id:1\ndestination:/a\n\n" + strings.Repeat("body ", 50) + "\x00"
	for name, c := range map[string]struct {
		send   func(p *framePeer)
		code   int
		reason []string
		early  bool // in answer to CONNECT as well
	}{
		"no_NUL":          {func(p *framePeer) { p.send(textFrame, "MESSAGE\ncontent-length:1\n\nab") }, 1002, []string{"NUL", "F3"}, true},
		"unknown_command": {func(p *framePeer) { p.send(textFrame, "HELLO\n\n\x00") }, 1002, []string{"HELLO", "F14"}, true},
		"CONNECTED_again": {func(p *framePeer) { p.send(textFrame, rig.Connected12) }, 1002, []string{"C4"}, false},
		"another_version": {func(p *framePeer) { p.send(textFrame, "CONNECTED\nversion:2.0\n\n\x00") }, 1002, []string{"C"}, true},
		"body_limit":      {func(p *framePeer) { p.send(textFrame, "MESSAGE\ncontent-length:1001\n\n") }, 1009, []string{"limit of 1000"}, true},
		"entries_limit":   {func(p *framePeer) { p.send(textFrame, "MESSAGE\na:b\na:b\na:b\na:b\na:b\n") }, 1009, []string{"header entries"}, true},
		"masked":          {func(p *framePeer) { p.nc.Write([]byte{textFrame, 0x81, 0, 0, 0, 0, '\n'}) }, 1002, nil, true},
		"unknown_opcode":  {func(p *framePeer) { p.send(0x83, "") }, 1002, []string{"opcode"}, true},
		"negative_length": {func(p *framePeer) { p.nc.Write(append([]byte{textFrame, 127}, bytes.Repeat([]byte{0xff}, 8)...)) }, 1002, nil, true},
		"compression":     {func(p *framePeer) { p.send(compressedFrame, half(t, message)) }, 1007, nil, true},
	} {
		options := []stomp.ConnectOption{stomp.WithLimits(stomp.Limits{Body: 1000, Entries: 4}), stomp.WithCompression(), stomp.WithReconnect(rig.QuickBackoff)}
		session := func(t *testing.T, more ...stomp.ConnectOption) (*stomp.Client, *framePeer, func() *framePeer) {
			opts, accept := framePeers(t, append(options, more...)...)
			connecting := rig.StartConnect(t, "ws://broker.test", opts...)
			p := accept()
			p.read() // CONNECT
			p.send(textFrame, rig.Connected12)
			return connecting.Client(), p, accept
		}
		rig.Bubble(t, name+"/in_the_session", func(t *testing.T) {
			client, p, accept := session(t)
			start := time.Now()
			c.send(p)
			told := make(chan struct{})
			read := func() { p.wantClose(c.code, c.reason...); close(told) }
			if name == "unknown_opcode" { // the library's close frame, which the writer writes
				go read() // joined below
			}
			next := accept() // the others have read nothing yet
			if d := time.Since(start); d > 5*time.Millisecond {
				t.Errorf("the next session is held up for %v", d)
			}
			if name != "unknown_opcode" {
				go read() // joined below
			}
			<-told
			next.read()
			next.send(textFrame, rig.Connected12)
			synctest.Wait()
			c.send(next)
			synctest.Wait()
			start = time.Now()
			rig.OK(t, client.Close())
			if d := time.Since(start); d != 0 {
				t.Errorf("Close is held up for %v", d)
			}
		})
		rig.Bubble(t, name+"/that_ends_the_Client", func(t *testing.T) {
			client, p, _ := session(t, stomp.WithoutReconnect())
			c.send(p)
			p.wantClose(c.code, c.reason...)
			start := time.Now()
			<-client.Done() // the server does not close
			if d := time.Since(start); d != time.Second {
				t.Errorf("the end comes after %v", d)
			}
		})
		if !c.early {
			continue
		}
		rig.Bubble(t, name+"/instead_of_CONNECTED", func(t *testing.T) {
			for _, ctxEnds := range []time.Duration{time.Hour, time.Millisecond} {
				opts, accept := framePeers(t, options...)
				ctx, cancel := context.WithTimeout(t.Context(), ctxEnds)
				defer cancel()
				start, failed := time.Now(), make(chan error, 1)
				go func() { // joined below
					_, err := stomp.Connect(ctx, "ws://broker.test", opts...)
					failed <- err
				}()
				p := accept()
				p.read() // CONNECT
				c.send(p)
				p.wantClose(c.code, c.reason...)
				rig.ErrorAs[stomp.ConnectError](t, <-failed)
				if d := time.Since(start); d != min(time.Second, ctxEnds) {
					t.Errorf("Connect takes %v", d)
				}
			}
		})
	}
}

// On a bare stream there is no close frame: it just ends.
func TestClient_a_bare_stream_just_ends(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, client := rig.Session(t)
		p.SendRaw("HELLO\n\n\x00")
		p.Gone()
		<-client.Done()
	})
}

// A message of which half is missing is an error, and what comes next is not taken for the rest of its body.
func TestWithCompression_W10_a_truncated_message_is_no_message(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opts, accept := framePeers(t, stomp.WithCompression(), stomp.WithoutReconnect())
		connecting := rig.StartConnect(t, "ws://broker.test", opts...)
		p := accept()
		p.read() // CONNECT
		p.send(textFrame, rig.Connected12)
		client := connecting.Client()
		messages, err := client.Subscribe(t.Context(), "/a")
		rig.OK(t, err)
		p.read() // SUBSCRIBE
		p.send(compressedFrame, half(t, "MESSAGE\nsubscription:s1\nmessage-id:1\ndestination:/a\ncontent-length:80\n\n"+strings.Repeat("0123456789", 8)+"\x00"))
		p.wantClose(1007)
		p.nc.Close()
		if got, open := rig.Bodies(messages); len(got) > 0 || open {
			t.Errorf("delivered are %q, open %t", got, open)
		}
		<-client.Done()
		rig.ErrorIs(t, client.Err(), stomp.ErrConnectionLost)
		rig.ErrorSays(t, client.Err(), "compressed message", "ends in the middle")
	})
}

// deaf is a connection that can be read, and fails when it is written to.
type deaf struct {
	net.Conn
	failed chan struct{} // closed: it fails
}

func (d *deaf) Write(p []byte) (int, error) {
	select {
	case <-d.failed:
		return 0, &net.OpError{Op: "write", Net: "tcp", Err: fmt.Errorf("connection reset by peer")}
	default:
		return d.Conn.Write(p)
	}
}

// A server that says why and goes while we send is heard, also if it has asked for a pong before.
func TestClient_promise12_last_words_behind_a_ping_are_heard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		d := &deaf{Conn: near, failed: make(chan struct{})}
		client := &http.Client{Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return d, nil }}}
		connecting := rig.StartConnect(t, "ws://broker.test", stomp.WithHTTPClient(client), stomp.WithoutReconnect())
		p := &framePeer{t: t, nc: far, br: bufio.NewReader(far)}
		p.upgrade()
		p.read() // CONNECT
		p.send(textFrame, rig.Connected12)
		c := connecting.Client()
		close(d.failed)
		rig.OK(t, c.Send(t.Context(), "/a", nil))
		synctest.Wait()
		p.send(pingFrame, "")
		p.send(textFrame, "ERROR\nmessage:you talk too much\n\n\x00")
		<-c.Done()
		if e := rig.ErrorAs[stomp.Error](t, c.Err()); e.Message != "you talk too much" {
			t.Errorf("%v", c.Err())
		}
	})
}

// So is one that breaks a rule on the connection that asks for a subscription.
func TestWithResubscribe_W9_tells_a_server_what_it_did_wrong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const connected = "CONNECTED\nversion:1.2\nserver:RabbitMQ/4.0.5\n\n\x00"
		opts, accept := framePeers(t, stomp.WithHeartBeat(0, 0))
		connecting := rig.StartConnect(t, "ws://peer.test/", opts...)
		p := accept()
		p.read() // CONNECT
		p.send(textFrame, connected)
		c := connecting.Client()
		_, err := c.Subscribe(t.Context(), "/queue/a", stomp.WithResubscribe(stomp.Backoff{Min: time.Second, Max: time.Second}))
		rig.OK(t, err)
		p.read() // SUBSCRIBE
		p.send(textFrame, "ERROR\nsubscription:s1\nmessage:Server cancelled subscription\n\n\x00")
		asks := accept()
		asks.read() // CONNECT
		asks.send(textFrame, connected)
		asks.read() // SUBSCRIBE
		asks.send(textFrame, "HELLO\n\n\x00")
		asks.wantClose(1002, "HELLO", "F14")
		asks.nc.Close()
		c.Close()
	})
}

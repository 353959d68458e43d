package stomptest_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/internal/ws"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

func TestConnect_C1_C2_C5_accepted(t *testing.T) {
	for _, test := range []struct {
		name   string
		opts   []stomptest.Option
		header []string
		want   string // of CONNECTED's version; "": no such entry
	}{
		{"C1_highest_common_version", nil, []string{"accept-version", "1.0,1.1,1.2"}, "1.2"},
		{"C1_version_1.1", nil, []string{"accept-version", "1.0,1.1"}, "1.1"},
		{"C1_spaces_are_forgiven", nil, []string{"accept-version", "1.0, 1.1"}, "1.1"},
		{"C1_fewer_versions_here", []stomptest.Option{stomptest.WithVersions("1.1", "1.0")}, []string{"accept-version", "1.0,1.1,1.2"}, "1.1"},
		{"C2_no_offer_is_1.0", nil, []string{"login", "x"}, ""},
		{"C1_login", []stomptest.Option{stomptest.WithLogin("a", "1"), stomptest.WithLogin("b", `2:\`)}, []string{"accept-version", "1.2", "login", "b", "passcode", `2:\`}, "1.2"},
		{"C1_host", []stomptest.Option{stomptest.WithVirtualHosts("x", "/")}, []string{"accept-version", "1.2", "host", "x"}, "1.2"},
		{"C1_no_host_is_the_default_one", []stomptest.Option{stomptest.WithVirtualHosts("x", "/")}, []string{"accept-version", "1.2"}, "1.2"},
	} {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *stomptest.Broker) {
				for _, command := range []string{wire.Connect, wire.Stomp} {
					c := dial(t, b)
					c.send(command, "", test.header...)
					f := c.next(wire.Connected, "server", "stomptest/1")
					if got, ok := wire.Lookup(f.Header, "version"); got != test.want || ok != (test.want != "") {
						t.Errorf("version %q, want %q", got, test.want)
					}
					if wire.Get(f.Header, "session") == "" {
						t.Error("C5: no session in CONNECTED")
					}
				}
				if n := b.Sessions(); n != 2 {
					t.Errorf("Sessions is %d, want 2", n)
				}
			}, test.opts...)
		})
	}
}

func TestConnect_refused(t *testing.T) {
	for _, test := range []struct {
		name    string
		opts    []stomptest.Option
		command string
		header  []string
		message string
		want    []string // further entries of ERROR
	}{
		{"C3_unknown_login", []stomptest.Option{stomptest.WithLogin("a", "1")}, wire.Connect, []string{"accept-version", "1.2", "login", "b", "passcode", "1"}, "Bad CONNECT", nil},
		{"C3_no_login", []stomptest.Option{stomptest.WithLogin("a", "1")}, wire.Connect, []string{"accept-version", "1.2"}, "Bad CONNECT", nil},
		{"C3_wrong_passcode", []stomptest.Option{stomptest.WithLogin("a", "1")}, wire.Connect, []string{"accept-version", "1.2", "login", "a", "passcode", "2"}, "Bad CONNECT", nil},
		{"C3_unknown_host", []stomptest.Option{stomptest.WithVirtualHosts("x")}, wire.Connect, []string{"accept-version", "1.2", "host", "y"}, "Bad CONNECT", nil},
		{"C2_no_common_version", []stomptest.Option{stomptest.WithVersions("1.1", "1.2")}, wire.Connect, []string{"accept-version", "1.0,2.0"}, "Version mismatch", []string{"version", "1.1,1.2"}},
		{"C2_no_offer_and_no_1.0", []stomptest.Option{stomptest.WithVersions("1.2")}, wire.Connect, []string{"host", "/"}, "Version mismatch", nil},
		{"C6_malformed_heart_beat", nil, wire.Connect, []string{"accept-version", "1.2", "heart-beat", "1000"}, "Bad heart-beat", nil},
		{"C6_negative_heart_beat", nil, wire.Connect, []string{"accept-version", "1.2", "heart-beat", "-1,0"}, "Bad heart-beat", nil},
		{"C4_another_command", nil, wire.Subscribe, []string{"id", "1", "destination", "/topic/a", "receipt", "r"}, "Not connected", []string{"receipt-id", "r"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *stomptest.Broker) {
				c := dial(t, b)
				c.send(test.command, "", test.header...)
				if f := c.next(wire.Error, append(test.want, "message", test.message)...); len(f.Body) == 0 {
					t.Error("ERROR explains nothing")
				}
				c.closed(1002, "")
				if n := b.Sessions(); n != 0 {
					t.Errorf("Sessions is %d, want 0", n)
				}
			}, test.opts...)
		})
	}
}

func TestConnect_C4_a_second_CONNECT(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		c := connect(t, b)
		c.send(wire.Connect, "", "accept-version", "1.2")
		c.next(wire.Error, "message", "Already connected")
		c.closed(1002, "")
	})
}

func TestUpgrade_W1_subprotocols(t *testing.T) {
	for _, test := range []struct {
		opts    []stomptest.Option
		offered string
		want    string
	}{
		{nil, "v10.stomp,v12.stomp", "v12.stomp"},
		{nil, "", ""},
		{nil, "mqtt", ""},
		{[]stomptest.Option{stomptest.WithVersions("1.1")}, "v12.stomp,v11.stomp", "v11.stomp"},
		{[]stomptest.Option{stomptest.WithSubprotocols("x", "y")}, "y,x", "x"},
		{[]stomptest.Option{stomptest.WithSubprotocols()}, "v12.stomp", ""},
		{[]stomptest.Option{stomptest.WithProfile(stomptest.RabbitMQ)}, "v10.stomp,v12.stomp", "v12.stomp"},
		{[]stomptest.Option{stomptest.WithProfile(stomptest.Artemis)}, "v10.stomp,v12.stomp", "v10.stomp"},
		{[]stomptest.Option{stomptest.WithProfile(stomptest.Spring)}, "v11.stomp,v12.stomp", "v11.stomp"},
		{[]stomptest.Option{stomptest.WithProfile(stomptest.Classic)}, "stomp,mqtt", "stomp"},
	} {
		inBubble(t, func(t *testing.T, b *stomptest.Broker) {
			o := ws.DialOptions{HTTPClient: b.Client()}
			if test.offered != "" {
				o.Subprotocols = strings.Split(test.offered, ",")
			}
			if c := dialAs(t, b, o); c.ws.Subprotocol() != test.want {
				t.Errorf("offered %q: got %q, want %q", test.offered, c.ws.Subprotocol(), test.want)
			}
		}, test.opts...)
	}
}

func TestUpgrade_W7_refused_handshakes(t *testing.T) {
	refuse := func(t *testing.T, b *stomptest.Broker, status int, body string) {
		t.Helper()
		target, _ := ws.ParseURL(b.URL())
		_, err := ws.Dial(t.Context(), target, ws.DialOptions{HTTPClient: b.Client()})
		var e *ws.HandshakeError
		if !errors.As(err, &e) || e.StatusCode != status || !strings.HasPrefix(string(e.Body), body) {
			t.Errorf("got %v, want status %d and %q", err, status, body)
		}
	}
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		b.RefuseHandshakes(http.StatusServiceUnavailable, "come back later")
		refuse(t, b, http.StatusServiceUnavailable, "come back later")
		dialStream(t, b).cut()
		b.RefuseHandshakes(0, "")
		connect(t, b)
		session(dialStream(t, b))
	})
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		refuse(t, b, http.StatusUnauthorized, "Unauthorized")
	}, stomptest.WithHTTPAuth(func(r *http.Request) int {
		if r.Header.Get("Authorization") != "Bearer t" {
			return http.StatusUnauthorized
		}
		return 0
	}))
}

func TestUpgrade_compression(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		c := session(dialAs(t, b, ws.DialOptions{HTTPClient: b.Client(), Compression: true}))
		c.subscribe("s", "/topic/a")
		body := strings.Repeat("again and ", 10000)
		c.send(wire.Send, body, "destination", "/topic/a")
		before := c.ws.BytesRead()
		c.message(body)
		if n := c.ws.BytesRead() - before; n > 10000 {
			t.Errorf("%d bytes came for a body of %d: nothing was compressed", n, len(body))
		}
	}, stomptest.WithCompression())
}

func TestWithCompression_is_off_unless_asked(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		c := session(dialAs(t, b, ws.DialOptions{HTTPClient: b.Client(), Compression: true}))
		c.subscribe("s", "/topic/a")
		before := c.ws.BytesRead()
		c.send(wire.Send, strings.Repeat("a", 10000), "destination", "/topic/a")
		c.next(wire.Message)
		if n := c.ws.BytesRead() - before; n < 10000 {
			t.Errorf("%d bytes came for a body of 10000", n)
		}
	})
}

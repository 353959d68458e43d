package stomp_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// W7: what the server answered to the upgrade reaches the caller, with its status and the start of its body.
func TestConnect_W7_refused_upgrades(t *testing.T) {
	for _, c := range []struct {
		status    int
		permanent bool
		says      string
	}{
		{200, true, "this is no WebSocket"}, {301, true, "301 Moved Permanently to http://elsewhere.test/ws: dial that address itself"},
		{400, true, "400 Bad Request"}, {401, true, "401 Unauthorized: it wants credentials with the HTTP request"},
		{403, true, "403 Forbidden"}, {404, true, "404 Not Found: is the path right?"}, {408, false, "408 Request Timeout"},
		{429, false, "429 Too Many Requests"}, {500, false, "500 Internal Server Error"},
		{501, true, "501 Not Implemented: does a proxy in between drop the Upgrade header?"}, {502, false, "502 Bad Gateway: it is a proxy"}, {503, false, "503 Service Unavailable"},
	} {
		t.Run(fmt.Sprint(c.status), func(t *testing.T) {
			server := rig.NewHTTPServer(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", "http://elsewhere.test/ws")
				w.WriteHeader(c.status)
				io.WriteString(w, "the reason why "+strings.Repeat("x", 5000))
			}), nil)
			url := rig.WebSocketURL(server)
			err := rig.ConnectError(t, t.Context(), url)
			failed := rig.ErrorAs[stomp.ConnectError](t, err)
			if failed.StatusCode != c.status || failed.Permanent() != c.permanent || failed.URL != url {
				t.Errorf("status %d, permanent %t, URL %s", failed.StatusCode, failed.Permanent(), failed.URL)
			}
			if len(failed.Body) != 1024 || !strings.HasPrefix(string(failed.Body), "the reason why x") {
				t.Errorf("the body is %q (%d bytes), want the first KiB", failed.Body, len(failed.Body))
			}
			text := err.Error()
			if !strings.Contains(text, c.says) || !strings.Contains(text, `the server says "the reason why x`) || len(text) > 600 {
				t.Errorf("the error says %q", text)
			}
		})
	}
}

func TestConnect_W7_text_of_a_refused_upgrade(t *testing.T) {
	b := rig.PipeBroker(t)
	b.RefuseHandshakes(http.StatusNotFound, "no such thing\n")
	err := rig.ConnectError(t, t.Context(), b)
	rig.ErrorText(t, err, `stomp: connect ws://pipe.test/ws: the server refused the WebSocket upgrade: 404 Not Found: is the path right? (the server says "no such thing")`)
}

// URLs that make no sense: permanent, and without the password that may be in them.
func TestConnect_bad_URLs(t *testing.T) {
	for name, c := range map[string]struct{ url, says string }{
		"empty":           {"", "it has no scheme"},
		"no_scheme":       {"localhost", "it has no scheme"},
		"host_and_port":   {"localhost:61613", "it has no scheme: write ws://, wss://, tcp:// or tls:// before the host"},
		"no_scheme_user":  {"u:secret@localhost:61613", "it has no scheme"},
		"slashes_alone":   {"//localhost/ws", "it has no scheme"},
		"blank_behind":    {"ws://u:secret@localhost/ws ", "white space stands before or behind it"},
		"unknown_scheme":  {"amqp://localhost", `unknown scheme "amqp"`},
		"no_host":         {"ws:///ws", "it names no host"},
		"port_too_large":  {"ws://localhost:70000/ws", "port 70000"},
		"port_no_number":  {"ws://u:secret@localhost:x/ws", "cannot be parsed"},
		"fragment":        {"ws://localhost/ws#a", "fragment"},
		"control_bytes":   {"ws://u:secret@local\nhost/ws", "cannot be parsed"},
		"user_on_tcp":     {"tcp://u:secret@localhost", "takes no user and password: they belong into the login of STOMP (WithLogin)"},
		"path_on_tcp":     {"tcp://localhost/ws", "takes no path"},
		"password_with_%": {"ws://u:sec%ret@localhost/ws", "cannot be parsed"},
	} {
		t.Run(name, func(t *testing.T) {
			err := rig.ConnectError(t, t.Context(), c.url)
			failed := rig.ErrorAs[stomp.ConnectError](t, err)
			if !failed.Permanent() {
				t.Errorf("the error is %v: want a permanent *ConnectError", err)
			}
			if !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "sec%ret") {
				t.Errorf("the error says %q", err)
			}
		})
	}
}

func TestConnect_nobody_listens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	rig.OK(t, err)
	addr := l.Addr().String()
	l.Close()
	for _, scheme := range []string{"ws", "wss", "tcp", "tls"} {
		t.Run(scheme, func(t *testing.T) {
			url := scheme + "://" + addr
			userinfo := url
			if scheme == "ws" {
				userinfo, url = "ws://u:secret@"+addr, "ws://u@"+addr
			}
			err := rig.ConnectError(t, t.Context(), userinfo)
			rig.ErrorText(t, err, "stomp: connect "+url+": dial tcp "+addr+": connect: connection refused")
			var op *net.OpError
			var failed *stomp.ConnectError
			if !errors.As(err, &op) || !errors.Is(err, syscall.ECONNREFUSED) || !errors.As(err, &failed) || failed.Permanent() || failed.StatusCode != 0 {
				t.Errorf("the error is %#v: want a *ConnectError around a *net.OpError, not permanent", err)
			}
		})
	}
}

func TestConnectError_Permanent(t *testing.T) {
	for name, c := range map[string]struct {
		err  stomp.ConnectError
		want bool
	}{
		"ERROR_to_CONNECT":    {stomp.ConnectError{Err: fmt.Errorf("x: %w", &stomp.Error{})}, true},
		"broken_protocol":     {stomp.ConnectError{Err: &stomp.ProtocolError{Clause: "C4"}}, false},
		"certificate":         {stomp.ConnectError{Err: fmt.Errorf("x: %w", &tls.CertificateVerificationError{Err: io.EOF})}, true},
		"close":               {stomp.ConnectError{Err: &stomp.CloseError{Code: 1000}}, false},
		"EOF":                 {stomp.ConnectError{Err: io.EOF}, false},
		"deadline":            {stomp.ConnectError{Err: context.DeadlineExceeded}, false},
		"no_cause":            {stomp.ConnectError{}, false},
		"status_counts_first": {stomp.ConnectError{StatusCode: 503, Err: &stomp.Error{}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := c.err.Permanent(); got != c.want {
				t.Errorf("Permanent is %t, want %t", got, c.want)
			}
		})
	}
}

// What a broker says against us reaches the caller: a wrong password, a wrong virtual host, no common version.
func TestConnect_refused_by_the_broker(t *testing.T) {
	for name, c := range map[string]struct {
		broker stomptest.Option
		opts   []stomp.ConnectOption
		want   string
	}{
		"wrong_password": {stomptest.WithLogin("guest", "right"), []stomp.ConnectOption{stomp.WithLogin("guest", "secret")},
			`broker says ERROR "Bad CONNECT": "Access refused for user 'guest'"`},
		"wrong_host": {stomptest.WithVirtualHosts("/"), []stomp.ConnectOption{stomp.WithHost("prod")},
			`broker says ERROR "Bad CONNECT": "Virtual host 'prod' access denied"`},
		"no_version_in_common": {stomptest.WithVersions("1.2"), []stomp.ConnectOption{stomp.WithVersions(stomp.V11)},
			`broker says ERROR "Version mismatch": "Supported versions are 1.2"`},
	} {
		for _, profile := range []stomptest.Profile{0, stomptest.RabbitMQ} { // the latter leaves the connection open
			t.Run(fmt.Sprintf("%s_profile_%v", name, profile), func(t *testing.T) {
				b := rig.PipeBroker(t, c.broker, stomptest.WithProfile(profile))
				err := rig.ConnectError(t, t.Context(), b.URL(), append(c.opts, stomp.WithHTTPClient(b.Client()))...)
				rig.ErrorText(t, err, "stomp: connect ws://pipe.test/ws: "+c.want)
				var refused *stomp.Error
				var failed *stomp.ConnectError
				if !errors.As(err, &refused) || !errors.As(err, &failed) || !failed.Permanent() || failed.StatusCode != 0 {
					t.Errorf("the error is %v: want a permanent *ConnectError around an *Error", err)
				}
				rig.ErrorHides(t, err, "secret")
			})
		}
	}
}

// F13 on CONNECT, where nothing is escaped: what cannot be sent is refused before anything is dialled, and not
// repeated.
func TestConnect_F13_CONNECT_refuses_what_it_cannot_carry(t *testing.T) {
	for name, c := range map[string]struct {
		opt  stomp.ConnectOption
		want string
	}{
		"CR_in_a_header":   {stomp.WithHeader("x", "a\rsecret"), `header "x" of CONNECT: CR cannot be sent (nothing is escaped there) (F13)`},
		"LF_in_passcode":   {stomp.WithLogin("u", "secret\nx:y"), `header "passcode" of CONNECT: LF cannot be sent (nothing is escaped there) (F13)`},
		"NUL_in_login":     {stomp.WithLogin("secret\x00", ""), `header "login" of CONNECT: NUL cannot be sent (nothing is escaped there) (F13)`},
		"LF_in_host":       {stomp.WithHost("a\nb"), `header "host" of CONNECT: LF cannot be sent (nothing is escaped there) (F13)`},
		"colon_in_a_name":  {stomp.WithHeader("a:b", "c"), `header "a:b" of CONNECT: a colon in its name cannot be sent (nothing is escaped there) (F13)`},
		"F10_no_UTF8":      {stomp.WithHeader("x", "\xffsecret"), `header "x" of CONNECT is not valid UTF-8 (F10)`},
		"CR_from_function": {stomp.WithCredentials(func(context.Context) (string, string, error) { return "u", "secret\r", nil }), `header "passcode" of CONNECT: CR cannot be sent (nothing is escaped there) (F13)`},
	} {
		t.Run(name, func(t *testing.T) {
			err := rig.ConnectError(t, t.Context(), "tcp://broker.test", c.opt, stomp.WithDialer(func(context.Context, string) (net.Conn, error) {
				t.Error("it was dialled")
				return nil, io.EOF
			}))
			rig.ErrorText(t, err, "stomp: connect tcp://broker.test: protocol error: "+c.want)
			var protocol *stomp.ProtocolError
			var failed *stomp.ConnectError
			if !errors.As(err, &protocol) || !errors.As(err, &failed) {
				t.Errorf("the error is %#v: want a *ConnectError around a *ProtocolError", err)
			}
		})
	}
}

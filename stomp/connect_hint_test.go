package stomp_test

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/stomp"
)

// W7: what servers answer at a URL that is nearly right, and what the error says to write instead.
func TestConnect_W7_hints_at_the_path(t *testing.T) {
	for name, c := range map[string]struct {
		path   string
		status int
		body   string
		hint   string
	}{
		"SockJS":                 {"/ws", 200, "Welcome to SockJS!\n", "this is an endpoint of SockJS: append /websocket to the path (200 OK)"},
		"SockJS_of_Spring_6":     {"/ws", 400, "", "400 Bad Request: does a proxy in between drop the Upgrade header? If it is a SockJS endpoint, append /websocket to the path"},
		"not_SockJS":             {"/ws/websocket", 400, "", "the WebSocket upgrade: 400 Bad Request: does a proxy in between drop the Upgrade header?"},
		"no_Upgrade_at_Spring":   {"/ws/websocket", 400, `Can "Upgrade" only to "WebSocket".`, "400 Bad Request: does a proxy in between drop the Upgrade header? (the server says"},
		"no_Upgrade_at_RabbitMQ": {"/ws", 501, "", "501 Not Implemented: does a proxy in between drop the Upgrade header?"},
		"no_Upgrade_at_gorilla": {"/ws", 400, "websocket: the client is not using the websocket protocol: 'upgrade' token not found in 'Connection' header",
			"400 Bad Request: does a proxy in between drop the Upgrade header? (the server says"},
		"plain_to_TLS_at_nginx":        {"/ws", 400, "<html><head><title>400 The plain HTTP request was sent to HTTPS port</title>", "400 Bad Request: it speaks TLS on this port: is it wss://?"},
		"plain_to_TLS_at_Go":           {"/ws", 400, "Client sent an HTTP request to an HTTPS server.\n", "400 Bad Request: it speaks TLS on this port: is it wss://?"},
		"nobody_behind_a_gateway":      {"/ws", 502, "", "502 Bad Gateway: it is a proxy, and the server behind it does not answer"},
		"silence_behind_a_gateway":     {"/ws", 504, "", "504 Gateway Timeout: it is a proxy, and the server behind it does not answer: does it get the Upgrade header? Artemis is silent without"},
		"no_Upgrade_at_Classic":        {"/ws", 200, "", "200 OK with no content type: is the path right? Does a proxy in between drop the Upgrade header?"},
		"no_Upgrade_as_HTTP_states_it": {"/ws", 426, "", "426 Upgrade Required: does a proxy in between drop the Upgrade header?"},
	} {
		t.Run(name, func(t *testing.T) {
			server := rig.NewHTTPServer(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(c.status)
				io.WriteString(w, c.body)
			}), nil)
			err := rig.ConnectError(t, t.Context(), rig.WebSocketURL(server)+c.path)
			rig.ErrorSays(t, err, c.hint)
			failed := rig.ErrorAs[stomp.ConnectError](t, err)
			if failed.StatusCode != c.status || string(failed.Body) != c.body || failed.Permanent() != (c.status != 502 && c.status != 504) {
				t.Errorf("status %d, body %q, permanent: %t", failed.StatusCode, failed.Body, failed.Permanent())
			}
			if c.path == "/ws/websocket" && strings.Contains(err.Error(), "append") {
				t.Errorf("the error says %q", err)
			}
		})
	}
}

// C4: the right server on the wrong port, or the right port with the wrong scheme.
func TestConnect_C4_hints_at_the_scheme(t *testing.T) {
	ca := rig.NewAuthority(t)
	secured := rig.WithTLS(&tls.Config{RootCAs: ca.Pool})
	web := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	cert := ca.Server(t)
	_, stompTLS := rig.TLSBroker(t, rig.Presenting(cert))
	plainWeb := rig.NewHTTPServer(t, web, nil).Listener.Addr().String()
	tlsWeb := rig.NewHTTPServer(t, web, &cert).Listener.Addr().String()
	const alert = "\x15\x03\x01\x00\x02\x02\x46"
	answering := func(text string) string { return answerTo(t, text) }
	for name, c := range map[string]struct{ url, hint string }{
		"tcp_to_a_web_server":           {"tcp://" + plainWeb, "a web server answers there: is it ws://?"},
		"tls_to_a_web_server":           {"tls://" + tlsWeb, "a web server answers there: is it wss://?"},
		"tcp_to_TLS":                    {"tcp://" + answering(alert), "the server speaks TLS on this port: is it tls:// or wss://?"},
		"ws_to_TLS":                     {"ws://" + answering(alert), "the server speaks TLS on this port: is it wss://?"},
		"wss_to_STOMP_over_TLS":         {"wss://" + strings.TrimPrefix(stompTLS["tls"], "tls://"), "Then it is tls://"},
		"ws_to_STOMP_over_TCP":          {"ws://" + answering("ERROR\nmessage:Illegal command\n\n\x00"), "Then it is tcp://"},
		"ws_to_one_that_closes":         {"ws://" + answering(""), "With TLS write wss://, for STOMP without WebSocket tcp://"},
		"tls_to_a_server_without_TLS":   {"tls://" + plainWeb, "the server does not speak TLS on this port: is it tcp://?"},
		"tcp_to_one_that_closes":        {"tcp://" + answering(""), "the server closed the connection without an answer: does it want TLS on this port? Then it is tls://"},
		"tls_to_one_that_closes":        {"tls://" + answering(""), "closed the connection in the TLS handshake: does it speak TLS on this port? Without it is tcp://"},
		"wss_to_one_that_closes":        {"wss://" + answering(""), "closed the connection in the TLS handshake: does it speak TLS on this port? Without it is ws://, for STOMP without WebSocket tls:// or tcp://"},
		"tcp_to_something_else":         {"tcp://" + answering("220 mail.test ESMTP\r\n"), "does a STOMP server listen there?"},
		"tcp_to_a_web_server_that_dies": {"tcp://" + answering("HTTP/"), "a web server answers there: is it ws://?"},
	} {
		t.Run(name, func(t *testing.T) {
			rig.ErrorSays(t, rig.ConnectError(t, t.Context(), c.url, secured), c.hint)
		})
	}
}

// answerTo returns the address of a server that answers whatever comes first with text, and closes.
func answerTo(t *testing.T, text string) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	rig.OK(t, err)
	done := make(chan struct{})
	go func() { // joined by the cleanup
		defer close(done)
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			nc.Read(make([]byte, 4096))
			io.WriteString(nc, text)
			nc.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return l.Addr().String()
}

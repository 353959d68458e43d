package stomp_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/stomp"
)

// What a server, a proxy or the author of a message says cannot reach a terminal through the text of an error: it has
// neither control characters nor line ends. \x1b[2J clears a terminal, and \x9b is the same as \x1b[ on some.
func TestErrors_show_nothing_that_a_terminal_obeys(t *testing.T) {
	p, client := rig.NewServer(t).Session("version:1.2")
	messages, err := client.Subscribe(t.Context(), "/a", stomp.WithID("x"))
	rig.OK(t, err)
	p.Raw()
	p.SendRaw("MESSAGE\nsubscription:x\ndestination:/a\x1b[2J\nmessage-id:m\x1b[2J\\n1\nreply-to:/b\x1b[2J\n\n\x1b[2J\x00")
	m := <-messages
	over, cancel := context.WithCancel(t.Context())
	cancel()
	certificate := rig.NewAuthority(t).IssueFor(t, "\x1b[2J.test")
	for name, call := range map[string]func(t *testing.T) error{
		"Ack":      func(t *testing.T) error { return m.Ack(t.Context()) },
		"Nack":     func(t *testing.T) error { return client.Nack(t.Context(), m) },
		"Reply_to": func(t *testing.T) error { return client.Reply(over, m, nil) },
		"Reply_to_nothing": func(t *testing.T) error {
			m := m
			m.Header = slices.Clone(m.Header)
			m.Header.Del("reply-to")
			return client.Reply(t.Context(), m, nil)
		},
		"ReplyJSON": func(t *testing.T) error { return client.ReplyJSON(t.Context(), m, make(chan int)) },
		"JSON": func(*testing.T) error {
			_, err := stomp.JSON[int](m)
			return err
		},
		"JSON_of_others": func(*testing.T) error { // encoding/json does not quote a key
			_, err := stomp.JSON[map[int]int](stomp.NewFrame("MESSAGE", nil, []byte(`{"\u001b[2J\nforged":1}`)))
			return err
		},
		"content_type": func(t *testing.T) error {
			return rig.ConnectError(t, t.Context(), "ws://"+answerTo(t, "HTTP/1.1 200 OK\r\nContent-Type: text/\x9b2J\r\n\r\n"))
		},
		"status_of_a_proxy": func(t *testing.T) error {
			through := &url.URL{Scheme: "http", Host: answerTo(t, "HTTP/1.1 500 \x1b[2J\r\n\r\n")}
			proxied := stomp.WithHTTPClient(&http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(through)}})
			return rig.ConnectError(t, t.Context(), "ws://b.test/", proxied)
		},
		"certificate": func(t *testing.T) error {
			server := rig.NewHTTPServer(t, http.NotFoundHandler(), &certificate)
			at := strings.Replace(rig.WebSocketURL(server), "127.0.0.1", "localhost", 1)
			return rig.ConnectError(t, t.Context(), at, rig.WithTLS(&tls.Config{RootCAs: x509.NewCertPool()}))
		},
	} {
		t.Run(name, func(t *testing.T) {
			err := call(t)
			if err == nil {
				t.Fatal("no error")
			}
			text := err.Error()
			if !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Errorf("the error says %q", text)
			}
			if !strings.Contains(text, `\x1b[2J`) && !strings.Contains(text, `\x9b2J`) {
				t.Errorf("the error does not show what came: %s", text)
			}
		})
	}
}

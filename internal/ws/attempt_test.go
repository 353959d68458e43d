package ws

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// The end of ctx ends Dial at once, whatever it waits for. A goroutine left behind would keep the bubble from ending.
func TestDial_ends_with_ctx(t *testing.T) {
	silent := func(nc net.Conn) { io.Copy(io.Discard, nc) }
	saying := func(s string) func(net.Conn) {
		return func(nc net.Conn) {
			http.ReadRequest(bufio.NewReader(nc))
			io.WriteString(nc, s)
			silent(nc)
		}
	}
	const upgrade = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
	for _, tc := range []struct {
		name, url string
		serve     func(net.Conn) // nil: nobody accepts
		proxy     string
		after     time.Duration
		status    int
		text      string
	}{
		{"connecting", "ws://broker.test", nil, "", time.Second, 0, "connecting to broker.test:80"},
		{"connecting_bare", "tcp://broker.test", nil, "", time.Second, 0, "connecting to broker.test:61613"},
		{"tls", "wss://broker.test", silent, "", time.Second, 0, "in the TLS handshake"},
		{"tls_bare", "tls://broker.test", silent, "", time.Second, 0, "in the TLS handshake"},
		{"proxy", "wss://broker.test", silent, "http://proxy.test", time.Second, 0, "waiting for proxy.test:80, which is connected"},
		{"proxy_without_TLS", "ws://broker.test", silent, "http://proxy.test", time.Second, 0, "waiting for proxy.test:80, which is connected"},
		{"proxy_that_is_dialled", "ws://broker.test", nil, "http://proxy.test:3128", time.Second, 0, "connecting to proxy.test:3128"},
		{"half_an_answer_of_a_proxy", "ws://broker.test", saying("HTTP/1.1 200 Conn"), "http://proxy.test", time.Second, 0, "waiting for proxy.test:80, which is connected"},
		{"proxy_in_its_own_TLS_handshake", "ws://broker.test", silent, "https://proxy.test", time.Second, 0, "waiting for proxy.test:443, which is connected"},
		{"socks_proxy", "ws://broker.test", silent, "socks5://proxy.test", time.Second, 0, "waiting for proxy.test:1080, which is connected"},
		{"behind_the_proxy", "ws://broker.test", saying("HTTP/1.1 200 OK\r\n\r\n"), "http://proxy.test", time.Second, 0, "waiting for the answer to the WebSocket upgrade"},
		{"upgrade", "ws://broker.test", silent, "", time.Second, 0, "waiting for the answer to the WebSocket upgrade: context deadline exceeded (behind a proxy that drops the Upgrade header Artemis is silent)"},
		{"upgrade_on_the_port_of_STOMP", "ws://broker.test:61613", silent, "", time.Second, 0, "(61613 is the usual port for STOMP over TCP: is it tcp://?)"},
		{"half_an_answer", "ws://broker.test", saying("HTTP/1.1 101 Sw"), "", time.Second, 0, "waiting for the answer to the WebSocket upgrade"},
		{"body_of_a_refusal", "ws://broker.test", saying("HTTP/1.1 403 No\r\nContent-Length: 10\r\n\r\nabc"), "", time.Second, 403, `"abc"`},
		{"faulty_upgrade_does_not_wait", "ws://broker.test", saying(upgrade + "Sec-WebSocket-Accept: x\r\n\r\n"), "", 0, 101, "faulty"},
	} {
		for _, timeout := range []string{"ctx", "client"} {
			t.Run(tc.name+"_"+timeout, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					transport := &http.Transport{
						DialContext: func(ctx context.Context, _, addr string) (net.Conn, error) {
							if tc.serve == nil {
								<-ctx.Done()
								return nil, ctx.Err()
							}
							client, server := net.Pipe()
							go func() { // ends when client is closed
								defer server.Close()
								tc.serve(server)
							}()
							return client, nil
						},
					}
					if tc.proxy != "" {
						u, err := url.Parse(tc.proxy)
						must(t, err)
						transport.Proxy = http.ProxyURL(u)
					}
					client := &http.Client{Transport: transport}
					ctx := t.Context()
					if timeout == "ctx" {
						var cancel context.CancelFunc
						ctx, cancel = context.WithTimeout(ctx, time.Second)
						defer cancel()
					} else {
						client.Timeout = time.Second
					}
					start := time.Now()
					_, err := Dial(ctx, target(t, tc.url), DialOptions{HTTPClient: client})
					if d := time.Since(start); d != tc.after {
						t.Errorf("after %v", d)
					}
					var he *HandshakeError
					if !errors.As(err, &he) || he.StatusCode != tc.status || !strings.Contains(err.Error(), tc.text) {
						t.Errorf("%+v; want %q in it", err, tc.text)
					}
					if tc.status == 0 && (!errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), context.DeadlineExceeded.Error())) {
						t.Errorf("the ctx's end is not visible: %v", err)
					}
				})
			})
		}
	}
}

// A cause that the caller gave is visible beside ctx's own error; with a ctx that has ended nothing is dialled.
func TestDial_shows_the_cause_of_ctx(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		why := errors.New("shutting down")
		ctx, cancel := context.WithCancelCause(t.Context())
		client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			cancel(why)
			<-ctx.Done()
			return nil, ctx.Err()
		}}}
		_, err := Dial(ctx, target(t, "ws://broker.test"), DialOptions{HTTPClient: client})
		if !errors.Is(err, context.Canceled) || !errors.Is(err, why) {
			t.Error(err)
		}
		client.Transport = roundTripper(func(*http.Request) (*http.Response, error) {
			t.Error("dialled")
			return nil, io.EOF
		})
		if _, err := Dial(ctx, target(t, "ws://broker.test"), DialOptions{HTTPClient: client}); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

// A connection from a dial that ignored its ctx, and returns after Dial has, is closed.
func TestDial_closes_what_is_dialled_too_late(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		transport := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
			time.Sleep(time.Minute)
			return client, nil
		}}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := Dial(ctx, target(t, "ws://broker.test"), DialOptions{HTTPClient: &http.Client{Transport: transport}}); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if _, err := server.Read(make([]byte, 1)); err != io.EOF {
			t.Error(err)
		}
	})
}

package stomptest_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/internal/ws"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// More frames than are kept, which come while match looks at earlier ones, are no reason to wait for them for ever.
func TestBroker_AwaitReceived_tells_what_it_has_missed(t *testing.T) {
	b, client := rig.Pair(t)
	var once sync.Once
	_, err := b.AwaitReceived(t.Context(), func(e stomptest.Event) bool {
		once.Do(func() {
			rig.OK(t, client.Send(t.Context(), "/queue/a", []byte("wanted")))
			for range 5000 {
				rig.OK(t, client.Send(t.Context(), "/queue/a", nil))
			}
			rig.OK(t, client.Disconnect(t.Context()))
		})
		return string(e.Frame.Body) == "wanted"
	})
	rig.ErrorSays(t, err, "frames came and went before match could see them")
}

// dialURL opens a connection over real sockets.
func dialURL(t testing.TB, url string, hc *http.Client) *client {
	t.Helper()
	target, err := ws.ParseURL(url)
	rig.OK(t, err)
	wc, err := ws.Dial(t.Context(), target, ws.DialOptions{HTTPClient: hc})
	rig.OK(t, err)
	return newClient(t, wc)
}

func TestBroker_listens_on_sockets(t *testing.T) {
	b := stomptest.NewBroker(stomptest.WithTCP())
	defer b.Close()
	if !strings.HasPrefix(b.URL(), "ws://127.0.0.1:") || !strings.HasSuffix(b.URL(), "/ws") || !strings.HasPrefix(b.TCPURL(), "tcp://127.0.0.1:") {
		t.Errorf("URL %s, TCPURL %s", b.URL(), b.TCPURL())
	}
	all := []*client{dialURL(t, b.URL(), nil), dialURL(t, b.URL()+"/", nil), dialURL(t, b.TCPURL(), nil), dialURL(t, b.URL(), b.Client()), dialStream(t, b)}
	for _, c := range all {
		session(c)
		c.subscribe("s", "/topic/a")
	}
	b.Publish("/topic/a", nil, []byte("hello"))
	for _, c := range all {
		c.message("hello")
	}
	if n := b.Connections(); n != len(all) {
		t.Errorf("Connections is %d, want %d", n, len(all))
	}
	resp, err := http.Get("http" + strings.TrimPrefix(b.URL(), "ws") + "x")
	rig.OK(t, err)
	if _ = resp.Body.Close(); resp.StatusCode != http.StatusNotFound {
		t.Errorf("another path is answered by %s", resp.Status)
	}
	b.Cut()
	for _, c := range all {
		c.cut()
	}
}

func TestWithAddr_comes_back_on_the_same_port(t *testing.T) {
	b := stomptest.NewBroker()
	url := b.URL()
	addr := strings.TrimSuffix(strings.TrimPrefix(url, "ws://"), "/ws")
	func() {
		defer func() {
			if p := recover(); p == nil || !strings.Contains(fmt.Sprint(p), "cannot listen") {
				t.Errorf("a taken port: %v", p)
			}
		}()
		stomptest.NewBroker(stomptest.WithAddr(addr)).Close()
	}()
	c := session(dialURL(t, url, nil))
	b.Close()
	c.cut()
	again := stomptest.NewBroker(stomptest.WithAddr(addr))
	defer again.Close()
	if again.URL() != url {
		t.Errorf("came back on %s, was on %s", again.URL(), url)
	}
	session(dialURL(t, url, nil))
}

func TestBroker_Handler_serves_over_TLS(t *testing.T) {
	b := stomptest.NewBroker(stomptest.WithPipe())
	server := httptest.NewTLSServer(b.Handler())
	defer server.Close()
	defer b.Close()
	c := session(dialURL(t, "wss"+strings.TrimPrefix(server.URL, "https")+"/any/path", server.Client()))
	c.sent("/topic/a", "over TLS")
	b.Cut()
	c.cut()
	b.Close()
	resp, err := server.Client().Get(server.URL)
	rig.OK(t, err)
	if _ = resp.Body.Close(); resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a closed broker answers %s", resp.Status)
	}
}

func TestWithVersions_panics_at_an_unknown_one(t *testing.T) {
	defer func() {
		if p := recover(); p == nil || !strings.Contains(fmt.Sprint(p), `"1.3" is not a STOMP version`) {
			t.Errorf("%v", p)
		}
	}()
	stomptest.NewBroker(stomptest.WithVersions("1.3"))
}

func TestBroker_Close_ends_everything(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		c, s := connect(t, b), session(dialStream(t, b))
		c.subscribe("s", "/topic/a")
		waiting := make(chan error, 1)
		go func() {
			_, err := b.AwaitReceived(t.Context(), func(stomptest.Event) bool { return false })
			waiting <- err
		}()
		synctest.Wait()
		var closing sync.WaitGroup
		for range 3 {
			closing.Go(b.Close)
		}
		closing.Wait()
		c.cut()
		s.cut()
		if err := <-waiting; err == nil || !strings.Contains(err.Error(), "closed") {
			t.Errorf("AwaitReceived gave %v", err)
		}
		if _, err := b.Dial(t.Context(), b.TCPURL()); err == nil || !strings.Contains(err.Error(), "closed") {
			t.Errorf("Dial gave %v", err)
		}
		if _, err := b.Client().Get("http://pipe.test/ws"); err == nil {
			t.Error("a closed broker answers")
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := b.Dial(ctx, "tcp://x"); err == nil {
			t.Error("Dial with a ctx that has ended")
		}
	})
}

func TestBroker_Close_says_why_it_hangs(t *testing.T) {
	said := capture(t, func() {
		inBubble(t, func(t *testing.T, b *stomptest.Broker) {
			c := connect(t, b)
			b.Intercept(func(stomptest.Event) stomptest.Action {
				time.Sleep(time.Minute)
				return stomptest.Pass()
			})
			c.raw(string(c.encode(wire.Send, "", "destination", "/topic/a")))
			synctest.Wait()
			rig.Takes(t, time.Minute, func() { b.Close() })
		})
	})
	if want := "waited for 5 seconds for connection 1 (in the function given to Intercept)"; !strings.Contains(said, want) {
		t.Errorf("Close said %q, want %q in it", said, want)
	}
}

// capture returns what do writes to standard error.
func capture(t *testing.T, do func()) string {
	r, w, err := os.Pipe()
	rig.OK(t, err)
	stderr := os.Stderr
	os.Stderr = w
	defer func() { os.Stderr = stderr }()
	do()
	_ = w.Close()
	said, _ := io.ReadAll(r)
	return string(said)
}

// TestBroker_many_clients_lose_and_double_nothing has many clients do everything at once, and counts that nothing is
// lost or doubled.
func TestBroker_many_clients_lose_and_double_nothing(t *testing.T) {
	const clients, each = 8, 200
	b := stomptest.NewBroker()
	defer b.Close()
	var crowd sync.WaitGroup
	for i := range clients {
		crowd.Go(func() {
			c := session(dialURL(t, b.URL(), nil))
			c.send(wire.Subscribe, "", "id", "s", "destination", "/queue/crowd", "ack", "client-individual", "prefetch-count", "10")
			acked := 0
			for n := range each {
				c.send(wire.Send, fmt.Sprint(i, n), "destination", "/queue/crowd")
				f := c.next(wire.Message)
				command := wire.Ack
				if n%7 == 0 && wire.Get(f.Header, "redelivered") == "" {
					command = wire.Nack
				} else {
					acked++
				}
				c.send(command, "", ackEntries(wire.V12, f)...)
			}
			c.send(wire.Disconnect, "", "receipt", "bye")
			for f := range c.frames {
				if f.Command == wire.Receipt {
					break
				}
			}
		})
	}
	crowd.Wait()
	if n := b.StaleAcks(); n != 0 {
		t.Errorf("StaleAcks is %d", n)
	}
	if n := b.Unacked("/queue/crowd"); n != 0 {
		t.Errorf("%d messages are in nobody's hands", n)
	}
}

// TestBroker_a_slow_client_delays_nobody lets one client read nothing while the others go on.
func TestBroker_a_slow_client_delays_nobody(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		nc, err := b.Dial(t.Context(), "tcp://pipe.test")
		rig.OK(t, err)
		defer nc.Close()
		fmt.Fprint(nc, "CONNECT\naccept-version:1.2\n\n\x00SUBSCRIBE\nid:s\ndestination:/topic/a\n\n\x00")
		c := connect(t, b)
		c.subscribe("s", "/topic/a")
		synctest.Wait() // both have subscribed
		for range 100 {
			b.Publish("/topic/a", nil, make([]byte, 10_000))
			c.next(wire.Message)
		}
		var late net.Conn = nc
		if n, err := io.CopyN(io.Discard, late, 1_000_000); err != nil {
			t.Errorf("the slow one got %d bytes: %v", n, err)
		}
	})
}

package browser

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/webstomp/webstomp/internal/leak"
	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

func TestMain(m *testing.M) { leak.Main(m) }

// stage returns the URL of a part of the stage; see stage_test.go.
func stage(t *testing.T, path string) string {
	t.Helper()
	base := os.Getenv("WEBSTOMP_STAGE")
	if base == "" {
		t.Skip("there is no stage: go test ./internal/browser runs these tests with one")
	}
	return strings.Replace(base, "http:", "ws:", 1) + path
}

// tell asks the stage to do something, and returns what it says.
func tell(t *testing.T, path string) string {
	t.Helper()
	resp, err := http.Get(os.Getenv("WEBSTOMP_STAGE") + path)
	rig.OK(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	rig.OK(t, err)
	return string(text)
}

// fast makes an outage short.
var fast = stomp.WithReconnect(stomp.Backoff{Max: 100 * time.Millisecond})

func TestBrowser_messages_both_ways(t *testing.T) {
	for name, typ := range map[string]stomp.MessageType{"auto": stomp.MessageAuto, "text": stomp.MessageText, "binary": stomp.MessageBinary} {
		t.Run(name, func(t *testing.T) {
			ctx := rig.Within(t, 20*time.Second)
			client := rig.Connect(t, stage(t, "/broker"), stomp.WithMessageType(typ))
			if s := client.Status().Session; s.Subprotocol != "v12.stomp" || s.Version != stomp.V12 {
				t.Errorf("subprotocol %q, version %s", s.Subprotocol, s.Version)
			}
			messages, err := client.Subscribe(ctx, "/topic/"+name, stomp.WithReceipt())
			rig.OK(t, err)
			bodies := [][]byte{[]byte("hello"), {}, []byte("\uFEFFa mark in front, ä €, 😀\x00\r\n"), bytes.Repeat([]byte("0123456789abcdef"), 200_000)}
			if typ != stomp.MessageText {
				bodies = append(bodies, []byte{0xff, 0xfe, 0, 1, 0x80}, bytes.Repeat([]byte{0xc3}, 100_000))
			}
			for _, body := range bodies {
				rig.OK(t, client.Send(ctx, "/topic/"+name, body))
			}
			for _, body := range bodies {
				select {
				case m := <-messages:
					if !bytes.Equal(m.Body, body) {
						t.Errorf("%d bytes came as %d: %.40q", len(body), len(m.Body), m.Body)
					}
				case <-ctx.Done():
					t.Fatalf("no message came (%v)", client.Err())
				}
			}
			if s := client.Stats(); s.BytesSent < 3_200_000 || s.BytesReceived < 3_200_000 {
				t.Errorf("%d bytes were sent and %d received, as Stats has it", s.BytesSent, s.BytesReceived)
			}
			rig.OK(t, client.Disconnect(ctx))
		})
	}
}

// JavaScript would send other bytes than those, and the length would be wrong.
func TestBrowser_a_text_message_is_UTF8(t *testing.T) {
	ctx := rig.Within(t, 10*time.Second)
	client := rig.Connect(t, stage(t, "/broker"), stomp.WithMessageType(stomp.MessageText))
	err := client.Send(ctx, "/topic/a", []byte{0xff}, stomp.WithReceipt())
	rig.ErrorSays(t, err, "the body is not UTF-8, and a browser sends only that as a text message: see WithMessageType")
	rig.Unsent(t, err)
	rig.OK(t, client.Send(ctx, "/topic/a", []byte("ä"), stomp.WithReceipt())) // on the same session
	if n := client.Status().Epoch; n != 1 {
		t.Errorf("session %d", n)
	}
}

// A piece of a frame may begin with what a decoder takes for a byte order mark.
func TestBrowser_pieces_of_a_frame(t *testing.T) {
	ctx := rig.Within(t, 20*time.Second)
	client := rig.Connect(t, stage(t, "/broker"), stomp.WithMessageSplit(16))
	messages, err := client.Subscribe(ctx, "/topic/pieces", stomp.WithReceipt())
	rig.OK(t, err)
	want := strings.Repeat("\uFEFF", 100)
	rig.OK(t, client.Send(ctx, "/topic/pieces", []byte(want)))
	rig.Body(t, messages, want)
}

func TestBrowser_reconnects(t *testing.T) {
	for name, c := range map[string]struct {
		path string
		is   func(error) bool
	}{
		"cut": {"/cut", func(err error) bool {
			return errors.Is(err, io.EOF) && strings.Contains(err.Error(), "ended without a close frame")
		}},
		"close": {"/close", func(err error) bool {
			var closed *stomp.CloseError
			return errors.As(err, &closed) && closed.Code == 1012 && closed.Reason == "restart"
		}},
	} {
		t.Run(name, func(t *testing.T) {
			ctx := rig.Within(t, 20*time.Second)
			client := rig.Connect(t, stage(t, "/broker"), fast)
			messages, err := client.Subscribe(ctx, "/topic/again", stomp.WithReceipt())
			rig.OK(t, err)
			statuses := client.Watch(ctx)
			tell(t, c.path)
			if s := rig.Until(t, statuses, stomp.StateReconnecting); !c.is(s.Err) {
				t.Errorf("the session ended because of %v", s.Err)
			}
			rig.UntilSession(t, statuses, 2)
			rig.OK(t, client.Send(ctx, "/topic/again", []byte("still here")))
			if m := rig.Body(t, messages, "still here"); m.Epoch != 2 {
				t.Errorf("in session %d", m.Epoch)
			}
		})
	}
}

// What has come before a close is not lost while the client does not read: a full queue holds it up here.
func TestBrowser_last_words(t *testing.T) {
	ctx := rig.Within(t, 20*time.Second)
	client := rig.Connect(t, stage(t, "/error"))
	messages, err := client.Subscribe(ctx, "/a", stomp.WithID("s"), stomp.WithBuffer(1, 0, stomp.OverflowBlock))
	rig.OK(t, err)
	for client.Stats().Stalls == 0 && ctx.Err() == nil {
		time.Sleep(10 * time.Millisecond)
	}
	awaitCode(t, ctx, "error", "1002") // the close has come as well
	for i := range 20 {
		rig.Body(t, messages, fmt.Sprint(i))
	}
	select {
	case <-client.Done():
	case <-ctx.Done():
		t.Fatal("the client did not end")
	}
	rig.Refused(t, client.Err(), "last words")
}

func TestBrowser_connection_refused(t *testing.T) {
	reason := "the browser did not connect: Received network error or non-101 status code"
	if os.Getenv("WEBSTOMP_ORIGIN") != "" {
		reason = "the browser did not connect, and tells a page no reason: its console does"
	}
	for name, c := range map[string]struct {
		url  string
		says []string
	}{
		"status":        {stage(t, "/refuse"), []string{reason, "does a server listen there"}},
		"nobody":        {"ws://" + os.Getenv("WEBSTOMP_NOBODY"), []string{"does a server listen there"}},
		"TLS":           {"wss://" + os.Getenv("WEBSTOMP_NOBODY"), []string{"does the browser trust its certificate?"}},
		"no WebSocket":  {stage(t, "/code"), []string{"speak WebSocket on that path"}},
		"bad protocols": {stage(t, "/broker"), []string{"does not take the URL or the subprotocols"}},
	} {
		t.Run(name, func(t *testing.T) {
			var opts []stomp.ConnectOption
			if name == "bad protocols" {
				opts = append(opts, stomp.WithSubprotocols("a", "a"))
			}
			err := rig.ConnectError(t, rig.Within(t, 20*time.Second), c.url, opts...)
			failed := rig.ErrorAs[stomp.ConnectError](t, err)
			if failed.Permanent() != (name == "bad protocols") {
				t.Errorf("permanent: %t", failed.Permanent())
			}
			rig.ErrorSays(t, err, c.says...)
			t.Log(err)
		})
	}
}

// The server looks at Origin, and a page learns nothing but that there is no connection.
func TestBrowser_origin_refused(t *testing.T) {
	url := stage(t, "/ours")
	origin := os.Getenv("WEBSTOMP_ORIGIN")
	if origin == "" {
		t.Skip("there is no page here, and so no origin")
	}
	err := rig.ConnectError(t, rig.Within(t, 20*time.Second), url)
	rig.ErrorSays(t, err, "does it accept pages from "+origin+" (Spring: setAllowedOrigins)?")
	t.Log(err)
}

// Such a page may not use a WebSocket without.
func TestBrowser_a_page_with_TLS(t *testing.T) {
	if !strings.HasPrefix(os.Getenv("WEBSTOMP_ORIGIN"), "https:") {
		t.Skip("this page has no TLS, or there is none")
	}
	err := rig.ConnectError(t, rig.Within(t, 20*time.Second), "ws://broker.test/ws?token=secret")
	rig.ErrorHides(t, err, "secret")
	rig.ErrorSays(t, err, "from a page of https: a browser opens wss: only")
	if failed := rig.ErrorAs[stomp.ConnectError](t, err); !failed.Permanent() {
		t.Error("not permanent")
	}
	t.Log(err)
}

// Chromium insists on one where some were offered.
func TestBrowser_no_subprotocol_chosen(t *testing.T) {
	url := stage(t, "/none")
	client := rig.Connect(t, url, stomp.WithSubprotocols())
	if s := client.Status().Session.Subprotocol; s != "" {
		t.Errorf("subprotocol %q", s)
	}
	if strict := os.Getenv("WEBSTOMP_ORIGIN") != ""; strict {
		err := rig.ConnectError(t, rig.Within(t, 20*time.Second), url)
		rig.ErrorSays(t, err, "v12.stomp, v11.stomp, v10.stomp", "WithSubprotocols()")
		t.Log(err)
	}
}

func TestBrowser_ctx_ends_while_it_connects(t *testing.T) {
	for _, path := range []string{"/hang", "/mute"} {
		t.Run(path, func(t *testing.T) {
			start := time.Now()
			err := rig.ConnectError(t, rig.Within(t, 200*time.Millisecond), stage(t, path))
			rig.ErrorIs(t, err, context.DeadlineExceeded)
			if took := time.Since(start); took > 2*time.Second {
				t.Errorf("after %v", took)
			}
			t.Log(err)
		})
	}
}

// awaitCode asks the stage, within ctx, until a close frame with that code has come to the server of that name.
func awaitCode(t *testing.T, ctx context.Context, name, want string) {
	t.Helper()
	for tell(t, "/code?"+name) != want {
		if ctx.Err() != nil {
			t.Fatalf("%s: the server saw code %s, not %s", name, tell(t, "/code?"+name), want)
		}
		time.Sleep(10 * time.Millisecond) // between two questions
	}
}

// The server sees the close that a browser can send.
func TestBrowser_close_codes(t *testing.T) {
	ctx := rig.Within(t, 20*time.Second)
	client := rig.Connect(t, stage(t, "/junk"))
	<-client.Done()
	rig.ErrorAs[stomp.ProtocolError](t, client.Err())
	awaitCode(t, ctx, "junk", "4002")
	rig.OK(t, rig.Connect(t, stage(t, "/quiet")).Close())
	awaitCode(t, ctx, "quiet", "1005") // cut, which a browser makes a close without a code
}

// Chromium sends WebSocket frames above the 64 KiB that Artemis takes, where its messages are longer than that.
func TestBrowser_long_frames_for_a_real_broker(t *testing.T) {
	url := os.Getenv("WEBSTOMP_BROKER")
	if url == "" {
		t.Skip("WEBSTOMP_BROKER names no broker")
	}
	ctx := rig.Within(t, 20*time.Second)
	client := rig.Connect(t, url, stomp.WithLogin("guest", "guest"), stomp.WithMessageSplit(65_000))
	messages, err := client.Subscribe(ctx, "/queue/browser", stomp.WithReceipt())
	rig.OK(t, err)
	for _, body := range []string{strings.Repeat("0123456789", 50_000), strings.Repeat("\xff\xfe", 150_000)} {
		rig.OK(t, client.Send(ctx, "/queue/browser", []byte(body), stomp.WithReceipt()))
		rig.Body(t, messages, body)
	}

	if strings.HasPrefix(client.Status().Session.Server, "ActiveMQ-Artemis") {
		whole := rig.Connect(t, url, stomp.WithLogin("guest", "guest"))
		err := whole.Send(ctx, "/queue/browser", make([]byte, 500_000), stomp.WithReceipt())
		rig.ErrorSays(t, err, "that Artemis takes: see WithMessageSplit")
	}
}

// A server that reads nothing holds up senders, and does not fill the memory.
func TestBrowser_backlog(t *testing.T) {
	client := rig.Connect(t, stage(t, "/deaf"))
	body := make([]byte, 100_000)
	sent, err := 0, error(nil)
	for sent < 64<<20 && err == nil { // sockets hold some 6 MB
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		err = client.Send(ctx, "/queue/a", body)
		cancel()
		sent += len(body)
	}
	t.Logf("%d bytes were taken", sent)
	rig.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestBrowser_what_it_cannot_do_is_an_error_before_it_dials(t *testing.T) {
	const url = "ws://127.0.0.1:1/"
	for name, c := range map[string]struct {
		url    string
		option stomp.ConnectOption
		says   string
	}{
		"client":  {url, stomp.WithHTTPClient(http.DefaultClient), "WithHTTPClient does not work under GOOS=js"},
		"header":  {url, stomp.WithHTTPHeader(http.Header{"A": {"b"}}), "WithHTTPHeader does not work under GOOS=js"},
		"headers": {url, stomp.WithHTTPHeaderFunc(func(context.Context) (http.Header, error) { return nil, nil }), "WithHTTPHeaderFunc does not work"},
		"deflate": {url, stomp.WithCompression(), "WithCompression does not work under GOOS=js"},
		"ping":    {url, stomp.WithPing(time.Second), "WithPing does not work under GOOS=js: a browser sends no pings"},
		"tcp":     {"tcp://127.0.0.1:1", fast, "tcp needs a socket, and a browser opens none: dial the server's WebSocket"},
		"tls":     {"tls://127.0.0.1:1", fast, "tls needs a socket"},
		"user":    {"ws://a:secret@127.0.0.1:1/", fast, "it has a user, and a browser sends none"},
		"backup":  {url, stomp.WithFailover("tcp://127.0.0.1:1"), "WithFailover: URL 1 is bad: tcp needs a socket"},
		"address": {"ws://1.2.3.256/?token=secret", fast, "does not take the URL"}, // for Go a name, for a browser an address that there is not
		"attempt": {url, stomp.WithBeforeConnect(func(_ context.Context, a *stomp.Attempt) error {
			a.HTTPHeader.Set("Authorization", "Bearer secret")
			return nil
		}), "HTTPHeader has entries, and a browser sends no header of ours"},
	} {
		t.Run(name, func(t *testing.T) {
			err := rig.ConnectError(t, t.Context(), c.url, c.option)
			rig.ErrorSays(t, err, c.says)
			rig.ErrorHides(t, err, "secret")
			t.Log(err)
		})
	}
}

func TestBrowser_many_clients_leave_nothing(t *testing.T) {
	ctx := rig.Within(t, 20*time.Second)
	for i := range 20 {
		client := rig.Connect(t, stage(t, "/broker"))
		queue := fmt.Sprint("/queue/", i)
		messages, err := client.Subscribe(ctx, queue, stomp.WithAck(stomp.AckClientIndividual))
		rig.OK(t, err)
		rig.OK(t, client.Send(ctx, queue, []byte("x"), stomp.WithReceipt()))
		rig.OK(t, rig.Body(t, messages, "x").Ack(ctx, stomp.WithReceipt()))
		rig.OK(t, client.Close())
	}
}

// A broker in the page's own program has one way in that works, and says so at the other.
func TestBrowser_embedded_broker(t *testing.T) {
	b := rig.NewBroker(t, stomptest.WithTCP())
	nc, err := net.Dial("tcp", strings.TrimSuffix(strings.TrimPrefix(b.URL(), "ws://"), "/ws")) // Go's own network, inside the program
	rig.OK(t, err)
	defer nc.Close()
	_, err = io.WriteString(nc, "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	rig.OK(t, err)
	resp, err := http.ReadResponse(bufio.NewReader(nc), nil)
	rig.OK(t, err)
	body, err := io.ReadAll(resp.Body)
	if resp.StatusCode != http.StatusNotImplemented || !strings.Contains(string(body), "cannot be a WebSocket server") || err != nil {
		t.Errorf("%s: %q, %v", resp.Status, body, err)
	}

	ctx := rig.Within(t, 10*time.Second)
	client := rig.Connect(t, "ws://anything", stomp.WithDialer(b.Dial))
	messages, err := client.Subscribe(ctx, "/topic/a", stomp.WithReceipt())
	rig.OK(t, err)
	rig.OK(t, client.Send(ctx, "/topic/a", []byte("inside")))
	rig.Body(t, messages, "inside")
}

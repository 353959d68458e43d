package stomp_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

func TestWithLogger_a_wished_end(t *testing.T) {
	var l rig.Log
	b := rig.PipeBroker(t)
	client := rig.Connect(t, "ws://u:secret@pipe.test/ws", stomp.WithHTTPClient(b.Client()), stomp.WithLogger(l.Logger(slog.LevelInfo)))
	rig.OK(t, client.Send(t.Context(), "/queue/a", nil, stomp.WithReceipt()))
	rig.OK(t, client.Disconnect(t.Context()))
	all := l.Lines("")
	if len(all) != 2 || !strings.Contains(all[0], "level=INFO msg=\"stomp: connected\" url=ws://u@pipe.test/ws version=1.2 server=stomptest/1") ||
		!strings.Contains(all[1], "level=INFO msg=\"stomp: closed\"") {
		t.Errorf("the log is %q, want one line for the begin and one for the end", all)
	}
}

func TestWithLogger_a_fault(t *testing.T) {
	var l rig.Log
	p, client := rig.Session(t, stomp.WithLogger(l.Logger(slog.LevelInfo)))
	p.SendRaw("ERROR\nmessage:denied\n\n\x00")
	<-client.Done()
	if lines := l.Lines("level=ERROR"); len(lines) != 1 || !strings.Contains(lines[0], `stomp: connection lost`) || !strings.Contains(lines[0], "denied") {
		t.Errorf("the log is %q", l.Lines(""))
	}
}

func TestWithLogger_once_per_kind_of_trouble(t *testing.T) {
	var l rig.Log
	p, client := rig.Session(t, stomp.WithLogger(l.Logger(slog.LevelWarn)))
	for range 10 {
		p.SendRaw("MESSAGE\nsubscription:nobody\ndestination:/a\nmessage-id:1\n\n\x00")
	}
	for range 10 {
		p.SendRaw("ERROR\nmessage:late\nreceipt-id:r9\n\n\x00")
		p.SendRaw("ERROR\nmessage:late\nsubscription:s9\n\n\x00")
	}
	p.Close()
	<-client.Done()
	if n := len(l.Lines("matches no subscription")); n != 1 {
		t.Errorf("S3: %d lines for 10 frames, want 1", n)
	}
	if n := len(l.Lines("that is over")); n != 1 {
		t.Errorf("promise 12: %d lines for 20 stray ERRORs, want 1", n)
	}
	if n := client.Stats().StrayErrors; n != 20 {
		t.Errorf("%d stray ERRORs are counted, want 20", n)
	}
}

// Every frame is logged at debug level, either way, and no line at any level holds a passcode or an Authorization.
func TestWithLogger_debug_is_redacted(t *testing.T) {
	for name, handler := range map[string]func(*rig.Log) slog.Handler{
		"text": func(l *rig.Log) slog.Handler {
			return slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug})
		},
		"JSON": func(l *rig.Log) slog.Handler {
			return slog.NewJSONHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug})
		},
	} {
		t.Run(name, func(t *testing.T) {
			var l rig.Log
			b := rig.PipeBroker(t, stomptest.WithLogin("u", "sesame"))
			b.Intercept(func(e stomptest.Event) stomptest.Action { // a server that repeats what it should not
				if e.Frame.Command == "CONNECTED" {
					e.Frame.Header = append(slices.Clone(e.Frame.Header), [2]string{"passcode", "sesame"}, [2]string{"authorization", "Bearer sesame"})
					return stomptest.Replace(e.Frame)
				}
				return stomptest.Pass()
			})
			client := rig.Connect(t, "ws://user:sesame@pipe.test/ws", stomp.WithHTTPClient(b.Client()), stomp.WithLogger(slog.New(handler(&l))),
				stomp.WithLogin("u", "sesame"), stomp.WithHeader("Authorization", "Bearer sesame"),
				stomp.WithHTTPHeader(http.Header{"Authorization": {"Bearer sesame"}}))
			messages, err := client.Subscribe(t.Context(), "/topic/a", stomp.WithReceipt())
			rig.OK(t, err)
			rig.OK(t, client.Send(t.Context(), "/topic/a", []byte("small"), stomp.WithHeader("passcode2", "x"), stomp.WithHeader("Authorization", "Bearer sesame")))
			<-messages
			rig.OK(t, client.Send(t.Context(), "/topic/b", bytes.Repeat([]byte("x"), 100_000), stomp.WithReceipt()))
			rig.OK(t, client.Disconnect(t.Context()))
			if _, err := stomp.Connect(t.Context(), b.URL(), stomp.WithHTTPClient(b.Client()), stomp.WithLogger(slog.New(handler(&l))), stomp.WithLogin("x", "sesame")); err == nil {
				t.Fatal("the broker took a wrong login")
			}
			if leaks := l.Lines("sesame"); len(leaks) > 0 {
				t.Errorf("secrets in the log:\n%s", strings.Join(leaks, ""))
			}
			for _, command := range []string{"CONNECT", "CONNECTED", "SUBSCRIBE", "SEND", "MESSAGE", "RECEIPT", "DISCONNECT", "ERROR"} {
				if len(l.Lines("command="+command+" "))+len(l.Lines(`"command":"`+command+`"`)) == 0 {
					t.Errorf("no line for %s in\n%s", command, strings.Join(l.Lines(""), ""))
				}
			}
			if n := len(l.Lines("/topic/b")); n != 1 {
				t.Errorf("%d lines for one large SEND, want 1", n)
			}
			for _, line := range l.Lines("") {
				if len(line) > 1000 {
					t.Errorf("a line of %d bytes: bodies have to be cut", len(line))
				}
			}
		})
	}
}

// A handler may be slow and may use the Client: no lock is held while it runs.
func TestWithLogger_the_handler_may_use_the_Client(t *testing.T) {
	b := rig.PipeBroker(t)
	h := &sendingHandler{}
	client := rig.Connect(t, b, stomp.WithLogger(slog.New(h)))
	h.client = client
	messages, err := client.Subscribe(t.Context(), "/topic/a", stomp.WithReceipt())
	rig.OK(t, err)
	h.on.Store("active", true)
	rig.OK(t, client.Send(t.Context(), "/topic/a", nil, stomp.WithReceipt()))
	tx, err := client.Begin(t.Context(), stomp.WithReceipt())
	rig.OK(t, err)
	rig.OK(t, tx.Abort(t.Context()))
	<-messages
	h.on.Delete("active")
	if _, err := b.AwaitReceived(t.Context(), func(e stomptest.Event) bool { return strings.Contains(string(e.Frame.Body), "BEGIN") }); err != nil {
		t.Error(err)
	}
}

// sendingHandler sends each line about what the Client has sent to a queue, by that Client: but not those about its
// own.
type sendingHandler struct {
	client *stomp.Client
	on     sync.Map // "active"
}

func (h *sendingHandler) Enabled(context.Context, slog.Level) bool { return true }
func (h *sendingHandler) WithAttrs([]slog.Attr) slog.Handler       { return h }
func (h *sendingHandler) WithGroup(string) slog.Handler            { return h }

func (h *sendingHandler) Handle(ctx context.Context, r slog.Record) error {
	if _, on := h.on.Load("active"); !on || r.Message != "stomp: send" {
		return nil
	}
	text := ""
	r.Attrs(func(a slog.Attr) bool { text += fmt.Sprint(a); return true })
	if strings.Contains(text, "/queue/log") {
		return nil
	}
	return h.client.Send(ctx, "/queue/log", []byte(text))
}

// What a handler keeps is what was sent, though the caller has used its buffer again and the receiver its frame.
func TestWithLogger_records_may_be_kept(t *testing.T) {
	b := rig.PipeBroker(t)
	h := &keepingHandler{}
	client := rig.Connect(t, b, stomp.WithLogger(slog.New(h)))
	messages, err := client.Subscribe(t.Context(), "/topic/a", stomp.WithReceipt())
	rig.OK(t, err)
	body := []byte("original")
	rig.OK(t, client.Send(t.Context(), "/topic/a", body))
	copy(body, "OVERWRIT")
	copy((<-messages).Body, "OVERWRIT")
	client.Close()
	kept := ""
	for _, r := range h.records {
		r.Attrs(func(a slog.Attr) bool { kept += fmt.Sprint(a.Value.Resolve()); return true })
	}
	if strings.Contains(kept, "OVERWRIT") || strings.Count(kept, "original") != 2 {
		t.Errorf("the log says %s, want the body as it was, once for SEND and once for MESSAGE", kept)
	}
}

type keepingHandler struct {
	sendingHandler
	mu      sync.Mutex // guards records
	records []slog.Record
}

func (h *keepingHandler) Handle(_ context.Context, r slog.Record) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.records = append(h.records, r.Clone())
	return nil
}

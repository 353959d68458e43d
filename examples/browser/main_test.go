package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/webstomp/webstomp/examples/internal/brokerflag"
	"github.com/webstomp/webstomp/internal/exampletest"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// internal/browser plays a user of the page in Chromium. Here is what takes no browser.

func TestMain(m *testing.M) { exampletest.Main(m, main) }

func TestPages_serves_the_page_and_what_it_asks_for(t *testing.T) {
	cuts := 0
	h := pages(&program{wasm: []byte("\x00asm"), exec: []byte("// Go")}, broker{&brokerflag.Broker{URL: "ws://a/b", Login: "me"}, true},
		func(http.ResponseWriter, *http.Request) { cuts++ })
	for _, c := range []struct {
		method, path string
		status       int
		typ, has     string
	}{
		{"GET", "/", 200, "text/html; charset=utf-8", `<script src="wasm_exec.js">`},
		{"GET", "/page.wasm", 200, "application/wasm", "\x00asm"},
		{"GET", "/wasm_exec.js", 200, "text/javascript; charset=utf-8", "// Go"},
		{"GET", "/broker", 200, "application/json", `{"URL":"ws://a/b","Login":"me","Passcode":"","Embedded":true}`},
		{"POST", "/cut", 200, "", ""},
		{"GET", "/cut", 405, "text/plain; charset=utf-8", ""},
		{"GET", "/other", 404, "text/plain; charset=utf-8", ""},
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(c.method, c.path, nil))
		body, _ := io.ReadAll(w.Result().Body)
		if got := w.Result().Header.Get("Content-Type"); w.Code != c.status || got != c.typ || !strings.Contains(string(body), c.has) {
			t.Errorf("%s %s: %d, %q, %.80q", c.method, c.path, w.Code, got, body)
		}
	}
	if cuts != 1 {
		t.Errorf("%d cuts", cuts)
	}
}

func TestAnswer_in_capital_letters_and_with_the_time(t *testing.T) {
	b := stomptest.NewBroker()
	defer b.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	server, err := stomp.Connect(ctx, b.URL())
	if err != nil {
		t.Fatal(err)
	}
	page, err := stomp.Connect(ctx, b.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer page.Close()
	answers, err := page.Subscribe(ctx, toPage, stomp.WithReceipt())
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- answer(ctx, server) }() // joined below
	capitals, times := 0, 0
	for capitals == 0 || times == 0 {
		if err := page.Send(ctx, fromPage, []byte("hello")); err != nil { // again and again: it may not be listening yet
			t.Fatal(err)
		}
		select {
		case m, ok := <-answers:
			switch text := string(m.Body); {
			case !ok:
				t.Fatal(page.Err())
			case text == "HELLO":
				capitals++
			case strings.HasPrefix(text, "it is "):
				times++
			default:
				t.Fatalf("answer %q", text)
			}
		case <-time.After(10 * time.Millisecond):
		}
	}
	server.Close()
	if err := <-ended; err == nil {
		t.Error("no error when its client has ended")
	}
}

// The broker ends the subscription alone: the Client has no error, and the program has to tell all the same.
func TestAnswer_fails_with_its_subscription(t *testing.T) {
	b := stomptest.NewBroker(stomptest.WithProfile(stomptest.RabbitMQ4))
	defer b.Close()
	client, err := stomp.Connect(t.Context(), b.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ended := make(chan error, 1)
	go func() { ended <- answer(t.Context(), client) }() // joined below
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if _, err := b.AwaitReceived(ctx, func(e stomptest.Event) bool { return e.Frame.Command == "SEND" }); err != nil { // it has subscribed
		t.Fatal(err)
	}
	b.Cancel(fromPage)
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "Server cancelled subscription") {
		t.Errorf("answer ends with %v", err)
	}
}

func TestMain_exits_with_1(t *testing.T) {
	exampletest.Fails(t, (*stomptest.Broker).URL)
	t.Setenv("PATH", "")
	if r := exampletest.Start(t, "-addr", "127.0.0.1:0").Wait(); r.Code != 1 || !strings.Contains(r.Stderr, "there is no go command") {
		t.Errorf("without Go: %v", r)
	}
}

package main

import (
	"context"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/webstomp/webstomp/internal/exampletest"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

func TestMain(m *testing.M) { exampletest.Main(m, main) }

// started starts it, and returns its URL.
func started(t *testing.T, args ...string) (p *exampletest.Process, url string) {
	t.Helper()
	p = exampletest.Start(t, args...)
	p.Await("Ctrl-C to end\n")
	_, url, _ = strings.Cut(p.Output(), " at ")
	url, _, _ = strings.Cut(url, ",")
	return p, url
}

func TestMain_answers_requests(t *testing.T) {
	for _, profile := range profiles {
		t.Run(profile.String(), func(t *testing.T) {
			p, url := started(t, "-profile", strings.ToLower(profile.String()), "-echo", "/queue/quotes")
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			client, err := stomp.Connect(ctx, url, stomp.WithLogin("any", "body"))
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			if err := client.Send(ctx, "/queue/quotes", []byte("no request")); err != nil {
				t.Error(err)
			}
			opts := []stomp.SendOption{stomp.WithContentType("application/json")}
			if strings.HasPrefix(profile.String(), "Spring") || profile == stomptest.OpenMQ { // no temporary queues; names of them that cannot be escaped
				opts = append(opts, stomp.WithReplyTo("/queue/replies"))
			}
			reply, err := client.Request(ctx, "/queue/quotes", []byte(`{"symbol":"ACME"}`), opts...)
			if err != nil || string(reply.Body) != `{"symbol":"ACME"}` || reply.ContentType() != "application/json" {
				t.Errorf("%s, %v", reply.Body, err)
			}
			p.Signal(os.Interrupt)
			if r := p.Wait(); r.Code != 0 || r.Stderr != "" {
				t.Error(r)
			}
		})
	}
}

func TestMain_needs_no_flags(t *testing.T) {
	p, url := started(t)
	if !strings.HasPrefix(p.Output(), "RabbitMQ4 at ws://127.0.0.1:") || !strings.Contains(p.Output(), "/queue/echo") {
		t.Errorf("%q", p.Output())
	}
	p.Signal(syscall.SIGTERM)
	if r := p.Wait(); r.Code != 0 {
		t.Error(r)
	}
	if url == "" {
		t.Error("no URL")
	}
}

func TestMain_exits_with_1(t *testing.T) {
	_, url := started(t)
	addr := strings.TrimSuffix(strings.TrimPrefix(url, "ws://"), "/ws")
	if r := exampletest.Start(t, "-addr", addr).Wait(); r.Code != 1 || !strings.Contains(r.Stderr, "address already in use") {
		t.Errorf("on a port that is taken: %v", r)
	}
	if r := exampletest.Start(t, "-profile", "Kafka").Wait(); r.Code != 1 || !strings.Contains(r.Stderr, "use one of [Generic RabbitMQ ") {
		t.Errorf("as what there is none: %v", r)
	}
}

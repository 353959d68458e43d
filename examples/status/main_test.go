package main

import (
	"strings"
	"testing"

	"github.com/webstomp/webstomp/internal/exampletest"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

func TestMain(m *testing.M) { exampletest.Main(m, main) }

// The times are drawn by dice, a newer status replaces an older one, and addresses differ: what stands fast is
// compared.
func TestMain_receives_after_the_outage(t *testing.T) {
	r := exampletest.Start(t).Wait()
	if r.Code != 0 {
		t.Fatal(r)
	}
	text := r.Stdout
	for _, want := range []string{"connected, session 1\n", "attempt ", "503 Service Unavailable", "out to lunch",
		"connected, session 2\n", "received \"back on air\" in session 2\n"} {
		_, after, found := strings.Cut(text, want)
		if !found {
			t.Fatalf("%q is not in its place in\n%s", want, r.Stdout)
		}
		text = after
	}
}

// On a broker of one's own it waits for the outage, and for the news.
func TestMain_watches_any_broker(t *testing.T) {
	broker := stomptest.NewBroker()
	defer broker.Close()
	p := exampletest.Start(t, "-url", broker.URL())
	p.Await("connected, session 1\n")
	broker.Cut()
	p.Await("connected, session 2\n")
	broker.Publish(queue, nil, []byte("hello"))
	if r := p.Wait(); r.Code != 0 || !strings.HasSuffix(r.Stdout, "received \"hello\" in session 2\n") {
		t.Error(r)
	}
}

func TestMain_exits_with_1(t *testing.T) {
	exampletest.Fails(t, (*stomptest.Broker).URL)
}

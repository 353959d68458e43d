package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/webstomp/webstomp/internal/interop/broker"
	"github.com/webstomp/webstomp/stomp"
)

// server is a real broker, and what its users have to know of it.
type server struct {
	name  string
	start func(dir string) (broker.Broker, string, error)
	queue string // for a destination whose messages wait; "": there is none
	topic string
	login bool // guest, guest
	mute  bool // it sends no receipts, and has no temporary queues
}

var servers = []server{
	{name: "RabbitMQ", queue: "/queue/cat", topic: "/topic/cat", login: true, start: func(dir string) (broker.Broker, string, error) {
		b, err := broker.NewRabbitMQ(dir, broker.RabbitMQOptions{})
		if err != nil {
			return nil, "", err
		}
		return b, b.URL(), nil
	}},
	{name: "Artemis", queue: "/queue/cat", topic: "/topic/cat2", login: true, start: func(dir string) (broker.Broker, string, error) {
		b, err := broker.NewArtemis(dir, broker.ArtemisVersions[len(broker.ArtemisVersions)-1])
		if err != nil {
			return nil, "", err
		}
		return b, b.URL(), nil
	}},
	{name: "Classic", queue: "/queue/cat", topic: "/topic/cat", login: true, start: func(dir string) (broker.Broker, string, error) {
		b, err := broker.NewClassic(dir, broker.ClassicWebSocket)
		if err != nil {
			return nil, "", err
		}
		return b, b.URL(), nil
	}},
	{name: "Spring", topic: "/topic/cat", mute: true, start: func(dir string) (broker.Broker, string, error) {
		b, err := broker.NewSpring(dir, broker.SpringOptions{})
		if err != nil {
			return nil, "", err
		}
		return b, b.URL(), nil
	}},
}

// Every command on every server. It is opt-in: WEBSTOMP_INTEROP=1.
func TestInterop(t *testing.T) {
	if os.Getenv("WEBSTOMP_INTEROP") == "" {
		t.Skip("needs real servers: internal/interop/install installs them, WEBSTOMP_INTEROP=1 starts them")
	}
	for _, s := range servers {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			url := launch(t, s)
			o := outside{vars: map[string]string{"STOMPCAT_URL": url}}
			if s.login {
				o.vars["STOMPCAT_LOGIN"], o.vars["STOMPCAT_PASSCODE"] = "guest", "guest"
			}
			t.Run("ping", func(t *testing.T) { pings(t, o, s) })
			t.Run("pub_sub", func(t *testing.T) { publishes(t, o, s) })
			t.Run("req", func(t *testing.T) { requests(t, o, s, url) })
			t.Run("bench", func(t *testing.T) { benches(t, o, s) })
			t.Run("doctor", func(t *testing.T) { examines(t, o, s, url) })
		})
	}
}

// launch starts a server that ends with the test.
func launch(t *testing.T, s server) (url string) {
	var missing *broker.Missing
	check := func(err error) {
		t.Helper()
		switch {
		case err == nil:
		case errors.As(err, &missing) && os.Getenv("CI") == "":
			t.Skip(err)
		default:
			t.Fatal(err)
		}
	}
	b, url, err := s.start(t.TempDir())
	check(err)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute) // it may have to be built
	defer cancel()
	check(b.Start(ctx))
	t.Cleanup(b.Stop)
	return url
}

func pings(t *testing.T, o outside, s server) {
	got := o.run(t, "ping", "--json")
	var p struct {
		Version, Subprotocol string
		Receipt              *float64 `json:"receipt_ms"`
	}
	if err := json.Unmarshal([]byte(got.out), &p); err != nil || got.status != 0 || p.Version != "1.2" || p.Subprotocol != "v12.stomp" || (p.Receipt == nil) != s.mute {
		t.Errorf("%v: %+v", err, got)
	}
}

func publishes(t *testing.T, o outside, s server) {
	const n = 300
	var lines strings.Builder
	for i := range n {
		fmt.Fprintf(&lines, "ünï \\ %d\r\n", i)
	}
	o.stdin = lines.String()
	destination, flags := s.queue, []string{}
	var subscriber *running
	if s.mute { // nothing waits there
		destination, flags = s.topic, []string{"--no-receipt"}
		subscriber = o.start(t, "sub", destination, "-n", fmt.Sprint(n+1), "--timeout", "60s")
		// It confirms no SUBSCRIBE either: messages that nobody counts are sent until one has come.
		until(t, "a message", func() bool {
			silent := o
			silent.run(t, "pub", destination, "--no-receipt", "first")
			time.Sleep(50 * time.Millisecond)
			return strings.Contains(subscriber.out.String(), "first\n")
		})
	}
	o.run(t, append([]string{"pub", destination, "--persistent"}, flags...)...).want(t, 0, "")
	if !s.mute {
		o.run(t, "sub", destination, "--timeout", "60s", "-n", fmt.Sprint(n)).want(t, 0, lines.String())
		o.run(t, "sub", destination, "--timeout", "300ms", "-n", "1").want(t, statusTimeout, "", "0 messages within --timeout 300ms")
		return
	}
	got := subscriber.wait()
	for line := range strings.Lines(lines.String()) { // in any order: it keeps none
		if !strings.Contains(got.out, line) && strings.Count(got.out, "first\n") == 1 {
			t.Errorf("%q is missing", line)
		}
	}
	if got.status != 0 {
		t.Errorf("status %d, %s", got.status, got.err)
	}
}

func requests(t *testing.T, o outside, s server, url string) {
	var opts []stomp.ConnectOption
	if s.login {
		opts = append(opts, stomp.WithLogin("guest", "guest"))
	}
	client, err := stomp.Connect(t.Context(), url, opts...)
	if err != nil {
		t.Fatal(err)
	}
	answered := make(chan struct{})
	destination, flags := "/queue/echo-of-cat", []string{}
	if s.mute {
		flags = append(flags, "--reply-to", "/queue/replies-of-cat")
	}
	requests, err := client.Subscribe(t.Context(), destination)
	if err != nil {
		t.Fatal(err)
	}
	go func() { // joined below
		defer close(answered)
		for f := range requests {
			if err := client.Reply(t.Context(), f, append([]byte("re: "), f.Body...)); err != nil {
				t.Error(err)
			}
		}
	}()
	var got outcome
	for range 20 { // Spring may not have the SUBSCRIBE yet, and does not say so
		if got = o.run(t, append([]string{"req", destination, "hello", "--timeout", "3s"}, flags...)...); got.status == 0 || !s.mute {
			break
		}
	}
	got.want(t, 0, "re: hello\n")
	client.Close()
	<-answered
}

func benches(t *testing.T, o outside, s server) {
	args := []string{"bench", s.topic, "--count", "1000", "--rate", "2000", "--json"}
	if !s.mute {
		args = append(args, "--receipts")
	}
	got := o.run(t, args...)
	var r result
	if err := json.Unmarshal([]byte(got.out), &r); err != nil || got.status != 0 || r.Sent != 1000 || r.Received != 1000 || r.Latency.P50 <= 0 {
		t.Errorf("%v: %+v", err, got)
	}
	t.Log(strings.TrimSpace(got.out))
}

func examines(t *testing.T, o outside, s server, url string) {
	if got := o.run(t, "doctor"); got.status != 0 || strings.Contains(got.out, "failed") || !strings.Contains(got.out, "ok      STOMP         1.2") || strings.Contains(got.out, "note    receipts") != s.mute {
		t.Errorf("%+v", got)
	}
	base := strings.TrimSuffix(url, "/ws")
	if base != url { // the others take any path
		if got := o.run(t, "doctor", base+"/wrong"); got.status != statusNoConnect || !strings.Contains(got.out, "→ use "+url+": STOMP is spoken there") {
			t.Errorf("%+v", got)
		}
	}
	if got := o.run(t, "doctor", strings.Replace(url, "ws:", "wss:", 1)); got.status != statusNoConnect || !strings.Contains(got.out, "→ use "+url) {
		t.Errorf("%+v", got)
	}
	if s.name == "RabbitMQ" {
		if got := o.run(t, "doctor", "--host", "none"); got.status != statusRefused || !strings.Contains(got.out, "→ with the virtual host / it works") {
			t.Errorf("%+v", got)
		}
	}
	if s.login {
		o.vars["STOMPCAT_PASSCODE"] = "wrong"
		if got := o.run(t, "doctor"); got.status != statusRefused || !strings.Contains(got.out, "failed  login") {
			t.Errorf("%+v", got)
		}
	}
}

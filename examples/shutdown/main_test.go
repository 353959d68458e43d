package main

import (
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/webstomp/webstomp/internal/exampletest"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

func TestMain(m *testing.M) { exampletest.Main(m, main) }

// start starts it on a broker with four jobs, and waits until it is at the first one.
func start(t *testing.T, args ...string) (*stomptest.Broker, *exampletest.Process) {
	broker := stomptest.NewBroker(stomptest.WithProfile(stomptest.RabbitMQ4))
	t.Cleanup(broker.Close)
	for _, job := range []string{"a", "b", "c", "d"} {
		broker.Publish(queue, nil, []byte(job))
	}
	p := exampletest.Start(t, append(args, "-url", broker.URL())...)
	p.Await("a: begun\n")
	return broker, p
}

// probe returns the status of /healthz or /readyz.
func probe(t *testing.T, p *exampletest.Process, path string) int {
	t.Helper()
	url, _, _ := strings.Cut(p.Output(), "/readyz")
	response, err := http.Get(url + path)
	if err != nil {
		t.Error(err)
		return 0
	}
	response.Body.Close()
	return response.StatusCode
}

func TestMain_SIGTERM_finishes_what_is_under_way(t *testing.T) {
	for _, signal := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		broker, p := start(t, "-job", "500ms")
		if alive, ready := probe(t, p, "/healthz"), probe(t, p, "/readyz"); alive != 200 || ready != 200 {
			t.Errorf("healthz %d, readyz %d", alive, ready)
		}
		p.Signal(signal)
		p.Await("draining\n")
		if alive, ready := probe(t, p, "/healthz"), probe(t, p, "/readyz"); alive != 200 || ready != 503 {
			t.Errorf("while it drains: healthz %d, readyz %d", alive, ready)
		}
		r := p.Wait()
		begun, done := strings.Count(r.Stdout, ": begun\n"), strings.Count(r.Stdout, ": done\n")
		if r.Code != 0 || begun != done || !strings.HasSuffix(r.Stdout, "stopped\n") {
			t.Error(r)
		}
		if n := broker.QueueLen(queue) + broker.Unacked(queue); n != 4-done {
			t.Errorf("%d jobs were done, and %d are left of 4", done, n)
		}
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestMain_the_deadline_abandons_what_takes_longer(t *testing.T) {
	broker, p := start(t, "-job", "1h", "-grace", "100ms")
	p.Signal(syscall.SIGTERM)
	if r := p.Wait(); r.Code != 1 || !strings.Contains(r.Stderr, "deadline exceeded") || strings.Contains(r.Stdout, "done") {
		t.Error(r)
	}
	if n := broker.QueueLen(queue) + broker.Unacked(queue); n != 4 {
		t.Errorf("%d jobs are left, want 4", n)
	}
}

func TestMain_a_second_signal_ends_it_at_once(t *testing.T) {
	_, p := start(t, "-job", "1h", "-grace", "1h")
	p.Signal(syscall.SIGTERM)
	p.Await("draining\n")
	p.Signal(syscall.SIGTERM)
	if r := p.Wait(); r.Code != -1 { // the signal's
		t.Error(r)
	}
}

func TestMain_needs_no_flags(t *testing.T) {
	p := exampletest.Start(t, "-job", "1ms")
	p.Await("job 10: done\n")
	p.Signal(syscall.SIGTERM)
	if r := p.Wait(); r.Code != 0 {
		t.Error(r)
	}
}

func TestMain_exits_with_1(t *testing.T) {
	exampletest.Fails(t, (*stomptest.Broker).URL)
	broker, p := start(t, "-job", "1ms")
	p.Await("d: done\n")
	broker.Cancel(queue)
	if r := p.Wait(); r.Code != 1 || !strings.Contains(r.Stderr, "Server cancelled subscription") {
		t.Errorf("without its queue: %v", r)
	}
	if r := exampletest.Start(t, "-url", broker.URL(), "-http", "127.0.0.1:port").Wait(); r.Code != 1 || !strings.Contains(r.Stderr, "port") {
		t.Errorf("where it cannot listen: %v", r)
	}
	broker.Silence(true)
	if r := exampletest.Start(t, "-url", broker.URL(), "-connect", "100ms").Wait(); r.Code != 1 || !strings.Contains(r.Stderr, "deadline exceeded") {
		t.Errorf("where the broker is silent: %v", r)
	}
}

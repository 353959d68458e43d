package examples

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/webstomp/webstomp/internal/exampletest"
	"github.com/webstomp/webstomp/internal/interop/broker"
	"github.com/webstomp/webstomp/internal/interop/servers"
	"github.com/webstomp/webstomp/stomp"
)

// TestExamples runs them on the servers that they are about.
func TestExamples(t *testing.T) {
	servers.OptIn(t)
	bin := build(t)
	t.Run("RabbitMQ", func(t *testing.T) {
		t.Parallel()
		s, r := start(t, bin, func(dir string) (*broker.RabbitMQ, error) { return broker.NewRabbitMQ(dir, broker.RabbitMQOptions{}) })
		everywhere(t, s)
		t.Run("worker", func(t *testing.T) {
			worker(t, s, "fail once: the machine jammed, back to the queue\n", "fail once: done\n")
		})
		t.Run("deadletter", func(t *testing.T) { deadletter(t, s, "/queue/bar.dead") })
		t.Run("retry queue", func(t *testing.T) {
			delays(t, s, "/queue/retry", "/queue/retried", stomp.WithHeader("x-message-ttl", "300"),
				stomp.WithHeader("x-dead-letter-exchange", ""), stomp.WithHeader("x-dead-letter-routing-key", "retried"))
		})
		ends(t, s, "pricefeed", "LAST costs 0.05\n")
		ends(t, s, "transaction", "shipped: 12 cups\n")
		ends(t, s, "fanin", "the last one of each topic was taken\n", "-topics", "100", "-rounds", "5")
		ends(t, s, "failover", "the stand-in has taken over\n", "-url", "ws://127.0.0.1:1/,"+s.url)
		ends(t, s, "tcp", `received "hello over TCP"`, "-url", r.TCPURL())
		ends(t, s, "nhooyr", "disconnected\n")
		t.Run("status", func(t *testing.T) { status(t, s) })
		t.Run("shutdown", func(t *testing.T) { shutdown(t, s) })
		t.Run("stream", func(t *testing.T) { stream(t, s) })
		t.Run("exits with 1", func(t *testing.T) {
			if r := s.start(t, "quickstart", "-passcode", "wrong").Wait(); r.Code != 1 || !strings.Contains(r.Stderr, "Access refused for user 'guest'") {
				t.Error(r)
			}
		})
	})
	t.Run("Artemis", func(t *testing.T) {
		t.Parallel()
		s, _ := start(t, bin, func(dir string) (*broker.Artemis, error) { return broker.NewArtemis(dir, "2.55.0") })
		everywhere(t, s)
		t.Run("worker", func(t *testing.T) { worker(t, s, "fail once: the machine jammed, dropped\n") })
		t.Run("deadletter", func(t *testing.T) { deadletter(t, s, "/queue/bar.dead") })
		t.Run("scheduled delivery", func(t *testing.T) {
			delays(t, s, "/queue/scheduled", "/queue/scheduled", stomp.WithHeader("AMQ_SCHEDULED_DELAY", "300"))
		})
		t.Run("max-delivery-attempts", func(t *testing.T) { artemisLimits(t, s) })
	})
	t.Run("Classic", func(t *testing.T) {
		t.Parallel()
		s, _ := start(t, bin, func(dir string) (*broker.Classic, error) { return broker.NewClassic(dir, broker.ClassicWebSocket) })
		everywhere(t, s)
		t.Run("worker", func(t *testing.T) { worker(t, s, "fail once: the machine jammed, to the queue ActiveMQ.DLQ\n") })
		t.Run("deadletter", func(t *testing.T) { deadletter(t, s, "/queue/ActiveMQ.DLQ") })
		t.Run("scheduled delivery", func(t *testing.T) {
			delays(t, s, "/queue/scheduled", "/queue/scheduled", stomp.WithHeader("AMQ_SCHEDULED_DELAY", "300"))
		})
	})
}

// everywhere runs what is the same on every server.
func everywhere(t *testing.T, s *server) {
	ends(t, s, "quickstart", "disconnected\n")
	ends(t, s, "requestreply", "tea → TEA\ncoffee → COFFEE\nwater → WATER\n")
	ends(t, s, "durable", "billing is back\nbilling has invoice 2\nbilling has invoice 3\nended for good: nothing is collected any more\n")
	t.Run("orders", func(t *testing.T) {
		s.send(t, "/queue/orders", `{"ID":"1","Item":"cup"}`, `a cup, please`)
		p := s.start(t, "orders")
		p.Await("order 1: shipped\n")
		interrupt(t, p)
	})
}

// ends runs an example that ends by itself, and prints that at the end.
func ends(t *testing.T, s *server, example, want string, args ...string) {
	t.Run(example, func(t *testing.T) {
		if r := s.start(t, example, args...).Wait(); r.Code != 0 || !strings.Contains(r.Stdout, want) {
			t.Errorf("%v\nwant exit code 0 and\n%s", r, want)
		}
	})
}

// interrupt ends an example as Ctrl-C does.
func interrupt(t *testing.T, p *exampletest.Process) {
	t.Helper()
	p.Signal(os.Interrupt)
	if r := p.Wait(); r.Code != 0 {
		t.Error(r)
	}
}

func worker(t *testing.T, s *server, afterNack ...string) {
	s.send(t, "/queue/jobs", "paint", "fail once", "polish")
	p := s.start(t, "worker")
	for _, line := range append(afterNack, "paint: done\n", "polish: done\n") {
		p.Await(line)
	}
	interrupt(t, p)
}

// deadletter runs twice, so that the second run finds the queues as the first one has left them: with nothing in them.
func deadletter(t *testing.T, s *server, dead string) {
	for range 2 {
		r := s.start(t, "deadletter", "-delay", "200ms").Wait()
		for _, want := range []string{
			"coffee: the machine is cold, again in 200ms\n", "coffee: done\n",
			"absinthe: not on the menu, again in 200ms\n", "absinthe: not on the menu, again in 400ms\n",
			"absinthe: not on the menu, dead after attempt 3\n", "absinthe is in " + dead + ", after attempt 3\n",
		} {
			if r.Code != 0 || strings.Count(r.Stdout, want) != 1 {
				t.Fatalf("%v\nwant exit code 0, and once\n%s", r, want)
			}
		}
	}
}

func status(t *testing.T, s *server) {
	p := s.start(t, "status")
	p.Await("connected, session 1\n")
	s.send(t, "/queue/news", "hello")
	if r := p.Wait(); r.Code != 0 || !strings.HasSuffix(r.Stdout, "received \"hello\" in session 1\n") {
		t.Error(r)
	}
}

func shutdown(t *testing.T, s *server) {
	s.send(t, "/queue/tasks", "a", "b", "c")
	p := s.start(t, "shutdown", "-job", "100ms")
	p.Await("a: begun\n")
	p.Signal(syscall.SIGTERM)
	if r := p.Wait(); r.Code != 0 || strings.Count(r.Stdout, "begun") != strings.Count(r.Stdout, "done") {
		t.Error(r)
	}
}

// stream kills the program, which has been at work, again and again: its ledger has each offset once, in order.
func stream(t *testing.T, s *server) {
	ledger := filepath.Join(t.TempDir(), "ledger.txt")
	const messages, part = 400, 100
	declared := []stomp.SendOption{stomp.WithHeader("x-queue-type", "stream"), stomp.WithHeader("durable", "true"), stomp.WithHeader("auto-delete", "false")}
	published := 0
	for n := part; n <= messages; n += part {
		for ; published < min(n+part/2, messages); published++ { // more than it is waited for: the kill comes in between
			if err := s.client.Send(t.Context(), "/queue/journal", fmt.Append(nil, published), append(declared, stomp.WithReceipt())...); err != nil {
				t.Fatal(err)
			}
		}
		p := s.start(t, "stream", "-ledger", ledger, "-publish", "0", "-n", "0")
		p.Await(fmt.Sprintf("offset %d: ", n-1))
		p.Signal(os.Kill)
		p.Wait()
	}
	text, err := os.ReadFile(ledger)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	for i, line := range lines {
		if want := fmt.Sprintf("%d \"%d\"", i, i); line != want {
			t.Fatalf("line %d is %q, want %q", i, line, want)
		}
	}
	if len(lines) != messages {
		t.Errorf("the ledger has %d lines, want %d", len(lines), messages)
	}
}

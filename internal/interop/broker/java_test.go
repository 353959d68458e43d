package broker_test

import (
	"cmp"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/webstomp/webstomp/internal/interop/broker"
	"github.com/webstomp/webstomp/stomp"
)

func TestArtemis_serves_and_restarts(t *testing.T) {
	for _, version := range broker.ArtemisVersions {
		t.Run(version, func(t *testing.T) {
			var home string
			b := prepared(t, func(dir string) (*broker.Artemis, error) {
				home = dir
				return broker.NewArtemis(dir, version)
			})
			ctx := bounded(t)
			start(t, ctx, b)
			exchange(t, ctx, "/queue/a", b.URL(), b.TextURL(), b.DeflateURL(), b.TCPURL())
			exchange(t, ctx, "/topic/news", b.URL())
			sends(t, ctx, b.URL(), websocket.MessageBinary)
			sends(t, ctx, b.TextURL(), websocket.MessageText)
			compresses(t, ctx, b.DeflateURL())
			survives(t, ctx, b, b.URL())
			guarded(t, ctx, b.URL())
			deletes(t, ctx, b, b.URL())
			b.Stop()
			leavesNothing(t, home)
			refuses(t, b.URL())
		})
	}
}

func TestClassic_serves_and_restarts(t *testing.T) {
	for _, version := range broker.ClassicVersions {
		t.Run(version, func(t *testing.T) {
			var home string
			b := prepared(t, func(dir string) (*broker.Classic, error) {
				home = dir
				return broker.NewClassic(dir, version)
			})
			ctx := bounded(t)
			start(t, ctx, b)
			exchange(t, ctx, "/queue/a", b.TCPURL())
			if b.URL() != "" {
				exchange(t, ctx, "/queue/a", b.URL(), b.DefaultURL())
				if err := carries(t, ctx, b.URL(), 4_000_000); err != nil {
					t.Errorf("4 MB: %v", err)
				}
				if err := carries(t, ctx, b.DefaultURL(), 70_000); err == nil {
					t.Error("70 kB is accepted at Classic's own limits")
				}
			}
			survives(t, ctx, b, b.TCPURL())
			guarded(t, ctx, b.TCPURL())
			deletes(t, ctx, b, b.TCPURL())
			b.Stop()
			leavesNothing(t, home)
			refuses(t, b.TCPURL())
		})
	}
}

func TestVertx_serves_and_restarts(t *testing.T) {
	var home string
	b := prepared(t, func(dir string) (*broker.Vertx, error) {
		home = dir
		return broker.NewVertx(dir)
	})
	ctx := bounded(t)
	start(t, ctx, b)
	for _, url := range []string{b.URL(), b.TCPURL()} {
		exchange(t, ctx, "/queue/a", url)
		exchange(t, ctx, "/topic/news", url)
		var refused *stomp.Error
		if c, err := stomp.Connect(ctx, url, stomp.WithLogin("guest", "wrong"), stomp.WithoutReconnect()); !errors.As(err, &refused) {
			t.Errorf("%s: a wrong passcode: %v, want the broker's ERROR", url, err)
			if err == nil {
				c.Close()
			}
		}
	}
	if err := b.DeleteQueue(ctx, "a"); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("deleting a queue: %v, want that it is unsupported", err)
	}
	b.Kill()
	refuses(t, b.URL())
	start(t, ctx, b)
	exchange(t, ctx, "/queue/a", b.URL())
	b.Stop()
	leavesNothing(t, home)
	refuses(t, b.URL())
}

func TestOpenMQ_serves_and_restarts(t *testing.T) {
	var home string
	b := prepared(t, func(dir string) (*broker.OpenMQ, error) {
		home = dir
		return broker.NewOpenMQ(dir)
	})
	ctx := bounded(t)
	start(t, ctx, b)
	exchange(t, ctx, "/queue/a", b.URL())
	exchange(t, ctx, "/topic/news", b.URL())
	sends(t, ctx, b.URL(), websocket.MessageBinary)
	survives(t, ctx, b, b.URL())
	guarded(t, ctx, b.URL())
	deletes(t, ctx, b, b.URL())
	b.Stop()
	leavesNothing(t, home)
	refuses(t, b.URL())
}

// The simple broker confirms no subscription. SUBSCRIBE is handled before SEND
// because Spring is configured to preserve the order.
func TestSpring_simple_broker_serves_and_restarts(t *testing.T) {
	for _, stack := range []broker.SpringStack{broker.SpringTomcat, broker.SpringJetty, broker.SpringBoot3} {
		t.Run(cmp.Or(string(stack), "Tomcat"), func(t *testing.T) { servesSimple(t, stack) })
	}
}

func servesSimple(t *testing.T, stack broker.SpringStack) {
	t.Helper()
	var home string
	b := prepared(t, func(dir string) (*broker.Spring, error) {
		home = dir
		return broker.NewSpring(dir, broker.SpringOptions{Stack: stack})
	})
	ctx := bounded(t)
	for range 2 {
		start(t, ctx, b)
		c := connect(t, ctx, b.URL())
		messages, err := c.Subscribe(ctx, "/topic/a")
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Send(ctx, "/topic/a", []byte("hello")); err != nil {
			t.Fatal(err)
		}
		if m, open := <-messages; !open || string(m.Body) != "hello" {
			t.Errorf("got %v, want hello (%v)", m, c.Err())
		}
		c.Close()
		b.Kill()
		refuses(t, b.URL())
	}
	if err := b.DeleteQueue(ctx, "a"); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("deleting a queue: %v, want that it is unsupported", err)
	}
	start(t, ctx, b)
	b.Stop()
	leavesNothing(t, home)
	refuses(t, b.URL())
}

// By default Spring does not keep the order of messages; it loses none.
func TestSpring_unordered_loses_nothing(t *testing.T) {
	b := prepared(t, func(dir string) (*broker.Spring, error) {
		return broker.NewSpring(dir, broker.SpringOptions{Unordered: true})
	})
	ctx := bounded(t)
	start(t, ctx, b)
	c := connect(t, ctx, b.URL())
	messages, err := c.Subscribe(ctx, "/topic/a")
	if err != nil {
		t.Fatal(err)
	}
	// Nothing else tells when it has handled the SUBSCRIBE.
	send := func(body string) {
		t.Helper()
		if err := c.Send(ctx, "/topic/a", []byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	send("are you there?")
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for there := false; !there; {
		select {
		case _, there = <-messages:
		case <-again.C:
			send("are you there?")
		case <-ctx.Done():
			t.Fatal(ctx.Err())
		}
	}
	const many = 500
	for i := range many {
		send(strconv.Itoa(i))
	}
	seen, inversions, last := make(map[int]bool), 0, -1
	for len(seen) < many {
		m, open := <-messages
		if !open {
			t.Fatalf("%d of %d came (%v)", len(seen), many, c.Err())
		}
		n, err := strconv.Atoi(string(m.Body))
		if err != nil {
			continue // another "are you there?"
		}
		if seen[n] = true; n < last {
			inversions++
		}
		last = n
	}
	t.Logf("%d messages, %d of them before one sent earlier", many, inversions)
	c.Close()
}

func TestSpring_relay_serves_and_restarts(t *testing.T) {
	rabbit := prepared(t, func(dir string) (*broker.RabbitMQ, error) {
		return broker.NewRabbitMQ(dir, broker.RabbitMQOptions{})
	})
	ctx := bounded(t)
	start(t, ctx, rabbit)
	var home string
	b := prepared(t, func(dir string) (*broker.Spring, error) {
		home = dir
		return broker.NewSpring(dir, broker.SpringOptions{Backend: rabbit})
	})
	start(t, ctx, b)
	exchange(t, ctx, "/queue/a", b.URL())
	exchange(t, ctx, "/topic/a", b.URL())
	b.Kill()
	refuses(t, b.URL())
	start(t, ctx, b)
	exchange(t, ctx, "/queue/a", b.URL())
	b.Stop()
	leavesNothing(t, home)
}

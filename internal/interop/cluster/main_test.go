package cluster

import (
	"context"
	"flag"
	"testing"
	"time"

	"github.com/webstomp/webstomp/internal/interop/broker"
	"github.com/webstomp/webstomp/internal/interop/servers"
	"github.com/webstomp/webstomp/internal/leak"
	"github.com/webstomp/webstomp/stomp"
)

var (
	full    = flag.Bool("cluster.full", false, "run every round of the failover test")
	rounds  = flag.String("cluster.rounds", "", "a regular expression for the names of the rounds to run")
	keep    = flag.String("cluster.keep", "", "an empty folder for the nodes' data and logs (node.log), which stay there")
	release = flag.String("cluster.release", "4.0", "the RabbitMQ to run: 4.0, or 4.3")
)

func TestMain(m *testing.M) { leak.Main(m) }

// three starts a cluster of three nodes that ends with the test.
func three(t *testing.T) *broker.Cluster {
	t.Helper()
	c, err := broker.NewCluster(folder(t), 3, rabbitMQ())
	servers.Require(t, err)
	t.Cleanup(c.Kill) // there is nothing that it had to save
	start(t, c)
	return c
}

// folder is where the nodes have their data.
func folder(t *testing.T) string {
	if *keep != "" {
		return *keep
	}
	return t.TempDir()
}

// rabbitMQ is what the flags say.
func rabbitMQ() (o broker.RabbitMQOptions) {
	if *release == "4.3" {
		o.Release = broker.RabbitMQ43
	}
	return o
}

// start starts what does not run of a cluster, after the test before, or a server.
func start(t *testing.T, b interface{ Start(context.Context) error }) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	servers.Require(t, b.Start(ctx))
}

// within returns a ctx of the test's that ends after so long.
func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// connect connects a Client that ends with the test.
func connect(t *testing.T, ctx context.Context, urls []string, opts ...stomp.ConnectOption) *stomp.Client {
	t.Helper()
	opts = append([]stomp.ConnectOption{stomp.WithLogin("guest", "guest"), stomp.WithFailover(urls[1:]...)}, opts...)
	c, err := stomp.Connect(ctx, urls[0], opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// until checks done every 10 ms, and fails the test when ctx ends first.
func until(t *testing.T, ctx context.Context, what string, done func() bool) {
	t.Helper()
	every := time.NewTicker(10 * time.Millisecond)
	defer every.Stop()
	for !done() {
		select {
		case <-every.C:
		case <-ctx.Done():
			t.Fatalf("%s: %v", what, context.Cause(ctx))
		}
	}
}

// from returns urls, beginning with the i-th.
func from(urls []string, i int) []string {
	i %= len(urls)
	return append(append([]string{}, urls[i:]...), urls[:i]...)
}

// quorum makes a queue replicated. SEND needs the same as SUBSCRIBE.
var quorum = []stomp.HeaderOption{stomp.WithHeader("x-queue-type", "quorum"), stomp.WithHeader("durable", "true"), stomp.WithHeader("auto-delete", "false")}

// sending and subscribing are header as options of Send and Subscribe, before more.
func sending(header []stomp.HeaderOption, more ...stomp.SendOption) []stomp.SendOption {
	return options(header, more)
}

func subscribing(header []stomp.HeaderOption, more ...stomp.SubscribeOption) []stomp.SubscribeOption {
	return options(header, more)
}

func options[O any](header []stomp.HeaderOption, more []O) (all []O) {
	for _, h := range header {
		all = append(all, any(h).(O))
	}
	return append(all, more...)
}

package cluster

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/webstomp/webstomp/internal/interop/broker"
	"github.com/webstomp/webstomp/stomp"
)

// goal is how soon a Client has a session where any node serves, and bound what the test insists on: the machine may be
// busy with three servers that start.
const (
	goal  = time.Second
	bound = 5 * time.Second
)

// round is one fault, from its begin to the end of its repair.
type round struct {
	name  string
	short bool // CI runs it as well
	fault func(ctx context.Context, l *load) error
}

var allRounds = []round{
	{"kill -9 of the first queue's leader", true, func(ctx context.Context, l *load) error { return l.killed(ctx, l.leader(ctx)) }},
	{"kill -9 of the node with most clients", false, func(ctx context.Context, l *load) error { return l.killed(ctx, l.busiest()) }},
	{"kill -9 of the node with most clients, again", false, func(ctx context.Context, l *load) error { return l.killed(ctx, l.busiest()) }},
	{"stop_app of the first queue's leader", true, func(ctx context.Context, l *load) error { return l.appStopped(ctx, l.leader(ctx)) }},
	{"stop_app of each in turns", false, func(ctx context.Context, l *load) error { return l.inTurns(ctx, l.appStopped) }},
	{"SIGTERM of each in turns", false, func(ctx context.Context, l *load) error { return l.inTurns(ctx, l.stopped) }},
	{"kill -9 of each in turns", false, func(ctx context.Context, l *load) error { return l.inTurns(ctx, l.killed) }},
	{"kill -9 of two at once", false, func(ctx context.Context, l *load) error { return l.killed(ctx, l.two(ctx)...) }},
	{"kill -9 of all", true, func(ctx context.Context, l *load) error { return l.killed(ctx, 0, 1, 2) }},
	{"SIGSTOP of the first queue's leader, 15 s", false, func(ctx context.Context, l *load) error {
		return l.silent(ctx, l.leader(ctx), 15*time.Second)
	}},
	{"SIGSTOP of the node with most clients, 30 s", false, func(ctx context.Context, l *load) error {
		return l.silent(ctx, l.busiest(), 30*time.Second)
	}},
	{"kill -9 of two at once, again", false, func(ctx context.Context, l *load) error { return l.killed(ctx, l.two(ctx)...) }},
	{"kill -9 of all, again", false, func(ctx context.Context, l *load) error { return l.killed(ctx, 0, 1, 2) }},
}

// failover sees that whatever fails of three nodes, nothing that was confirmed is lost, no Client ends, and where any node
// serves a Client has a session again within a moment.
func failover(t *testing.T, c *broker.Cluster) {
	start(t, c)
	ctx := within(t, 20*time.Minute)
	l := startLoad(t, ctx, c)
	l.more(ctx, 100)
	only := regexp.MustCompile(*rounds)
	var always []time.Duration
	for _, r := range allRounds {
		if !r.short && !*full || !only.MatchString(r.name) {
			continue
		}
		began := time.Now()
		l.longest()
		if err := r.fault(ctx, l); err != nil {
			t.Fatalf("%s: %v", r.name, err)
		}
		repaired := time.Now()
		l.more(ctx, 100)
		resumed := time.Now()
		gaps := l.since(began)
		a := l.account(t, r.name, gaps)
		always = append(always, a.always...)
		t.Logf("%s (%v; all go on %v later)\n%s  longest between two confirmations: %v\n  the clients say:%s\n  the servers say:%s",
			r.name, repaired.Sub(began).Round(time.Millisecond), resumed.Sub(repaired).Round(time.Millisecond), a,
			l.longest().Round(time.Millisecond), reasons(gaps), l.words(gaps))
	}
	late := 0
	for _, s := range always {
		if s > goal {
			late++
		}
	}
	t.Logf("without a session while a node served all the time: %s; %d above %v", figures(always), late, goal)
	l.end(ctx)
}

// account sums up gaps.
type account struct {
	lengths []time.Duration
	always  []time.Duration            // of those while a node served all the time
	after   map[string][]time.Duration // of the others, by the role of the Client: how long it took from when a node served
}

// account reports gaps that are too long.
func (l *load) account(t *testing.T, name string, gaps []gap) account {
	t.Helper()
	a := account{after: make(map[string][]time.Duration)}
	for _, g := range gaps {
		a.lengths = append(a.lengths, g.length())
		served := l.served(g)
		role, _, _ := strings.Cut(g.client, " ")
		limit := bound
		if served == g.length() {
			a.always = append(a.always, served)
		} else {
			a.after[role] = append(a.after[role], served)
			limit += backoffs[role].Max
		}
		if served > limit {
			t.Errorf("%s: %s had no session for %v though a node served, above %v", name, g.client, served, limit)
		}
		if served > goal {
			t.Logf("%s: %s had none for %v though a node served: attempt %d succeeded, the one before: %v", name, g.client, served, g.attempts, g.failed)
		}
	}
	return a
}

func (a account) String() string {
	text := fmt.Sprintf("  without a session: %s\n", figures(a.lengths))
	if len(a.always) < len(a.lengths) {
		text += fmt.Sprintf("    while a node served all the time: %s\n", figures(a.always))
		for role, b := range backoffs {
			text += fmt.Sprintf("    after none served, from when one did (Backoff.Max %v): %s\n", b.Max, figures(a.after[role]))
		}
	}
	return text
}

// leader returns the node that leads the first queue.
func (l *load) leader(ctx context.Context) int {
	l.test.Helper()
	leader, err := l.cluster.Leader(ctx, l.lanes[0].queue)
	if err != nil {
		l.test.Fatal(err)
	}
	return slices.Index(l.cluster.Nodes, leader)
}

// busiest returns the node that most of the Clients are connected to.
func (l *load) busiest() (node int) {
	clients := make([]int, len(l.cluster.Nodes))
	for _, ln := range l.lanes {
		for _, c := range []*stomp.Client{ln.publisher, ln.consumer} {
			clients[slices.Index(l.cluster.URLs(), c.Status().Session.URL)]++
		}
	}
	return slices.Index(clients, slices.Max(clients))
}

// two returns the node with most clients, and the leader of the first queue or, if they are the same, another one.
func (l *load) two(ctx context.Context) []int {
	l.test.Helper()
	first, second := l.busiest(), l.leader(ctx)
	if first == second {
		second = (first + 1) % len(l.cluster.Nodes)
	}
	return []int{first, second}
}

// downtime is for how long a node is away, beside the time that it takes to start.
const downtime = 2 * time.Second

// killed kills these nodes at once, and starts them at once.
func (l *load) killed(ctx context.Context, nodes ...int) error {
	return l.away(ctx, nodes, (*broker.RabbitMQ).Kill)
}

// stopped does so with SIGTERM.
func (l *load) stopped(ctx context.Context, nodes ...int) error {
	return l.away(ctx, nodes, (*broker.RabbitMQ).Stop)
}

func (l *load) away(ctx context.Context, nodes []int, end func(*broker.RabbitMQ)) error {
	if err := l.each(nodes, func(i int) error {
		l.leaves(i)
		end(l.cluster.Nodes[i])
		return nil
	}); err != nil {
		return err
	}
	time.Sleep(downtime)
	return l.each(nodes, func(i int) error {
		defer l.returns(i)
		return l.cluster.Nodes[i].Start(ctx)
	})
}

// appStopped stops and starts RabbitMQ in these nodes.
func (l *load) appStopped(ctx context.Context, nodes ...int) error {
	return l.each(nodes, func(i int) error {
		l.leaves(i)
		defer l.returns(i)
		if err := l.cluster.Nodes[i].StopApp(ctx); err != nil {
			return err
		}
		time.Sleep(downtime)
		return l.cluster.Nodes[i].StartApp(ctx)
	})
}

// silent pauses a node for so long.
func (l *load) silent(ctx context.Context, node int, long time.Duration) error {
	l.leaves(node)
	defer l.returns(node)
	l.cluster.Nodes[node].Pause()
	defer l.cluster.Nodes[node].Resume()
	select {
	case <-time.After(long):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// inTurns does the same to each node, the next as soon as the one before is back.
func (l *load) inTurns(ctx context.Context, fault func(context.Context, ...int) error) error {
	for i := range l.cluster.Nodes {
		if err := fault(ctx, i); err != nil {
			return fmt.Errorf("node %d: %w", i+1, err)
		}
	}
	return nil
}

// each calls f for all nodes at once.
func (l *load) each(nodes []int, f func(node int) error) error {
	var calls errgroup.Group
	for _, i := range nodes {
		calls.Go(func() error { return f(i) })
	}
	return calls.Wait()
}

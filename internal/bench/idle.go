package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"time"

	"github.com/webstomp/webstomp/stomp"
)

// What idle connections hold is measured in a process of its own, which has
// nothing else: the peer stays in this one, and no sample finds the stacks and
// pools of the one before. That process is this program again, which finds an
// order in its environment.

// idleVariable is where the order stands.
const idleVariable = "WEBSTOMP_BENCH_IDLE"

// idleOrder is what the process is told.
type idleOrder struct {
	At          place
	Variant     string // the name of one
	Connections int
}

// idleConnections is enough for what connections share to vanish in the figures.
const idleConnections = 256

// takeIdle is the sample of a process of its own. How long it takes is not ours to say.
func takeIdle(ctx context.Context, m Measure, v variant, _ time.Duration) (Sample, error) {
	return idle(ctx, v, m.tls, idleConnections)
}

func idle(ctx context.Context, v variant, overTLS bool, connections int) (_ Sample, err error) {
	p, err := startPeer(ctx, overTLS)
	if err != nil {
		return Sample{}, err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	program, err := os.Executable()
	if err != nil {
		return Sample{}, err
	}
	order, err := json.Marshal(idleOrder{placeOf(p), v.name, connections})
	if err != nil {
		return Sample{}, err
	}
	cmd := exec.CommandContext(ctx, program)
	cmd.Env = append(os.Environ(), idleVariable+"="+string(order))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output() // joins the process, which ctx kills
	if err != nil {
		return Sample{}, fmt.Errorf("the process that holds the connections: %w", err)
	}
	var s Sample
	if err := json.Unmarshal(out, &s); err != nil {
		return Sample{}, fmt.Errorf("the process that holds the connections says %q: %w", out, err)
	}
	return s, nil
}

// RunIdle does not return in the process that a measure of idle connections has
// started, and does nothing in any other. A program that runs [Measures] calls
// it first.
func RunIdle() {
	text := os.Getenv(idleVariable)
	if text == "" {
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var order idleOrder
	err := json.Unmarshal([]byte(text), &order)
	if err == nil {
		var s Sample
		if s, err = order.run(ctx); err == nil {
			err = json.NewEncoder(os.Stdout).Encode(s)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench: idle:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// run opens the connections and returns what one of them holds.
func (o idleOrder) run(ctx context.Context) (Sample, error) {
	open, known := idleOpeners[o.Variant]
	if !known {
		return Sample{}, fmt.Errorf("there is no idle %q", o.Variant)
	}
	// The first one pays for what all of them share.
	release, err := open(ctx, o.At)
	if err != nil {
		return Sample{}, err
	}
	defer release()
	before, err := settle(ctx)
	if err != nil {
		return Sample{}, err
	}
	for range o.Connections {
		release, err := open(ctx, o.At)
		if err != nil {
			return Sample{}, err
		}
		defer release()
	}
	after, err := settle(ctx)
	if err != nil {
		return Sample{}, err
	}
	n := float64(o.Connections)
	return Sample{o.Connections, (after.bytes - before.bytes) / n, (after.goroutines - before.goroutines) / n}, nil
}

// idleOpeners open one connection of a variant, and return what closes it.
var idleOpeners = map[string]func(ctx context.Context, at place) (release func(), _ error){
	"bare":    openIdleBare,
	"client":  openIdleClient,
	"minimal": openIdleMinimal,
}

// openIdleBare connects, and blocks a goroutine in a read, which release joins.
func openIdleBare(ctx context.Context, at place) (release func(), _ error) {
	b, err := dialBare(ctx, at, 1)
	if err != nil {
		return nil, err
	}
	done := make(chan struct{})
	go func() { // joined by release
		defer close(done)
		_, _ = b.read() // nothing comes but its end
	}()
	return func() {
		_ = b.ws.CloseNow() // it is the end of it all, whatever it says
		<-done
	}, nil
}

// openIdleClient connects as a user does, with all defaults, and subscribes.
func openIdleClient(ctx context.Context, at place) (release func(), _ error) {
	c, err := connect(ctx, at)
	if err != nil {
		return nil, err
	}
	if _, err := c.Subscribe(ctx, destination, stomp.WithReceipt()); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return func() { _ = c.Close() }, nil
}

// openIdleMinimal connects and subscribes.
func openIdleMinimal(ctx context.Context, at place) (release func(), _ error) {
	c, err := dialMinimal(ctx, at)
	if err != nil {
		return nil, err
	}
	if _, err := c.Subscribe(ctx, destination, subscriptionID(0)); err != nil {
		c.Close()
		return nil, err
	}
	return c.Close, nil
}

// footprint is what the process holds.
type footprint struct{ bytes, goroutines float64 }

// settle collects garbage until nothing becomes less any more: what opening a
// connection has started is just ending, and pools are emptied by the second
// collection.
func settle(ctx context.Context) (footprint, error) {
	const same, pause = 0.001, 5 * time.Millisecond
	ticker := time.NewTicker(pause)
	defer ticker.Stop()
	last := footprint{math.Inf(1), math.Inf(1)}
	for alike := 0; alike < 3; {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return last, context.Cause(ctx)
		}
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		now := footprint{float64(m.HeapAlloc + m.StackInuse), float64(runtime.NumGoroutine())}
		if now.bytes > last.bytes*(1-same) && now.goroutines == last.goroutines {
			alike++
		} else {
			alike = 0
		}
		last = now
	}
	return last, nil
}

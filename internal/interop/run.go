package interop

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/webstomp/webstomp/internal/interop/broker"
)

// Result is one cell of the table.
type Result struct {
	Endpoint *Endpoint
	Scenario *Scenario
	Missing  string // why the server does not offer it; "" where it was tried
	Err      error
	Took     time.Duration
}

// Run starts every server, tries every scenario on every endpoint and stops the
// servers again. report is called once for each cell, by one goroutine at a time.
// The error is that of a server that does not start.
func Run(ctx context.Context, endpoints []*Endpoint, scenarios []Scenario, report func(Result)) error {
	brokers := brokersOf(endpoints)
	defer func() {
		for _, b := range brokers {
			b.Stop()
		}
	}()
	var starting errgroup.Group
	starting.SetLimit(2) // Java wants a processor to itself while it starts
	for _, b := range brokers {
		starting.Go(func() error {
			if err := b.Start(ctx); err != nil {
				return fmt.Errorf("%s %s: %w", b.Name(), b.Version(), err)
			}
			return nil
		})
	}
	if err := starting.Wait(); err != nil {
		return err
	}

	results := make(chan Result)
	reported := make(chan struct{})
	go func() { // ends with results; joined below
		defer close(reported)
		for r := range results {
			report(r)
		}
	}()
	var together errgroup.Group
	for _, e := range endpoints {
		inTurn := make([]*Scenario, 0, len(scenarios))
		for i := range scenarios {
			switch sc := &scenarios[i]; {
			case sc.Alone:
			case sc.Aside:
				together.Go(func() error { results <- e.try(ctx, sc); return nil })
			default:
				inTurn = append(inTurn, sc)
			}
		}
		together.Go(func() error {
			for _, sc := range inTurn {
				results <- e.try(ctx, sc)
			}
			return nil
		})
	}
	_ = together.Wait()                          // its functions return no error
	for _, behind := range []bool{true, false} { // a relay notices only later that its broker was restarted
		for _, e := range endpoints {
			for i := range scenarios {
				if scenarios[i].Alone && (e.Behind != nil) == behind {
					results <- e.try(ctx, &scenarios[i])
				}
			}
		}
	}
	close(results)
	<-reported
	return nil
}

// brokersOf lists every server once.
func brokersOf(endpoints []*Endpoint) []broker.Broker {
	var all []broker.Broker
	known := make(map[broker.Broker]bool)
	for _, e := range endpoints {
		for _, b := range []broker.Broker{e.Behind, e.Broker} {
			if b != nil && !known[b] {
				known[b] = true
				all = append(all, b)
			}
		}
	}
	return all
}

// try runs one scenario.
func (e *Endpoint) try(ctx context.Context, sc *Scenario) Result {
	r := Result{Endpoint: e, Scenario: sc, Missing: e.notOffered(sc.Name)}
	if r.Missing != "" {
		return r
	}
	limit := sc.Bound
	if limit == 0 {
		limit = bound
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	start := time.Now()
	s := &scene{Endpoint: e, unique: newName()}
	r.Err = sc.run(ctx, s)
	r.Took = time.Since(start)
	cancel()
	s.watching.Wait()
	if r.Err != nil && len(s.losses) > 0 {
		r.Err = fmt.Errorf("%w; sessions ended with %q", r.Err, s.losses)
	}
	return r
}

package interop

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/webstomp/webstomp/internal/interop/broker"
)

// Result is what one scenario came to on one endpoint: one cell of the table.
type Result struct {
	Endpoint *Endpoint
	Scenario *Scenario
	Missing  string // why the server does not offer it; "" if it was tried
	Err      error  // why it failed; nil if it passed or was not tried
	Took     time.Duration
}

// Run starts every server, runs every scenario on every endpoint and stops the
// servers. It calls report once per cell, from one goroutine at a time. It returns
// an error only when a server does not start.
func Run(ctx context.Context, endpoints []*Endpoint, scenarios []Scenario, report func(Result)) error {
	brokers := brokersOf(endpoints)
	defer func() {
		for _, b := range brokers {
			b.Stop()
		}
	}()
	var starting errgroup.Group
	starting.SetLimit(2) // a starting Java server keeps one processor busy
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
			case sc.Exclusive:
			case sc.Parallel:
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
	_ = together.Wait()                         // its functions return no error
	for _, relay := range []bool{true, false} { // relays first: they notice a restart of their backend only later
		for _, e := range endpoints {
			for i := range scenarios {
				if scenarios[i].Exclusive && (e.Backend != nil) == relay {
					results <- e.try(ctx, &scenarios[i])
				}
			}
		}
	}
	close(results)
	<-reported
	return nil
}

// brokersOf returns every server of the endpoints once, a backend before its relay.
func brokersOf(endpoints []*Endpoint) []broker.Broker {
	var all []broker.Broker
	known := make(map[broker.Broker]bool)
	for _, e := range endpoints {
		for _, b := range []broker.Broker{e.Backend, e.Broker} {
			if b != nil && !known[b] {
				known[b] = true
				all = append(all, b)
			}
		}
	}
	return all
}

// try runs one scenario within its timeout, or says why the server does not offer it.
func (e *Endpoint) try(ctx context.Context, sc *Scenario) Result {
	r := Result{Endpoint: e, Scenario: sc, Missing: e.notOffered(sc.Name)}
	if r.Missing != "" {
		return r
	}
	limit := sc.Timeout
	if limit == 0 {
		limit = defaultTimeout
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

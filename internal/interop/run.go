package interop

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/webstomp/webstomp/internal/interop/broker"
	"github.com/webstomp/webstomp/stomp"
)

// Result is what one scenario came to on one endpoint: one cell of the table.
type Result struct {
	Endpoint *Endpoint
	Scenario *Scenario
	Missing  string // why the server does not offer it; "" if it was tried
	Fault    string // what is wrong with the server, as known before, that it failed by; "" if it did not
	Err      error  // why else it failed; nil if it passed or was not tried
	Took     time.Duration
}

// How many servers run at a time, and how many of them are started, worked with or restarted. Those that belong
// together count as one. The others pass their idle minute, which takes memory alone; more work at a time than this
// would only make each take longer, on two processors.
const (
	runAtOnce  = 10
	workAtOnce = 4
)

// Run starts the servers, runs every scenario on every endpoint, and stops the servers, some at a time. It calls
// report once per cell, from one goroutine at a time, but not for the cells of a server that is absent. One that
// moves and does not start becomes absent. Any other that does not start ends the run, with an error, as ctx does.
func Run(ctx context.Context, endpoints []*Endpoint, scenarios []Scenario, report func(Result)) error {
	results := make(chan Result)
	reported := make(chan struct{})
	go func() { // ends with results; joined below
		defer close(reported)
		for r := range results {
			report(r)
		}
	}()
	groups, ctx := errgroup.WithContext(ctx)
	groups.SetLimit(runAtOnce)
	r := runner{scenarios: scenarios, working: make(chan struct{}, workAtOnce), results: results}
	for _, together := range grouped(endpoints) {
		groups.Go(func() error { return r.run(ctx, together) })
	}
	err := groups.Wait()
	close(results)
	<-reported
	return err
}

// runner is one Run.
type runner struct {
	scenarios []Scenario
	working   chan struct{} // has one element for each group of endpoints that is worked with
	results   chan<- Result
}

// grouped returns the endpoints by server. Those of a relay are with its backend's.
func grouped(endpoints []*Endpoint) [][]*Endpoint {
	var groups [][]*Endpoint
	of := make(map[broker.Broker]int)
	for _, e := range endpoints {
		if e.Absent != nil {
			continue
		}
		owner := e.Broker
		if e.Backend != nil {
			owner = e.Backend
		}
		i, known := of[owner]
		if !known {
			i = len(groups)
			of[owner] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], e)
	}
	return groups
}

// run runs all scenarios on one group of endpoints.
func (r runner) run(ctx context.Context, endpoints []*Endpoint) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	defer func() {
		for _, b := range brokersOf(endpoints) {
			b.Stop()
		}
	}()
	var idle sync.WaitGroup
	var err error
	r.work(func() {
		if err = startAll(ctx, endpoints); err != nil {
			return
		}
		r.idle(ctx, endpoints, &idle)
		r.inTurn(ctx, endpoints)
	})
	if err != nil {
		if ctx.Err() == nil && becameAbsent(endpoints, err) {
			return nil
		}
		return err
	}
	idle.Wait()
	r.work(func() { r.exclusive(ctx, endpoints) })
	return context.Cause(ctx)
}

// work does what keeps processors busy, when it is its turn.
func (r runner) work(what func()) {
	r.working <- struct{}{}
	defer func() { <-r.working }()
	what()
}

// startAll starts the endpoints' servers.
func startAll(ctx context.Context, endpoints []*Endpoint) error {
	for _, b := range brokersOf(endpoints) {
		if err := b.Start(ctx); err != nil {
			return fmt.Errorf("%s %s: %w", b.Name(), b.Version(), err)
		}
	}
	return nil
}

// idle starts the scenarios that mostly idle; they are joined through all.
func (r runner) idle(ctx context.Context, endpoints []*Endpoint, all *sync.WaitGroup) {
	for i := range r.scenarios {
		if sc := &r.scenarios[i]; sc.Parallel {
			for _, e := range endpoints {
				all.Go(func() { r.try(ctx, e, sc) })
			}
		}
	}
}

// inTurn runs what is neither idle nor exclusive: one scenario at a time on each endpoint, on all endpoints at the
// same time.
func (r runner) inTurn(ctx context.Context, endpoints []*Endpoint) {
	var all sync.WaitGroup
	for _, e := range endpoints {
		all.Go(func() {
			for i := range r.scenarios {
				if sc := &r.scenarios[i]; !sc.Parallel && !sc.Exclusive {
					r.try(ctx, e, sc)
				}
			}
		})
	}
	all.Wait()
}

// exclusive runs the scenarios that stop servers, one at a time. Relays come first: they notice a restart of their
// backend only later.
func (r runner) exclusive(ctx context.Context, endpoints []*Endpoint) {
	for _, relay := range []bool{true, false} {
		for _, e := range endpoints {
			for i := range r.scenarios {
				if sc := &r.scenarios[i]; sc.Exclusive && (e.Backend != nil) == relay {
					r.try(ctx, e, sc)
				}
			}
		}
	}
}

// becameAbsent makes the endpoints absent, if all of them move.
func becameAbsent(endpoints []*Endpoint, why error) bool {
	for _, e := range endpoints {
		if !e.Moves {
			return false
		}
	}
	for _, e := range endpoints {
		e.Absent = why
	}
	return true
}

// try runs one scenario and reports it, unless the whole run has ended meanwhile.
func (r runner) try(ctx context.Context, e *Endpoint, sc *Scenario) {
	if result := e.try(ctx, sc); ctx.Err() == nil {
		r.results <- result
	}
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
	if fault := e.fault(sc.Name); fault != "" {
		r.Fault, r.Err = faulty(e, fault, r.Err)
		return r
	}
	if r.Err != nil && len(s.losses) > 0 {
		r.Err = fmt.Errorf("%w; sessions ended with %q", r.Err, s.losses)
	}
	return r
}

// faulty judges the end of a scenario on a server that is known for a fault: it fails by that, it fails by something
// else, or it passes. The last of these is right where the server moves.
func faulty(e *Endpoint, fault string, err error) (string, error) {
	var refused *stomp.Error
	switch {
	case errors.Is(err, errSessionLost) && !errors.As(err, &refused):
		return fault, nil
	case err == nil && !e.Moves:
		return "", fmt.Errorf("good news: %s %s no longer has this fault: %s. Take it out of faults (internal/interop/offers.go), and say in docs/brokers.md since when it is mended", e.name, e.version(), fault)
	}
	return "", err
}

package model_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/leak"
)

func TestMain(m *testing.M) { leak.Main(m) }

var (
	runs    = flag.Int("model.runs", 300, "how many runs the model test makes")
	lasting = flag.Duration("model.for", 0, "for how long the model test makes runs, instead of -model.runs")
	seed    = flag.Uint64("model.seed", 0, "the dice of every run; 0: each run has its own")
	events  = flag.Int("model.events", 150, "how many of its last events a run that fails prints")
)

// TestClient_model makes random calls under random faults, and compares what came of them with what is promised: 1 to
// 8, 10, 11 and 12 of the README, and the clauses S2, S3, M2 to M6.
func TestClient_model(t *testing.T) {
	began := time.Now()
	var made, failed atomic.Int64
	next := func() bool {
		switch n := made.Add(1); {
		case failed.Load() > 0:
			return false
		case *lasting > 0:
			return time.Since(began) < *lasting
		default:
			return n <= int64(*runs)
		}
	}
	base := rand.Uint64()
	var workers sync.WaitGroup // joined below
	for i := range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			dice := rand.New(rand.NewPCG(base, uint64(i)))
			for next() {
				s := *seed
				if s == 0 {
					s = dice.Uint64()
				}
				if !t.Run(fmt.Sprint(s), func(t *testing.T) { synctest.Test(t, func(t *testing.T) { run(t, s) }) }) {
					failed.Add(1)
				}
			}
		})
	}
	workers.Wait()
	t.Logf("%d runs in %v", made.Load()-int64(runtime.GOMAXPROCS(0)), time.Since(began).Round(time.Millisecond))
}

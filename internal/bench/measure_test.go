package bench

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/webstomp/webstomp/internal/bench/minimal"
	"github.com/webstomp/webstomp/internal/bench/peer"
	"github.com/webstomp/webstomp/stomp"
)

func TestMeasures_each_have_a_benchmark_and_a_name(t *testing.T) {
	seen := make(map[string]bool)
	for _, m := range Measures {
		if group, _, _ := strings.Cut(m.Bench, "/"); !slices.Contains(groups, group) {
			t.Errorf("%s has no benchmark", m.Bench)
		}
		if seen[m.Bench] || seen[m.Name] {
			t.Errorf("%s: %q stands there twice", m.Bench, m.Name)
		}
		seen[m.Bench], seen[m.Name] = true, true
	}
}

// loads runs a test on every variant of every measure but the idle ones.
func loads(t *testing.T, test func(t *testing.T, ctx context.Context, cancel func(), l *load)) {
	for _, m := range Measures {
		for _, v := range m.variants {
			if v.open == nil {
				continue // TestIdle_…
			}
			t.Run(m.Bench+"/"+v.name, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				l, err := v.start(ctx, m.tls)
				if err != nil {
					t.Fatal(err)
				}
				test(t, ctx, cancel, l)
				if err := l.close(); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// Operations are complete, nothing is left behind (TestMain), and the peer has
// no complaint.
func TestMeasures_run_in_every_variant(t *testing.T) {
	loads(t, func(t *testing.T, _ context.Context, _ func(), l *load) {
		for _, n := range []int{1, 100, 300} {
			if err := l.run(n); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestMeasures_end_with_their_context(t *testing.T) {
	loads(t, func(t *testing.T, _ context.Context, cancel func(), l *load) {
		cancel()
		const hours = 1 << 33 // operations
		if err := l.run(hours); err == nil {
			t.Error("it goes on without a peer")
		}
	})
}

func TestRun_takes_every_round_of_every_variant(t *testing.T) {
	some := []Measure{Measures[0], Measures[len(Measures)-2]}
	var told []string
	results, err := Run(t.Context(), some, 3, time.Millisecond, func(r Result) { told = append(told, r.Name) })
	if err != nil {
		t.Fatal(err)
	}
	if len(results) != 2 || len(told) != 2 || told[0] != some[0].Name {
		t.Errorf("%d results, told of %q", len(results), told)
	}
	for _, r := range results {
		for i, samples := range r.samples {
			if len(samples) != 3 {
				t.Errorf("%s: %d rounds, want 3", r.Name, len(samples))
			}
			for _, s := range samples {
				if s.N < 1 || s.Value <= 0 || s.Count < 0 {
					t.Errorf("%s, %s: %+v", r.Name, r.variants[i].name, s)
				}
			}
		}
	}
}

func TestRun_says_what_failed(t *testing.T) {
	broken := func(context.Context, place) (*load, error) { return nil, fmt.Errorf("broken") }
	m := Measure{Name: "work", kind: perOperation, variants: three(broken, broken, broken)}
	_, err := Run(t.Context(), []Measure{m}, 1, time.Millisecond, nil)
	if err == nil || err.Error() != "work, bare: broken" {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Run(ctx, []Measure{m}, 1, time.Millisecond, nil); err != context.Canceled {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

func TestIdle_counts_goroutines(t *testing.T) {
	const connections = 8
	goroutines := [3]float64{ceiling: 1, client: 2, contract: 1}
	for _, m := range Measures {
		for i, v := range m.variants {
			if m.kind != perConnection {
				continue
			}
			s, err := idle(t.Context(), v, m.tls, connections)
			if err != nil {
				t.Fatal(err)
			}
			if want := goroutines[i]; s.N != connections || s.Value <= 0 || s.Count != want {
				t.Errorf("%s, %s: %+v; want %v goroutines", m.Name, v.name, s, want)
			}
		}
	}
	if _, err := (idleOrder{Variant: "none"}).run(t.Context()); err == nil {
		t.Error("an unknown variant is taken")
	}
}

func TestSpread_shares_evenly_and_joins(t *testing.T) {
	for _, goroutines := range []int{1, 8} {
		for _, n := range []int{0, 1, 7, 64, 65} {
			shares := make(chan int, goroutines)
			if err := spread(goroutines, func(n int) error { shares <- n; return nil })(n); err != nil {
				t.Error(err)
			}
			close(shares)
			sum, low, high := 0, n, 0
			for s := range shares {
				sum, low, high = sum+s, min(low, s), max(high, s)
			}
			if sum != n || high-low > 1 {
				t.Errorf("%d operations were made %d, from %d to %d each", n, sum, low, high)
			}
		}
		broken := fmt.Errorf("broken")
		if err := spread(goroutines, func(int) error { return broken })(8); err != broken {
			t.Errorf("got %v", err)
		}
	}
}

// All three variants send the same bytes.
func TestAppendSend_writes_the_bytes_of_the_client(t *testing.T) {
	near, far := net.Pipe()
	written := make(chan string, 2)
	go func() { // ends with the pipe, joined by the end of written
		defer close(written)
		br := bufio.NewReader(far)
		for i := range 3 {
			frame, err := br.ReadString(0)
			if err != nil {
				return
			}
			if i > 0 {
				written <- strings.TrimLeft(frame, "\n")
			} else if _, err := far.Write([]byte("CONNECTED\nversion:1.2\nheart-beat:0,0\n\n\x00")); err != nil {
				return
			}
		}
	}()
	c, err := stomp.Connect(t.Context(), "pipe:", stomp.WithHeartBeat(0, 0), stomp.WithoutReconnect(),
		stomp.WithDialer(func(context.Context, string) (net.Conn, error) { return near, nil }))
	if err != nil {
		t.Fatal(err)
	}
	body := peer.Body(0, bodySize)
	if err := c.Send(t.Context(), destination, body); err != nil {
		t.Fatal(err)
	}
	if _, err := c.SendAsync(t.Context(), destination, body); err != nil {
		t.Fatal(err)
	}
	without, with := <-written, <-written
	c.Close()
	far.Close()
	for range written {
	}
	if want := string(minimal.AppendSend(nil, destination, "", body)); without != want {
		t.Errorf("the client writes\n%q, want\n%q", without, want)
	}
	_, rest, _ := strings.Cut(with, "receipt:")
	id, _, _ := strings.Cut(rest, "\n")
	if want := string(minimal.AppendSend(nil, destination, id, body)); with != want {
		t.Errorf("the client writes\n%q, want\n%q", with, want)
	}
}

package command

import (
	"encoding/json"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/stomp/stomptest"
)

func durationOf(n int) time.Duration { return time.Duration(n) }

func TestPing(t *testing.T) {
	b := newBroker(t, stomptest.WithProfile(stomptest.RabbitMQ4))
	got := outside{}.run(t, "ping", b.URL())
	for _, want := range []string{"url          " + b.URL() + "\n", "server       RabbitMQ/4.3", "STOMP        1.2\n", "subprotocol  v12.stomp\n", "every 10s from the server, none promised by us", "connected    after ", "receipts     answered after "} {
		if got.status != 0 || got.err != "" || !strings.Contains(got.out, want) {
			t.Errorf("%q is not in %+v", want, got)
		}
	}
	if got := commands(b); strings.Join(got, " ") != "BEGIN ABORT DISCONNECT" {
		t.Errorf("the broker got %v", got)
	}
	var p pong
	got = outside{}.run(t, "ping", b.URL(), "--json")
	if err := json.Unmarshal([]byte(got.out), &struct {
		*pong
		Header map[string]string `json:"header"`
	}{pong: &p}); err != nil || p.Server == "" || p.Receipt == nil || p.HeartBeatReceive != 10_000 || p.Connect <= 0 {
		t.Errorf("%v: %s", err, got.out)
	}
}

func TestPing_a_server_without_receipts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := stomptest.NewBroker(stomptest.WithPipe(), stomptest.WithProfile(stomptest.Spring))
		defer b.Close()
		got := piped(b).run(t, "ping", b.URL())
		if got.status != 0 || !strings.Contains(got.out, "receipts     not answered within 2 s: pub needs --no-receipt here\n") || !strings.Contains(got.out, "server       it does not say") {
			t.Errorf("%+v", got)
		}
		if got := piped(b).run(t, "ping", b.URL(), "--json"); !strings.Contains(got.out, `"receipt_ms":null`) {
			t.Error(got.out)
		}
	})
}

func TestBench_counts_what_it_sends(t *testing.T) {
	for name, c := range map[string]struct {
		args     []string
		received int64
	}{
		"topic":    {[]string{"/topic/a", "--subscribers", "2"}, 4000},
		"queue":    {[]string{"/queue/a", "--subscribers", "2", "--publishers", "3"}, 2000},
		"receipts": {[]string{"/queue/a", "--receipts", "--size", "32"}, 2000},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBroker(t)
			b.Publish("/queue/a", nil, []byte("an old message, which is not one of this run's"))
			got := outside{}.run(t, append([]string{"bench", b.URL(), "--count", "2000", "--json"}, c.args...)...)
			var r result
			if err := json.Unmarshal([]byte(got.out), &r); err != nil || got.status != 0 || got.err != "" {
				t.Fatalf("%v: %+v", err, got)
			}
			if r.Sent != 2000 || r.Received != c.received || r.SentRate <= 0 || r.ReceivedRate <= 0 || r.Latency.P50 <= 0 || r.Latency.Max < r.Latency.P999 || r.Latency.P999 < r.Latency.P50 {
				t.Errorf("%s", got.out)
			}
			if name == "receipts" && (*r.Confirmed != 2000 || *r.NotConfirmed != 0 || r.ReceiptTaking.P50 <= 0) {
				t.Errorf("%s", got.out)
			}
		})
	}
}

// The rate and the duration are kept to the millisecond, and latencies count from when a message was due.
func TestBench_rate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := stomptest.NewBroker(stomptest.WithPipe())
		defer b.Close()
		o := piped(b)
		got := o.run(t, "bench", b.URL(), "/topic/a", "--rate", "100", "--publishers", "4", "--duration", "2s", "--json")
		var r result
		if err := json.Unmarshal([]byte(got.out), &r); err != nil || r.Sent != 200 || r.Received != 200 || r.Latency.Max > 1 {
			t.Errorf("%v: %+v", err, got)
		}
		got = o.run(t, "bench", b.URL(), "/topic/a", "--rate", "10", "--count", "200", "--json") // longer than the 10 s without a count
		if err := json.Unmarshal([]byte(got.out), &r); err != nil || r.Sent != 200 || r.Seconds != 19.9 {
			t.Errorf("%v: %+v", err, got)
		}
		b.Delay(10 * time.Millisecond) // the broker's answers come as slowly as that
		got = o.run(t, "bench", b.URL(), "/topic/a", "--rate", "10", "--count", "20")
		if got.status != 0 || !strings.Contains(got.out, "sent         20 messages, 10/s, 0.00269 MB/s for 1.9 s\n") || !strings.Contains(got.out, "latency      p50 10 ms, p90 10 ms, p99 10 ms, p99.9 10 ms, max 10 ms\n") {
			t.Errorf("%+v", got)
		}
	})
}

func TestBench_failures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := stomptest.NewBroker(stomptest.WithPipe(), stomptest.WithProfile(stomptest.Spring))
		defer b.Close()
		o := piped(b)
		o.run(t, "bench", b.URL(), "/topic/a", "--count", "5000", "--receipts").says(t, "nothing within --timeout 5s")
		if got := o.run(t, "bench", b.URL(), "/topic/a", "--count", "500"); got.status != 0 || !strings.Contains(got.out, "received     500 messages") {
			t.Errorf("%+v", got)
		}
		// Messages that do not come are waited for, and missing in the result.
		b.Intercept(func(e stomptest.Event) stomptest.Action {
			if e.Frame.Command == "MESSAGE" && e.Direction == stomptest.Out {
				return stomptest.Drop()
			}
			return stomptest.Pass()
		})
		got := o.run(t, "bench", b.URL(), "/topic/a", "--count", "500")
		if got.status != 0 || !strings.Contains(got.out, "received     0 messages") || !strings.Contains(got.out, "latency      –") {
			t.Errorf("%+v", got)
		}
		b.Intercept(nil)
		o.signals = make(chan os.Signal, 1)
		running := o.start(t, "bench", b.URL(), "/topic/a", "--rate", "10")
		time.Sleep(5*time.Second + 50*time.Millisecond)
		o.signals <- os.Interrupt
		if got := running.wait(); got.status != 130 || !strings.Contains(got.out, "received     ") {
			t.Errorf("%+v", got)
		}
	})
}

// On a server that confirms no SUBSCRIBE nothing is sent before it has taken effect: it would be missing.
func TestBench_awaits_a_subscription_without_receipts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := stomptest.NewBroker(stomptest.WithPipe(), stomptest.WithProfile(stomptest.Spring))
		defer b.Close()
		b.Intercept(func(e stomptest.Event) stomptest.Action {
			if e.Frame.Command == "SUBSCRIBE" {
				return stomptest.DelayFor(time.Second)
			}
			return stomptest.Pass()
		})
		got := piped(b).run(t, "bench", b.URL(), "/topic/a", "--count", "50", "--subscribers", "2")
		if got.status != 0 || !strings.Contains(got.out, "received     100 messages") {
			t.Errorf("%+v", got)
		}
	})
}

// A subscriber of a topic that is behind, or has not begun, is waited for: what the others have is not taken for all of
// a queue. The first two connections are the subscribers'.
func TestBench_awaits_all_subscribers_of_a_topic(t *testing.T) {
	for name, late := range map[string]int64{"begun": 2, "not_begun": 1} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := stomptest.NewBroker(stomptest.WithPipe())
				defer b.Close()
				var messages atomic.Int64
				b.Intercept(func(e stomptest.Event) stomptest.Action {
					if e.Connection == 2 && e.Frame.Command == "MESSAGE" && messages.Add(1) == late {
						return stomptest.DelayFor(time.Second)
					}
					return stomptest.Pass()
				})
				got := piped(b).run(t, "bench", b.URL(), "/topic/a", "--count", "5", "--subscribers", "2")
				if got.status != 0 || !strings.Contains(got.out, "received     10 messages") {
					t.Errorf("%+v", got)
				}
			})
		})
	}
}

// A subscription that ends, alone or with its connection, is a failure, and nothing more is sent.
func TestBench_subscription_that_ends(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := stomptest.NewBroker(stomptest.WithPipe(), stomptest.WithProfile(stomptest.RabbitMQ4))
		defer b.Close()
		start := time.Now()
		for status, end := range map[int]func(){
			statusError: func() { b.Cancel("/topic/a") },
			statusLost: func() {
				b.Intercept(func(e stomptest.Event) stomptest.Action {
					if e.Frame.Command == "MESSAGE" {
						return stomptest.CutBefore()
					}
					return stomptest.Pass()
				})
			},
		} {
			r := piped(b).start(t, "bench", b.URL(), "/topic/a", "--rate", "10", "--duration", "1h", "--no-reconnect")
			time.Sleep(time.Minute)
			end()
			if got := r.wait(); got.status != status || got.err == "" || !strings.Contains(got.out, "received     ") {
				t.Errorf("%+v, want status %d", got, status)
			}
			b.Intercept(nil)
		}
		if took := time.Since(start); took > 3*time.Minute {
			t.Errorf("it went on for %v", took)
		}
	})
}

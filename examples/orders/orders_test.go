package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/exampletest"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

func TestMain(m *testing.M) { exampletest.Main(m, main) }

// fixture is the service on a broker in memory, in a bubble whose time is its own: what takes 20 s in a test of it takes
// no time, and just as long each time.
type fixture struct {
	*testing.T
	broker *stomptest.Broker
	client *stomp.Client
	start  time.Time
	signal func()       // tells the service to end
	stop   func() error // ends the service as a signal would, and returns what Run did

	log     record
	shipped []string // what the service remembers, in order; touched by it alone, and after synctest.Wait
	onShip  func()   // called as the service remembers an order; nil: nothing is
}

// record holds what is written to it.
type record struct {
	mu   sync.Mutex
	text strings.Builder // guarded by mu
}

func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(p)
}

func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

// inBubble starts the service, and stops it after the test.
func inBubble(t *testing.T, test func(f *fixture), opts ...stomptest.Option) {
	web := func(b *stomptest.Broker) []stomp.ConnectOption {
		return []stomp.ConnectOption{stomp.WithHTTPClient(b.Client())}
	}
	inBubbleWith(t, web, test, opts...)
}

// inBubbleWith has the options with which the service's client connects.
func inBubbleWith(t *testing.T, options func(b *stomptest.Broker) []stomp.ConnectOption, test func(f *fixture), opts ...stomptest.Option) {
	synctest.Test(t, func(t *testing.T) {
		f := &fixture{T: t, broker: stomptest.NewBroker(append(opts, stomptest.WithPipe())...)}
		defer f.broker.Close()
		client, err := stomp.Connect(t.Context(), f.broker.URL(),
			append(options(f.broker), stomp.WithReconnect(stomp.Backoff{Max: time.Second}))...)
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		service := &Service{
			Shipped: func(id string) bool { return slices.Contains(f.shipped, id) },
			Ship: func(id string) {
				f.shipped = append(f.shipped, id)
				if f.onShip != nil {
					f.onShip()
				}
			},
			Log: slog.New(slog.NewTextHandler(io.MultiWriter(t.Output(), &f.log), nil)),
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- service.Run(ctx, client) }() // joined by stop
		f.client, f.start, f.signal = client, time.Now(), cancel
		f.stop = func() error { cancel(); return <-ended }
		synctest.Wait()
		test(f)
		f.stop()
	})
}

func (f *fixture) order(id string) {
	f.broker.Publish(orderQueue, nil, fmt.Appendf(nil, `{"ID":%q,"Item":"cup"}`, id))
}

// on makes the broker act, once, on the next frame of that command and destination ("": any).
func (f *fixture) on(command, destination string, act stomptest.Action) {
	var done atomic.Bool // the goroutines of several connections may ask at once
	f.broker.Intercept(func(e stomptest.Event) stomptest.Action {
		if e.Frame.Command == command && (destination == "" || e.Frame.Get("destination") == destination) && done.CompareAndSwap(false, true) {
			return act
		}
		return stomptest.Pass()
	})
}

// settle lets so much time pass, and everything happen that is due by then.
func (f *fixture) settle(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// want compares what the service has remembered, and what has come to the queues.
func (f *fixture) want(shipped string, shipments, rejected, open int) {
	f.Helper()
	if got := strings.Join(f.shipped, " "); got != shipped {
		f.Errorf("shipped %q, want %q", got, shipped)
	}
	for queue, want := range map[string]int{shipmentQueue: shipments, rejectedQueue: rejected} {
		if n := f.broker.QueueLen(queue); n != want {
			f.Errorf("%s has %d messages, want %d", queue, n, want)
		}
	}
	if n := f.broker.QueueLen(orderQueue) + f.broker.Unacked(orderQueue); n != open {
		f.Errorf("%d orders are open, want %d", n, open)
	}
}

func TestService_ships_orders(t *testing.T) {
	inBubble(t, func(f *fixture) {
		f.order("1")
		f.order("2")
		f.settle(0)
		f.want("1 2", 2, 0, 0)
	})
}

func TestService_rejects_what_is_no_order(t *testing.T) {
	inBubble(t, func(f *fixture) {
		f.broker.Publish(orderQueue, nil, []byte("a cup, please"))
		f.order("")
		f.order("1")
		f.settle(0)
		f.want("1", 1, 2, 0)
	})
}

// Poison: a foreign sender wrote the content-type in Latin-1, and STOMP is UTF-8. It goes without one where it belongs,
// and does not hold up what comes behind it.
func TestService_rejects_what_has_no_content_type_to_send(t *testing.T) {
	stream := func(b *stomptest.Broker) []stomp.ConnectOption {
		return []stomp.ConnectOption{stomp.WithDialer(func(ctx context.Context, url string) (net.Conn, error) {
			nc, err := b.Dial(ctx, url)
			return latin1{nc}, err
		})}
	}
	inBubbleWith(t, stream, func(f *fixture) {
		f.broker.Publish(orderQueue, [][2]string{{"content-type", "text/AOU"}}, []byte("a cup, please"))
		f.order("1")
		f.settle(0)
		f.want("1", 1, 1, 0)
	})
}

// latin1 makes an AOU that the broker sends ÄÖÜ, in Latin-1.
type latin1 struct{ net.Conn }

func (c latin1) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	copy(p, bytes.ReplaceAll(p[:n], []byte("AOU"), []byte("\xc4\xd6\xdc")))
	return n, err
}

// Poison: an order whose shipment is longer than the client sends, since JSON makes six bytes of a <.
func TestService_rejects_what_is_too_long_to_ship(t *testing.T) {
	short := func(b *stomptest.Broker) []stomp.ConnectOption {
		return []stomp.ConnectOption{stomp.WithHTTPClient(b.Client()), stomp.WithLimits(stomp.Limits{Body: 1000})}
	}
	inBubbleWith(t, short, func(f *fixture) {
		f.order(strings.Repeat("<", 500))
		f.order("1")
		f.settle(0)
		f.want("1", 1, 1, 0)
	})
}

// Redelivery: the connection breaks just before the ACK. The order comes again, and is not shipped twice.
func TestService_ships_once_what_comes_twice(t *testing.T) {
	inBubble(t, func(f *fixture) {
		f.on("ACK", "", stomptest.CutBefore())
		f.order("1")
		f.settle(time.Second)
		f.want("1", 1, 0, 0)
		if f.client.Status().Epoch != 2 {
			f.Error("the connection was not cut")
		}
	})
}

// Cut: the shipment has arrived, and its RECEIPT is lost. Nobody can know, so it is sent again.
func TestService_repeats_a_shipment_whose_receipt_is_lost(t *testing.T) {
	inBubble(t, func(f *fixture) {
		f.on("SEND", shipmentQueue, stomptest.CutAfter())
		f.order("1")
		f.settle(time.Second)
		f.want("1", 2, 0, 0)
	})
}

// Refusal: the broker does not take the shipment. The service tries again 5 s later, and keeps the order meanwhile.
func TestService_tries_again_what_is_refused(t *testing.T) {
	inBubble(t, func(f *fixture) {
		var sends atomic.Int64
		f.broker.Intercept(func(e stomptest.Event) stomptest.Action {
			if e.Frame.Command != "SEND" || sends.Add(1) > 2 {
				return stomptest.Pass()
			}
			return stomptest.ReplyError("queue is full", [][2]string{{"receipt-id", e.Frame.Get("receipt")}}, nil, false)
		})
		f.order("1")
		f.settle(2*pause - time.Nanosecond)
		f.want("", 0, 0, 1)
		f.settle(time.Nanosecond)
		f.want("1", 1, 0, 0)
	})
}

// Rejection: RabbitMQ does not tell that a full queue rejects a message. The log does, each minute, and the shipment goes
// out when there is room.
func TestService_tells_what_is_not_confirmed(t *testing.T) {
	inBubble(t, func(f *fixture) {
		f.broker.Intercept(func(e stomptest.Event) stomptest.Action {
			if e.Frame.Command != "SEND" || time.Since(f.start) >= 10*patience {
				return stomptest.Pass()
			}
			return stomptest.Drop()
		})
		f.order("1")
		f.settle(patience)
		if n := strings.Count(f.log.String(), "not sent"); n != 1 {
			f.Errorf("the log tells of %d tries, want 1:\n%s", n, f.log.String())
		}
		f.settle(10*patience + pause)
		f.want("1", 1, 0, 0)
	})
}

// Refusal, of what is no order: it may not stay where it is, since each would keep a place of the ten until the session
// ends, and the orders behind them would never come.
func TestService_rejects_when_it_may(t *testing.T) {
	inBubble(t, func(f *fixture) {
		f.broker.Intercept(func(e stomptest.Event) stomptest.Action {
			if e.Frame.Command != "SEND" || e.Frame.Get("destination") != rejectedQueue || time.Since(f.start) >= time.Minute {
				return stomptest.Pass()
			}
			return stomptest.ReplyError("access refused", [][2]string{{"receipt-id", e.Frame.Get("receipt")}}, nil, false)
		})
		for range 10 {
			f.broker.Publish(orderQueue, nil, []byte("a cup, please"))
		}
		f.order("1")
		f.settle(time.Minute - time.Nanosecond)
		f.want("", 0, 0, 11)
		f.settle(time.Nanosecond)
		f.want("1", 1, 10, 0)
	})
}

// An outage: the broker refuses every connection for a minute. What was ordered meanwhile is shipped after it.
func TestService_survives_an_outage(t *testing.T) {
	inBubble(t, func(f *fixture) {
		f.broker.RefuseHandshakes(503, "restarting")
		f.broker.Cut()
		f.order("1")
		time.AfterFunc(time.Minute, func() { f.broker.RefuseHandshakes(0, "") })
		changes := f.client.Watch(f.Context())
		for status := range changes {
			if status.State == stomp.StateConnected && status.Epoch == 2 {
				break
			}
		}
		if took := time.Since(f.start); took < time.Minute || took > time.Minute+time.Second {
			f.Errorf("it was back after %v", took)
		}
		f.settle(0)
		f.want("1", 1, 0, 0)
	})
}

// An outage in which the broker breaks the protocol: that is no fault of the shipment's, which is not rejected for it.
func TestService_survives_a_broken_broker(t *testing.T) {
	inBubble(t, func(f *fixture) {
		f.broker.Intercept(func(e stomptest.Event) stomptest.Action {
			switch {
			case time.Since(f.start) >= 5*patience:
			case e.Frame.Command == "RECEIPT": // of the shipment, which has arrived
				return stomptest.Replace(stomptest.Frame{Command: "CONNECTED"})
			case e.Frame.Command == "CONNECTED":
				return stomptest.Replace(stomptest.Frame{Command: "RECEIPT"})
			}
			return stomptest.Pass()
		})
		f.order("1")
		f.settle(6 * patience)
		f.want("1", 2, 0, 0)
		for _, e := range f.broker.Received() {
			if e.Frame.Command == "SEND" && e.Frame.Get("content-type") != "application/json" {
				f.Errorf("it sent %v", e.Frame)
			}
		}
		if log := f.log.String(); !strings.Contains(log, "not connected") || strings.Contains(log, "msg=rejected") {
			f.Errorf("it took the broker's fault for the shipment's, or noticed nothing:\n%s", log)
		}
	})
}

// Silence: the broker holds the connection and says nothing. The client notices after twice the 10 s between two
// heart-beats, and the service goes on over the next connection.
func TestService_leaves_a_silent_broker(t *testing.T) {
	inBubble(t, func(f *fixture) {
		f.broker.Silence(true)
		f.order("1")
		for status := range f.client.Watch(f.Context()) {
			if status.State == stomp.StateReconnecting {
				break
			}
		}
		if took := time.Since(f.start); took != 20*time.Second {
			f.Errorf("it was left after %v, want 20 s", took)
		}
		f.broker.Silence(false)
		f.settle(time.Minute)
		f.want("1", 1, 0, 0)
	})
}

// A signal while a shipment cannot be sent: Run ends at once, and the order is still there.
func TestService_ends_with_its_ctx(t *testing.T) {
	inBubble(t, func(f *fixture) {
		f.on("SEND", shipmentQueue, stomptest.Drop())
		f.order("1")
		f.settle(time.Second)
		if err := f.stop(); err != nil {
			f.Error(err)
		}
		if took := time.Since(f.start); took != time.Second {
			f.Errorf("it took until %v", took)
		}
		f.want("", 0, 0, 1)
		f.stop = func() error { return nil }
	})
}

// A signal while an order is remembered: it is done, and does not come again.
func TestService_acknowledges_what_is_done_when_it_ends(t *testing.T) {
	inBubble(t, func(f *fixture) {
		f.onShip = f.signal
		f.order("1")
		f.settle(0)
		if err := f.stop(); err != nil {
			f.Error(err)
		}
		f.want("1", 1, 0, 0)
		f.stop = func() error { return nil }
	})
}

func TestService_fails_with_its_queue(t *testing.T) {
	inBubble(t, func(f *fixture) {
		f.broker.Cancel(orderQueue)
		f.settle(0)
		if err := f.stop(); err == nil || !strings.Contains(err.Error(), "Server cancelled subscription") {
			f.Error(err)
		}
		f.stop = func() error { return nil }
	}, stomptest.WithProfile(stomptest.RabbitMQ4))
}

func TestMain_needs_no_flags(t *testing.T) {
	p := exampletest.Start(t)
	p.Await("order 1: shipped\norder 2: shipped\n")
	p.Signal(os.Interrupt)
	if r := p.Wait(); r.Code != 0 || !strings.Contains(r.Stderr, "rejected") {
		t.Error(r)
	}
}

func TestMain_exits_with_1(t *testing.T) {
	exampletest.Fails(t, (*stomptest.Broker).URL)
}

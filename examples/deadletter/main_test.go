package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"math"
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

var everything = []string{
	"0s tea: done",
	"0s coffee: the machine is cold, again in 1s",
	"0s absinthe: not on the menu, again in 1s",
	"1s coffee: done",
	"1s absinthe: not on the menu, again in 2s",
	"3s absinthe: not on the menu, dead after attempt 3",
	"3s absinthe is in %s, after attempt 3",
}

// Each attempt begins when it should, on every broker, also on one that delivers at once what it was asked to keep, as
// Classic without its scheduler.
func TestRun_tries_again_and_buries(t *testing.T) {
	for profile, test := range map[stomptest.Profile]struct {
		dead  string
		retry string // what coffee's first attempt sent
	}{
		stomptest.Generic: {"/queue/bar.dead", "/queue/bar attempt:2"},
		stomptest.RabbitMQ4: {"/queue/bar.dead",
			"/queue/bar.retry.1s attempt:2 x-message-ttl:1000 x-dead-letter-exchange: x-dead-letter-routing-key:bar"},
		stomptest.Classic: {"/queue/ActiveMQ.DLQ", "/queue/bar attempt:2 AMQ_SCHEDULED_DELAY:1000"},
		stomptest.Artemis: {"/queue/bar.dead", "/queue/bar attempt:2 AMQ_SCHEDULED_DELAY:1000"},
	} {
		t.Run(profile.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				broker := stomptest.NewBroker(stomptest.WithPipe(), stomptest.WithProfile(profile))
				defer broker.Close()
				broker.Intercept((&administrator{broker: broker, dead: test.dead}).ask)
				lines := play(t, broker)
				want := slices.Clone(everything)
				want[6] = fmt.Sprintf(want[6], test.dead)
				slices.Sort(want)
				if !slices.Equal(lines, want) {
					t.Errorf("got\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
				}
				if got := retry(broker, "coffee"); got != test.retry {
					t.Errorf("coffee was sent again as\n%s\nwant\n%s", got, test.retry)
				}
				if n := broker.QueueLen(workQueue) + broker.Unacked(workQueue); n != 0 {
					t.Errorf("%d orders are left", n)
				}
			})
		})
	}
}

// The connection breaks just before the SEND of a retry: the order comes again, and is neither lost nor doubled.
func TestRun_cut_in_a_retry_loses_and_doubles_nothing(t *testing.T) {
	for _, profile := range []stomptest.Profile{stomptest.Generic, stomptest.Artemis} {
		t.Run(profile.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				broker := stomptest.NewBroker(stomptest.WithPipe(), stomptest.WithProfile(profile))
				defer broker.Close()
				var cut atomic.Bool
				broker.Intercept(func(e stomptest.Event) stomptest.Action {
					if e.Frame.Command == "SEND" && e.Frame.Get("attempt") == "3" && cut.CompareAndSwap(false, true) {
						return stomptest.CutBefore()
					}
					return stomptest.Pass()
				})
				lines := play(t, broker)
				if count(lines, "absinthe: not on the menu, again in 2s") != 2 || count(lines, "is in /queue/bar.dead") != 1 || count(lines, "coffee: done") == 0 {
					t.Errorf("want the second attempt twice, and one dead letter:\n%s", strings.Join(lines, "\n"))
				}
			})
		})
	}
}

// ctx ends after a second, while orders are worked off: what is done does not come again. Drain waits for 10 s for an order
// that waits for its time and will not be acknowledged.
func TestRun_settles_what_is_done_when_it_ends(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broker := stomptest.NewBroker(stomptest.WithPipe())
		defer broker.Close()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		start := time.Now()
		err := run(ctx, on{"coffee: done", cancel}, broker.URL(), time.Second, stomp.WithHTTPClient(broker.Client()))
		if took := time.Since(start); !errors.Is(err, context.Canceled) || took > 11*time.Second {
			t.Errorf("after %v: %v", took, err)
		}
		synctest.Wait() // until the broker has noticed
		if n := broker.QueueLen(workQueue); n != 1 {
			t.Errorf("%d orders are left, want absinthe alone", n)
		}
	})
}

// on does something when a text is written to it.
type on struct {
	text string
	do   func()
}

func (o on) Write(p []byte) (int, error) {
	if strings.Contains(string(p), o.text) {
		o.do()
	}
	return len(p), nil
}

// What anybody may write into the header stops no worker.
func TestAttempt_of_any_header(t *testing.T) {
	for text, want := range map[string]int{"": 1, "2": 2, "two": 1, "0": 1, "-5": 1, "99999999999999999999": math.MaxInt} {
		if n := attempt(stomp.Frame{Header: stomp.Header{{"attempt", text}}}); n != want {
			t.Errorf("attempt %q is number %d, want %d", text, n, want)
		}
	}
}

// The broker refuses for a while what settles an order that has failed, and lets the session live. It is tried again, and
// the order is not worked off again for that.
func TestRun_tries_again_what_is_refused(t *testing.T) {
	for _, profile := range []stomptest.Profile{stomptest.Generic, stomptest.Artemis} {
		t.Run(profile.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				broker := stomptest.NewBroker(stomptest.WithPipe(), stomptest.WithProfile(profile))
				defer broker.Close()
				broker.Intercept(refusing(12 * time.Second))
				lines := play(t, broker)
				for _, want := range []string{"0s coffee: the machine is cold, again in 1s", "15s coffee: done", "17s absinthe is in /queue/bar.dead"} {
					if count(lines, want) != 1 {
						t.Errorf("want once %q:\n%s", want, strings.Join(lines, "\n"))
					}
				}
				if n := broker.QueueLen(workQueue) + broker.Unacked(workQueue); n != 0 {
					t.Errorf("%d orders are left", n)
				}
				if n := broker.Sessions(); n != 1 {
					t.Errorf("%d sessions, want 1", n)
				}
			})
		})
	}
}

// refusing refuses each SEND of a worker's until so much time has passed.
func refusing(d time.Duration) func(e stomptest.Event) stomptest.Action {
	start := time.Now()
	return func(e stomptest.Event) stomptest.Action {
		if e.Frame.Command != "SEND" || e.Frame.Get("attempt") == "" || time.Since(start) >= d {
			return stomptest.Pass()
		}
		return stomptest.ReplyError("access refused", [][2]string{{"receipt-id", e.Frame.Get("receipt")}}, nil, false)
	}
}

// inBubble has a worker at the orders of a broker in memory: coffee always fails, whatever else takes 8 s and succeeds.
// ended has what its run returns; it is ended after the test.
func inBubble(t *testing.T, profile stomptest.Profile, test func(t *testing.T, broker *stomptest.Broker, out fmt.Stringer, ended <-chan error)) {
	var out record
	log.SetOutput(&out)
	defer log.SetOutput(os.Stderr)
	synctest.Test(t, func(t *testing.T) {
		broker := stomptest.NewBroker(stomptest.WithPipe(), stomptest.WithProfile(profile))
		defer broker.Close()
		client, err := stomp.Connect(t.Context(), "tcp://pipe.test", stomp.WithReconnect(stomp.Backoff{Max: time.Second}),
			stomp.WithDialer(func(ctx context.Context, url string) (net.Conn, error) {
				nc, err := broker.Dial(ctx, url)
				return latin1{nc}, err
			}))
		if err != nil {
			t.Fatal(err)
		}
		recipe, err := recipeFor(client.Status().Session.Server)
		if err != nil {
			t.Fatal(err)
		}
		w := &worker{client: client, recipe: recipe, delay: time.Second, out: &out, work: func(order stomp.Frame) error {
			if string(order.Body) == "coffee" {
				return errors.New("the machine is cold")
			}
			time.Sleep(8 * time.Second)
			return nil
		}}
		ended := make(chan error, 1)
		go func() { ended <- w.run(t.Context()); close(ended) }() // joined below
		synctest.Wait()
		test(t, broker, &out, ended)
		client.Close()
		<-ended
	})
}

// latin1 makes an AOU that the broker sends ÄÖÜ, in Latin-1.
type latin1 struct{ net.Conn }

func (c latin1) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	copy(p, bytes.ReplaceAll(p[:n], []byte("AOU"), []byte("\xc4\xd6\xdc")))
	return n, err
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

// open is how many orders the broker has, delivered or not.
func open(broker *stomptest.Broker) int {
	return broker.QueueLen(workQueue) + broker.Unacked(workQueue)
}

// An order is refused for good: it is held, and costs the others nothing.
func TestWorker_keeps_its_session(t *testing.T) {
	inBubble(t, stomptest.Artemis, func(t *testing.T, broker *stomptest.Broker, out fmt.Stringer, _ <-chan error) {
		broker.Intercept(refusing(time.Hour))
		broker.Publish(workQueue, nil, []byte("coffee"))
		for range 20 {
			broker.Publish(workQueue, nil, []byte("tea"))
		}
		time.Sleep(50 * time.Minute)
		if n := strings.Count(out.String(), "tea: done"); n != 20 || open(broker) != 1 || broker.Sessions() != 1 {
			t.Errorf("%d of 20 done, %d open, %d sessions:\n%s", n, open(broker), broker.Sessions(), out)
		}
		if n := strings.Count(out.String(), "access refused"); n != 15 { // at 0, 5, 15, 35, 75, 155 s, 5:15, then each 5 minutes
			t.Errorf("%d tries, want 15:\n%s", n, out)
		}
	})
}

// The connection breaks while an order is held: whoever has it in the next session sends it again, and only he.
func TestWorker_leaves_a_held_order_to_the_next_session(t *testing.T) {
	inBubble(t, stomptest.Artemis, func(t *testing.T, broker *stomptest.Broker, out fmt.Stringer, _ <-chan error) {
		broker.Intercept(refusing(20 * time.Second))
		broker.Publish(workQueue, nil, []byte("coffee"))
		time.Sleep(7 * time.Second)
		broker.Cut()
		time.Sleep(time.Minute)
		if n := broker.QueueLen("/queue/bar.dead"); n != 1 || open(broker) != 0 {
			t.Errorf("%d are dead, want 1, and %d open:\n%s", n, open(broker), out)
		}
	})
}

// The queue is deleted while an order is held: there is nothing to wait for.
func TestWorker_ends_with_its_queue(t *testing.T) {
	inBubble(t, stomptest.RabbitMQ4, func(t *testing.T, broker *stomptest.Broker, out fmt.Stringer, ended <-chan error) {
		broker.Intercept(refusing(time.Hour))
		broker.Publish(workQueue, nil, []byte("coffee"))
		synctest.Wait()
		broker.Cancel(workQueue)
		start := time.Now()
		if err := <-ended; err == nil || time.Since(start) != 0 {
			t.Errorf("after %v: %v\n%s", time.Since(start), err, out)
		}
	})
}

// RabbitMQ does not tell that a full queue rejects a message, not even at COMMIT. The log does, each minute, and the order
// stays until there is room.
func TestWorker_keeps_what_a_queue_rejects(t *testing.T) {
	inBubble(t, stomptest.RabbitMQ4, func(t *testing.T, broker *stomptest.Broker, out fmt.Stringer, _ <-chan error) {
		start := time.Now()
		broker.Intercept(func(e stomptest.Event) stomptest.Action {
			if e.Frame.Command == "SEND" && time.Since(start) < 2*time.Minute {
				return stomptest.Drop()
			}
			return stomptest.Pass()
		})
		broker.Publish(workQueue, nil, []byte("coffee"))
		time.Sleep(2 * time.Minute)
		if n := strings.Count(out.String(), "trying again in 5s"); n != 1 || open(broker) != 1 {
			t.Errorf("it tells of %d minutes, want 1, and %d are open:\n%s", n, open(broker), out)
		}
		time.Sleep(time.Minute)
		if n := broker.QueueLen("/queue/bar.retry.1s"); n != 1 || open(broker) != 0 {
			t.Errorf("%d are sent again, want 1, and %d open:\n%s", n, open(broker), out)
		}
	})
}

// A foreign sender wrote the content-type in Latin-1, and STOMP is UTF-8: the order is buried without.
func TestWorker_moves_what_has_no_content_type_to_send(t *testing.T) {
	inBubble(t, stomptest.Generic, func(t *testing.T, broker *stomptest.Broker, out fmt.Stringer, _ <-chan error) {
		broker.Publish(workQueue, [][2]string{{"content-type", "text/AOU"}}, []byte("coffee"))
		time.Sleep(4 * time.Second)
		if n := broker.QueueLen("/queue/bar.dead"); n != 1 || open(broker) != 0 {
			t.Errorf("%d are dead, want 1, and %d open:\n%s", n, open(broker), out)
		}
	})
}

// play runs the program with a delay of a second, and returns its lines, each with its time, sorted.
func play(t *testing.T, broker *stomptest.Broker) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out := &stamped{start: time.Now()}
	if err := run(ctx, out, broker.URL(), time.Second, stomp.WithHTTPClient(broker.Client())); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	slices.Sort(lines)
	return lines
}

func count(lines []string, text string) (n int) {
	for _, line := range lines {
		if strings.Contains(line, text) {
			n++
		}
	}
	return n
}

// retry is where the first retry of an order was sent, and with what.
func retry(broker *stomptest.Broker, order string) string {
	received := broker.Received()
	i := slices.IndexFunc(received, func(e stomptest.Event) bool {
		return e.Frame.Command == "SEND" && string(e.Frame.Body) == order && e.Frame.Get("attempt") == "2"
	})
	send := received[i].Frame
	text := send.Get("destination")
	for _, entry := range send.Header {
		if strings.HasPrefix(entry[0], "x-") || strings.HasPrefix(entry[0], "AMQ") || entry[0] == "attempt" {
			text += " " + entry[0] + ":" + entry[1]
		}
	}
	return text
}

// administrator does what a real server's queues do, and the embedded broker does not: it lets the messages in retry
// queues expire to the work queue, and moves what is NACKed to the dead letter queue.
type administrator struct {
	broker *stomptest.Broker
	dead   string

	mu    sync.Mutex
	given []stomptest.Frame // guarded by mu; what was delivered
}

func (a *administrator) ask(e stomptest.Event) stomptest.Action {
	a.mu.Lock()
	defer a.mu.Unlock()
	f := e.Frame
	switch f.Command {
	case "MESSAGE":
		a.given = append(a.given, f)
	case "SEND":
		if ttl, err := time.ParseDuration(f.Get("x-message-ttl") + "ms"); err == nil {
			header := slices.Clone(f.Header)
			time.AfterFunc(ttl, func() { a.broker.Publish(workQueue, header, f.Body) })
		}
	case "NACK":
		for _, given := range a.given {
			if given.Get("ack") == f.Get("id") && (f.Get("requeue") == "false") {
				a.broker.Publish(a.dead, given.Header, given.Body)
			}
		}
	}
	return stomptest.Pass()
}

// stamped puts the time in front of each line.
type stamped struct {
	bytes.Buffer
	start time.Time
	mu    sync.Mutex
}

func (s *stamped) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(&s.Buffer, "%v ", time.Since(s.start))
	return s.Buffer.Write(p)
}

func TestMain_needs_no_flags(t *testing.T) {
	r := exampletest.Start(t, "-delay", "10ms").Wait()
	if r.Code != 0 || !strings.HasSuffix(r.Stdout, "absinthe is in /queue/bar.dead, after attempt 3\n") {
		t.Error(r)
	}
}

func TestMain_exits_with_1(t *testing.T) {
	exampletest.Fails(t, (*stomptest.Broker).URL)
	spring := stomptest.NewBroker(stomptest.WithProfile(stomptest.Spring))
	defer spring.Close()
	if r := exampletest.Start(t, "-url", spring.URL()).Wait(); r.Code != 1 || !strings.Contains(r.Stderr, "no acknowledgements") {
		t.Error(r)
	}
}

func TestRun_gives_up_with_its_ctx(t *testing.T) {
	exampletest.GivesUp(t, (*stomptest.Broker).URL, func(ctx context.Context, url string) error {
		return run(ctx, io.Discard, url, time.Second)
	})
}

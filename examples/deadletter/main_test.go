package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"sync"
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
		dead   string
		frames []string // about coffee's first attempt
	}{
		stomptest.Generic: {"/queue/bar.dead", []string{"BEGIN", "SEND /queue/bar attempt:2", "ACK", "COMMIT receipt"}},
		stomptest.RabbitMQ4: {"/queue/bar.dead", []string{"BEGIN",
			"SEND /queue/bar.retry.1s attempt:2 x-message-ttl:1000 x-dead-letter-exchange: x-dead-letter-routing-key:bar", "ACK", "COMMIT receipt"}},
		stomptest.Classic: {"/queue/ActiveMQ.DLQ", []string{"BEGIN", "SEND /queue/bar attempt:2 AMQ_SCHEDULED_DELAY:1000", "ACK", "COMMIT receipt"}},
		stomptest.Artemis: {"/queue/bar.dead", []string{"SEND /queue/bar attempt:2 AMQ_SCHEDULED_DELAY:1000 receipt"}},
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
				if got := about(broker, "coffee"); !slices.Equal(got, test.frames) {
					t.Errorf("about coffee it sent\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(test.frames, "\n"))
				}
				if n := broker.QueueLen(workQueue) + broker.Unacked(workQueue); n != 0 {
					t.Errorf("%d orders are left", n)
				}
			})
		})
	}
}

// The connection breaks just before the COMMIT of a retry: the transaction is gone, the order comes again, and is not
// doubled. Artemis takes an ACK for done at once, so the SEND goes first there, and is confirmed: what breaks before
// that loses nothing.
func TestRun_cut_in_a_retry_loses_and_doubles_nothing(t *testing.T) {
	for profile, command := range map[stomptest.Profile]string{stomptest.Generic: "COMMIT", stomptest.Artemis: "SEND"} {
		t.Run(profile.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				broker := stomptest.NewBroker(stomptest.WithPipe(), stomptest.WithProfile(profile))
				defer broker.Close()
				var mu sync.Mutex
				last, cut := false, false // the last retry of all has begun; the connection was cut
				broker.Intercept(func(e stomptest.Event) stomptest.Action {
					mu.Lock()
					defer mu.Unlock()
					last = last || e.Frame.Command == "SEND" && e.Frame.Get("attempt") == "3"
					if last && !cut && e.Frame.Command == command {
						cut = true
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

// What anybody may write into the header stops no worker.
func TestAttempt_of_any_header(t *testing.T) {
	for text, want := range map[string]int{"": 1, "2": 2, "two": 1, "0": 1, "-5": 1, "99999999999999999999": math.MaxInt} {
		if n := attempt(stomp.Frame{Header: stomp.Header{{"attempt", text}}}); n != want {
			t.Errorf("attempt %q is number %d, want %d", text, n, want)
		}
	}
}

// The broker refuses for a while what settles an order that has failed, and lets the session live. The order does not keep
// its place for ever: a new session has the broker deliver it again.
func TestRun_gives_back_what_it_cannot_settle(t *testing.T) {
	for profile, command := range map[stomptest.Profile]string{stomptest.Generic: "COMMIT", stomptest.Artemis: "SEND"} {
		t.Run(profile.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				broker := stomptest.NewBroker(stomptest.WithPipe(), stomptest.WithProfile(profile))
				defer broker.Close()
				start := time.Now()
				broker.Intercept(func(e stomptest.Event) stomptest.Action {
					if e.Frame.Command != command || e.Frame.Command == "SEND" && e.Frame.Get("attempt") == "" || time.Since(start) > 12*time.Second {
						return stomptest.Pass()
					}
					return stomptest.ReplyError("access refused", [][2]string{{"receipt-id", e.Frame.Get("receipt")}}, nil, false)
				})
				lines := play(t, broker)
				if count(lines, "coffee: the machine is cold, again in 1s") != 4 || count(lines, "coffee: done") != 1 || count(lines, "is in /queue/bar.dead") != 1 {
					t.Errorf("want coffee's first attempt at 0, 5, 10 and 15 s:\n%s", strings.Join(lines, "\n"))
				}
				if n := broker.QueueLen(workQueue) + broker.Unacked(workQueue); n != 0 {
					t.Errorf("%d orders are left", n)
				}
			})
		})
	}
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

// about lists what the first retry of an order sent: its SEND, with its transaction if there is one.
func about(broker *stomptest.Broker, order string) (list []string) {
	received := broker.Received()
	i := slices.IndexFunc(received, func(e stomptest.Event) bool {
		return e.Frame.Command == "SEND" && string(e.Frame.Body) == order && e.Frame.Get("attempt") == "2"
	})
	send := received[i].Frame
	text := "SEND " + send.Get("destination")
	for _, entry := range send.Header {
		if strings.HasPrefix(entry[0], "x-") || strings.HasPrefix(entry[0], "AMQ") || entry[0] == "attempt" {
			text += " " + entry[0] + ":" + entry[1]
		}
	}
	tx := send.Get("transaction")
	if tx == "" {
		if send.Get("receipt") != "" {
			text += " receipt"
		}
		return []string{text}
	}
	for _, e := range received {
		switch f := e.Frame; {
		case f.Get("transaction") != tx:
		case f.Command == "SEND":
			list = append(list, text)
		case f.Get("receipt") != "":
			list = append(list, f.Command+" receipt")
		default:
			list = append(list, f.Command)
		}
	}
	return list
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

package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/webstomp/webstomp/internal/exampletest"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

func TestMain(m *testing.M) { exampletest.Main(m, main) }

// What a Prometheus would scrape has the names that its users expect, and figures that grow.
func TestRun_is_scraped(t *testing.T) {
	for _, profile := range []stomptest.Profile{stomptest.Generic, stomptest.RabbitMQ} {
		t.Run(profile.String(), func(t *testing.T) {
			broker := stomptest.NewBroker(stomptest.WithProfile(profile), stomptest.WithLogin("guest", "secret"))
			defer broker.Close()
			ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
			defer stop()
			out, in := io.Pipe()
			ended := make(chan error, 1)
			go func() { // joined below
				err := run(ctx, in, config{url: broker.URL(), listen: "127.0.0.1:0", every: time.Millisecond, spans: true}, stomp.WithLogin("guest", "secret"))
				in.Close()
				ended <- err
			}()
			lines := bufio.NewScanner(out)
			if !lines.Scan() {
				t.Fatalf("it says nothing: %v", <-ended)
			}
			url, ok := strings.CutPrefix(lines.Text(), "metrics at ")
			if !ok {
				t.Fatalf("its first line is %q", lines.Text())
			}
			page := scrape(t, ctx, url)
			for !strings.Contains(page, `error_type="_OTHER"`) || !strings.Contains(page, `messaging_operation_name="nack"`) { // ten orders have come
				page = scrape(t, ctx, url)
			}
			checkPage(t, page)
			go func() { // ends with run
				for !strings.Contains(lines.Text(), "the milk is sour") && lines.Scan() {
				}
				stop()
				io.Copy(io.Discard, out)
			}()
			if err := <-ended; err != nil {
				t.Error(err)
			}
			if !strings.Contains(lines.Text(), "process /queue/orders consumer") {
				t.Errorf("the span that failed is printed as %q", lines.Text())
			}
		})
	}
}

func scrape(t *testing.T, ctx context.Context, url string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(ctx, "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := new(http.Client).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	page, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatal(response.Status, err)
	}
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	return string(page)
}

// checkPage checks names, units and types as Prometheus' own tools do, and that those are there that people look for.
func checkPage(t *testing.T, page string) {
	t.Helper()
	problems, err := promlint.New(strings.NewReader(page)).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("promlint says %v, %v", problems, err)
	}
	var names []string
	for line := range strings.Lines(page) {
		if typed, ok := strings.CutPrefix(line, "# TYPE "); ok {
			names = append(names, strings.TrimSpace(typed))
		}
	}
	for _, want := range []string{
		"messaging_client_consumed_messages_total counter",
		"messaging_client_operation_duration_seconds histogram",
		"messaging_client_sent_messages_total counter",
		"messaging_process_duration_seconds histogram",
		"stomp_client_connect_attempts_total counter",
		"stomp_client_connect_failures_total counter",
		"stomp_client_connected gauge",
		"stomp_client_dropped_frames_total counter",
		"stomp_client_errors_total counter",
		"stomp_client_frames_total counter",
		"stomp_client_heart_beats_total counter",
		"stomp_client_io_bytes_total counter",
		"stomp_client_queued_frames gauge",
		"stomp_client_queued_size_bytes gauge",
		"stomp_client_receipts_pending gauge",
		"stomp_client_repaired_frames_total counter",
		"stomp_client_reply_queues gauge",
		"stomp_client_sessions_total counter",
		"stomp_client_stalls_total counter",
		"stomp_client_stray_errors_total counter",
		"stomp_client_subscriptions gauge",
		"stomp_client_unmatched_frames_total counter",
		"stomp_client_unwritten_frames gauge",
		"stomp_client_unwritten_size_bytes gauge",
		"stomp_subscription_delivered_messages_total counter",
		"stomp_subscription_dropped_messages_total counter",
		"stomp_subscription_open gauge",
		"stomp_subscription_queued_messages gauge",
		"stomp_subscription_queued_size_bytes gauge",
		"stomp_subscription_received_messages_total counter",
		"stomp_subscription_restored_total counter",
		"stomp_subscription_stalls_total counter",
		"stomp_subscription_waiting gauge",
	} {
		if !slices.Contains(names, want) {
			t.Errorf("%q is missing", want)
		}
		names = slices.DeleteFunc(names, func(name string) bool { return name == want })
	}
	if !slices.Equal(names, []string{"target_info gauge"}) {
		t.Errorf("not in the list of the package's documentation: %v", names)
	}
}

// What is being made when the end comes is made, and acknowledged: nobody makes it again.
func TestRun_acknowledges_what_is_done_as_it_ends(t *testing.T) {
	broker := stomptest.NewBroker()
	defer broker.Close()
	ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
	defer stop()
	out, in := io.Pipe()
	ended := make(chan error, 1)
	go func() { // joined below
		err := run(ctx, in, config{url: broker.URL(), listen: "127.0.0.1:0", every: time.Hour, takes: time.Second})
		in.Close()
		ended <- err
	}()
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		t.Fatalf("it says nothing: %v", <-ended)
	}
	url := strings.TrimPrefix(lines.Text(), "metrics at ")
	go io.Copy(io.Discard, out) // ends with run
	for !strings.Contains(scrape(t, ctx, url), "messaging_client_consumed_messages_total{") {
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	acknowledged := 0
	for _, e := range broker.Received() {
		if e.Frame.Command == "ACK" {
			acknowledged++
		}
	}
	if acknowledged != 1 {
		t.Errorf("%d ACKs, want one", acknowledged)
	}
}

// Ctrl-C is no failure, also before there is a connection.
func TestRun_ends_while_it_connects(t *testing.T) {
	broker := stomptest.NewBroker()
	defer broker.Close()
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := run(ctx, io.Discard, config{url: broker.URL(), listen: "127.0.0.1:0", every: time.Second}); err != nil {
		t.Error(err)
	}
}

func TestMain_exits_with_1(t *testing.T) {
	exampletest.Fails(t, (*stomptest.Broker).URL)
	if r := exampletest.Start(t, "-listen", "127.0.0.1:99999").Wait(); r.Code != 1 || !strings.Contains(r.Stderr, "99999") {
		t.Errorf("without a port to listen on: %v", r)
	}
}

// Without flags it serves, and a signal ends it well.
func TestMain_needs_no_flags(t *testing.T) {
	p := exampletest.Start(t, "-listen", "127.0.0.1:0") // the usual port may be somebody else's
	p.Await("metrics at http://127.0.0.1:")
	p.Signal(os.Interrupt)
	if r := p.Wait(); r.Code != 0 {
		t.Error(r)
	}
}

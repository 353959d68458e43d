package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/exampletest"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

func TestMain(m *testing.M) { exampletest.Main(m, main) }

func TestMain_needs_no_flags(t *testing.T) {
	exampletest.Prints(t, "goes on with offset 0\noffset 0: event 1\noffset 1: event 2\noffset 2: event 3\n")
}

func TestMain_goes_on_behind_the_ledger(t *testing.T) {
	broker := stomptest.NewBroker(stomptest.WithProfile(stomptest.RabbitMQ4))
	defer broker.Close()
	ledger := filepath.Join(t.TempDir(), "ledger.txt")
	args := []string{"-url", broker.URL(), "-ledger", ledger, "-publish", "2", "-n", "2"}
	exampletest.Prints(t, "goes on with offset 0\noffset 0: event 1\noffset 1: event 2\n", args...)
	exampletest.Prints(t, "goes on with offset 2\noffset 2: event 1\noffset 3: event 2\n", args...)
}

// What a message has in it may look like a line of the ledger.
func TestMain_goes_on_behind_any_message(t *testing.T) {
	broker := stomptest.NewBroker(stomptest.WithProfile(stomptest.RabbitMQ4))
	defer broker.Close()
	args := []string{"-url", broker.URL(), "-ledger", filepath.Join(t.TempDir(), "ledger.txt"), "-publish", "0", "-n", "1"}
	for offset, body := range []string{"a\n17 b", "c\n"} {
		broker.Publish(queue, [][2]string{{"x-queue-type", "stream"}}, []byte(body))
		exampletest.Prints(t, fmt.Sprintf("goes on with offset %d\noffset %d: %s\n", offset, offset, body), args...)
	}
}

// The program is killed, and its connection cut, while it reads: the ledger has each offset once, in order.
func TestMain_works_off_each_offset_once(t *testing.T) {
	broker := stomptest.NewBroker(stomptest.WithProfile(stomptest.RabbitMQ4))
	defer broker.Close()
	ledger := filepath.Join(t.TempDir(), "ledger.txt")
	const messages, part = 400, 100
	published := 0
	for n := part; n <= messages; n += part {
		for ; published < min(n+part/2, messages); published++ { // more than it is waited for: the kill comes in between
			broker.Publish(queue, [][2]string{{"x-queue-type", "stream"}}, fmt.Append(nil, published))
		}
		p := exampletest.Start(t, "-url", broker.URL(), "-ledger", ledger, "-publish", "0", "-n", "0")
		p.Await(fmt.Sprintf("offset %d: ", n-part/2))
		broker.Cut()
		p.Await(fmt.Sprintf("offset %d: ", n-1))
		p.Signal(os.Kill)
		p.Wait()
	}
	text, err := os.ReadFile(ledger)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	if len(lines) != messages {
		t.Errorf("the ledger has %d lines, want %d", len(lines), messages)
	}
	for i, line := range lines {
		if want := fmt.Sprintf("%d \"%d\"", i, i); line != want {
			t.Fatalf("line %d is %q, want %q", i, line, want)
		}
	}
}

// The connection is cut during the first message, while all the others wait in the client. They come again on the next
// session, which had to begin with the first one.
func TestRead_skips_what_comes_again(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broker := stomptest.NewBroker(stomptest.WithPipe(), stomptest.WithProfile(stomptest.RabbitMQ4))
		defer broker.Close()
		client, err := stomp.Connect(t.Context(), broker.URL(), stomp.WithHTTPClient(broker.Client()))
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		publish := func(n int) {
			broker.Publish(queue, [][2]string{{"x-queue-type", "stream"}}, fmt.Append(nil, n))
		}
		for n := range 10 {
			publish(n)
		}
		var offsets []int64
		err = read(t.Context(), client, 0, func(offset int64, m stomp.Frame) error {
			offsets = append(offsets, offset)
			switch offset {
			case 0:
				broker.Cut()
				time.Sleep(time.Minute) // by then it is all there once more
				publish(10)
			case 10:
				return errEnough
			}
			return nil
		})
		if want := []int64{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10}; !errors.Is(err, errEnough) || !slices.Equal(offsets, want) {
			t.Errorf("worked off %v, want %v; %v", offsets, want, err)
		}
		if n := broker.Sessions(); n != 2 {
			t.Errorf("%d sessions, want 2", n)
		}
	})
}

func TestMain_ends_with_a_signal(t *testing.T) {
	broker := stomptest.NewBroker()
	defer broker.Close()
	p := exampletest.Start(t, "-url", broker.URL(), "-n", "0")
	p.Await("offset 2: event 3\n")
	p.Signal(os.Interrupt)
	if r := p.Wait(); r.Code != 0 {
		t.Error(r)
	}
}

// RabbitMQ does not tell that it has rejected a message, or that a stream has lost the majority of its nodes. The log does,
// each minute, and the message goes out when it can.
func TestRun_tells_what_is_not_confirmed(t *testing.T) {
	var text bytes.Buffer
	log.SetOutput(&text)
	defer log.SetOutput(os.Stderr)
	synctest.Test(t, func(t *testing.T) {
		broker := stomptest.NewBroker(stomptest.WithPipe(), stomptest.WithProfile(stomptest.RabbitMQ4))
		defer broker.Close()
		start := time.Now()
		broker.Intercept(func(e stomptest.Event) stomptest.Action {
			if e.Frame.Command == "SEND" && time.Since(start) < 150*time.Second {
				return stomptest.Drop()
			}
			return stomptest.Pass()
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		err := run(ctx, io.Discard, broker.URL(), filepath.Join(t.TempDir(), "ledger.txt"), 1, 1, stomp.WithHTTPClient(broker.Client()))
		if took := time.Since(start); err != nil || took > 4*time.Minute {
			t.Errorf("after %v: %v", took, err)
		}
	})
	if n := strings.Count(text.String(), "trying again"); n != 2 {
		t.Errorf("it tells of %d minutes, want 2:\n%s", n, text.String())
	}
}

// Ctrl-C, and the end of the Client, end it at once.
func TestSend_ends(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broker := stomptest.NewBroker(stomptest.WithPipe())
		defer broker.Close()
		client, err := stomp.Connect(t.Context(), broker.URL(), stomp.WithHTTPClient(broker.Client()))
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		broker.Intercept(func(e stomptest.Event) stomptest.Action {
			if e.Frame.Command == "SEND" {
				return stomptest.Drop()
			}
			return stomptest.Pass()
		})
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := send(ctx, client, nil); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
		time.AfterFunc(time.Second, func() { client.Close() })
		if err := send(t.Context(), client, nil); !errors.Is(err, stomp.ErrClosed) || time.Since(start) != 2*time.Second {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
	})
}

// A signal ends it also where the broker does not answer any more.
func TestRun_ends_without_the_broker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broker := stomptest.NewBroker(stomptest.WithPipe())
		defer broker.Close()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		ended := make(chan error, 1)
		go func() { // joined below
			ended <- run(ctx, io.Discard, broker.URL(), filepath.Join(t.TempDir(), "ledger.txt"), 1, 0, stomp.WithHTTPClient(broker.Client()))
		}()
		synctest.Wait()
		broker.Silence(true)
		start := time.Now()
		cancel()
		if err := <-ended; !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 5*time.Second {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
	})
}

func TestMain_leaves_no_file_behind(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	for _, args := range [][]string{nil, {"-url", "ws://127.0.0.1:1"}} {
		r := exampletest.Start(t, args...).Wait()
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("%v\nit leaves %v, %v", r, left, err)
		}
	}
}

func TestMain_exits_with_1(t *testing.T) {
	exampletest.Fails(t, (*stomptest.Broker).URL)
	broker := stomptest.NewBroker(stomptest.WithProfile(stomptest.Classic)) // which has no streams
	defer broker.Close()
	if r := exampletest.Start(t, "-url", broker.URL()).Wait(); r.Code != 1 || !strings.Contains(r.Stderr, "/queue/journal is no stream") {
		t.Error(r)
	}
}

func TestOpenLedger(t *testing.T) {
	for name, test := range map[string]struct {
		text, left string
		next       int64
		fails      bool
	}{
		"new":             {"", "", 0, false},
		"a line":          {"0 a\n", "0 a\n", 1, false},
		"lines":           {"0 a\n17 b c\n", "0 a\n17 b c\n", 18, false},
		"torn":            {"0 a\n1 b", "0 a\n", 1, false},
		"torn at first":   {"0", "", 0, false},
		"not a ledger":    {"dear diary\n", "dear diary\n", 0, true},
		"an empty offset": {"\n", "\n", 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "ledger.txt")
			if err := os.WriteFile(path, []byte(test.text), 0o600); err != nil {
				t.Fatal(err)
			}
			file, next, err := openLedger(path)
			if (err != nil) != test.fails || next != test.next {
				t.Errorf("next %d, %v", next, err)
			}
			if err == nil {
				file.Close()
			}
			if left, _ := os.ReadFile(path); string(left) != test.left {
				t.Errorf("it holds %q, want %q", left, test.left)
			}
		})
	}
}

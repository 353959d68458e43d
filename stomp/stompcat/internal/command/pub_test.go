package command

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// What is a message: an argument, a line byte for byte, a file, all of standard input.
func TestPub_takes_bodies_from_everywhere(t *testing.T) {
	file := filepath.Join(t.TempDir(), "body")
	if err := os.WriteFile(file, []byte("a file\nof two lines\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		stdin string
		args  []string
		want  []string
	}{
		"arguments":         {"ignored", []string{"one", "", "three words here"}, []string{"one", "", "three words here"}},
		"lines":             {"one\r\n\ntwo \nlast", nil, []string{"one\r", "", "two ", "last"}},
		"lines_amid_others": {"1\n2\n", []string{"a", "-", "b"}, []string{"a", "1", "2", "b"}},
		"no_lines":          {"", nil, nil},
		"NUL":               {"one\ntwo\x00three", []string{"-d", `\0`}, []string{"one\ntwo", "three"}},
		"long_delimiter":    {"one--two-", []string{"-d", "--"}, []string{"one", "two-"}},
		"files":             {"", []string{"-f", file, "--file", file}, []string{"a file\nof two lines\n", "a file\nof two lines\n"}},
		"whole":             {"one\ntwo\n", []string{"-f", "-"}, []string{"one\ntwo\n"}},
		"whole_and_empty":   {"", []string{"-f", "-"}, []string{""}},
		"argument_and_file": {"", []string{"first", "-f", file}, []string{"first", "a file\nof two lines\n"}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBroker(t)
			outside{stdin: c.stdin}.run(t, append([]string{"pub", b.URL(), "/queue/a"}, c.args...)...).want(t, 0, "")
			if got := bodies(b); !slices.Equal(got, c.want) {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

func TestPub_header(t *testing.T) {
	b := newBroker(t)
	outside{}.run(t, "pub", b.URL(), "/queue/a", "x", "-H", "a=b=c", "--header", "d=", "--persistent", "--reply-to", "/queue/r").want(t, 0, "")
	f := await(t, b, command("SEND"))
	if f.Get("a") != "b=c" || f.Get("persistent") != "true" || f.Get("reply-to") != "/queue/r" || f.Get("content-type") != "text/plain" || f.Get("receipt") == "" || f.Get("content-length") != "1" {
		t.Error(f.Header)
	}
	for _, c := range []struct {
		flag, body, want string
	}{
		{"", "\xff", "application/octet-stream"}, {"--content-type=image/png", "\xff", "image/png"},
		{"--content-type=application/json", "{}", "application/json"}, {"--content-type=none", "x", ""},
	} {
		b := newBroker(t)
		args := []string{"pub", b.URL(), "/queue/a", c.body, "--no-content-length"}
		if c.flag != "" {
			args = append(args, c.flag)
		}
		outside{}.run(t, args...).want(t, 0, "")
		if f := await(t, b, command("SEND")); f.Get("content-type") != c.want || f.Get("content-length") != "" {
			t.Errorf("%s %q: %v", c.flag, c.body, f.Header)
		}
	}
}

// 0 means confirmed: the first refusal ends pub, and it tells what has become of the others.
func TestPub_refused(t *testing.T) {
	b := newBroker(t)
	b.Intercept(func(e stomptest.Event) stomptest.Action {
		if e.Frame.Command == "SEND" && string(e.Frame.Body) == "3" {
			return stomptest.ReplyError("not this one", [][2]string{{"receipt-id", e.Frame.Get("receipt")}}, nil, false)
		}
		return stomptest.Pass()
	})
	outside{stdin: "1\n2\n3\n"}.run(t, "pub", b.URL(), "/queue/a").want(t, statusError, "",
		`stompcat: `, `broker says ERROR "not this one"`, "(confirmed: 2, refused: 1)\n")
	endless, writer := io.Pipe()
	defer writer.Close()
	go io.WriteString(writer, "1\n2\n3\n") // ends with the broker's answer, when it was read
	var stderr buffer
	status := Run(Env{Args: []string{"pub", b.URL(), "/queue/a"}, Stdin: endless, Stdout: io.Discard, Stderr: &stderr, Getenv: func(string) string { return "" }})
	if status != statusError || !strings.Contains(stderr.String(), "refused: 1") {
		t.Errorf("while the input goes on: status %d, %s", status, stderr.String())
	}
}

// A server that sends no receipts.
func TestPub_without_receipts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := stomptest.NewBroker(stomptest.WithPipe(), stomptest.WithProfile(stomptest.Spring))
		defer b.Close()
		start := time.Now()
		o := piped(b)
		o.stdin = strings.Repeat("x\n", 10_000) // more than may be under way
		o.run(t, "pub", b.URL(), "/topic/a").want(t, statusTimeout, "", "stompcat: no receipt within --timeout 30s: for a server that sends none, such as Spring's simple broker, use --no-receipt (confirmed: 0, unknown: ")
		if took := time.Since(start); took < 30*time.Second || took > 36*time.Second {
			t.Errorf("it took %v", took)
		}
		start = time.Now()
		o.run(t, "pub", b.URL(), "/topic/a", "--no-receipt").want(t, 0, "")
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("without receipts it took %v", took)
		}
		if n := len(b.Received()); n < 4096 { // it keeps no more
			t.Errorf("the broker has %d frames", n)
		}
	})
}

// Without receipts 0 means that the server has read everything, and refused nothing that it told of.
func TestPub_without_receipts_says_what_may_be_missing(t *testing.T) {
	for _, profile := range []stomptest.Profile{stomptest.Generic, stomptest.RabbitMQ, stomptest.RabbitMQ4, stomptest.Artemis, stomptest.Classic, stomptest.Spring, stomptest.Spring7, stomptest.Spring7Jetty, stomptest.OpenMQ} {
		t.Run(profile.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				send := func(spoil func(b *stomptest.Broker)) outcome {
					b := stomptest.NewBroker(stomptest.WithPipe(), stomptest.WithProfile(profile))
					defer b.Close()
					spoil(b)
					o := piped(b)
					o.stdin = strings.Repeat("x\n", 100)
					return o.run(t, "pub", b.URL(), "/queue/a", "--no-receipt")
				}
				send(func(*stomptest.Broker) {}).want(t, 0, "")
				if got := send(func(b *stomptest.Broker) { b.Refuse("/queue/a") }); got.status != statusError && got.status != statusLost {
					t.Errorf("refused: %+v", got)
				}
				cut := func(b *stomptest.Broker) {
					b.Intercept(func(e stomptest.Event) stomptest.Action {
						if e.Frame.Command == "SEND" {
							return stomptest.CutAfter()
						}
						return stomptest.Pass()
					})
				}
				if got := send(cut); got.status != statusLost && got.status != statusTimeout {
					t.Errorf("cut: %+v", got)
				}
			})
		})
	}
}

// Where all are confirmed, a server that does not answer DISCONNECT makes no failure of it.
func TestPub_confirmed_before_a_silent_end(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := stomptest.NewBroker(stomptest.WithPipe())
		defer b.Close()
		b.Intercept(func(e stomptest.Event) stomptest.Action {
			if e.Frame.Command == "DISCONNECT" {
				return stomptest.Drop()
			}
			return stomptest.Pass()
		})
		start := time.Now()
		piped(b).run(t, "pub", b.URL(), "/queue/a", "1").want(t, 0, "")
		if took := time.Since(start); took > grace {
			t.Errorf("it took %v", took)
		}
	})
}

// Whether the broker has what was under way is unknown, unless --retry sends it again.
func TestPub_connection_lost(t *testing.T) {
	for _, retry := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			b := stomptest.NewBroker(stomptest.WithPipe())
			defer b.Close()
			cut := false
			b.Intercept(func(e stomptest.Event) stomptest.Action {
				if e.Frame.Command == "SEND" && string(e.Frame.Body) == "2" && !cut {
					cut = true
					return stomptest.CutAfter()
				}
				return stomptest.Pass()
			})
			o := piped(b)
			o.stdin = "1\n2\n3\n"
			args := []string{"pub", b.URL(), "/queue/a"}
			if !retry {
				o.run(t, args...).want(t, statusLost, "", "connection lost", "confirmed: ", "unknown: ")
				return
			}
			o.run(t, append(args, "--retry")...).want(t, 0, "", "; reconnecting", "connected again")
			if got := bodies(b); !slices.Contains(got, "3") || len(got) < 4 {
				t.Errorf("%q: want the second again", got)
			}
		})
	}
}

// Without receipts a connection that was lost meanwhile is what there is to go by.
func TestPub_connection_lost_without_receipts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := stomptest.NewBroker(stomptest.WithPipe(), stomptest.WithProfile(stomptest.Spring))
		defer b.Close()
		b.Intercept(func(e stomptest.Event) stomptest.Action {
			if e.Frame.Command == "SEND" && string(e.Frame.Body) == "2" && e.Connection == 1 {
				return stomptest.CutAfter()
			}
			return stomptest.Pass()
		})
		input, writer := io.Pipe()
		var stderr buffer
		done := make(chan int)
		go func() { // joined by the receive below
			done <- Run(Env{
				Args: []string{"pub", b.URL(), "/topic/a", "--no-receipt"}, Stdin: input, Stdout: io.Discard, Stderr: &stderr,
				Getenv: func(string) string { return "" }, Options: piped(b).options,
			})
		}()
		io.WriteString(writer, "1\n2\n")
		time.Sleep(time.Minute) // it has reconnected
		io.WriteString(writer, "3\n")
		writer.Close()
		if status := <-done; status != statusLost || !strings.Contains(stderr.String(), "stompcat: connection lost meanwhile: of 3 messages some may be missing\n") {
			t.Errorf("status %d, %s", status, stderr.String())
		}
	})
}

// A signal stops reading; what was sent is still confirmed.
func TestPub_signal(t *testing.T) {
	b := newBroker(t)
	input, writer := io.Pipe()
	defer writer.Close()
	signals := make(chan os.Signal, 1)
	var stderr buffer
	done := make(chan int)
	go func() { // joined by the receive below
		done <- Run(Env{
			Args: []string{"pub", b.URL(), "/queue/a"}, Stdin: input, Stdout: io.Discard, Stderr: &stderr,
			Getenv: func(string) string { return "" }, Signals: signals,
		})
	}()
	io.WriteString(writer, "1\n2\n")
	until(t, "two messages", func() bool { return b.QueueLen("/queue/a") == 2 })
	signals <- os.Interrupt
	if status := <-done; status != 130 || stderr.String() != "" {
		t.Errorf("status %d, %s", status, stderr.String())
	}
	if got := commands(b); !slices.Equal(got, []string{"SEND", "SEND", "DISCONNECT"}) {
		t.Errorf("the broker got %v", got)
	}
}

// The second signal ends the process, whatever it waits for.
func TestRun_second_signal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := stomptest.NewBroker(stomptest.WithPipe())
		defer b.Close()
		b.Intercept(func(e stomptest.Event) stomptest.Action {
			if e.Frame.Command == "SEND" {
				return stomptest.FallSilent()
			}
			return stomptest.Pass()
		})
		signals, exited := make(chan os.Signal, 2), make(chan int, 1)
		go Run(Env{ // goes on after Exit here, and ends within the bubble
			Args: []string{"pub", b.URL(), "/queue/a", "x"}, Stdin: strings.NewReader(""), Stdout: io.Discard, Stderr: io.Discard,
			Getenv: func(string) string { return "" }, Signals: signals, Exit: func(status int) { exited <- status },
			Options: []stomp.ConnectOption{stomp.WithHTTPClient(b.Client())},
		})
		synctest.Wait()
		signals <- os.Interrupt
		synctest.Wait()
		signals <- os.Interrupt
		if status := <-exited; status != 130 {
			t.Errorf("status %d", status)
		}
		b.Silence(false)
	})
}

// Who reads the output, and has stopped, holds up the end for 15 s and no longer: a supervisor sends one SIGTERM.
func TestRun_signal_while_nobody_reads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := stomptest.NewBroker(stomptest.WithPipe())
		defer b.Close()
		b.Publish("/queue/a", nil, []byte("x"))
		reader, writer := io.Pipe()
		signals, exited, done := make(chan os.Signal, 1), make(chan int, 1), make(chan int)
		go func() { // goes on after Exit here; joined below
			done <- Run(Env{
				Args: []string{"sub", b.URL(), "/queue/a"}, Stdin: strings.NewReader(""), Stdout: writer, Stderr: io.Discard,
				Getenv: func(string) string { return "" }, Signals: signals, Exit: func(status int) { exited <- status },
				Options: []stomp.ConnectOption{stomp.WithHTTPClient(b.Client())},
			})
		}()
		synctest.Wait()
		start := time.Now()
		signals <- syscall.SIGTERM
		select {
		case status := <-exited:
			if status != 143 || time.Since(start) != 15*time.Second {
				t.Errorf("status %d after %v", status, time.Since(start))
			}
		case <-time.After(time.Minute):
			t.Error("it goes on")
		}
		reader.Close()
		<-done
	})
}

func TestReq(t *testing.T) {
	b := newBroker(t)
	client, err := stomp.Connect(t.Context(), b.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	requests, err := client.Subscribe(t.Context(), "/queue/echo", stomp.WithReceipt())
	if err != nil {
		t.Fatal(err)
	}
	answered := make(chan struct{})
	go func() { // joined below
		defer close(answered)
		for f := range requests {
			if err := client.Reply(t.Context(), f, append([]byte("re: "), f.Body...), stomp.WithHeader("x", f.Header.Get("x"))); err != nil {
				t.Error(err)
			}
		}
	}()
	outside{}.run(t, "req", b.URL(), "/queue/echo", "hello").want(t, 0, "re: hello\n")
	outside{stdin: "from\nstdin\n"}.run(t, "req", b.URL(), "/queue/echo", "--delimiter", "").want(t, 0, "re: from\nstdin\n")
	got := outside{}.run(t, "req", b.URL(), "/queue/echo", "hello", "--json", "-H", "x=7", "--reply-to", "/queue/mine")
	if got.status != 0 || !strings.Contains(got.out, `"body":"re: hello"`) || !strings.Contains(got.out, `"x":"7"`) {
		t.Errorf("%+v", got)
	}
	client.Close()
	<-answered
	outside{}.run(t, "req", b.URL(), "/queue/nobody", "hello", "--timeout", "20ms").want(t, statusTimeout, "", "stompcat: request /queue/nobody: waiting for the reply: nothing within --timeout 20ms (the request may have been handled)\n")
	outside{}.run(t, "req", b.URL(), "/queue/a", "one", "two").want(t, statusUsage, "", "a request has one body")
}

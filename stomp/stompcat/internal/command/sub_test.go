package command

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/stomp/stomptest"
)

func TestSub_writes_bodies_with_a_delimiter(t *testing.T) {
	for name, c := range map[string]struct {
		flags []string
		want  string
	}{
		"line_feed": {nil, "one\ntwo\nlines\n"},
		"NUL":       {[]string{"-d", `\0`}, "one\x00two\nlines\x00"},
		"text":      {[]string{"--delimiter", "--"}, "one--two\nlines--"},
		"nothing":   {[]string{"--delimiter", ""}, "onetwo\nlines"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBroker(t)
			b.Publish("/queue/a", nil, []byte("one"))
			b.Publish("/queue/a", nil, []byte("two\nlines"))
			outside{}.run(t, append([]string{"sub", b.URL(), "/queue/a", "-n", "2"}, c.flags...)...).want(t, 0, c.want)
		})
	}
}

// An object a line: the header in wire order, the first of repeated names, and a body that is no text in base64.
func TestSub_json(t *testing.T) {
	b := newBroker(t)
	b.Publish("/queue/a", [][2]string{{"x", "<1>"}, {"x", "2"}}, []byte(`{"a":"<b>"}`))
	b.Publish("/queue/a", nil, []byte{0xff, 0})
	b.Publish("/queue/a", nil, nil)
	got := outside{}.run(t, "sub", b.URL(), "/queue/a", "--count", "3", "--json")
	lines := strings.Split(strings.TrimSpace(got.out), "\n")
	if got.status != 0 || len(lines) != 3 {
		t.Fatalf("%+v", got)
	}
	if !strings.HasPrefix(lines[0], `{"destination":"/queue/a","session":1,"header":{`) || !strings.Contains(lines[0], `"x":"<1>"`) || strings.Contains(lines[0], `"2"`) {
		t.Error(lines[0])
	}
	var records [3]struct {
		Body   *string           `json:"body"`
		Base64 []byte            `json:"body_base64"`
		Header map[string]string `json:"header"`
	}
	for i, line := range lines {
		if err := json.Unmarshal([]byte(line), &records[i]); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
	}
	if *records[0].Body != `{"a":"<b>"}` || records[1].Body != nil || string(records[1].Base64) != "\xff\x00" || *records[2].Body != "" || records[0].Header["message-id"] == "" {
		t.Errorf("%s", got.out)
	}
}

// JSON may stand on a terminal too, and means the same with what would do something there escaped.
func TestSub_json_escapes_what_a_terminal_obeys(t *testing.T) {
	b := newBroker(t)
	body := "\x1b]0;\x07\u009b31m \x7f \u202e \U000e0041 ünï 🙂"
	b.Publish("/queue/a", [][2]string{{"x", body}}, []byte(body))
	got := outside{}.run(t, "sub", b.URL(), "/queue/a", "-n", "1", "--json")
	var r struct {
		Body   string            `json:"body"`
		Header map[string]string `json:"header"`
	}
	if err := json.Unmarshal([]byte(got.out), &r); err != nil || r.Body != body || r.Header["x"] != body {
		t.Errorf("%v: %+v", err, got)
	}
	if strings.ContainsFunc(got.out, isHidden) || !strings.Contains(got.out, `\u009b31m \u007f \u202e \udb40\udc41 ünï 🙂`) {
		t.Errorf("%q", got.out)
	}
}

// What came from elsewhere does nothing to a terminal.
func TestSub_full_shows_control_characters(t *testing.T) {
	b := newBroker(t)
	b.Publish("/queue/a", [][2]string{{"x", "\x1b[31mred\nline"}, {"y\nz", "1"}}, []byte("\x1b]0;title\x07 ünï\tcode\r\n"))
	b.Publish("/queue/a", nil, append([]byte{0xff}, strings.Repeat("A", 300)...))
	got := outside{}.run(t, "sub", b.URL(), "/queue/a", "-n", "2", "--full")
	for _, want := range []string{"/queue/a\n", "x: \\x1b[31mred\\nline\n", "y\\nz: 1\n", "\n\n\\x1b]0;title\\x07 ünï\tcode\n\n", "00000000  ff 41", "… 301 bytes\n"} {
		if !strings.Contains(got.out, want) {
			t.Errorf("%q is not in\n%s", want, got.out)
		}
	}
	if strings.Contains(got.out, "\x1b") {
		t.Errorf("escape sequences in %q", got.out)
	}
	// U+009B and, in another character set, the byte begin an escape sequence as well.
	if got := visible("a\u009b31m\x9b\u202eü\ufffd"); got != `a\x9b31m\x9b\x202eü`+"\ufffd" {
		t.Errorf("%q", got)
	}
	if got := (outside{}).run(t, "sub", b.URL(), "/queue/b", "--timeout", "1ms", "--color", "always"); got.status != 0 {
		t.Errorf("%+v", got)
	}
}

// What is beyond the count stays in its queue, unless --ack auto says otherwise.
func TestSub_count_leaves_the_rest(t *testing.T) {
	b := newBroker(t)
	for i := range 5 {
		b.Publish("/queue/a", nil, fmt.Append(nil, i))
	}
	outside{}.run(t, "sub", b.URL(), "/queue/a", "--count", "2").want(t, 0, "0\n1\n")
	if n := b.QueueLen("/queue/a"); n != 3 || b.Unacked("/queue/a") != 0 {
		t.Errorf("%d messages are left, and %d unacked", n, b.Unacked("/queue/a"))
	}
	if got := commands(b); got[0] != "SUBSCRIBE" || got[1] != "ACK" || got[2] != "ACK" || got[len(got)-1] != "DISCONNECT" {
		t.Errorf("the broker got %v", got)
	}
	outside{}.run(t, "sub", b.URL(), "/queue/a", "--count", "1", "--ack", "client").want(t, 0, "2\n")
	outside{}.run(t, "sub", b.URL(), "/queue/a", "--count", "1", "--protocol-version", "1.0").want(t, 0, "3\n")
	if n := b.QueueLen("/queue/a"); n != 1 {
		t.Errorf("%d messages are left", n)
	}
}

// Spring's simple broker sends a message to those who are there, and wants no acknowledgement. Whoever asks for the mode
// is told.
func TestSub_count_where_nothing_is_acknowledged(t *testing.T) {
	for flag, told := range map[string]bool{"--count=1": false, "--ack=client-individual": true} {
		synctest.Test(t, func(t *testing.T) {
			b := newBroker(t, stomptest.WithPipe(), stomptest.WithProfile(stomptest.Spring))
			time.AfterFunc(time.Second, func() { b.Publish("/topic/a", nil, []byte("one")) })
			got := piped(b).run(t, "sub", b.URL(), "/topic/a", "--count=1", flag)
			if got.status != 0 || got.out != "one\n" || (got.err != "") != told {
				t.Errorf("%s: %+v", flag, got)
			}
		})
	}
}

// On RabbitMQ what is beyond the count stays in its queue.
func TestSub_count_bounds_the_prefetch_on_RabbitMQ(t *testing.T) {
	b := newBroker(t, stomptest.WithProfile(stomptest.RabbitMQ4))
	for i := range 5 {
		b.Publish("/queue/a", nil, fmt.Append(nil, i))
	}
	outside{}.run(t, "sub", b.URL(), "/queue/a", "--count", "2").want(t, 0, "0\n1\n")
	if got := await(t, b, command("SUBSCRIBE")).Get("prefetch-count"); got != "2" {
		t.Errorf("prefetch-count:%s", got)
	}
	outside{}.run(t, "sub", b.URL(), "/queue/b", "--count", "2", "-H", "prefetch-count=7", "--timeout", "1ms").says(t, "0 messages within")
	if e := b.Received()[len(b.Received())-1]; e.Frame.Command != "DISCONNECT" {
		t.Errorf("%v came last", e.Frame)
	}
}

func TestSub_several_destinations_come_in_one_stream(t *testing.T) {
	b := newBroker(t)
	signals := make(chan os.Signal, 1)
	r := outside{signals: signals}.start(t, "sub", b.URL(), "/topic/a", "/topic/b", "--selector", "x = 1", "-H", "x=y=z")
	until(t, "two subscriptions", func() bool { return b.Subscriptions("/topic/a")+b.Subscriptions("/topic/b") == 2 })
	for i, body := range []string{"1", "2", "3"} {
		b.Publish([]string{"/topic/a", "/topic/b"}[i%2], nil, []byte(body))
	}
	until(t, "three lines", func() bool { return r.out.String() == "1\n2\n3\n" })
	signals <- syscall.SIGTERM
	r.wait().want(t, 0, "1\n2\n3\n")
	if f := await(t, b, command("SUBSCRIBE")); f.Get("selector") != "x = 1" || f.Get("x") != "y=z" || f.Get("ack") != "auto" {
		t.Error(f.Header)
	}
	if got := commands(b); !slices.Equal(got, []string{"SUBSCRIBE", "SUBSCRIBE", "UNSUBSCRIBE", "UNSUBSCRIBE", "DISCONNECT"}) {
		t.Errorf("the broker got %v", got)
	}
}

// A signal before the count is reached has the status by which shells tell of it; all that was written is
// acknowledged.
func TestSub_signal_before_the_count(t *testing.T) {
	for signal, status := range map[os.Signal]int{os.Interrupt: 130, syscall.SIGTERM: 143} {
		b := newBroker(t)
		b.Publish("/queue/a", nil, []byte("1"))
		signals := make(chan os.Signal, 1)
		r := outside{signals: signals}.start(t, "sub", b.URL(), "/queue/a", "-n", "2")
		until(t, "a line", func() bool { return r.out.String() == "1\n" })
		signals <- signal
		r.wait().want(t, status, "1\n")
		if b.QueueLen("/queue/a")+b.Unacked("/queue/a") != 0 {
			t.Error("the message was not acknowledged")
		}
		if got := commands(b); !slices.Equal(got, []string{"SUBSCRIBE", "ACK", "UNSUBSCRIBE", "DISCONNECT"}) {
			t.Errorf("the broker got %v", got)
		}
	}
}

// One destination that is refused does not end the others; when none is left, sub ends.
func TestSub_refused_destinations(t *testing.T) {
	b := newBroker(t)
	b.Intercept(func(e stomptest.Event) stomptest.Action {
		if e.Frame.Command == "SUBSCRIBE" && strings.HasPrefix(e.Frame.Get("destination"), "/queue/no") {
			return stomptest.ReplyError("no such queue", [][2]string{{"receipt-id", e.Frame.Get("receipt")}}, nil, false)
		}
		return stomptest.Pass()
	})
	b.Publish("/queue/a", nil, []byte("1"))
	outside{}.run(t, "sub", b.URL(), "/queue/no", "/queue/no2").want(t, statusError, "", "/queue/no: ", `broker says ERROR "no such queue"`)
	signals := make(chan os.Signal, 1)
	r := outside{signals: signals}.start(t, "sub", b.URL(), "/queue/no", "/queue/a")
	until(t, "the refusal and a message", func() bool { return strings.Contains(r.err.String(), "no such queue") && r.out.String() == "1\n" })
	signals <- os.Interrupt
	r.wait().want(t, statusError, "1\n", "/queue/no: ")
}

// Standard error tells of an outage and its end.
func TestSub_tells_of_a_reconnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := stomptest.NewBroker(stomptest.WithPipe())
		defer b.Close()
		o := piped(b)
		o.signals = make(chan os.Signal, 1)
		r := o.start(t, "sub", b.URL(), "/topic/a")
		synctest.Wait()
		b.RefuseHandshakes(503, "restarting")
		b.Cut()
		time.Sleep(5 * time.Second)
		b.RefuseHandshakes(0, "")
		time.Sleep(time.Minute)
		b.Publish("/topic/a", nil, []byte("after"))
		synctest.Wait()
		o.signals <- os.Interrupt
		got := r.wait()
		got.want(t, 0, "after\n", "; reconnecting\n", "stompcat: connect ws://pipe.test/ws: the server refused the WebSocket upgrade: 503 Service Unavailable (the server says \"restarting\"); reconnecting\n", "stompcat: connected again to ws://pipe.test/ws, session 2: messages may be missing\n")
		if n := strings.Count(got.err, "\n"); n != 3 {
			t.Errorf("%d lines:\n%s", n, got.err)
		}
	})
}

func TestSub_no_reconnect_ends_with_the_connection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := stomptest.NewBroker(stomptest.WithPipe())
		defer b.Close()
		r := piped(b).start(t, "sub", b.URL(), "/topic/a", "--no-reconnect")
		synctest.Wait()
		b.Cut()
		r.wait().want(t, statusLost, "", "stompcat: connection lost")
	})
}

func TestSub_timeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := stomptest.NewBroker(stomptest.WithPipe())
		defer b.Close()
		start := time.Now()
		piped(b).run(t, "sub", b.URL(), "/topic/a", "--timeout", "10s").want(t, 0, "")
		piped(b).run(t, "sub", b.URL(), "/topic/a", "--timeout", "10s", "--count", "2").want(t, statusTimeout, "",
			"stompcat: 0 messages within --timeout 10s, and --count is 2\n")
		if took := time.Since(start); took != 20*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

// A pipe whose reader has gone ends sub, while nothing comes as well as with the next message.
func TestSub_ends_when_nobody_reads(t *testing.T) {
	b := newBroker(t)
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	var stderr buffer
	done := make(chan int)
	go func() { // joined by the receive below
		done <- Run(Env{
			Args: []string{"sub", b.URL(), "/topic/a"}, Stdin: strings.NewReader(""), Stdout: writer, Stderr: &stderr,
			Getenv: func(string) string { return "" },
		})
	}()
	until(t, "the subscription", func() bool { return b.Subscriptions("/topic/a") == 1 })
	reader.Close()
	if status := <-done; status != 0 || stderr.String() != "" {
		t.Errorf("status %d, %s", status, stderr.String())
	}
	if got := commands(b); got[len(got)-1] != "DISCONNECT" {
		t.Errorf("the broker got %v", got)
	}
}

func TestSub_overflow_reaches_the_group(t *testing.T) {
	b := newBroker(t)
	for _, policy := range policyNames {
		if got := (outside{}).run(t, "sub", b.URL(), "/topic/a", "--overflow", policy, "--buffer", "5", "--timeout", "10ms"); got.status != 0 {
			t.Errorf("%s: %+v", policy, got)
		}
	}
	for i, name := range policyNames {
		if got, err := parseOverflow(name); err != nil || int(got) != i || got.String() != strings.ReplaceAll(name, "-", " ") {
			t.Errorf("%s is %v, %v", name, got, err)
		}
	}
	outside{}.run(t, "sub", b.URL(), "/topic/a", "--overflow", "latest", "--ack", "client").want(t, statusUsage, "", "stompcat: --overflow latest goes with --ack auto alone")
}

// A signal has its turn while messages come faster than they can be written.
func TestSub_signal_amid_many_messages(t *testing.T) {
	const n = 50_000
	b := newBroker(t)
	for range n {
		b.Publish("/queue/a", nil, []byte("x"))
	}
	signals := make(chan os.Signal, 1)
	out := &firstWrite{then: func() { signals <- os.Interrupt }}
	var stderr buffer
	status := Run(Env{
		Args: []string{"sub", b.URL(), "/queue/a", "--ack", "client-individual"}, Stdin: strings.NewReader(""), Stdout: out, Stderr: &stderr,
		Getenv: func(string) string { return "" }, Signals: signals,
	})
	if written := out.b.Len() / 2; status != 0 || stderr.String() != "" || written == n || written+b.QueueLen("/queue/a") != n {
		t.Errorf("status %d, %s; %d of %d messages were written, %d are left", status, stderr.String(), written, n, b.QueueLen("/queue/a"))
	}
}

// firstWrite is a buffer that calls then when it is first written to.
type firstWrite struct {
	b    strings.Builder
	then func()
}

func (w *firstWrite) Write(p []byte) (int, error) {
	if w.b.Len() == 0 {
		w.then()
	}
	return w.b.Write(p)
}

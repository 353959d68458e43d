//go:build unix

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"

	"github.com/webstomp/webstomp/stomp/stomptest"
)

// binary is the program that TestMain has built.
var binary string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "stompcat-*")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		binary = filepath.Join(dir, "stompcat")
		if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

// terminal is the program on a terminal.
type terminal struct {
	t    *testing.T
	tty  *os.File
	cmd  *exec.Cmd
	read sync.WaitGroup // joined by end

	mu  sync.Mutex // guards what follows
	all strings.Builder
}

// start runs the program on a terminal of 80 columns, with no more of an environment than these entries.
func start(t *testing.T, env []string, args ...string) *terminal {
	t.Helper()
	s := &terminal{t: t, cmd: exec.Command(binary, args...)}
	s.cmd.Env = append([]string{"TERM=xterm"}, env...)
	tty, err := pty.StartWithSize(s.cmd, &pty.Winsize{Rows: 24, Cols: 80})
	if err != nil {
		t.Fatal(err)
	}
	s.tty = tty
	t.Cleanup(func() { s.cmd.Process.Kill(); tty.Close(); s.read.Wait() })
	s.read.Go(func() { // ends with the program, joined by end
		buf := make([]byte, 4096)
		for {
			n, err := tty.Read(buf)
			s.mu.Lock()
			s.all.Write(buf[:n])
			s.mu.Unlock()
			if err != nil { // EIO when the program has ended
				return
			}
		}
	})
	return s
}

// shown returns all that the terminal got.
func (s *terminal) shown() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.ReplaceAll(s.all.String(), "\r\n", "\n")
}

// await waits until the terminal shows what the expression matches.
func (s *terminal) await(expression string) {
	s.t.Helper()
	until(s.t, expression, func() bool { return regexp.MustCompile(expression).MatchString(s.shown()) }, s.shown)
}

func (s *terminal) press(keys string) {
	s.t.Helper()
	if _, err := io.WriteString(s.tty, keys); err != nil {
		s.t.Error(err)
	}
}

// end waits for the end of the program and returns its status.
func (s *terminal) end() int {
	s.t.Helper()
	err := s.cmd.Wait()
	s.read.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		s.t.Error(err)
	}
	return s.cmd.ProcessState.ExitCode()
}

const ctrlC, ctrlD = "\x03", "\x04"

func until(t *testing.T, what string, holds func() bool, state func() string) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !holds(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within 30 s: %s\n%s", what, state())
		}
	}
}

func newBroker(t *testing.T, opts ...stomptest.Option) *stomptest.Broker {
	b := stomptest.NewBroker(opts...)
	t.Cleanup(b.Close)
	return b
}

func lastCommand(b *stomptest.Broker) string {
	all := b.Received()
	return all[len(all)-1].Frame.Command
}

// On a terminal a message has colours, its destination and its header, and Ctrl-C ends the session cleanly.
func TestTerminal_sub(t *testing.T) {
	b := newBroker(t)
	s := start(t, nil, "sub", b.URL(), "/topic/a")
	until(t, "the subscription", func() bool { return b.Subscriptions("/topic/a") == 1 }, s.shown)
	b.Publish("/topic/a", [][2]string{{"x", "\x1b[2J"}}, []byte("hello\x1b]0;title\x07"))
	s.await(`hello`)
	s.press(ctrlC)
	if status := s.end(); status != 0 || lastCommand(b) != "DISCONNECT" {
		t.Errorf("status %d, the broker got %s last", status, lastCommand(b))
	}
	shown := s.shown()
	for _, want := range []string{"stompcat: waiting for messages of /topic/a; Ctrl-C ends it\n", "\x1b[1m\x1b[36m/topic/a\x1b[0m\x1b[0m\n", "\x1b[2mx: \\x1b[2J\x1b[0m\n", "\n\nhello\\x1b]0;title\\x07\n"} {
		if !strings.Contains(shown, want) {
			t.Errorf("%q is not in %q", want, shown)
		}
	}
	if strings.Contains(shown, "\x1b[2J") || strings.Contains(shown, "\x1b]") {
		t.Errorf("the message has done something to the terminal: %q", shown)
	}
}

func TestTerminal_without_colour(t *testing.T) {
	b := newBroker(t)
	for _, c := range []struct{ env, flag string }{{"NO_COLOR=1", "--color=auto"}, {"TERM=dumb", "--color=auto"}, {"X=", "--color=never"}} {
		b.Publish("/queue/a", nil, []byte("hello"))
		s := start(t, []string{c.env}, "sub", b.URL(), "/queue/a", "-n", "1", c.flag)
		if status := s.end(); status != 0 || strings.Contains(s.shown(), "\x1b") || !strings.Contains(s.shown(), "\n/queue/a\n") {
			t.Errorf("%v: status %d, %q", c, status, s.shown())
		}
	}
}

// The second Ctrl-C ends it at once, whatever it waits for.
func TestTerminal_second_ctrl_C(t *testing.T) {
	b := newBroker(t)
	s := start(t, nil, "sub", b.URL(), "/topic/a")
	until(t, "the subscription", func() bool { return b.Subscriptions("/topic/a") == 1 }, s.shown)
	b.Silence(true)
	s.press(ctrlC)
	s.await(`stompcat: ending; Ctrl-C once more ends it at once`)
	begun := time.Now()
	s.press(ctrlC)
	if status := s.end(); status != 130 || time.Since(begun) > 3*time.Second {
		t.Errorf("status %d after %v", status, time.Since(begun))
	}
	b.Silence(false)
}

// A signal that was ignored when the program began, as nohup does, stays ignored.
func TestMain_ignores_what_its_parent_ignores(t *testing.T) {
	b := newBroker(t)
	cmd := exec.Command("sh", "-c", `trap "" HUP INT; exec "$@"`, "sh", binary, "sub", b.URL(), "/queue/a", "-n", "1")
	var out strings.Builder
	cmd.Stdout = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	until(t, "the subscription", func() bool { return b.Subscriptions("/queue/a") == 1 }, func() string { return "" })
	cmd.Process.Signal(syscall.SIGHUP)
	cmd.Process.Signal(syscall.SIGINT)
	b.Publish("/queue/a", nil, []byte("after"))
	if err := cmd.Wait(); err != nil || out.String() != "after\n" {
		t.Errorf("it ends with %v and %q", err, &out)
	}
}

// What is typed is sent line by line, and told when it is confirmed.
func TestTerminal_pub(t *testing.T) {
	b := newBroker(t)
	s := start(t, nil, "pub", b.URL(), "/queue/a")
	s.await(`type the messages; Ctrl-D ends them`)
	s.press("one\n")
	until(t, "a message", func() bool { return b.QueueLen("/queue/a") == 1 }, s.shown)
	s.press("two\n" + ctrlD)
	if status := s.end(); status != 0 || b.QueueLen("/queue/a") != 2 || !strings.Contains(s.shown(), "stompcat: 2 messages confirmed by stomptest/") {
		t.Errorf("status %d, %d messages, %q", status, b.QueueLen("/queue/a"), s.shown())
	}
}

// Bench shows how far it is on one line, which goes away, and its result also when Ctrl-C ends it.
func TestTerminal_bench(t *testing.T) {
	b := newBroker(t)
	s := start(t, nil, "bench", b.URL(), "/topic/a", "--rate", "500", "--duration", "1m")
	s.await(`\r +\d+ s  sent \d[\d,]* \(\d+/s\)  received \d[\d,]* \(\d+/s\)\x1b\[K`)
	s.press(ctrlC)
	if status := s.end(); status != 130 {
		t.Errorf("status %d", status)
	}
	if shown := s.shown(); !regexp.MustCompile(`\r\x1b\[K.*destination.*/topic/a\n(.|\n)*latency.*  p50 .*, max .*s\n$`).MatchString(shown) {
		t.Errorf("%q", shown)
	}
}

func TestTerminal_doctor_and_help(t *testing.T) {
	b := newBroker(t)
	s := start(t, nil, "doctor", strings.Replace(b.URL(), "ws:", "wss:", 1))
	if status, shown := s.end(), s.shown(); status != 3 || !strings.Contains(shown, "\x1b[31mfailed\x1b[0m") || !strings.Contains(shown, "\x1b[1m→ use ws://") || !strings.Contains(shown, "trying") {
		t.Errorf("status %d, %q", status, shown)
	}
	s = start(t, nil, "sub", "--help")
	if status, shown := s.end(), s.shown(); status != 0 || !strings.HasPrefix(shown, "\x1b[1mName\x1b[0m\n  stompcat sub - ") {
		t.Errorf("status %d, %q", status, shown)
	}
}

// Whoever reads the pipe has had enough: sub ends at once and quietly, also when no other message comes.
func TestPipe_head(t *testing.T) {
	b := newBroker(t)
	b.Publish("/queue/a", nil, []byte("first"))
	cmd := exec.Command("bash", "-c", `set -o pipefail; "$0" sub "$1" /queue/a | head -1`, binary, b.URL())
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || string(out) != "first\n" || stderr.String() != "" {
		t.Errorf("%v, %q, %q", err, out, stderr.String())
	}
	until(t, "DISCONNECT", func() bool { return lastCommand(b) == "DISCONNECT" }, func() string { return lastCommand(b) })
}

// SIGTERM, as timeout and systemd send it, ends a subscription cleanly.
func TestPipe_SIGTERM(t *testing.T) {
	b := newBroker(t)
	cmd := exec.Command(binary, "sub", b.URL(), "/topic/a")
	cmd.Env = []string{}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	until(t, "the subscription", func() bool { return b.Subscriptions("/topic/a") == 1 }, func() string { return "" })
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil || lastCommand(b) != "DISCONNECT" {
		t.Errorf("%v, the broker got %s last", err, lastCommand(b))
	}
}

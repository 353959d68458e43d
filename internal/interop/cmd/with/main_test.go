//go:build unix

package main

import (
	"context"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/webstomp/webstomp/internal/interop/broker"
	"github.com/webstomp/webstomp/internal/leak"
)

func TestMain(m *testing.M) { leak.Main(m) }

func TestRun_shows_the_usage(t *testing.T) {
	for _, args := range [][]string{nil, {"rabbitmq"}, {"rabbitmq", "--"}, {"rabbitmq", "true"}, {"rabbitmq", "true", "true"}} {
		if status, err := run(t.Context(), args); status != 2 || err == nil || !strings.Contains(err.Error(), "usage:") {
			t.Errorf("%q: status %d, %v, want the usage", args, status, err)
		}
	}
	if status, err := run(t.Context(), []string{"hornetq", "--", "true"}); status != 1 || err == nil || !strings.Contains(err.Error(), "relay") {
		t.Errorf("an unknown broker: status %d, %v, want the known ones", status, err)
	}
}

// named is a broker that is never started.
type named struct{ broker.Broker }

func (named) Name() string { return "some broker" }

func TestServers_fill_replaces_the_URLs(t *testing.T) {
	s := servers{[]broker.Broker{named{}}, "ws://host:1/ws", "tcp://host:2"}
	got, err := s.fill([]string{"a", "{ws}", "-x={tcp},{ws}", "{}"})
	if want := []string{"a", "ws://host:1/ws", "-x=tcp://host:2,ws://host:1/ws", "{}"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
	s.tcp = ""
	if _, err := s.fill([]string{"{tcp}"}); err == nil || !strings.Contains(err.Error(), "some broker") {
		t.Errorf("%v, want that it has no such URL", err)
	}
}

func TestExecute_returns_the_status(t *testing.T) {
	for script, want := range map[string]int{"exit 0": 0, "exit 7": 7, "kill -9 $$": 1} {
		if status, err := execute(t.Context(), []string{"sh", "-c", script}); status != want || (err != nil) != strings.HasPrefix(script, "kill") {
			t.Errorf("%s: status %d, %v, want %d", script, status, err, want)
		}
	}
	if status, err := execute(t.Context(), []string{"/there/is/no/such/program"}); status != 127 || err == nil {
		t.Errorf("no such program: status %d, %v", status, err)
	}
}

// Ctrl-C ends ctx, which interrupts a running command and everything it started.
func TestExecute_interrupts_the_command(t *testing.T) {
	if _, err := exec.LookPath("mkfifo"); err != nil {
		t.Skip(err)
	}
	fifo := t.TempDir() + "/up"
	if out, err := exec.Command("mkfifo", fifo).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	go func() { // ends when the command has opened the other end of the pipe
		exec.Command("cat", fifo).Run()
		cancel()
	}()
	status, err := execute(ctx, []string{"sh", "-c", "trap 'exit 9' INT; echo up >" + fifo + "; sleep 1000 & wait"})
	if status != 9 || err != nil {
		t.Errorf("status %d, %v, want what the command makes of an interrupt", status, err)
	}
}

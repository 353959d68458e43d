package main

import (
	"context"
	"io"
	"strings"
	"testing"

	"github.com/webstomp/webstomp/internal/leak"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

func TestMain(m *testing.M) { leak.Main(m) }

// lines is a writer that calls each with the number of lines so far.
type lines struct {
	strings.Builder
	each func(n int)
}

func (l *lines) Write(p []byte) (int, error) {
	n, err := l.Builder.Write(p)
	l.each(strings.Count(l.String(), "\n"))
	return n, err
}

var _ io.Writer = (*lines)(nil)

// The interrupt comes after the last line: every job is done, and the queue is
// empty.
func TestRun_finishes_the_jobs_it_has(t *testing.T) {
	broker := stomptest.NewBroker()
	defer broker.Close()
	for _, job := range []string{"paint", "fail once", "polish"} {
		broker.Publish(queue, nil, []byte(job))
	}
	ctx, interrupt := context.WithCancel(t.Context())
	out := &lines{each: func(n int) {
		if n == 4 {
			interrupt()
		}
	}}
	if err := run(ctx, out, broker.URL()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"paint: done\n", "polish: done\n", "fail once: the machine jammed, back to the queue\n", "fail once: done\n"} {
		if strings.Count(out.String(), want) != 1 {
			t.Errorf("%q is not once in\n%s", want, out.String())
		}
	}
	if n := broker.QueueLen(queue) + broker.Unacked(queue); n != 0 {
		t.Errorf("%d jobs are left at the broker", n)
	}
}

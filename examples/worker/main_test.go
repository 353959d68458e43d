package main

import (
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/webstomp/webstomp/internal/exampletest"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

func TestMain(m *testing.M) { exampletest.Main(m, main) }

// start starts it on a broker with three jobs.
func start(t *testing.T, profile stomptest.Profile) (*stomptest.Broker, *exampletest.Process) {
	broker := stomptest.NewBroker(stomptest.WithProfile(profile))
	t.Cleanup(broker.Close)
	for _, job := range []string{"paint", "fail once", "polish"} {
		broker.Publish(queue, nil, []byte(job))
	}
	return broker, exampletest.Start(t, "-url", broker.URL())
}

// The signal comes when every job is done, or refused: the queue is empty.
func TestMain_finishes_the_jobs_it_has(t *testing.T) {
	for profile, want := range map[stomptest.Profile][]string{
		stomptest.Generic:   {"fail once: the machine jammed, back to the queue\n", "fail once: done\n"},
		stomptest.RabbitMQ4: {"fail once: the machine jammed, back to the queue\n", "fail once: done\n"},
		stomptest.Classic:   {"fail once: the machine jammed, to the queue ActiveMQ.DLQ\n"},
		stomptest.Artemis:   {"fail once: the machine jammed, dropped\n"},
	} {
		for _, signal := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
			t.Run(profile.String()+"/"+signal.String(), func(t *testing.T) {
				broker, p := start(t, profile)
				want := append(want, "paint: done\n", "polish: done\n")
				for _, line := range want {
					p.Await(line)
				}
				p.Signal(signal)
				r := p.Wait()
				if r.Code != 0 || strings.Count(r.Stdout, "\n") != len(want) {
					t.Error(r)
				}
				if n := broker.QueueLen(queue) + broker.Unacked(queue); n != 0 {
					t.Errorf("%d jobs are left at the broker", n)
				}
			})
		}
	}
}

func TestMain_needs_no_flags(t *testing.T) {
	p := exampletest.Start(t)
	p.Await("fail once: done\n")
	p.Signal(os.Interrupt)
	if r := p.Wait(); r.Code != 0 {
		t.Error(r)
	}
}

// The broker ends the subscription: there is nothing left to work for.
func TestMain_exits_with_1_when_the_queue_is_deleted(t *testing.T) {
	broker, p := start(t, stomptest.RabbitMQ4)
	p.Await("fail once: done\n")
	broker.Cancel(queue)
	if r := p.Wait(); r.Code != 1 || !strings.Contains(r.Stderr, "Server cancelled subscription") {
		t.Error(r)
	}
}

func TestMain_exits_with_1(t *testing.T) {
	exampletest.Fails(t, (*stomptest.Broker).URL)
}

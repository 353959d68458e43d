package stompotel_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stompotel"
)

// Any number of goroutines send, process and collect at the same time, on a connection that breaks: each message is
// counted once.
func TestTelemetry_of_many_goroutines_counts_each_message_once(t *testing.T) {
	const workers, each = 8, 100
	l := newLab(t)
	made := l.telemetry(stompotel.WithDestinationLimit(50))
	b := rig.NewBroker(t)
	c := rig.Connect(t, b, stomp.WithReconnect(rig.QuickBackoff), made.ConnectOption())
	l.observe(made, c)
	messages, err := c.Subscribe(t.Context(), "/queue/all", stomp.WithReceipt())
	rig.OK(t, err)
	var at sync.WaitGroup // joined below
	for range workers {
		at.Go(func() {
			for i := range each {
				if err := c.Send(t.Context(), "/queue/"+strconv.Itoa(i), nil, stomp.WithRetry()); err != nil {
					t.Error(err)
				}
				receipt, err := c.SendAsync(t.Context(), "/queue/all", nil, stomp.WithRetry())
				if err == nil {
					err = receipt.Wait(t.Context())
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	taken, over := 0, make(chan struct{})
	go func() { // ends with c
		defer close(over)
		for m := range messages {
			made.Process(t.Context(), m, func(context.Context) error { return nil })
			if taken++; taken%100 == 0 {
				l.metrics("stomp.")
			}
			if taken == workers*each/4 {
				b.Cut()
			}
		}
	}()
	at.Wait()
	c.Close() // every hook has been told
	<-over
	counted := map[string]int{}
	for _, line := range l.metrics("messaging.client.") {
		name, value, _ := strings.Cut(line, ": ")
		name, _, _ = strings.Cut(name, " ")
		n, err := strconv.Atoi(value)
		if err == nil {
			counted[name] += n
		}
	}
	if sent, consumed := counted["messaging.client.sent.messages"], counted["messaging.client.consumed.messages"]; sent != 2*workers*each || consumed != taken {
		t.Errorf("counted %d sent and %d consumed, want %d and %d", sent, consumed, 2*workers*each, taken)
	}
	if n := len(l.metrics("messaging.client.sent")); n != 51 {
		t.Errorf("%d series, want 50 and one for all others", n)
	}
	if want := fmt.Sprint(2*workers*each + taken); fmt.Sprint(len(l.take())) != want {
		t.Errorf("not %s spans have ended", want)
	}
}

// Clients come and go in any number of goroutines while others collect: no session is lost, and no counter goes back.
func TestTelemetry_Observe_of_many_goroutines_loses_nothing(t *testing.T) {
	const workers, each = 8, 20
	l := newLab(t)
	b := rig.NewBroker(t)
	var at, collecting sync.WaitGroup // joined below
	over := make(chan struct{})
	collecting.Go(func() {
		for before := 0; ; {
			if now := sessions(l); now < before {
				t.Errorf("%d sessions, after %d", now, before)
			} else {
				before = now
			}
			select {
			case <-over:
				return
			default:
			}
		}
	})
	for i := range workers {
		var opts []stompotel.Option
		if i%2 == 0 {
			opts = append(opts, stompotel.WithClientID("same"))
		}
		at.Go(func() {
			for range each {
				made := l.telemetry(opts...)
				c, err := stomp.Connect(t.Context(), b.URL(), made.ConnectOption())
				if err != nil {
					t.Error(err)
					return
				}
				stop, err := made.Observe(c)
				if err == nil {
					err = c.Send(t.Context(), "/queue/a", nil)
				}
				c.Close()
				if err == nil {
					err = stop()
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	at.Wait()
	close(over)
	collecting.Wait()
	if n := sessions(l); n != workers*each {
		t.Errorf("%d sessions, want %d", n, workers*each)
	}
}

// sessions adds up the sessions of all Clients.
func sessions(l *lab) (n int) {
	for _, line := range l.metrics("stomp.client.sessions") {
		_, value, _ := strings.Cut(line, ": ")
		one, _ := strconv.Atoi(value)
		n += one
	}
	return n
}

package notify

import "testing"

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func TestEvent_wakes_all_who_wait_and_nobody_else(t *testing.T) {
	var e Event
	e.Take().Wake() // nobody waits

	first, second := e.Wait(), e.Wait()
	if !e.Waiting() || isClosed(first) || isClosed(second) {
		t.Fatal("it has not happened, and somebody waits")
	}
	waiting := e.Take()
	later := e.Wait()
	if isClosed(first) {
		t.Fatal("Take wakes nobody: Wake does")
	}
	waiting.Wake()
	if !isClosed(first) || !isClosed(second) {
		t.Fatal("those who waited are not woken")
	}
	if isClosed(later) {
		t.Fatal("who waits since Take is woken by what happened before")
	}
}

func TestEvent_holds_no_channel_while_nobody_waits(t *testing.T) {
	var e Event
	if n := testing.AllocsPerRun(100, func() { e.Take().Wake() }); n != 0 {
		t.Fatalf("%v allocations though nobody waits", n)
	}
	e.Wait()
	e.Take().Wake()
	if e.Waiting() {
		t.Fatal("a channel is kept that nobody waits on")
	}
}

func TestSignal_never_blocks(t *testing.T) {
	Signal(nil)
	c := make(chan struct{}, 1)
	Signal(c)
	Signal(c)
	<-c
	if isClosed(c) {
		t.Fatal("two words in a channel of one")
	}
}

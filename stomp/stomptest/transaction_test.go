package stomptest_test

import (
	"testing"

	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

func TestTransaction_M4_COMMIT(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		c, frames := filled(t, b, "1.2", "client-individual", 3)
		d := connect(t, b)
		d.subscribe("s", "/queue/b")
		c.send(wire.Begin, "", "transaction", "t")
		c.send(wire.Send, "1", "destination", "/queue/b", "transaction", "t")
		c.send(wire.Send, "2", "destination", "/queue/b", "transaction", "t", "receipt", "r")
		c.next(wire.Receipt)
		c.ack(wire.Ack, frames[0], "transaction", "t")
		c.ack(wire.Nack, frames[1], "transaction", "t")
		c.quiet()
		d.quiet()
		if n := b.Unacked("/queue/a"); n != 3 {
			t.Errorf("before COMMIT %d are not acked, want 3", n)
		}
		c.send(wire.Commit, "", "transaction", "t", "receipt", "r")
		c.message("1", "redelivered", "true")
		c.next(wire.Receipt)
		d.message("1")
		d.message("2")
		if n := b.Unacked("/queue/a"); n != 2 {
			t.Errorf("after COMMIT %d are not acked, want 2", n)
		}
	})
}

func TestTransaction_M4_ABORT(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		c, frames := filled(t, b, "1.2", "client", 3)
		c.send(wire.Begin, "", "transaction", "t")
		c.send(wire.Send, "1", "destination", "/queue/b", "transaction", "t")
		c.ack(wire.Ack, frames[1], "transaction", "t")
		c.send(wire.Abort, "", "transaction", "t", "receipt", "r")
		c.next(wire.Receipt)
		if n := b.QueueLen("/queue/b"); n != 0 {
			t.Errorf("an aborted SEND arrived")
		}
		c.ack(wire.Ack, frames[2]) // they can be acked again
		if n := b.Unacked("/queue/a"); n != 0 {
			t.Errorf("%d are not acked", n)
		}
	})
}

func TestTransaction_M4_an_ack_is_taken_once(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		c, frames := filled(t, b, "1.2", "client-individual", 1)
		c.send(wire.Begin, "", "transaction", "t")
		c.ack(wire.Ack, frames[0], "transaction", "t")
		c.ack2(wire.Ack, frames[0])
		c.next(wire.Error)
	})
}

func TestTransaction_M4_ends_with_its_subscription_or_session(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		c, frames := filled(t, b, "1.2", "client-individual", 1)
		c.send(wire.Begin, "", "transaction", "t")
		c.ack(wire.Ack, frames[0], "transaction", "t")
		c.send(wire.Unsubscribe, "", "id", "s")
		c.send(wire.Commit, "", "transaction", "t", "receipt", "r")
		c.next(wire.Receipt)
		if n := b.QueueLen("/queue/a"); n != 1 {
			t.Errorf("QueueLen is %d, want 1: the ack came too late", n)
		}
		c.send(wire.Begin, "", "transaction", "u")
		c.send(wire.Send, "1", "destination", "/queue/b", "transaction", "u", "receipt", "r")
		c.next(wire.Receipt)
		_ = c.ws.CloseNow()
		<-c.done
		connect(t, b)
		if n := b.QueueLen("/queue/b"); n != 0 {
			t.Errorf("a SEND outlived its transaction")
		}
	})
}

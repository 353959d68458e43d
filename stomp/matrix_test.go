package stomp_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/stomp"
)

// moment is when the connection ends, seen from the frame of a call.
type moment int

const (
	dead    moment = iota // before the call
	blocked               // when the frame is accepted; its writing has not begun
	inside                // when a part of it is written
	written               // when the server has it, and before it answers
)

func (m moment) String() string { return [...]string{"dead", "blocked", "inside", "written"}[m] }

// scene is what a call of the matrix may use.
type scene struct {
	c     *stomp.Client
	tx    *stomp.Transaction
	sub   *stomp.Subscription[stomp.Frame]
	frame stomp.Frame // delivered by sub, in a client mode
}

// outcome is what becomes of a call: its error, Unsent of it, and what the next session carries.
type outcome struct {
	is     error // nil: none
	unsent bool
	next   []string
}

// deed is one call of the matrix.
type deed struct {
	name    string
	command string // of the last frame that it sends
	setup   string // "", "tx", "sub" (auto mode) or "ack" (client-individual, one frame delivered)
	call    func(ctx context.Context, s *scene) error
	want    [4]outcome // by moment
}

var lost, stale = stomp.ErrConnectionLost, stomp.ErrStale

// deeds is the fault matrix.
func deeds() []deed {
	op, again := []byte("x"), []string{"SUBSCRIBE /queue/setup"}
	sent, subscribed := []string{"SEND /queue/op x"}, []string{"SUBSCRIBE /queue/op"}
	unknown, nothing := outcome{is: lost}, outcome{}
	withdrawn := outcome{is: lost, unsent: true}
	ack := func(nack bool, opts ...stomp.FrameOption) func(context.Context, *scene) error {
		return func(ctx context.Context, s *scene) error {
			if nack {
				return s.c.Nack(ctx, s.frame, opts...)
			}
			return s.c.Ack(ctx, s.frame, opts...)
		}
	}
	send := func(opts ...stomp.SendOption) func(context.Context, *scene) error {
		return func(ctx context.Context, s *scene) error { return s.c.Send(ctx, "/queue/op", op, opts...) }
	}
	async := func(opts ...stomp.SendOption) func(context.Context, *scene) error {
		return func(ctx context.Context, s *scene) error {
			r, err := s.c.SendAsync(ctx, "/queue/op", op, opts...)
			if err != nil {
				return err
			}
			return r.Wait(ctx)
		}
	}
	txSend := func(opts ...stomp.SendOption) func(context.Context, *scene) error {
		return func(ctx context.Context, s *scene) error { return s.tx.Send(ctx, "/queue/op", op, opts...) }
	}
	subscribe := func(opts ...stomp.SubscribeOption) func(context.Context, *scene) error {
		return func(ctx context.Context, s *scene) error {
			_, err := s.c.Subscribe(ctx, "/queue/op", opts...)
			return err
		}
	}
	unsubscribe := func(opts ...stomp.FrameOption) func(context.Context, *scene) error {
		return func(ctx context.Context, s *scene) error { return s.sub.Unsubscribe(ctx, opts...) }
	}
	begin := func(opts ...stomp.FrameOption) func(context.Context, *scene) error {
		return func(ctx context.Context, s *scene) error { _, err := s.c.Begin(ctx, opts...); return err }
	}
	commit := func(opts ...stomp.FrameOption) func(context.Context, *scene) error {
		return func(ctx context.Context, s *scene) error { return s.tx.Commit(ctx, opts...) }
	}
	abort := func(opts ...stomp.FrameOption) func(context.Context, *scene) error {
		return func(ctx context.Context, s *scene) error { return s.tx.Abort(ctx, opts...) }
	}
	confirm := stomp.WithReceipt()
	goesOn := func(next []string) [4]outcome {
		return [4]outcome{{next: next}, {next: next}, {next: next}, {next: next}}
	}
	once := [4]outcome{{next: sent}, {next: sent}, unknown, unknown}
	acked := [4]outcome{{is: stale, unsent: true, next: again}, {next: again}, {next: again}, {next: again}}
	ackedFor := [4]outcome{acked[0], {is: lost, unsent: true, next: again}, {is: lost, next: again}, {is: lost, next: again}}
	return []deed{
		{"SEND", wire.Send, "", send(), [4]outcome{{next: sent}, {next: sent}, nothing, nothing}},
		{"SEND_receipt", wire.Send, "", send(confirm), once},
		{"SEND_WithRetry", wire.Send, "", send(stomp.WithRetry()), goesOn(sent)},
		{"SendAsync", wire.Send, "", async(), once},
		{"SendAsync_WithRetry", wire.Send, "", async(stomp.WithRetry()), goesOn(sent)},
		{"SEND_in_transaction", wire.Send, "tx", txSend(), [4]outcome{withdrawn, nothing, nothing, nothing}},
		{"SEND_receipt_in_transaction", wire.Send, "tx", txSend(confirm), [4]outcome{withdrawn, withdrawn, unknown, unknown}},
		{"SUBSCRIBE", wire.Subscribe, "", subscribe(), goesOn(subscribed)},
		{"SUBSCRIBE_receipt", wire.Subscribe, "", subscribe(confirm), goesOn(subscribed)},
		{"UNSUBSCRIBE", wire.Unsubscribe, "sub", unsubscribe(), goesOn(nil)},
		{"UNSUBSCRIBE_receipt", wire.Unsubscribe, "sub", unsubscribe(confirm), goesOn(nil)},
		{"ACK", wire.Ack, "ack", ack(false), acked},
		{"ACK_receipt", wire.Ack, "ack", ack(false, confirm), ackedFor},
		{"NACK", wire.Nack, "ack", ack(true), acked},
		{"NACK_receipt", wire.Nack, "ack", ack(true, confirm), ackedFor},
		{"BEGIN", wire.Begin, "", begin(), [4]outcome{{next: []string{"BEGIN"}}, nothing, nothing, nothing}},
		{"BEGIN_receipt", wire.Begin, "", begin(confirm), [4]outcome{{next: []string{"BEGIN"}}, withdrawn, unknown, unknown}},
		{"COMMIT", wire.Commit, "tx", commit(), [4]outcome{withdrawn, nothing, nothing, nothing}},
		{"COMMIT_receipt", wire.Commit, "tx", commit(confirm), [4]outcome{withdrawn, withdrawn, unknown, unknown}},
		{"ABORT", wire.Abort, "tx", abort(), goesOn(nil)},
		{"ABORT_receipt", wire.Abort, "tx", abort(confirm), goesOn(nil)},
		{"Request", wire.Send, "", func(ctx context.Context, s *scene) error {
			f, err := s.c.Request(ctx, "/queue/op", op, stomp.WithReplyTo("/queue/replies"))
			if err == nil && string(f.Body) != "reply" {
				err = fmt.Errorf("the reply is %v", f)
			}
			return err
		}, [4]outcome{{next: []string{"SUBSCRIBE /queue/replies", "SEND /queue/op x"}}, unknown, unknown, unknown}},
		{"SEND_and_Flush", wire.Send, "", func(ctx context.Context, s *scene) error {
			return errors.Join(s.c.Send(ctx, "/queue/op", op), s.c.Flush(ctx))
		}, [4]outcome{{next: sent}, {next: sent}, nothing, nothing}},
		{"DISCONNECT", wire.Disconnect, "", func(ctx context.Context, s *scene) error { return s.c.Disconnect(ctx) },
			[4]outcome{nothing, unknown, nothing, nothing}},
	}
}

// TestClient_fault_matrix: each call, with the connection ending at each moment: what the caller gets, whether
// repeating is safe, and exactly what the next session carries.
func TestClient_fault_matrix(t *testing.T) {
	for _, d := range deeds() {
		t.Run(d.name, func(t *testing.T) {
			for m, want := range d.want {
				rig.Bubble(t, moment(m).String(), func(t *testing.T) { act(t, d, moment(m), want) })
			}
		})
	}
}

func act(t *testing.T, d deed, m moment, want outcome) {
	server, p, c := rig.Reconnecting(t, wire.V12)
	s := prepare(t, d.setup, c, p)
	switch m {
	case dead:
		p.Close()
		synctest.Wait()
	case blocked:
		p.Block(c)
	}
	result := rig.Go(func() error { return d.call(t.Context(), s) })
	synctest.Wait()
	switch m {
	case inside:
		_, err := p.Conn.Read(make([]byte, 3))
		rig.OK(t, err)
	case written:
		for f := p.Next(); f.Command != d.command; f = p.Next() {
			if f.Command == "" {
				t.Fatalf("no %s came", d.command)
			}
		}
	}
	p.Close()
	server.Release()
	if d.command != wire.Disconnect {
		server.Attend(server.AcceptSession(wire.V12))
	}
	err := <-result
	if want.is == nil {
		rig.OK(t, err)
	} else {
		rig.ErrorIs(t, err, want.is)
	}
	if stomp.Unsent(err) != want.unsent {
		t.Errorf("Unsent is %v of %v", !want.unsent, err)
	}
	rig.Equal(t, "the next session", server.Carried(), want.next)
}

// prepare makes what the call needs, on the first session.
func prepare(t *testing.T, setup string, c *stomp.Client, p *rig.Peer) *scene {
	s := &scene{c: c}
	var err error
	switch setup {
	case "tx":
		s.tx, err = c.Begin(t.Context())
		rig.OK(t, err)
		p.Want(wire.Begin)
	case "sub", "ack":
		mode := stomp.AckAuto
		if setup == "ack" {
			mode = stomp.AckClientIndividual
		}
		s.sub, err = c.NewSubscription(t.Context(), "/queue/setup", stomp.WithAck(mode))
		rig.OK(t, err)
		p.Want(wire.Subscribe)
		if setup == "ack" {
			p.Send(wire.Message, "m", "subscription", s.sub.ID(), "destination", "/queue/setup",
				"message-id", "m1", "ack", "a1")
			s.frame = <-s.sub.C
		}
	}
	return s
}

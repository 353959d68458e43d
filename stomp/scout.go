package stomp

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/internal/ws"
)

// A SUBSCRIBE whose refusal would end the session is sent on a connection of its own first. That is used for nothing
// else, and is no session of the Client's: it has no loops and no heart-beats, and whatever it delivers goes back to
// the broker when it is closed.

const (
	// scoutLimit bounds a connection that asks, and its end.
	scoutLimit = 15 * time.Second

	// scoutGrace is how long a server that is not known to answer SUBSCRIBE may take for a refusal.
	scoutGrace = time.Second
)

// refusedError says that the broker has refused a SUBSCRIBE on a connection of its own.
type refusedError struct{ cause error }

func (e *refusedError) Error() string { return e.cause.Error() }
func (e *refusedError) Unwrap() error { return e.cause }

// errUnanswered is how the wait for an answer ends that does not come.
var errUnanswered = errors.New("no answer to SUBSCRIBE")

// scouting asks for a subscription on behalf of one session.
type scouting struct {
	sub     *subscription
	session *session
	there   *session // the connection, once SUBSCRIBE was accepted there; nil: none is open
	turn    bool     // begin has returned true, and end was not called
}

// begin waits for its turn: there is one connection at a time. It returns false when ctx or the session ends first.
// After that, end has to be called.
func (sc *scouting) begin(ctx context.Context) bool {
	select {
	case sc.sub.client.scouting <- struct{}{}:
		sc.turn = true
	case <-sc.session.cut:
	case <-ctx.Done():
	}
	return sc.turn
}

// needsScout reports whether a refusal of SUBSCRIBE would end s.
func (sub *subscription) needsScout(s *session) bool {
	sub.mu.Lock()
	endsIt := sub.again.endsIt
	sub.mu.Unlock()
	if s.server.endsOverSubscribe {
		return true
	}
	return endsIt && !sub.client.hasClientID()
}

// hasClientID reports whether CONNECT has a client-id, which a server holds for one connection.
func (c *Client) hasClientID() bool {
	_, named := c.cfg.header.Lookup("client-id")
	return named
}

// endsUnused reports whether the queue is deleted with its last subscription: then that of the scout stays until the
// other one is there.
func (sub *subscription) endsUnused() bool { return sub.cfg.header.Get("auto-delete") == "true" }

// ask returns nil when the broker has accepted SUBSCRIBE, or says nothing against it. It returns a *refusedError when
// it has refused, and otherwise why it could not be asked. It ends with ctx, with the session and with the
// subscription.
func (sc *scouting) ask(ctx context.Context) error {
	there, err := sc.call(ctx, sc.sub.done, sc.converse)
	if err != nil {
		return err
	}
	sc.there = there
	return nil
}

// end leaves the broker, so that what it has delivered is where it was, and ends the turn. Called again it does
// nothing.
func (sc *scouting) end(ctx context.Context) {
	if there := sc.there; there != nil {
		_, _ = sc.call(ctx, nil, func(ctx context.Context) (*session, error) { // how it goes makes no difference
			defer there.conn.CloseNow()
			_, err := there.exchange(ctx, &outgoing{command: wire.Disconnect}, 2)
			return nil, err
		})
	}
	if sc.turn {
		<-sc.sub.client.scouting
	}
	sc.there, sc.turn = nil, false
}

// call runs f as a user's function: a transport, and a connection's Close, may ignore ctx. f also ends when over is
// closed.
func (sc *scouting) call(ctx context.Context, over <-chan struct{}, f func(context.Context) (*session, error)) (*session, error) {
	ctx, cancel := context.WithTimeout(ctx, scoutLimit)
	defer cancel()
	call := startCall(ctx, make(chan struct{}, 1), func() (*session, error) { return f(ctx) }, func(there *session) {
		if there != nil {
			there.conn.CloseNow()
		}
	})
	select {
	case <-call.done:
	case <-sc.session.cut:
	case <-over:
	case <-ctx.Done():
	}
	cancel()
	there, err := call.result()
	return there, err
}

// converse connects and asks.
func (sc *scouting) converse(ctx context.Context) (*session, error) {
	sub, c := sc.sub, sc.sub.client
	var before error // of what was refused before
	if sub.again != nil {
		sub.mu.Lock()
		before = sub.again.refusal
		sub.mu.Unlock()
	}
	more, err := sub.askHeader(ctx, sc.session)
	if err != nil {
		return nil, err
	}
	// Heart-beats are not proposed: nothing would send them, and the server would end the connection for that.
	there, err := c.dial(ctx, sc.session.url, 1, before, beatConfig{})
	if err != nil {
		return nil, err
	}
	if err := sc.subscribe(ctx, there, more); err != nil {
		closeWithin(ctx, there.conn, err)
		return nil, err
	}
	return there, nil
}

// subscribe sends SUBSCRIBE and takes the answer.
func (sc *scouting) subscribe(ctx context.Context, there *session, more Header) error {
	receipts := sc.session.env.receipts
	answers := receipts.answers(subscribes)
	if !answers {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, scoutGrace, errUnanswered)
		defer cancel()
	}
	answer, err := there.exchange(ctx, sc.frame(there, more), 1)
	var closed *CloseError
	switch {
	case err == nil && answer.Command == wire.Error:
		return &refusedError{newError(frameOf(answer))}
	case err == nil:
		return nil
	case !answers && context.Cause(ctx) == errUnanswered:
		return nil // there is nothing against it
	case ctx.Err() == nil && (hungUp(err) || errors.As(err, &closed) && closed.mayRefuse()):
		timer := time.NewTimer(lastWords)
		defer timer.Stop()
		select { // a server that goes away ends the session as well
		case <-sc.session.cut:
		case <-ctx.Done():
		case <-timer.C:
			if closed == nil {
				err = &lostError{fmt.Errorf("the one that asked for the subscription: %w", err)}
			}
			return &refusedError{err}
		}
	}
	return fmt.Errorf("waiting for the answer to SUBSCRIBE: %w", err)
}

// frame returns SUBSCRIBE in a client mode, and for one message at a time, where the broker takes that: what it
// delivers here is not lost.
func (sc *scouting) frame(there *session, more Header) *outgoing {
	f := sc.sub.subscribeFrame()
	mode := AckClientIndividual
	if there.info.Version == V10 {
		mode = AckClient
	}
	f.entries.set("ack", mode.String())
	all := append(f.header.Clone(), more...)
	all.Del("prefetch-count")
	all.Add("prefetch-count", "1")
	f.header = all
	return f
}

// exchange sends a frame with that receipt on a connection without loops, and returns the RECEIPT or ERROR that
// comes. When ctx ends it closes the connection.
func (s *session) exchange(ctx context.Context, f *outgoing, receipt uint64) (answer wire.Frame, err error) {
	stop := context.AfterFunc(ctx, func() { s.conn.CloseNow() })
	defer stop()
	asked := &pendingReceipt{Receipt: Receipt{number: receipt}}
	encoded, err := f.appendTo(nil, s.enc, asked)
	if err != nil {
		return answer, publicError(err)
	}
	s.env.trace("send", f.frame(asked))
	typ := ws.Text
	if s.env.cfg.messageType == MessageBinary {
		typ = ws.Binary
	}
	if err := writeNow(s.conn, typ, encoded); err != nil {
		return answer, cutBy(ctx, err)
	}
	for {
		ok, err := s.dec.Next(&answer)
		switch {
		case err != nil:
			return answer, publicError(err)
		case ok && (answer.Command == wire.Error || answer.Command == wire.Receipt && wire.Get(answer.Header, "receipt-id") == receiptID(receipt)):
			s.env.trace("received", answer)
			return answer, nil
		case ok:
			continue
		}
		p, final, err := s.conn.Read()
		if err != nil {
			return answer, cutOff(cutBy(ctx, err), s.dec, newError)
		}
		s.dec.Feed(p, final)
	}
}

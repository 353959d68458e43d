package stomp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/webstomp/webstomp/internal/outbox"
	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/internal/ws"
)

// A session is one connection from CONNECTED to its end.
//
//	senders ──encode──▶ outbox ──▶ write loop ──▶ conn ──▶ read loop ──▶ routes ──▶ inboxes, replies
//	                                   ▲                       │
//	                        heart-beats┘                       └▶ receipts
//
// start starts both loops under an errgroup, which join joins. One timer watches for silence, another says when a
// heart-beat is due. The read loop alone touches dec and reads from conn. One goroutine at a time writes to conn; see
// package outbox.
//
// The lock order of a Client, left before right; who holds one may lock those to the right of it, and no other:
//
//	outbox   → subscription, transaction, ack set, ticket
//	Client   → subscription
//	receipts → ticket
//	inbox    → ack set
//
// All others are leaves: they are held alone, and so are the last of each line.
type session struct {
	env    *env
	info   Session
	server server
	epoch  uint64
	loops  errgroup.Group

	conn   *ws.Conn
	dec    *wire.Decoder
	enc    wire.Encoder
	out    *outbox.Outbox
	writer *outbox.Writer

	routes  *routes
	replies replies

	cut           chan struct{} // closed by abort: end at once
	cutErr        error         // set before cut is closed
	cutOnce       sync.Once
	disconnecting atomic.Bool                     // our DISCONNECT is out: any end is a clean one
	closeWithin   atomic.Pointer[context.Context] // set before the writer is told to finish: bounds the close handshake
	retired       chan struct{}                   // closed by the supervisor: joined, everybody has been answered, and the Client has let go

	restore func() error // restores the subscriptions while the loops run; nil: that is done. Set before start

	silenceTimer *time.Timer // nil: no heart-beats of the server's were agreed. Set before the loops start
	beatTimer    *time.Timer // nil: we send none. Likewise
	pause        readPause
	stall        writeStall // owned by the read loop

	// Counted by the read loop, read by Stats.
	received, beatsReceived, repaired atomic.Uint64
}

// newSession makes the session of a connection whose CONNECTED has come. dec may hold what came behind that.
func newSession(e *env, conn *ws.Conn, dec *wire.Decoder, info Session) *session {
	s := &session{
		env:     e,
		info:    info,
		server:  parseServer(info, conn.IsStream()),
		conn:    conn,
		dec:     dec,
		enc:     e.cfg.encoder(info.Version),
		routes:  newRoutes(),
		cut:     make(chan struct{}),
		retired: make(chan struct{}),
	}
	dec.SetVersion(wire.Version(info.Version))
	s.out, s.writer = outbox.New(conn, outbox.Options{Split: e.cfg.split, BeatType: s.messageType(nil)})
	s.replies.init(s)
	return s
}

// errDisconnected is how a session ends that was asked to.
var errDisconnected = fmt.Errorf("%w: disconnected", ErrClosed)

// start lets the session run until it ends. whenOver is then called, in a goroutine of its own, and has to call join.
func (s *session) start(whenOver func()) {
	s.env.receipts.beginSession()
	s.startSilenceTimer()
	s.startBeats()
	s.loop(s.writeLoop)
	if every := s.env.cfg.ping; every > 0 {
		s.loop(func() error { return s.pingLoop(every) })
	}
	if s.restore != nil {
		s.loop(s.restore)
	}
	s.loop(func() error {
		err := s.readLoop()
		s.abort(err)
		go whenOver() // joined by whoever waits for the Client's done
		return err
	})
}

// loop runs f beside the others until the session ends, which f's error brings about.
func (s *session) loop(f func() error) {
	s.loops.Go(func() error { // joined by join
		err := f()
		if err != nil {
			s.abort(err)
		}
		return err
	})
}

// writeLoop writes what is sent, and closes the connection when it is told to finish.
func (s *session) writeLoop() error {
	switch err := s.writer.Run(s.cut); {
	case errors.Is(err, outbox.ErrStopped):
		return ErrConnectionLost
	case err != nil:
		return s.writeFailed(err)
	}
	ctx := *s.closeWithin.Load()
	if err := s.conn.Close(ctx, statusNormal, ""); err != nil && ctx.Err() != nil {
		return err
	}
	return errDisconnected
}

// statusNormal is the WebSocket close code for a purpose fulfilled.
const statusNormal = 1000

// lastWords is for how long a server that takes nothing more is listened to: it closes its end right after an ERROR or a
// close frame, which may still lie unread here. A local connection needs microseconds.
const lastWords = time.Second

// writeFailed says why the connection ended, where writing found out first. What the read loop learns says more: it cuts
// the session, and its reason counts.
func (s *session) writeFailed(err error) error {
	timer := time.NewTimer(lastWords)
	defer timer.Stop()
	select {
	case <-s.cut:
	case <-timer.C:
	}
	return s.endReason(err)
}

// abort ends the session at once: nothing is flushed, and there is no close handshake. The first reason counts.
func (s *session) abort(reason error) {
	s.cutOnce.Do(func() {
		s.cutErr = reason
		close(s.cut)
		s.out.Fail(&overError{reason})
		// A foreign connection may take its time to close: the Client's end waits for that, and a reconnect does not.
		s.env.running.Go(func() { s.conn.CloseNow() })
	})
}

// isCut reports whether the session is over or about to be.
func (s *session) isCut() bool {
	select {
	case <-s.cut:
		return true
	default:
		return false
	}
}

// join joins the goroutines of a session that is over and answers everybody who waits for something of it. It returns why
// it ended, never nil, and what goes out on the next one, in order.
func (s *session) join() (left []carried, err error) {
	err = s.loops.Wait()
	s.stopTimers()
	if s.cutErr != nil {
		err = s.cutErr
	}
	if s.disconnecting.Load() {
		err = errDisconnected
	}
	s.out.Fail(&overError{err})
	for _, f := range s.writer.Leftover() {
		left = append(left, carried{frame: f.Frame, typ: f.Type, version: s.info.Version, order: f.Number, ticket: f.Ticket})
	}
	left = append(left, s.env.receipts.endSession(err, s.writer, left)...)
	slices.SortFunc(left, func(a, b carried) int { return cmp.Compare(a.order, b.order) })
	s.replies.endSession(err)
	return left, err
}

// endReason says why the connection ended, from an error of a read or a write.
func (s *session) endReason(err error) error {
	err = publicError(err)
	var closed *CloseError
	if errors.As(err, &closed) {
		if hint := s.server.sizeHint(closed); hint != "" {
			err = fmt.Errorf("%w (%s)", err, hint)
		}
	}
	return &lostError{err}
}

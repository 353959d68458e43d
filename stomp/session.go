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

// session is one connection, from CONNECTED to its end.
//
//	senders ──encode──▶ outbox ──▶ write loop ──▶ conn ──▶ read loop ──▶ routes ──▶ inboxes, replies
//	                                   ▲                       │
//	                        heart-beats┘                       └▶ receipts
//
// start starts both loops in an errgroup, which join waits for. One timer checks for silence, another sends
// heart-beats. The read loop owns dec and reading from conn. One goroutine at a time writes to conn; see package
// outbox.
//
// The lock order of a Client: the holder of a lock may lock those to the right of it, and no others.
//
//	outbox   → subscription, transaction, ack set, routes, ticket
//	Client   → subscription, Group
//	receipts → ticket
//
// The last ones of each line are leaves. So are all locks not listed here, and those are held alone.
type session struct {
	env    *env
	ref    *sessionRef
	url    string // the endpoint's, as it was given
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

	cut            chan struct{} // closed by abort: the session ends at once
	cutErr         error         // set before cut is closed
	cutOnce        sync.Once
	renewing       atomic.Bool   // Reconnect ends it: the Client goes on, and calls wait for the next
	disconnecting  atomic.Bool   // a call has begun to send DISCONNECT
	disconnectSent atomic.Bool   // DISCONNECT was accepted: any end is a clean one then
	retired        chan struct{} // closed by the supervisor when it is joined and no longer the Client's

	disconnectReceipt *pendingReceipt // set before disconnectAwaited is closed
	disconnectAwaited chan struct{}   // closed when DISCONNECT is on its way

	leftOver leftOver // the SUBSCRIBEs whose subscription has ended before their RECEIPT came

	lastOverdue atomic.Uint64 // number of the frame that sendOverdue has sent last
	overdueTold atomic.Int64  // when it was logged last that receipts are overdue, in nanoseconds since 1970

	restore func() error // restores the session while the loops run; nil: that is done before start. Set before start

	silenceTimer *time.Timer // nil: no server heart-beats were agreed. Set before the loops start
	woke         bool        // the silence timer was late, and gave the read loop wakeGrace; owned by that timer
	beatTimer    *time.Timer // nil: we send no heart-beats. Set before the loops start
	pause        readPause
	stall        writeStall // owned by the read loop
	overrun      overrun    // likewise
	said         string     // the last ERROR that named a receipt or a subscription, as text; owned by the read loop
	saidAt       time.Time  // likewise
	explained    bool       // the session has ended right after that; set by the read loop
	strayed      bool       // an ERROR that names what is over was logged; owned by the read loop

	// Counted by the read loop, read by Stats.
	received, beatsReceived, repaired atomic.Uint64
}

// newSession makes the session of a connection whose CONNECTED has come. dec may hold what came after that.
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

		disconnectAwaited: make(chan struct{}),
	}
	s.ref = &sessionRef{}
	s.ref.live.Store(s)
	dec.SetVersion(wire.Version(info.Version))
	s.out, s.writer = outbox.New(conn, outbox.Options{Split: e.cfg.split, BeatType: s.messageType(nil)})
	s.replies.init(s)
	return s
}

// sessionRef leads to a session until that is retired. What users may keep for long has this and not the session,
// which is some 10 KiB.
type sessionRef struct {
	live atomic.Pointer[session] // nil: retired
	over error                   // why, as an overError; set before live is nil
}

// get returns the session, or nil if it is retired.
func (r *sessionRef) get() *session { return r.live.Load() }

// isOver reports whether the session has ended or is about to.
func (r *sessionRef) isOver() bool {
	s := r.live.Load()
	return s == nil || s.isCut()
}

// release cuts what leads to a retired session from what users may keep. err is why it ended.
func (s *session) release(err error) {
	s.routes.releaseFrames()
	s.ref.over = &overError{err}
	s.ref.live.Store(nil)
}

// errDisconnected is why a session ends after our DISCONNECT.
var errDisconnected = fmt.Errorf("%w: disconnected", ErrClosed)

// start runs the session until it ends. whenOver is then called, in a goroutine of its own, and has to call join.
func (s *session) start(whenOver func()) {
	s.env.receipts.beginSession(s.sendOverdue)
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
		go mustReturn(whenOver, hooks) // joined by those who wait for the Client's done
		return err
	})
}

// loop runs f in the errgroup. An error of f ends the session.
func (s *session) loop(f func() error) {
	s.loops.Go(func() (err error) { // joined by join
		mustReturn(func() { err = f() }, hooks)
		if err != nil {
			s.abort(err)
		}
		return err
	})
}

// hooks names the user's functions that a session calls in its own goroutines.
func hooks() string { return "a log handler, or a function of WithSendHook," }

// writeLoop writes what is sent, and performs the close handshake when the writer has finished.
func (s *session) writeLoop() error {
	switch err := s.writer.Run(s.cut); {
	case errors.Is(err, outbox.ErrStopped):
		return ErrConnectionLost
	case err != nil:
		return s.writeFailed(err)
	}
	// Who waits for this cuts the session when its ctx ends. How the handshake went makes no difference: we are leaving.
	_ = s.conn.Close(context.Background(), statusNormal, "")
	return errDisconnected
}

// lastWords is how long we go on reading from a server that accepts nothing more: it closes its end right after an
// ERROR or a close frame, which may not have been read here yet. A local connection needs microseconds.
const lastWords = time.Second

// writeFailed returns why the connection ended when writing found out first. It waits for the read loop, whose reason
// says more and, by cutting the session first, counts.
func (s *session) writeFailed(err error) error {
	timer := time.NewTimer(lastWords)
	defer timer.Stop()
	select {
	case <-s.cut:
	case <-timer.C:
	}
	return s.endReason(err)
}

// abort ends the session at once, without flushing or a close handshake; see closeConn. The first reason counts.
func (s *session) abort(reason error) {
	s.cutOnce.Do(func() {
		if reason == errDisconnected && s.renewing.Load() {
			reason = errRenewed // the Client is not closed
		}
		s.cutErr = reason
		close(s.cut)
		s.out.Fail(&overError{reason})
		// A connection of WithDialer may be slow to close: the Client's end waits for that, a reconnect does not.
		s.env.running.Go(func() { s.env.closeConn(s.conn, reason) })
	})
}

// isCut reports whether the session has ended or is about to.
func (s *session) isCut() bool {
	select {
	case <-s.cut:
		return true
	default:
		return false
	}
}

// join joins the goroutines of a session that has ended, and resolves everything that waits for it. It returns why
// the session ended, never nil, and the frames for the next one, in order.
func (s *session) join() (left []carried, err error) {
	err = s.loops.Wait()
	s.stopTimers()
	if s.cutErr != nil {
		err = s.cutErr
	}
	switch {
	case !s.disconnectSent.Load():
	case s.renewing.Load():
		err = errRenewed
	default:
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

// endReason returns why the connection ended, from the error of a read or a write.
func (s *session) endReason(err error) error {
	err = publicError(err)
	hint := s.server.hint(parting{
		err:      err,
		stream:   s.conn.IsStream(),
		promised: s.info.HeartBeatSend > 0,
		longest:  s.out.Longest(),
		split:    s.env.cfg.splitSet,
	})
	if hint != "" {
		err = fmt.Errorf("%w (%s)", err, hint)
	}
	if hungUp(err) {
		if idle := s.pause.silence(s.conn.LastRead()); idle >= idleSuspected {
			err = fmt.Errorf("%w (nothing had come for %v: if it is so each time, something on the way closes idle connections, as a proxy does; see WithHeartBeat)", err, idle.Round(100*time.Millisecond))
		}
	}
	return &lostError{err}
}

// idleSuspected is the silence from which on a connection that ends without a word may have ended for it. No proxy
// has a shorter timeout; a server that ends while it talks is not meant.
const idleSuspected = time.Second

package stomp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/internal/ws"
)

// A session is one connection from CONNECTED to its end.
//
//	senders ──encode──▶ outbox ──▶ write loop ──▶ conn ──▶ read loop ──▶ routes
//	                                   ▲                       │          └▶ inboxes
//	                       heart-beats ┘                       └▶ receipts
//
// start starts both loops under an errgroup, which join joins; one timer watches
// for silence, another says when a heart-beat is due. The read loop alone touches
// dec and reads from conn. One goroutine at a time writes to conn: the write
// loop, or, while that sleeps, a sender in its place (see outbox).
type session struct {
	client *Client
	loops  errgroup.Group
	conn   *ws.Conn
	dec    *wire.Decoder
	enc    wire.Encoder
	info   Session
	epoch  uint64

	out      *outbox
	receipts *receipts
	routes   *routes
	replies  replies

	cut     chan struct{} // closed by abort: end at once
	cutErr  error         // set before cut is closed
	cutOnce sync.Once
	finish  atomic.Pointer[context.Context] // set, and the write loop woken: flush, close handshake within that ctx, end
	leaving atomic.Bool                     // our DISCONNECT is out: any end is a clean one

	// Owned by the writer of the moment.
	begun     uint64 // number of the last frame whose writing began
	batch     *batch // what it is writing; nil: nothing
	unflushed int    // octets written since the last flush, more or less
	inlineErr error  // what a sender met that wrote in the loop's place

	restore func() error // restores the subscriptions while the loops run; nil: that is done

	watchdog  *time.Timer // nil: no heart-beats of the server's were agreed. Set before the loops start
	metronome *time.Timer // nil: we send none. Likewise
	beatDue   atomic.Bool // a heart-beat of ours: set by the metronome, and the write loop woken
	stall     stallClock
	jam       jam

	// Counted by the loop whose work it is, read by Stats.
	received, beatsReceived, repaired atomic.Uint64
	sent, beatsSent                   atomic.Uint64

	ended chan struct{} // closed by the supervisor: the loops are joined, everybody was answered, the Client has let go of it
}

// errLeft is how a session ends that was asked to.
var errLeft = fmt.Errorf("%w: disconnected", ErrClosed)

// start lets the session run until it ends. over is then called, in a goroutine
// of its own, and has to call join.
func (s *session) start(over func()) {
	s.receipts.beginSession()
	s.watchSilence()
	s.beatTime()
	s.loop(s.writeLoop)
	if every := s.client.cfg.ping; every > 0 {
		s.loop(func() error { return s.pingLoop(every) })
	}
	if s.restore != nil {
		s.loop(s.restore)
	}
	s.loop(func() error {
		err := s.readLoop()
		s.abort(err)
		go over() // joined by whoever waits for the Client's done
		return err
	})
}

// loop runs f beside the others until the session ends, which f's error brings
// about.
func (s *session) loop(f func() error) {
	s.loops.Go(func() error { // joined by join
		err := f()
		if err != nil {
			s.abort(err)
		}
		return err
	})
}

// join joins the goroutines of a session that is over and answers everybody who
// waits. It returns why it ended, never nil, and what goes out on the next one.
func (s *session) join() (left []carried, _ error) {
	err := s.loops.Wait()
	for _, timer := range []*time.Timer{s.watchdog, s.metronome} {
		if timer != nil {
			timer.Stop() // one that is just firing sees that the session is cut
		}
	}
	if s.cutErr != nil {
		err = s.cutErr
	}
	if s.leaving.Load() {
		err = errLeft
	}
	return s.settle(err), err
}

// abort ends the session at once: nothing is flushed, no hands are shaken. The
// first reason counts.
func (s *session) abort(reason error) {
	s.cutOnce.Do(func() {
		s.cutErr = reason
		close(s.cut)
		s.out.fail(&overError{reason})
		// A foreign connection may take its time to close: the Client's end waits
		// for it, and a reconnect does not.
		s.client.wg.Go(func() { s.conn.CloseNow() })
	})
}

// settle answers everybody who waits for something of this session, and returns
// what goes out on the next one, in order.
func (s *session) settle(err error) []carried {
	s.out.fail(&overError{err})
	left := s.out.leftover(s.batch, s.begun, s.info.Version)
	left = append(left, s.receipts.endSession(err, s.out, s.begun, left)...)
	slices.SortFunc(left, func(a, b carried) int { return cmp.Compare(a.order, b.order) })
	s.replies.fail(err)
	return left
}

// patience is for how long the server may be silent: twice the interval agreed
// (clause M7, promise 8). Two servers look at an interval whether they have sent
// anything since the last look, and leave the beat out then, so that they can be
// silent for twice the interval and a few milliseconds: ActiveMQ Classic and
// Spring's simple broker, which is the one that does not name itself. They get
// an interval more.
func (s *session) patience() time.Duration {
	interval := s.info.HeartBeatReceive
	if strings.HasPrefix(s.info.Server, "ActiveMQ/") || s.info.Server == "" && !s.conn.IsStream() {
		return 3 * interval
	}
	return 2 * interval
}

// watchSilence ends the session when the server is silent for longer than it
// may be. Time during which we do not read is not silence.
func (s *session) watchSilence() {
	if s.info.HeartBeatReceive == 0 {
		return
	}
	s.watchdog = time.AfterFunc(math.MaxInt64, s.listen) // which needs the timer: it is set afterwards
	s.watchdog.Reset(s.patience())
}

// listen is the watchdog's: it looks how long the server has been silent, and
// when to look again.
func (s *session) listen() {
	if s.isCut() {
		return
	}
	patience := s.patience()
	left := patience - s.stall.silence(s.conn.LastRead())
	if left <= 0 {
		s.abort(&lostError{fmt.Errorf("%w for %v (heart-beats every %v were agreed)", ErrHeartBeat, patience, s.info.HeartBeatReceive)})
		return
	}
	s.watchdog.Reset(left)
}

// stallClock knows when OverflowBlock keeps the read loop from reading.
type stallClock struct {
	mu      sync.Mutex
	stalled bool
	resumed time.Time
}

func (c *stallClock) set(stalled bool) {
	c.mu.Lock()
	c.stalled, c.resumed = stalled, time.Now()
	c.mu.Unlock()
}

// silence is how long the server can be said to have been silent.
func (c *stallClock) silence(lastRead time.Time) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stalled {
		return 0
	}
	if lastRead.Before(c.resumed) {
		lastRead = c.resumed
	}
	return time.Since(lastRead)
}

// endReason says why the connection ended, from an error of a read or a write.
func (s *session) endReason(err error) error {
	err = publicError(err)
	var closed *CloseError
	if errors.As(err, &closed) {
		if hint := sizeHint(closed, s.info.Server); hint != "" {
			err = fmt.Errorf("%w (%s)", err, hint)
		}
	}
	return &lostError{err}
}

// statusTooBig is the WebSocket close code for a message above a limit.
const statusTooBig = 1009

// sizeHint says which limit a server has that refused a message for its size,
// as far as the reason it gave or its server header tells (promise 13).
func sizeHint(closed *CloseError, server string) string {
	switch {
	case closed.Code != statusTooBig:
		return ""
	case server == "", strings.Contains(closed.Reason, "output buffer"), strings.Contains(closed.Reason, "buffer too small"):
		// A relay passes on the server header of the broker behind it.
		return "a Spring server on Tomcat takes text messages up to 16,640 octets and binary ones up to 8,192 by default: see WithMessageSplit"
	case strings.HasPrefix(server, "RabbitMQ"):
		return "RabbitMQ takes WebSocket messages up to web_stomp.ws_opts.max_frame_size, from 4.2.6 on 4 MiB by default"
	case strings.HasPrefix(server, "ActiveMQ-Artemis"):
		return "Artemis takes WebSocket frames up to webSocketMaxFramePayloadLength, 65,536 octets by default"
	case strings.HasPrefix(server, "ActiveMQ"):
		return "ActiveMQ takes text messages up to websocket.maxTextMessageSize, 65,536 octets by default"
	}
	return "a message was above a limit of the server"
}

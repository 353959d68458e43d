package stomp

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"time"
	"unicode/utf8"

	"github.com/webstomp/webstomp/internal/ws"
)

// minSplit is the shortest piece that holds any UTF-8 character.
const minSplit = utf8.UTFMax

var heartBeat = []byte{'\n'} // clause W4

// writeLoop writes what senders put into the outbox, heart-beats, and what the
// WebSocket has to say itself (pongs). It takes all that is there, writes it
// into the connection's buffer and flushes once, so that frames sent at the
// same time share a system call. While it sleeps, a lone frame is written by its
// sender: see writeInline.
func (s *session) writeLoop() error {
	defer s.out.claim() // no sender writes any more when the loop has returned
	for {
		if err := s.writeWaiting(); err != nil {
			return s.writeFailed(err)
		}
		select {
		case <-s.conn.Pending(): // the outbox signals it too
		case <-s.cut:
			return ErrConnectionLost
		}
		s.out.claim()
		leave := s.finish.Load()
		err := s.inlineErr
		if err == nil {
			err = s.writeBeat()
		}
		if err == nil {
			err = s.flush() // a pong, the beat, or what a sender could not finish
		}
		switch {
		case err != nil:
			return s.writeFailed(err)
		case leave != nil:
			return s.leave(*leave)
		}
	}
}

// lastWords is how long a server that takes nothing more has to be heard: it
// closes its end right after an ERROR or a close frame, which may still lie
// unread here. A local connection needs microseconds.
const lastWords = time.Second

// writeFailed says why the connection ended, where writing found out first: what
// the read loop learns says more, and cuts the session, which counts then.
func (s *session) writeFailed(err error) error {
	timer := time.NewTimer(lastWords)
	defer timer.Stop()
	select {
	case <-s.cut:
	case <-timer.C:
	}
	return s.endReason(err)
}

// writeNow writes one message and flushes.
func writeNow(conn *ws.Conn, typ ws.MessageType, message []byte) error {
	if err := conn.Write(typ, message); err != nil {
		return err
	}
	return conn.Flush()
}

// beatTime has the write loop send heart-beats at a fixed rate, twice as often
// as agreed: a beat may be late by half an interval, and ActiveMQ grants no grace
// (clause M7).
func (s *session) beatTime() {
	interval := max(s.info.HeartBeatSend/2, time.Millisecond)
	if s.info.HeartBeatSend == 0 {
		interval = s.client.cfg.beatUnasked
	}
	if interval == 0 {
		return
	}
	s.metronome = time.AfterFunc(math.MaxInt64, func() { // a ticker's channel would hold more memory
		if s.isCut() {
			return
		}
		s.out.poke(func() { s.beatDue.Store(true) })
		s.metronome.Reset(interval)
	})
	s.metronome.Reset(interval)
}

// writeBeat writes a heart-beat if one is due.
func (s *session) writeBeat() error {
	if !s.beatDue.CompareAndSwap(true, false) {
		return nil
	}
	s.beatsSent.Add(1)
	return s.conn.Write(s.typeOf(nil), heartBeat)
}

// breath is after how many octets the write loop looks up, however much there
// is to write: it sends a heart-beat that is due (clause M7), and tells those
// who wait that what they sent is on its way. At 256 KiB the flush that this
// takes costs nothing that can be measured.
const breath = 256 << 10

// writeWaiting writes until the outbox is empty, and flushes.
func (s *session) writeWaiting() error {
	var done *batch
	yielded := false
	for {
		b := s.out.take(done)
		done = b
		switch {
		case b != nil:
			yielded = false
		case s.unflushed == 0 && s.out.sleep():
			return nil
		case s.unflushed > 0 && !yielded:
			// Whoever is ready to run may be about to send: their frames had
			// better share this system call, which costs many times as much.
			yielded = true
			runtime.Gosched()
			continue
		default:
			if err := s.flush(); err != nil {
				return err
			}
			continue
		}
		s.batch = b // an error leaves it for the next session
		if err := s.writeBatch(b); err != nil {
			return err
		}
		s.batch = nil
		if s.unflushed == 0 {
			s.out.flush() // all of it was withdrawn: no system call will say so
		}
		if s.unflushed >= breath {
			if err := s.flush(); err != nil {
				return err
			}
		}
	}
}

// flush sends what was written of all that was taken.
func (s *session) flush() error {
	s.unflushed = 0
	if err := s.conn.Flush(); err != nil {
		return err
	}
	s.out.flush()
	return nil
}

const (
	// inlineOctets is up to which size a sender writes its frame itself.
	inlineOctets = 16 << 10

	// inlineGap is for how long nothing must have been written for that: longer
	// than a goroutine that sends in a loop takes from one frame to the next, whose
	// frames had better share system calls, and shorter than any round trip.
	inlineGap = 10 * time.Microsecond
)

// writeInline writes a lone frame in the place of the write loop, which sleeps:
// waking it would take longer than the system call does. It does not block, and
// leaves the rest to the loop where the connection does not take all of it.
func (s *session) writeInline(b *batch) {
	s.batch = b
	s.conn.Hold(true)
	err := s.writeBatch(b)
	s.conn.Hold(false)
	flushed := false
	if err == nil {
		s.batch = nil
		batches.Put(b.empty())
		flushed, err = s.conn.TryFlush()
	}
	if flushed {
		s.unflushed = 0
	}
	s.inlineErr = err
	s.out.inlined(flushed)
}

func (s *session) writeBatch(b *batch) error {
	start, written := 0, 0
	for i := range b.frames {
		f := &b.frames[i]
		frame := b.buf[start:f.end]
		start = f.end
		if f.big != nil {
			frame = f.big
		}
		s.begun++
		if f.gone {
			continue
		}
		s.sent.Add(1)
		if err := s.writeFrame(f.typ, frame); err != nil {
			return err
		}
		s.unflushed += len(frame)
		if written += len(frame); written < breath {
			continue
		}
		written = 0
		if err := s.writeBeat(); err != nil {
			return err
		}
	}
	return nil
}

// writeFrame writes one frame: one WebSocket message (clause W2) unless the
// user wants it split.
func (s *session) writeFrame(typ ws.MessageType, frame []byte) error {
	limit := s.client.cfg.split
	for limit > 0 && len(frame) > limit {
		n := limit
		if typ == ws.Text {
			// Never cut a character: servers check each message alone. Where
			// text is forced on octets that are none, nothing can be kept whole.
			for n > limit-(utf8.UTFMax-1) && !utf8.RuneStart(frame[n]) {
				n--
			}
			if !utf8.RuneStart(frame[n]) {
				n = limit
			}
		}
		if err := s.conn.Write(typ, frame[:n]); err != nil {
			return err
		}
		frame = frame[n:]
	}
	return s.conn.Write(typ, frame)
}

// leave writes what waits and closes the connection, graciously as long as ctx
// lets it.
func (s *session) leave(ctx context.Context) error {
	if err := s.writeWaiting(); err != nil {
		return s.writeFailed(err)
	}
	if err := s.conn.Close(ctx, closeNormal, ""); err != nil && ctx.Err() != nil {
		return err
	}
	return errLeft
}

// closeNormal is the WebSocket close code for a purpose fulfilled.
const closeNormal = 1000

// pingLoop sends WebSocket pings, and ends the session when one is followed by
// nothing at all from the server until the next is due.
func (s *session) pingLoop(every time.Duration) error {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-s.cut:
			return ErrConnectionLost
		case <-ticker.C:
		}
		if err := s.ping(every); err != nil {
			return err
		}
	}
}

func (s *session) ping(within time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), within) // the connection's end ends it as well
	defer cancel()
	err := s.conn.Ping(ctx)
	switch {
	case err == nil || s.isCut():
		return nil
	case ctx.Err() == nil:
		return nil // the connection is over, and the read loop knows why
	case s.stall.silence(s.conn.LastRead()) < within:
		return nil // the pong is late, the server is not silent
	}
	return &lostError{fmt.Errorf("%w: nothing came for %v after a WebSocket ping", ErrHeartBeat, within)}
}

package stomp

import (
	"context"
	"fmt"
	"math"
	"time"
)

// How each side knows that the other is alive (clause M7, promise 8): our heart-beats, the server's silence, and
// WebSocket pings.

// startBeats starts heart-beats at a fixed rate, twice as often as agreed: one may be late by half an interval, and
// ActiveMQ grants no grace (clause M7).
func (s *session) startBeats() {
	interval := max(s.info.HeartBeatSend/2, time.Millisecond)
	if s.info.HeartBeatSend == 0 {
		interval = s.env.cfg.beats.unasked
	}
	if interval == 0 {
		return
	}
	s.beatTimer = time.AfterFunc(math.MaxInt64, func() { // a ticker's channel would hold more memory
		if s.isCut() {
			return
		}
		s.writer.Beat()
		s.beatTimer.Reset(interval)
	})
	s.beatTimer.Reset(interval) // only now can the func find the timer
}

// allowedSilence returns how long the server may be silent.
func (s *session) allowedSilence() time.Duration {
	return time.Duration(s.server.beatIntervals) * s.info.HeartBeatReceive
}

// startSilenceTimer ends the session when the server is silent for longer than allowedSilence. Time during which we
// do not read is not silence.
func (s *session) startSilenceTimer() {
	if s.info.HeartBeatReceive == 0 {
		return
	}
	s.silenceTimer = time.AfterFunc(math.MaxInt64, s.checkSilence)
	s.silenceTimer.Reset(s.allowedSilence()) // only now can checkSilence find the timer
}

// wakeGrace is for how long the read loop may read what lies in the socket, when the silence timer or a ping's finds
// that it is late: the process was stopped, or slept, and must not take its own sleep for the server's.
const wakeGrace = time.Second

// late is how late a timer may be on a machine that is merely busy.
const late = 100 * time.Millisecond

// checkSilence runs when the silence timer fires. It ends the session, or sets the timer to the earliest time when
// that may be due.
func (s *session) checkSilence() {
	if s.isCut() {
		return
	}
	allowed := s.allowedSilence()
	left := allowed - s.pause.silence(s.conn.LastRead())
	switch {
	case left > 0:
		s.woke = false
	case left < -late && !s.woke:
		s.woke, left = true, wakeGrace
	default:
		s.abort(&lostError{fmt.Errorf("%w for %v (heart-beats every %v were agreed)", ErrHeartBeat, allowed, s.info.HeartBeatReceive)})
		return
	}
	s.silenceTimer.Reset(left)
}

// stopTimers stops the timers of startBeats and startSilenceTimer. One that is just firing sees that the session is
// cut.
func (s *session) stopTimers() {
	for _, timer := range []*time.Timer{s.silenceTimer, s.beatTimer} {
		if timer != nil {
			timer.Stop()
		}
	}
}

// pingLoop sends WebSocket pings (WithPing). It ends the session when nothing at all comes from the server between a
// ping and the next.
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
	ctx, cancel := context.WithTimeout(context.Background(), within) // also ended by the end of the connection
	defer cancel()
	sent := time.Now()
	err := s.conn.Ping(ctx)
	switch {
	case err == nil || s.isCut():
		return nil
	case ctx.Err() == nil:
		return nil // the connection has ended, and the read loop knows why
	case s.pause.silence(s.conn.LastRead()) < within:
		return nil // the pong is late, the server is not silent
	case time.Since(sent) > within+late && s.readsWithin(wakeGrace):
		return nil
	}
	return &lostError{fmt.Errorf("%w: nothing came for %v after a WebSocket ping", ErrHeartBeat, within)}
}

// readsWithin gives the read loop that much time, and reports whether it has read something, or may not read.
func (s *session) readsWithin(grace time.Duration) bool {
	began := time.Now()
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.cut:
	}
	return s.pause.silence(s.conn.LastRead()) < time.Since(began)
}

package stomp

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Heart-beats (clauses C6 and M7, promise 8): what is proposed and agreed, ours going out, and the server's silence.

// defaultHeartBeat is what stomp.js and Spring propose. The shortest idle timeout of the brokers, 60 s, leaves room for it
// six times over.
//
// By default it is what we want of the server, and every half of it we send a heart-beat that was not agreed: an EOL is legal
// at any time, and keeps RabbitMQ, Artemis (60 s without a byte) and ActiveMQ from leaving. We do not promise it, because
// of RabbitMQ: where heart-beats of the client were agreed, its flow control crashes the process that watches them, and a
// fast publisher loses its connection (3.10.8: 14 of 18 runs of 15,000 messages; none where our number was 0).
const defaultHeartBeat = 10 * time.Second

// maxHeartBeat is what 32 bits hold in milliseconds, which is how brokers read it: 24 days.
const maxHeartBeat = math.MaxInt32 * time.Millisecond

// beatConfig is what WithHeartBeat says.
type beatConfig struct {
	send    time.Duration // at least this often, as we promise; 0: no promise
	receive time.Duration // at least this often, as we want of the server; 0: we want none
	unasked time.Duration // how often we send though it was not agreed; 0: not at all
}

var defaultBeats = beatConfig{receive: defaultHeartBeat, unasked: defaultHeartBeat / 2}

func (b beatConfig) check() error {
	switch {
	case b.send < 0 || b.receive < 0:
		return errors.New("WithHeartBeat: negative interval (0 disables)")
	case b.send > maxHeartBeat || b.receive > maxHeartBeat:
		return fmt.Errorf("WithHeartBeat: an interval above %v (0 disables)", maxHeartBeat)
	}
	return nil
}

// entry is CONNECT's heart-beat.
func (b beatConfig) entry() string {
	return fmt.Sprintf("%d,%d", milliseconds(b.send), milliseconds(b.receive))
}

// milliseconds rounds up: a wish of half a millisecond must not become none.
func milliseconds(d time.Duration) int64 {
	return int64((d + time.Millisecond - 1) / time.Millisecond)
}

// agree finds the heart-beats of a session from CONNECTED (clause C6).
func (b beatConfig) agree(h Header) (send, receive time.Duration, err error) {
	theirs, ok := h.Lookup("heart-beat")
	if !ok {
		return 0, 0, nil
	}
	first, second, _ := strings.Cut(theirs, ",")
	sx, err1 := strconv.ParseUint(first, 10, 32)
	sy, err2 := strconv.ParseUint(second, 10, 32)
	if err1 != nil || err2 != nil {
		return 0, 0, &ProtocolError{Reason: fmt.Sprintf("CONNECTED's heart-beat is %q, not two numbers of milliseconds", theirs), Clause: "C6"}
	}
	slower := func(ours time.Duration, theirs uint64) time.Duration {
		if ours == 0 || theirs == 0 {
			return 0
		}
		return max(time.Duration(milliseconds(ours)), time.Duration(theirs)) * time.Millisecond
	}
	return slower(b.send, sy), slower(b.receive, sx), nil
}

// startBeats has heart-beats written at a fixed rate, twice as often as agreed: one may be late by half an interval, and
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
	s.beatTimer.Reset(interval) // not before the func can find the timer
}

// allowedSilence is for how long the server may be silent.
func (s *session) allowedSilence() time.Duration {
	return time.Duration(s.server.beatIntervals) * s.info.HeartBeatReceive
}

// startSilenceTimer ends the session when the server is silent for longer than it may be. Time during which we do not read
// is not silence.
func (s *session) startSilenceTimer() {
	if s.info.HeartBeatReceive == 0 {
		return
	}
	s.silenceTimer = time.AfterFunc(math.MaxInt64, s.checkSilence)
	s.silenceTimer.Reset(s.allowedSilence()) // not before checkSilence can find the timer
}

// checkSilence is the silence timer's: it looks for how long the server has been silent, and when to look again.
func (s *session) checkSilence() {
	if s.isCut() {
		return
	}
	allowed := s.allowedSilence()
	left := allowed - s.pause.silence(s.conn.LastRead())
	if left <= 0 {
		s.abort(&lostError{fmt.Errorf("%w for %v (heart-beats every %v were agreed)", ErrHeartBeat, allowed, s.info.HeartBeatReceive)})
		return
	}
	s.silenceTimer.Reset(left)
}

// stopTimers stops what startBeats and startSilenceTimer have started. One that is just firing sees that the session is
// cut.
func (s *session) stopTimers() {
	for _, timer := range []*time.Timer{s.silenceTimer, s.beatTimer} {
		if timer != nil {
			timer.Stop()
		}
	}
}

// pingLoop sends WebSocket pings (WithPing), and ends the session when one is followed by nothing at all from the server
// until the next is due.
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
	case s.pause.silence(s.conn.LastRead()) < within:
		return nil // the pong is late, the server is not silent
	}
	return &lostError{fmt.Errorf("%w: nothing came for %v after a WebSocket ping", ErrHeartBeat, within)}
}

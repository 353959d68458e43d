package stomp

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Heart-beats: what is proposed and agreed (clause C6). liveness.go has what comes of it.

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

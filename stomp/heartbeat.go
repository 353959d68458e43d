package stomp

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Heart-beats as proposed and agreed (clause C6). liveness.go sends and checks them.

// defaultHeartBeat is what stomp.js and Spring propose. It fits six times into the shortest idle timeout of the
// brokers, 60 s.
//
// By default we want it of the server, and send a heart-beat that was not agreed every half of it: an EOL is legal at
// any time, and keeps RabbitMQ, Artemis (60 s without a byte) and ActiveMQ from closing the connection. We promise
// none because of RabbitMQ: where client heart-beats are agreed over a WebSocket, its flow control crashes the
// process that checks them, and a fast publisher loses its connection. So it is in every version up to 4.3.6: of 10
// that sent 15,000 messages, 6 to 9 lost it on 3.10.8, 4.0.5 and 4.3.6, and none that promised nothing. See
// orPromised for where we do, and hint for what an error says then.
const defaultHeartBeat = 10 * time.Second

// maxHeartBeat is the most milliseconds that 32 bits hold, which is how brokers read them: 24 days.
const maxHeartBeat = math.MaxInt32 * time.Millisecond

// beatConfig holds the arguments of WithHeartBeat.
type beatConfig struct {
	send    time.Duration // the longest interval that we promise; 0: no promise
	receive time.Duration // the longest interval that we want of the server; 0: none wanted
	unasked time.Duration // the interval of heart-beats that were not agreed; 0: none
}

var defaultBeats = beatConfig{receive: defaultHeartBeat, unasked: defaultHeartBeat / 2}

// orPromised returns b, which promises heart-beats as well if it is the default and a server would notice a dead
// connection too late without: on a bare socket, where RabbitMQ and ActiveMQ wait for TCP, and with a client-id,
// which ActiveMQ gives to nobody else meanwhile. Backoff.Refused is over before they do.
func (b beatConfig) orPromised(bare bool, h Header) beatConfig {
	if _, named := h.Lookup("client-id"); b == defaultBeats && (bare || named) {
		b.send = defaultHeartBeat
	}
	return b
}

func (b beatConfig) check() error {
	switch {
	case b.send < 0 || b.receive < 0:
		return errors.New("WithHeartBeat: negative interval (0 disables)")
	case b.send > maxHeartBeat || b.receive > maxHeartBeat:
		return fmt.Errorf("WithHeartBeat: an interval above %v (0 disables)", maxHeartBeat)
	}
	return nil
}

func (b beatConfig) entry() string {
	return fmt.Sprintf("%d,%d", milliseconds(b.send), milliseconds(b.receive))
}

// milliseconds rounds up: half a millisecond must not become 0, which means none.
func milliseconds(d time.Duration) int64 {
	return int64((d + time.Millisecond - 1) / time.Millisecond)
}

// agree returns the heart-beats of a session, from the header of CONNECTED (clause C6).
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

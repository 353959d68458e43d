package stomptest

import (
	"bytes"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/webstomp/webstomp/internal/wire"
)

// faults are what the broker has been told to do wrong.
type faults struct {
	silence gate
	delay   atomic.Int64 // time.Duration
	refuse  atomic.Pointer[refusedHandshake]
	ask     atomic.Pointer[func(Event) Action]
}

type refusedHandshake struct {
	status int
	body   string
}

// Cut ends every connection abruptly: no close frame, and a reset where the transport knows one. When it returns,
// what their sessions held is back in its queues.
func (b *Broker) Cut() {
	conns := b.connections()
	b.mu.Lock()
	endAll(sessionsOfLocked(conns))
	b.mu.Unlock()
	for _, c := range conns {
		c.fault.reset()
		c.cut()
	}
}

// CloseConnections closes every connection with a WebSocket close frame of that code and reason, once what is queued
// has been sent. Bare STOMP is closed without one.
func (b *Broker) CloseConnections(code int, reason string) {
	conns := b.connections()
	b.mu.Lock()
	defer b.mu.Unlock()
	endAll(sessionsOfLocked(conns))
	for _, c := range conns {
		c.finishLocked(closing{code, reason})
	}
}

// sessionsOfLocked returns the sessions of connections, nil for one that has none yet. Broker.mu is held.
func sessionsOfLocked(conns []*conn) []*session {
	sessions := make([]*session, len(conns))
	for i, c := range conns {
		sessions[i] = c.session
	}
	return sessions
}

// Silence stops reading and writing on every connection without closing any, and lets new ones hang in their
// handshake; Silence(false) ends that, and every FallSilent. What arrived meanwhile is then taken up, and the time
// does not count against the clients' heart-beats.
func (b *Broker) Silence(on bool) {
	b.faults.silence.set(on)
	if !on {
		for _, c := range b.connections() {
			c.fault.gates[1].set(false)
		}
	}
}

// Delay makes every connection wait for d before each frame that it sends; heart-beats go on. 0 ends it.
func (b *Broker) Delay(d time.Duration) { b.faults.delay.Store(int64(d)) }

// RefuseHandshakes answers every upgrade with an HTTP status and body, and closes bare connections at once. A status
// of 0 ends it.
func (b *Broker) RefuseHandshakes(status int, body string) {
	if status == 0 {
		b.faults.refuse.Store(nil)
		return
	}
	b.faults.refuse.Store(&refusedHandshake{status, body})
}

// SendRaw sends bytes of any kind, as one WebSocket message, to every connection.
func (b *Broker) SendRaw(p []byte) {
	p = bytes.Clone(p)
	for _, c := range b.connections() {
		c.out.push(item{raw: p})
	}
}

// SendFrame sends a server's frame of one's own making to every connection, encoded as its version wants. It fails
// for a frame that STOMP 1.2 cannot encode; where only the version of a connection cannot, such as a line end in
// STOMP 1.0, that connection does not get it, and the log says so (WithLogger).
func (b *Broker) SendFrame(command string, header [][2]string, body []byte) error {
	f := wire.Frame{Command: command, Header: slices.Clone(header), Body: bytes.Clone(body)}
	if _, err := (wire.Encoder{Limits: b.cfg.limits}).AppendFrame(nil, f); err != nil {
		return fmt.Errorf("stomptest: SendFrame: %w", err)
	}
	for _, c := range b.connections() {
		c.out.push(item{frame: f})
	}
	return nil
}

// Publish brings a message to a destination, as a SEND would.
func (b *Broker) Publish(destination string, header [][2]string, body []byte) {
	m := newMessage(destination, header, bytes.Clone(body), b.act.passesJunk)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.routeLocked(nil, m)
}

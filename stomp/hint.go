package stomp

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
)

// What a server leaves unsaid when it ends a session, as far as its name, its version, its close reason and what went
// before tell. docs/brokers.md says where each fact comes from.

// parting is how a session came to its end.
type parting struct {
	err      error
	stream   bool // it was not over the library's own WebSocket
	promised bool // heart-beats of ours were agreed
	longest  int  // bytes of the longest frame that was accepted for sending
	split    bool // WithMessageSplit was given
}

// bluntly reports whether the peer ended the connection without a WebSocket close frame, and not the network or we.
func (p parting) bluntly() bool {
	var op *net.OpError
	switch {
	case errors.Is(p.err, io.EOF), errors.Is(p.err, io.ErrUnexpectedEOF):
		return true
	case errors.As(p.err, &op): // a reset
		return !op.Timeout() && !errors.Is(p.err, net.ErrClosed)
	}
	return false
}

// hint says what is likely behind the end of a session, and what to look at; "" where nothing is known.
func (s server) hint(p parting) string {
	var closed *CloseError
	switch {
	case errors.As(p.err, &closed):
		return s.closeHint(closed, p.longest)
	case s.kind == artemis && longFragments && !p.stream && !p.split && p.longest > 64<<10 && p.bluntly():
		return fmt.Sprintf("a frame had %d bytes: browsers send WebSocket frames above the 65,536 bytes that Artemis takes: see WithMessageSplit", p.longest)
	case s.kind != rabbitMQ || !p.bluntly():
		return ""
	case p.stream:
		return s.frameHint(p.longest)
	case p.promised:
		return "RabbitMQ's Web STOMP drops fast publishers that promise heart-beats: WithHeartBeat(0, …) promises none"
	}
	return ""
}

// WebSocket close codes (RFC 6455).
const (
	statusNormal = 1000
	statusTooBig = 1009 // a message is above a limit
)

// closeHint names the limit that a WebSocket was closed for (promise 13).
func (s server) closeHint(closed *CloseError, longest int) string {
	reason := func(part string) bool { return strings.Contains(closed.Reason, part) }
	switch {
	case s.kind == rabbitMQ && reason("{frame_too_big,"): // with 1007, from 4.3.5 on: the sum of a frame's messages
		return rabbitMQLimit
	case s.kind == rabbitMQ && closed.Code == statusNormal && reason("STOMP died"):
		return s.bodyHint(longest)
	case closed.Code != statusTooBig:
		return ""
	// A Spring relay shows the name of the broker behind it.
	case reason("too big for the output buffer"), reason("buffer too small"):
		return "a Spring server on Tomcat takes text messages up to 16,640 bytes and binary ones up to 8,192 by default: see WithMessageSplit"
	case s.kind == classic: // on Jetty as well
		return "ActiveMQ takes text messages up to websocket.maxTextMessageSize, 65,536 bytes by default"
	case reason("message too large: "), reason("exceeds maximum size ["):
		return "a Spring server on Jetty takes messages up to 65,536 bytes by default: see WithMessageSplit, and Spring's setMessageSizeLimit for the frame"
	case s.kind == artemis:
		return "Artemis takes WebSocket frames up to webSocketMaxFramePayloadLength, 65,536 bytes by default"
	case s.kind == rabbitMQ && closed.Reason == "": // it never gives one
		return s.messageHint()
	case s.kind == unnamedServer:
		return "a message was above a limit of the server; if it is Spring, see WithMessageSplit"
	}
	return "a message was above a limit of the server"
}

const rabbitMQLimit = "RabbitMQ takes frames up to stomp.max_frame_size, 4 MiB by default"

// messageHint names RabbitMQ's limit on a WebSocket message.
func (s server) messageHint() string {
	const older = "WebSocket messages up to web_stomp.ws_opts.max_frame_size"
	switch {
	case s.release.isSince(release{4, 2, 6}):
		return rabbitMQLimit
	case s.release.known():
		return "RabbitMQ takes " + older + ", without limit by default"
	}
	return rabbitMQLimit + ", before 4.2.6 " + older
}

// frameHint names RabbitMQ's limit on a frame over TCP, where it says nothing, if a frame was above the default.
func (s server) frameHint(longest int) string {
	if longest <= 4<<20 || s.release.known() && !s.release.isSince(release{3, 12, 2}) {
		return ""
	}
	return fmt.Sprintf("a frame had %d bytes: %s", longest, rabbitMQLimit)
}

// bodyHint names RabbitMQ's limit on a body, which it says nothing of either, if a frame was above the default.
func (s server) bodyHint(longest int) string {
	limit := 16
	if s.release.known() && !s.release.isSince(release{4, 0, 0}) {
		limit = 128
	}
	if longest <= limit<<20 {
		return ""
	}
	return fmt.Sprintf("a frame had %d bytes: RabbitMQ takes bodies up to max_message_size, %d MiB by default", longest, limit)
}

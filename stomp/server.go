package stomp

import "strings"

// server is what is known of the broker of a session beyond the protocol. It is parsed once, from CONNECTED, and nothing
// else asks which broker that is. docs/brokers.md says where each fact comes from.
type server struct {
	kind serverKind

	// beatIntervals is for how many of the agreed intervals it may be silent (clause M7, promise 8).
	beatIntervals int
	// closesAfterError: it has to be the first to close after an ERROR that ends the session.
	closesAfterError bool
	// endsDurableInTwo: a durable subscription ends by two UNSUBSCRIBEs, of which only the second names it.
	endsDurableInTwo bool
	// makesReplyQueues: a reply-to of /temp-queue/ is made and subscribed to by the broker itself.
	makesReplyQueues bool
}

type serverKind uint8

const (
	otherServer   serverKind = iota
	unnamedServer            // Spring's simple broker, among others
	rabbitMQ
	artemis
	classic
)

// parseServer reads CONNECTED. stream: it came over no WebSocket.
func parseServer(info Session, stream bool) server {
	s := server{beatIntervals: 2}
	switch {
	case info.Server == "":
		s.kind = unnamedServer
	case strings.HasPrefix(info.Server, "RabbitMQ"):
		s.kind = rabbitMQ
		s.makesReplyQueues = true
	case strings.HasPrefix(info.Server, "ActiveMQ-Artemis"):
		s.kind = artemis
		// 2.44 deadlocks inside, and deletes no queue ever after, when the client closes while it is about to.
		s.closesAfterError = info.Version == V12
	case strings.HasPrefix(info.Server, "ActiveMQ"):
		s.kind = classic
		// It refuses to forget a durable subscription that has a subscriber, and does not take the frame that ends the one
		// for the other.
		s.endsDurableInTwo = true
	}
	// Two servers look once an interval whether they have sent anything since, and skip the beat then: they can be silent
	// for twice the interval and a few milliseconds.
	if s.kind == classic || s.kind == unnamedServer && !stream {
		s.beatIntervals = 3
	}
	return s
}

// statusTooBig is the WebSocket close code for a message above a limit.
const statusTooBig = 1009

// sizeHint says which limit the server has that closed the WebSocket because of a message's size, as far as its reason or
// its name tell (promise 13); "" where that was not why.
func (s server) sizeHint(closed *CloseError) string {
	if closed.Code != statusTooBig {
		return ""
	}
	kind := s.kind
	if strings.Contains(closed.Reason, "output buffer") || strings.Contains(closed.Reason, "buffer too small") {
		kind = unnamedServer // a relay passes on the name of the broker behind it
	}
	switch kind {
	case unnamedServer:
		return "a Spring server on Tomcat takes text messages up to 16,640 octets and binary ones up to 8,192 by default: see WithMessageSplit"
	case rabbitMQ:
		return "RabbitMQ takes WebSocket messages up to web_stomp.ws_opts.max_frame_size, from 4.2.6 on 4 MiB by default"
	case artemis:
		return "Artemis takes WebSocket frames up to webSocketMaxFramePayloadLength, 65,536 octets by default"
	case classic:
		return "ActiveMQ takes text messages up to websocket.maxTextMessageSize, 65,536 octets by default"
	}
	return "a message was above a limit of the server"
}

// connectErrorText is the message of an ERROR that answers CONNECT. Nothing is unescaped before a version is agreed, but
// Artemis escapes even here.
func connectErrorText(message string) string { return strings.ReplaceAll(message, `\c`, ":") }

package stomp

import (
	"slices"
	"strconv"
	"strings"
)

// server is what is known of a session's broker beyond the protocol. It is parsed from CONNECTED once, and no other
// code asks which broker it is. docs/brokers.md says where each fact comes from.
type server struct {
	kind    serverKind
	release release

	// beatIntervals is how many of the agreed intervals the server may be silent (clause M7, promise 8).
	beatIntervals int
	// closesAfterError: after an ERROR that ends the session, the server has to close first.
	closesAfterError bool
	// endsDurableInTwo: ending a durable subscription takes two UNSUBSCRIBEs, of which only the second names it.
	endsDurableInTwo bool
	// makesReplyQueues: the broker itself makes a reply-to of /temp-queue/ and subscribes to it.
	makesReplyQueues bool
	// acksAtOnce: an ACK or NACK in a transaction counts at once, whatever becomes of the transaction.
	acksAtOnce bool
	// hidesRejections: a SEND that a queue rejects is answered by neither RECEIPT nor ERROR.
	hidesRejections bool
	// namesWhatItCancels: an ERROR with a subscription says that this has been cancelled, and nothing else.
	namesWhatItCancels bool
	// endsOverSubscribe: a SUBSCRIBE that it refuses ends the session, and so does one to a queue that was deleted in
	// it.
	endsOverSubscribe bool
	// answersSubscribe: it answers every SUBSCRIBE that it takes. A relay in front of it does not pass on all.
	answersSubscribe bool
}

type serverKind uint8

const (
	otherServer   serverKind = iota
	unnamedServer            // Spring's simple broker, among others
	rabbitMQ
	artemis
	classic
)

// release is a server's version: major, minor, patch. All zero: not known.
type release [3]int

// releaseOf returns the three numbers behind the slash of CONNECTED's server header; what follows them does not
// count, so that 4.3.0-rc.1 is taken for 4.3.0.
func releaseOf(header string) (r release) {
	_, rest, _ := strings.Cut(header, "/")
	for i := range r {
		digits := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
		n, err := strconv.Atoi(rest[:digits])
		if rest = rest[digits:]; err != nil || i < len(r)-1 && !strings.HasPrefix(rest, ".") {
			return release{}
		}
		r[i], rest = n, strings.TrimPrefix(rest, ".")
	}
	return r
}

func (r release) known() bool { return r != release{} }

// isSince reports whether the version is known, and that one or later.
func (r release) isSince(other release) bool { return r.known() && slices.Compare(r[:], other[:]) >= 0 }

// parseServer identifies the server from CONNECTED. stream: it did not come over the library's own WebSocket.
func parseServer(info Session, stream bool) server {
	s := server{beatIntervals: 2, release: releaseOf(info.Server)}
	switch {
	case info.Server == "":
		s.kind = unnamedServer
	case strings.HasPrefix(info.Server, "RabbitMQ"):
		s.kind = rabbitMQ
		s.makesReplyQueues = true
		s.hidesRejections = true
		s.namesWhatItCancels = true
		s.endsOverSubscribe = true
		s.answersSubscribe = true
	case strings.HasPrefix(info.Server, "ActiveMQ-Artemis"):
		s.kind = artemis
		s.acksAtOnce = true
		s.answersSubscribe = true
		// Artemis 2.44 deadlocks internally, and never deletes a queue again, if the client closes while it is about
		// to.
		s.closesAfterError = info.Version == V12
	case strings.HasPrefix(info.Server, "ActiveMQ"):
		s.kind = classic
		// It does not delete a durable subscription that has a subscriber, and the frame that deletes it does not end
		// the subscriber.
		s.endsDurableInTwo = true
		s.answersSubscribe = true
	}
	// Both check once per interval whether they have sent anything since, and skip the heart-beat if so: they can be
	// silent for twice the interval and a few milliseconds.
	if s.kind == classic || s.kind == unnamedServer && !stream {
		s.beatIntervals = 3
	}
	return s
}

// connectErrorText returns the message header of an ERROR that answers CONNECT. Nothing is unescaped before a version
// is agreed, but Artemis escapes even here.
func connectErrorText(message string) string { return strings.ReplaceAll(message, `\c`, ":") }

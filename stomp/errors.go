package stomp

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/internal/ws"
)

// The errors that callers test for with errors.Is. What a call returns wraps
// one of them and says what was tried, on what, and where to look next.
var (
	// ErrClosed: the Client has ended, or is ending (Disconnect, Close,
	// WithLifetime). When a fault ended it, the error matches that as well;
	// Client.Err has it too.
	ErrClosed = errors.New("client closed")
	// ErrNotConnected: there is no session now.
	ErrNotConnected = errors.New("not connected")
	// ErrConnectionLost: the session ended before the answer came. The frame
	// had been handed over; whether the broker has taken it is unknown.
	ErrConnectionLost = errors.New("connection lost")
	// ErrHeartBeat: the server fell silent for twice the interval agreed for
	// its heart-beats (or left a WebSocket ping unanswered), so the
	// connection was cut.
	ErrHeartBeat = errors.New("no heart-beat from the server")
	// ErrStale: Ack or Nack of a frame whose session or subscription is over.
	// Nothing was written; the broker delivers the message again.
	ErrStale = errors.New("the frame's session or subscription is over")
	// ErrNotAckable: Ack or Nack of a frame that nobody delivered, that was
	// delivered in auto mode, or that has been acknowledged already.
	ErrNotAckable = errors.New("frame cannot be acknowledged")
	// ErrSlowConsumer: the queue of a subscription with OverflowFail was full.
	ErrSlowConsumer = errors.New("slow consumer")
	// ErrTransactionDone: the transaction was committed or aborted before.
	ErrTransactionDone = errors.New("transaction done")
	// ErrNoDestination: Send, Subscribe or Request without a destination.
	ErrNoDestination = errors.New("no destination")
	// ErrNoID: WithID("").
	ErrNoID = errors.New("no subscription id")
	// ErrDuplicateID: WithID with an id that another live subscription has.
	ErrDuplicateID = errors.New("duplicate subscription id")
)

// Error is the broker's ERROR frame. It answers the receipt or ends the
// subscription that it names; one that names neither ends the session (clause
// S2).
type Error struct {
	Message   string // the message header: the broker's own short words
	ReceiptID string // the receipt-id header; "" when the broker names none
	Frame     Frame  // the whole frame; its body often explains more
}

func newError(f Frame) *Error {
	return &Error{Message: f.Header.Get("message"), ReceiptID: f.Header.Get("receipt-id"), Frame: f}
}

// errorBodyShown is how many octets of an ERROR's body its text holds: the
// first lines say why, ActiveMQ's stack trace below them does not.
const errorBodyShown = 256

func (e *Error) Error() string {
	text := "broker says ERROR"
	if e.Message != "" {
		text += fmt.Sprintf(" %q", e.Message)
	}
	if body := strings.TrimSpace(string(e.Frame.Body[:min(len(e.Frame.Body), errorBodyShown)])); body != "" {
		text += fmt.Sprintf(": %q", body)
	}
	return text
}

// ConnectError says why Connect did not come to a session: at which URL, at
// which HTTP status if the upgrade was refused, and the cause, which errors.Is
// and errors.As find: an *Error, *CloseError, *ProtocolError, ctx's own error,
// a *net.OpError, a TLS error (clauses C2, C3, C4 and W7).
type ConnectError struct {
	URL        string // without its password
	StatusCode int    // of a refused upgrade; else 0
	Body       []byte // the start of the refusal's body, at most 1 KiB
	Err        error
}

func (e *ConnectError) Error() string {
	text := fmt.Sprintf("stomp: connect %s: %v", e.URL, e.Err)
	if body := strings.TrimSpace(string(e.Body[:min(len(e.Body), errorBodyShown)])); body != "" {
		text += fmt.Sprintf(" (the server says %q)", body)
	}
	return text
}

func (e *ConnectError) Unwrap() error { return e.Err }

// Permanent reports whether trying again as before cannot help: the URL makes
// no sense, the upgrade was refused (but for 408, 429 and 5xx), the broker
// answered CONNECT with ERROR, there is no version in common, the server's
// certificate does not verify, the server refuses ours, or the proxy wants
// another password.
func (e *ConnectError) Permanent() bool {
	if e.StatusCode != 0 {
		return e.StatusCode != http.StatusRequestTimeout && e.StatusCode != http.StatusTooManyRequests && e.StatusCode < 500
	}
	var refused *Error
	var version *versionError
	var certificate *tls.CertificateVerificationError
	var url *badURLError
	var permanent *ws.PermanentError
	switch {
	case errors.As(e.Err, &refused), errors.As(e.Err, &version), errors.As(e.Err, &certificate), errors.As(e.Err, &url), errors.As(e.Err, &permanent):
		return true
	}
	return false
}

// badURLError is a URL that no attempt can reach.
type badURLError struct{ cause error }

func (e *badURLError) Error() string { return "bad URL: " + e.cause.Error() }
func (e *badURLError) Unwrap() error { return e.cause }

// versionError says that the server and we have no version in common (clause C2).
type versionError struct{ cause *ProtocolError }

func (e *versionError) Error() string { return e.cause.Error() }
func (e *versionError) Unwrap() error { return e.cause }

// ProtocolError is a frame that breaks the protocol, received or about to be
// sent. Clause is its id in the project's list of clauses (F: framing, C:
// connecting, M: client frames, S: server frames).
type ProtocolError struct{ Reason, Clause string }

func (e *ProtocolError) Error() string {
	return fmt.Sprintf("protocol error: %s (%s)", e.Reason, e.Clause)
}

// CloseError is the server's WebSocket close, with its code and reason (clause
// W5). A close without a code is 1005 (RFC 6455).
type CloseError struct {
	Code   int
	Reason string
}

func (e *CloseError) Error() string {
	if e.Reason == "" {
		return fmt.Sprintf("the server closed the WebSocket with code %d", e.Code)
	}
	return fmt.Sprintf("the server closed the WebSocket with code %d, %q", e.Code, e.Reason)
}

// LimitError is a frame above one of [Limits], received or about to be sent
// (clause F12).
type LimitError struct {
	What        string // "body", "header" or "header entries"
	Limit, Size int64
}

func (e *LimitError) Error() string {
	if e.What == "header entries" {
		return fmt.Sprintf("%d header entries are above the limit of %d (see WithLimits)", e.Size, e.Limit)
	}
	return fmt.Sprintf("%s of %d octets is above the limit of %d (see WithLimits)", e.What, e.Size, e.Limit)
}

// publicError turns the errors of the internal packages into those of this
// one, so that errors.As finds the exported types and nobody sees the others.
func publicError(err error) error {
	switch e := err.(type) {
	case *wire.ProtocolError:
		return &ProtocolError{Reason: e.Reason, Clause: e.Clause}
	case *wire.LimitError:
		return &LimitError{What: e.What, Limit: e.Limit, Size: e.Size}
	case *ws.CloseError:
		return &CloseError{Code: e.Code, Reason: e.Reason}
	}
	return err
}

// lostError is why a session ended that nobody had asked to end.
type lostError struct{ cause error }

func (e *lostError) Error() string        { return "connection lost: " + e.cause.Error() }
func (e *lostError) Unwrap() error        { return e.cause }
func (e *lostError) Is(target error) bool { return target == ErrConnectionLost }

// closedError is ErrClosed with what ended the Client, where that was not the
// user's plain wish.
type closedError struct{ cause error }

func (e *closedError) Error() string        { return "client closed: " + e.cause.Error() }
func (e *closedError) Unwrap() error        { return e.cause }
func (e *closedError) Is(target error) bool { return target == ErrClosed }

// errClosedBy is what a call on a Client that has ended returns.
func errClosedBy(cause error) error {
	if cause == nil || errors.Is(cause, ErrClosed) {
		return cmp.Or(cause, ErrClosed)
	}
	return &closedError{cause}
}

// errEnded: the subscription was ended by its user.
var errEnded = errors.New("the subscription has ended")

// errSessionOver marks the refusal of a frame by a session that has ended or is about to: the next one may take it.
var errSessionOver = errors.New("session over")

// overError is why a session ended, for those who come too late for it.
type overError struct{ cause error }

func (e *overError) Error() string        { return e.cause.Error() }
func (e *overError) Unwrap() error        { return e.cause }
func (e *overError) Is(target error) bool { return target == errSessionOver }

// opError says what was tried (op), on what (target), at which step, why it
// failed, and what to look at next (hint).
type opError struct {
	op, target, step string
	err              error
	hint             string
	unsent           bool // no byte of the frame was written
}

func (e *opError) Error() string {
	var b strings.Builder
	b.WriteString("stomp: ")
	b.WriteString(e.op)
	for _, part := range []string{e.target, e.step} {
		if part == "" {
			continue
		}
		if part == e.step {
			b.WriteByte(':')
		}
		b.WriteByte(' ')
		b.WriteString(part)
	}
	b.WriteString(": ")
	b.WriteString(e.err.Error())
	if e.hint != "" {
		b.WriteString(" (")
		b.WriteString(e.hint)
		b.WriteByte(')')
	}
	return b.String()
}

func (e *opError) Unwrap() error { return e.err }

// Unsent reports whether err guarantees that no byte of the frame was written,
// so that repeating the call cannot make it twice. It is false for nil and for
// errors that are not of this package.
func Unsent(err error) bool {
	var op *opError
	return errors.As(err, &op) && op.unsent
}

// ctxError is ctx's error, with its cause where that says more.
func ctxError(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if err == nil || errors.Is(cause, err) {
		return cause
	}
	return fmt.Errorf("%w: %w", err, cause)
}

// withCause is err, or where that is ctx's, ctx's error with its cause.
func withCause(ctx context.Context, err error) error {
	if err != nil && err == ctx.Err() {
		return ctxError(ctx)
	}
	return err
}

// isContextError reports whether err is of a ctx that ended.
func isContextError(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

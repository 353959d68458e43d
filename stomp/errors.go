package stomp

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/internal/ws"
)

// The errors to test for with errors.Is. The error of a call wraps one of them and says what was tried, on what, and
// where to look next.
var (
	// ErrClosed means that the Client has ended or is ending (Drain, Disconnect, Close, WithLifetime). When a fault
	// ended it, the error matches that fault as well, and Client.Err returns it.
	ErrClosed = errors.New("client closed")
	// ErrNotConnected means that there is no session: at once with WithoutWaiting, otherwise when ctx ends during an
	// outage. The error is ctx's as well then, so ask for ErrNotConnected before context.DeadlineExceeded. It has why
	// there is none.
	ErrNotConnected = errors.New("not connected")
	// ErrConnectionLost means that the session ended before the answer came. Whether the broker has the frame is
	// unknown, unless Unsent says that it was not written.
	ErrConnectionLost = errors.New("connection lost")
	// ErrHeartBeat means that the connection was cut because nothing came from the server for too long
	// (WithHeartBeat), or after a WebSocket ping (WithPing).
	ErrHeartBeat = errors.New("no heart-beat from the server")
	// ErrStale is returned by Ack and Nack for a frame whose session or subscription has ended. Nothing was written;
	// the broker delivers the message again.
	ErrStale = errors.New("the frame's session or subscription is over")
	// ErrNotAckable is returned by Ack and Nack for a frame that this Client did not deliver, that was delivered in
	// auto mode, or that has been acknowledged already.
	ErrNotAckable = errors.New("frame cannot be acknowledged")
	// ErrSlowConsumer means that the queue of a subscription or Group with OverflowFail was full; its Err is that.
	ErrSlowConsumer = errors.New("slow consumer")
	// ErrTransactionDone means that the transaction was committed or aborted, or ended with its session.
	ErrTransactionDone = errors.New("transaction done")
	// ErrNoDestination is returned by Send, Subscribe and Request without a destination.
	ErrNoDestination = errors.New("no destination")
	// ErrGroupEnded is returned by Group.Add after the Group's end.
	ErrGroupEnded = errors.New("the group has ended")
	// ErrNoReplyTo is returned by Reply for a request without a reply-to header.
	ErrNoReplyTo = errors.New("the request has no reply-to")
	// ErrNoID is returned for WithID("").
	ErrNoID = errors.New("no subscription id")
	// ErrDuplicateID is returned for WithID with the id of another live subscription.
	ErrDuplicateID = errors.New("duplicate subscription id")
)

// Error is the broker's ERROR frame. It is attributed to the receipt or subscription that it names; one that names
// neither ends the session (clause S2). The subscription ends if the session outlives the ERROR, on RabbitMQ at once.
type Error struct {
	Message   string // the message header: the broker's short description, with its further lines
	ReceiptID string // the receipt-id header; "" without one
	Frame     Frame  // the frame, or what came of it before the connection ended, with the first 64 KiB of its body
}

// keptOfError is how much of an ERROR's body is kept: errors may be kept for long, each by a subscription or a receipt.
const keptOfError = 64 << 10

func newError(f Frame) *Error {
	if len(f.Body) > keptOfError {
		f.Body = bytes.Clone(f.Body[:keptOfError])
	}
	return &Error{Message: messageOf(f.Header), ReceiptID: f.Header.Get("receipt-id"), Frame: f}
}

// names reports whether the ERROR names a receipt or a subscription.
func (e *Error) names() bool {
	_, subscription := e.Frame.Header.Lookup("subscription")
	return e.ReceiptID != "" || subscription
}

// messageOf returns the message entry of an ERROR. What follows it under a name with a blank in it is most likely its
// next line, put there as it was (Caused by: …).
func messageOf(h Header) string {
	i := slices.IndexFunc(h, func(e [2]string) bool { return e[0] == "message" })
	if i < 0 {
		return ""
	}
	message := h[i][1]
	for _, e := range h[i+1:] {
		if !strings.Contains(strings.TrimSpace(e[0]), " ") {
			break
		}
		message += "\n" + e[0] + ":" + e[1]
	}
	return message
}

// cutOff returns err, of a connection that has ended or a frame that went wrong, with what the server was saying.
// brokerError is newError, or what takes its place before CONNECTED.
func cutOff(err error, dec *wire.Decoder, brokerError func(Frame) *Error) error {
	f, ok := dec.Unfinished()
	switch {
	case !ok:
		return err
	case f.Command == wire.Error:
		return fmt.Errorf("%w (an unfinished ERROR had arrived: %w)", err, brokerError(frameOf(f)))
	}
	return fmt.Errorf("%w (an unfinished %s had arrived)", err, f.Command)
}

// errorBodyShown is how many bytes of an ERROR's body its text shows: the first lines say why, ActiveMQ's stack trace
// below them does not.
const errorBodyShown = 256

// Error returns the broker's message and the first 256 bytes of the body.
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

// ConnectError says why an attempt to connect failed: the URL, the HTTP status if the upgrade was refused, and the
// cause. The cause matches errors.Is and errors.As: an *Error, *CloseError, *ProtocolError, ctx's own error, a
// *net.OpError, a TLS error (clauses C2, C3, C4 and W7).
type ConnectError struct {
	URL        string // without its password and its query
	StatusCode int    // of a refused upgrade, otherwise 0
	Body       []byte // the start of that response's body, at most 1 KiB
	Err        error  // the cause

	retryAfter time.Duration // what the server asks for; 0: nothing
}

// Error says what was tried, at which step it failed, and where it can, what to change.
func (e *ConnectError) Error() string {
	text := fmt.Sprintf("stomp: connect %s: %v", e.URL, e.Err)
	if body := strings.TrimSpace(string(e.Body[:min(len(e.Body), errorBodyShown)])); body != "" {
		text += fmt.Sprintf(" (the server says %q)", body)
	}
	return printable(text) // it may have a name from the server's certificate, or what a proxy says
}

// Unwrap returns the cause, for errors.Is and errors.As.
func (e *ConnectError) Unwrap() error { return e.Err }

// Permanent reports whether repeating the same attempt cannot help: the URL is invalid, the upgrade was refused
// (other than with 408, 429 or 5xx; but with 501, as RabbitMQ 4.3 answers where a proxy drops the Upgrade header),
// the broker answered CONNECT with ERROR, no version of STOMP or TLS is in common, the server's certificate does not
// verify, the server rejects ours or misses it, or the proxy wants another password.
func (e *ConnectError) Permanent() bool {
	switch e.StatusCode {
	case 0:
	case http.StatusRequestTimeout, http.StatusTooManyRequests:
		return false
	default:
		return e.StatusCode < 500 || e.StatusCode == http.StatusNotImplemented
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

// Refused reports whether the server rejected our credentials: HTTP status 401 or 403, or an ERROR in answer to
// CONNECT. That may pass: it counts when it lasts ([Backoff]).
func (e *ConnectError) Refused() bool {
	var own *ownError
	if errors.As(e.Err, &own) {
		return false
	}
	var refused *Error
	return e.StatusCode == http.StatusUnauthorized || e.StatusCode == http.StatusForbidden || errors.As(e.Err, &refused)
}

// ownError is an error of a function that the user gave to an option: it says nothing of the server, whatever it
// wraps.
type ownError struct{ cause error }

func (e *ownError) Error() string { return e.cause.Error() }
func (e *ownError) Unwrap() error { return e.cause }

// badURLError says that a URL cannot be dialled.
type badURLError struct{ cause error }

func (e *badURLError) Error() string { return "bad URL: " + e.cause.Error() }
func (e *badURLError) Unwrap() error { return e.cause }

// versionError says that the server and the Client have no version in common (clause C2).
type versionError struct{ cause *ProtocolError }

func (e *versionError) Error() string { return e.cause.Error() }
func (e *versionError) Unwrap() error { return e.cause }

// ProtocolError says that a frame breaks the protocol, received or about to be sent. Clause is the id of the rule
// that was broken, in docs/protocol.md.
type ProtocolError struct {
	Reason string // what is wrong, in words
	Clause string // such as F11
}

// Error returns reason and clause.
func (e *ProtocolError) Error() string {
	return fmt.Sprintf("protocol error: %s (%s)", e.Reason, e.Clause)
}

// CloseError is the server's WebSocket close, with its code and reason (clause W5). A close without a code has code
// 1005 (RFC 6455).
type CloseError struct {
	Code   int    // of RFC 6455: 1000 and above
	Reason string // the server's own words; often ""
}

// Error returns code and reason.
func (e *CloseError) Error() string {
	if e.Reason == "" {
		return fmt.Sprintf("the server closed the WebSocket with code %d", e.Code)
	}
	return fmt.Sprintf("the server closed the WebSocket with code %d, %q", e.Code, e.Reason)
}

// LimitError says that a frame exceeds one of [Limits], received or about to be sent (clause F12).
type LimitError struct {
	What        string // "body", "header" or "header entries"
	Limit, Size int64  // bytes, or of header entries their number
}

// Error says what is too large, by how much, and which limit that is.
func (e *LimitError) Error() string {
	if e.What == "header entries" {
		return fmt.Sprintf("%d header entries are above the limit of %d (see WithLimits)", e.Size, e.Limit)
	}
	return fmt.Sprintf("%s of %d bytes is above the limit of %d (see WithLimits)", e.What, e.Size, e.Limit)
}

// publicError converts the error types of the internal packages to those of this one, for errors.As.
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

// lostError is ErrConnectionLost with the cause.
type lostError struct{ cause error }

func (e *lostError) Error() string        { return "connection lost: " + e.cause.Error() }
func (e *lostError) Unwrap() error        { return e.cause }
func (e *lostError) Is(target error) bool { return target == ErrConnectionLost }

// closedError is ErrClosed with the cause, where there is more to say than that the user closed the Client.
type closedError struct{ cause error }

func (e *closedError) Error() string        { return "client closed: " + e.cause.Error() }
func (e *closedError) Unwrap() error        { return e.cause }
func (e *closedError) Is(target error) bool { return target == ErrClosed }

// errClosedBy returns the error for calls on a Client that has ended because of cause.
func errClosedBy(cause error) error {
	if cause == nil || errors.Is(cause, ErrClosed) {
		return cmp.Or(cause, ErrClosed)
	}
	return &closedError{cause}
}

// errRenewed is how a session ends for which Reconnect makes another.
var errRenewed = &lostError{errors.New("Reconnect was called")}

// errNilOption is the error of a call that was given a nil option.
var errNilOption = errors.New("a nil option")

// errDraining is the error of what is not possible any more while Drain waits for consumers.
var errDraining = fmt.Errorf("%w: Drain is at work", ErrClosed)

// nilFunction is the error of a call that was given no function where it needs one: found out later, it would be a
// panic in a goroutine of the Client.
func nilFunction(of string) error { return errors.New(of + ": nil function") }

// errEnded says that the user has ended the subscription.
var errEnded = errors.New("the subscription has ended")

// errSessionOver marks the refusal of a frame by a session that has ended or is ending: the next one may take it.
var errSessionOver = errors.New("session over")

// overError is errSessionOver with the reason why the session ended.
type overError struct{ cause error }

func (e *overError) Error() string        { return e.cause.Error() }
func (e *overError) Unwrap() error        { return e.cause }
func (e *overError) Is(target error) bool { return target == errSessionOver }

// opError says what was tried (op), on what (target), at which step, why it failed, and what to look at next (hint).
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
	return printable(b.String()) // the target may be a message's id, or where its author wants the reply
}

func (e *opError) Unwrap() error { return e.err }

// printableError is an error with somebody else's words in its text.
type printableError struct{ cause error }

func (e *printableError) Error() string { return printable(e.cause.Error()) }
func (e *printableError) Unwrap() error { return e.cause }

// printable returns text with what is not printable escaped, as in %q, but without quotes: a terminal might obey it,
// and a line end might pass for the log's.
func printable(text string) string {
	var b strings.Builder
	for len(text) > 0 {
		r, size := utf8.DecodeRuneInString(text)
		if strconv.IsGraphic(r) && (r != utf8.RuneError || size > 1) {
			b.WriteString(text[:size])
		} else {
			quoted := strconv.Quote(text[:size])
			b.WriteString(quoted[1 : len(quoted)-1])
		}
		text = text[size:]
	}
	return b.String()
}

// Unsent reports whether err guarantees that no byte of the frame was written, so that repeating the call cannot send
// it twice. It returns false for nil and for errors of other packages.
func Unsent(err error) bool {
	var op *opError
	return errors.As(err, &op) && op.unsent
}

// ctxError returns ctx's error, with its cause if that says more.
func ctxError(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if err == nil || errors.Is(cause, err) {
		return cause
	}
	return fmt.Errorf("%w: %w", err, cause)
}

// withCause returns err, with ctx's cause if err is ctx's own.
func withCause(ctx context.Context, err error) error {
	if err != nil && err == ctx.Err() {
		return ctxError(ctx)
	}
	return err
}

// hungUp reports whether the server ended the connection without a word, as one does that is restarting.
func hungUp(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET)
}

func isContextError(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

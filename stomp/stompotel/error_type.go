package stompotel

import (
	"context"
	"errors"
	"fmt"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/webstomp/webstomp/stomp"
)

// errPanic is the outcome of a handler that does not return.
var errPanic = errors.New("the handler did not return: it panicked, or called runtime.Goexit")

// errorWords are the values of error.type for the errors that an error may match. The first counts: the broker's own
// words say more than the loss of the connection that came of them.
var errorWords = []struct {
	err  error
	word string
}{
	{errPanic, "panic"},
	{context.DeadlineExceeded, "timeout"},
	{context.Canceled, "canceled"},
	{stomp.ErrHeartBeat, "heart_beat"},
	{stomp.ErrClosed, "client_closed"},
	{stomp.ErrNotConnected, "not_connected"},
	{stomp.ErrConnectionLost, "connection_lost"},
	{stomp.ErrStale, "stale"},
	{stomp.ErrNotAckable, "not_ackable"},
	{stomp.ErrTransactionDone, "transaction_done"},
}

// errorType returns error.type for an error; not valid for nil. There are few of them: the words above, broker_error,
// limit_exceeded and protocol_error, what the error says of itself in a method ErrorType() string, else its type, and
// _OTHER for a type that says nothing.
func errorType(err error) attribute.KeyValue {
	if err == nil {
		return attribute.KeyValue{}
	}
	if word := errorWord(err); word != "" {
		return semconv.ErrorTypeKey.String(word)
	}
	var own interface{ ErrorType() string }
	if errors.As(err, &own) {
		return cleanAttribute(semconv.ErrorType(err))
	}
	for inner := err; inner != nil; inner = errors.Unwrap(inner) {
		err = inner
	}
	switch text := fmt.Sprintf("%T", err); text {
	case "*errors.errorString", "*errors.joinError", "*fmt.wrapErrors", "*fmt.wrapError":
		return semconv.ErrorTypeOther
	}
	return semconv.ErrorType(err)
}

func errorWord(err error) string {
	var (
		broker   *stomp.Error
		limit    *stomp.LimitError
		protocol *stomp.ProtocolError
	)
	if errors.As(err, &broker) {
		return "broker_error"
	}
	for _, known := range errorWords {
		if errors.Is(err, known.err) {
			return known.word
		}
	}
	switch {
	case errors.As(err, &limit):
		return "limit_exceeded"
	case errors.As(err, &protocol):
		return "protocol_error"
	}
	return ""
}

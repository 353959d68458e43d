package command

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/webstomp/webstomp/stomp"
)

// The exit statuses. statusHelp tells them to users.
const (
	statusFailed    = 1
	statusUsage     = 2
	statusNoConnect = 3
	statusRefused   = 4
	statusTimeout   = 5
	statusError     = 6
	statusLost      = 7
)

const statusHelp = `Exit status:
  0        done; for pub: the broker has confirmed every message (with
           --no-receipt: it has read them, and answered with no ERROR)
  1        failed in a way that is not in this list
  2        the command line, an environment variable or a file that they name
           makes no sense; nothing was sent
  3        no connection: DNS, port, TLS, proxy, path of the URL, or nothing
           within --connect-timeout
  4        the server rejects the credentials, the virtual host or the client:
           401, 403, or an ERROR in answer to CONNECT
  5        --timeout is over: no reply, no receipt, or fewer messages than --count
           (a sub without --count ends with 0 then)
  6        the broker answered SUBSCRIBE or SEND with an ERROR
  7        the connection was lost, and not restored; for pub: whether the broker
           has the messages is unknown
  129-143  ended by a signal before the work was done: 128 and its number, 130
           after Ctrl-C. A sub without --count has no end of its own: a signal
           ends it with 0.
`

// usageError says that the command line makes no sense.
type usageError struct{ cause error }

func (e *usageError) Error() string { return e.cause.Error() }
func (e *usageError) Unwrap() error { return e.cause }

// asUsage returns the error of a call, the command's first, as a usageError where the library has refused what it was
// given: an entry, a destination or a body.
func asUsage(err error) error {
	var interrupted *interruptedError
	if !stomp.Unsent(err) || errors.As(err, &interrupted) {
		return err
	}
	for _, elsewhere := range []error{stomp.ErrClosed, stomp.ErrConnectionLost, stomp.ErrNotConnected, context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, elsewhere) {
			return err
		}
	}
	return &usageError{err}
}

// quietError has been told to the user already, or there is no need to.
type quietError struct{ cause error }

func (e *quietError) Error() string { return e.cause.Error() }
func (e *quietError) Unwrap() error { return e.cause }

// unnamedError says that the server answered with an ERROR, nobody knows to which SEND.
type unnamedError struct{ text string }

func (e *unnamedError) Error() string { return e.text }

// timeoutError says that --timeout is over.
type timeoutError struct{ text string }

func (e *timeoutError) Error() string        { return e.text }
func (e *timeoutError) Is(target error) bool { return target == context.DeadlineExceeded }

// within bounds a wait by --timeout. The error of what does not end within it says so.
func within(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, timeout, &timeoutError{fmt.Sprintf("nothing within --timeout %v", timeout)})
}

func isQuiet(err error) bool {
	var quiet *quietError
	var interrupted *interruptedError
	return errors.As(err, &quiet) || errors.As(err, &interrupted)
}

// statusOf returns the exit status for what a command has returned.
func statusOf(err error) int {
	var usage *usageError
	var interrupted *interruptedError
	var connect *stomp.ConnectError
	var refused *stomp.Error
	var unnamed *unnamedError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &usage):
		return statusUsage
	case errors.As(err, &interrupted):
		return interrupted.status()
	case errors.As(err, &connect) && connect.Refused():
		return statusRefused
	case errors.As(err, &connect):
		return statusNoConnect
	case errors.As(err, &refused), errors.As(err, &unnamed):
		return statusError
	case errors.Is(err, stomp.ErrConnectionLost), errors.Is(err, stomp.ErrHeartBeat):
		return statusLost
	case errors.Is(err, context.DeadlineExceeded):
		return statusTimeout
	}
	return statusFailed
}

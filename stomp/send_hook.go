package stomp

import (
	"context"
	"fmt"
	"slices"
)

// Outgoing is one SEND that is about to be encoded, as the hooks of [WithSendHook] see it.
type Outgoing struct {
	Destination string // for reading
	Header      Header // the entries of WithHeader, of the call and of WithSendDefaults, and no others; may be changed
	Body        []byte // may be replaced; its bytes belong to the caller and must not be changed
}

// WithSendHook calls hook for every SEND of the Client, for tracing, metrics or encryption: those of Send, SendAsync,
// Request, Reply and their JSON forms, and Transaction.Send. It is called once for each, in the caller's goroutine
// with the caller's ctx, after the options were checked and before anything waits for a session; not for the
// repetitions of [WithRetry]. Several add up and run in the order given, each seeing what those before it have
// changed.
//
// A hook is part of the caller: unlike functions of other options it is waited for beyond its ctx.
//
// An error of hook ends the call with it ([Unsent] is true). An entry that the library writes itself is refused, as
// in [WithHeader]. done, unless it is nil, is called once with what the call returns, in the reverse order of the
// hooks, before the call returns; of the hooks that have run, if one of them has failed. For Request that is the
// reply's outcome, for Transaction.Send the acceptance. For SendAsync done gets the [Receipt]'s outcome, in a
// goroutine of the Client, which it must not hold up, or in the caller's where the outcome is there already, at the
// latest before [Client.Done] is closed.
func WithSendHook(hook func(ctx context.Context, out *Outgoing) (done func(error), err error)) ConnectOption {
	return connectOption(func(c *connectConfig) {
		c.sendHooks = append(c.sendHooks, hook)
		c.needs("WithSendHook", hook != nil)
	})
}

// runSendHooks runs the hooks on one SEND. It returns the body to send, and a function for the outcome of the call,
// which must be called once, also after an error.
func (c *connectConfig) runSendHooks(ctx context.Context, destination string, body []byte, cfg *sendConfig) (_ []byte, told func(error), err error) {
	out := &Outgoing{Destination: destination, Header: slices.Clone(cfg.header), Body: body}
	var dones []func(error)
	told = func(err error) {
		for _, done := range slices.Backward(dones) {
			done(err)
		}
	}
	for _, hook := range c.sendHooks {
		done, err := hook(ctx, out)
		if done != nil {
			dones = append(dones, done)
		}
		if err != nil {
			return nil, told, err
		}
	}
	if err := checkHeader(out.Header); err != nil {
		return nil, told, fmt.Errorf("WithSendHook: %w", err)
	}
	cfg.header = out.Header
	return out.Body, told, nil
}

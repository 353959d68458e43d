package stomp

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// headerLimit bounds one call of WithSubscribeHeaderFunc's function.
const headerLimit = 15 * time.Second

// askHeader asks the function of WithSubscribeHeaderFunc for the further entries of a SUBSCRIBE on s, nil without one. When
// the session ends first, the error matches errSessionOver. The function is not asked again before it has returned.
func (sub *subscription) askHeader(ctx context.Context, s *session) (Header, error) {
	ask := sub.cfg.headerFunc
	if ask == nil {
		return nil, nil
	}
	proceed, ok := sub.client.delayEnd() // the caller of Subscribe is nobody whom the Client joins
	if !ok {
		return nil, sub.notAsked(ErrClosed)
	}
	defer proceed()
	ctx, cancel := context.WithTimeoutCause(ctx, headerLimit, fmt.Errorf("%w: it has taken %v", context.DeadlineExceeded, headerLimit))
	defer cancel()
	call := startCall(ctx, sub.asking, func() (Header, error) { return ask(ctx) }, nil)
	select {
	case <-call.done:
	case <-s.cut:
	case <-sub.done:
	case <-ctx.Done():
	}
	late := ctx.Err() != nil
	why := ctxError(ctx)
	cancel()
	header, err := call.result()
	if err == nil {
		err = checkSubscribeHeader(header)
	}
	switch {
	case s.isCut():
		return nil, &overError{s.cutErr}
	case sub.hasEnded():
		return nil, sub.notAsked(errEnded)
	case late && (err == errLeft || err == errBusy || isContextError(err)):
		return nil, sub.notAsked(why)
	case err != nil:
		return nil, sub.notAsked(err)
	}
	return header, nil
}

func (sub *subscription) notAsked(err error) error {
	return &opError{op: "subscribe", target: sub.destination, step: "WithSubscribeHeaderFunc", err: err, unsent: true}
}

var errAsking = errors.New("WithSubscribeHeaderFunc has not returned yet")

// subscribeAsking sends, on a new session, the SUBSCRIBE of a subscription with a function for its header. It waits for
// that function until then at most; after that, or when the function fails, it is left to a loop of the session.
func (v *supervisor) subscribeAsking(s *session, sub *subscription, until time.Time) {
	sub.holdBack(errAsking)
	first := make(chan struct{}) // closed when the function has been asked once
	s.loop(func() error {
		for n := 1; ; n++ {
			more, err := sub.askHeader(s.env.life, s)
			if err == nil {
				sub.restoreOn(s, more)
				sub.holdBack(nil) // only now, or the session would be taken for one that lacks it
			}
			if n == 1 {
				close(first)
			}
			if err == nil || s.isCut() || sub.hasEnded() || s.env.life.Err() != nil {
				return nil
			}
			sub.holdBack(err)
			if n == 1 {
				s.env.log.Warn("stomp: a subscription waits for its header", "id", sub.id, "destination", sub.destination, "error", err)
			}
			if !s.sleep(time.Now().Add(s.env.cfg.backoff.delay(n))) {
				return nil
			}
		}
	})
	v.await(s, first, until)
}

package model_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/webstomp/webstomp/stomp"
)

// leaveGrace is how much longer than its ctx a user's function may hold up the call that waits for it.
const leaveGrace = 100 * time.Millisecond

// longestAnswer is how long a function takes at most.
const longestAnswer = 20 * time.Second

// asksForHeader ends the names of calls of Subscribe with a function for the header.
const asksForHeader = " asks"

var errNoAnswer = errors.New("no answer, by dice")

// isAnswer reports whether a function that was asked is why a call fails.
func isAnswer(err error) bool {
	return errors.Is(err, errNoAnswer) || strings.Contains(err.Error(), "WithSubscribeHeaderFunc: ")
}

// asking is a function that the Client asks, and what became of its answers. It is guarded by world.mu.
type asking struct {
	dice      *rand.Rand
	running   bool
	calls     int
	abandoned map[int]bool // answers that came too late
	used      map[int]bool // answers that the broker has seen
}

// ask answers with the number of the call. It may take its time, ignore ctx, and fail.
func (w *world) ask(ctx context.Context, what string, a *asking) (answer string, err error) {
	w.mu.Lock()
	if a.running {
		w.failLocked("%s is asked again before it has returned", what)
	}
	a.running = true
	a.calls++
	n, how, takes := a.calls, a.dice.IntN(8), tick(a.dice, longestAnswer)
	if w.calm {
		how = 7
	}
	w.noteLocked("%s is asked for the %d. time", what, n)
	w.mu.Unlock()
	var over time.Time // when ctx has ended; guarded by world.mu
	stop := context.AfterFunc(ctx, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		over = time.Now()
	})
	defer stop()
	switch how {
	case 0:
		err = errNoAnswer
	case 1:
		time.Sleep(takes)
	case 2, 3:
		select {
		case <-time.After(takes / 4):
		case <-ctx.Done():
			err = context.Cause(ctx)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	a.running = false
	if late := !over.IsZero() && time.Since(over) > leaveGrace; late || err != nil {
		if a.abandoned == nil {
			a.abandoned = make(map[int]bool)
		}
		a.abandoned[n] = true
	}
	w.noteLocked("%s answers %d: %v", what, n, err)
	return strconv.Itoa(n), err
}

// usedLocked is called when the broker sees an answer: each is used once, and not after its asker has left.
func (w *world) usedLocked(a *asking, where, answer string) {
	switch n, err := strconv.Atoi(answer); {
	case err != nil:
		w.failLocked("%s has no answer", where)
	case a.abandoned[n]:
		w.failLocked("%s has answer %d, which came too late", where, n)
	case a.used[n]:
		w.failLocked("%s has answer %d again", where, n)
	default:
		if a.used == nil {
			a.used = make(map[int]bool)
		}
		a.used[n] = true
	}
}

// login answers WithCredentials.
func (w *world) login(ctx context.Context) (login, passcode string, err error) {
	login, err = w.ask(ctx, "WithCredentials", &w.logins)
	return login, "secret", err
}

// header answers WithSubscribeHeaderFunc.
func (s *subscription) header(ctx context.Context) (stomp.Header, error) {
	answer, err := s.w.ask(ctx, "the header of "+s.destination, s.asks)
	return stomp.Header{{"asked", answer}}, err
}

// isPoisonous reports whether err is what the broker says of poison, and not why a session has ended.
func isPoisonous(err error) bool {
	var refused *stomp.Error
	return errors.As(err, &refused) && refused.Message == poisonWords && !errors.Is(err, stomp.ErrConnectionLost) && !errors.Is(err, stomp.ErrNotConnected) &&
		!errors.Is(err, context.DeadlineExceeded)
}

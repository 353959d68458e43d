package stomp_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// diary is what happened, in order.
type diary struct {
	mu    sync.Mutex // guards lines
	lines []string
}

func (d *diary) add(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, fmt.Sprintf(format, args...))
}

func (d *diary) take() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	lines := d.lines
	d.lines = nil
	return lines
}

// hook writes into d what it sees, and what it is told.
func (d *diary) hook(name string) stomp.ConnectOption {
	return stomp.WithSendHook(func(_ context.Context, out *stomp.Outgoing) (func(error), error) {
		d.add("%s: %s %v %q", name, out.Destination, out.Header, out.Body)
		return func(err error) { d.add("%s done: %v", name, err) }, nil
	})
}

// Hooks run in the order given, each sees what those before it have changed, and those of done in reverse.
func TestWithSendHook_sees_and_changes_each_SEND(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d diary
		b := rig.PipeBroker(t)
		c := rig.Connect(t, b, stomp.WithSendDefaults(stomp.WithHeader("app", "shop")), d.hook("first"),
			stomp.WithSendHook(func(_ context.Context, out *stomp.Outgoing) (func(error), error) {
				out.Header.Set("trace", "t1")
				out.Header.Set("app", "bank")
				out.Body = append([]byte("enc:"), out.Body...)
				out.Destination = "/nowhere"
				return nil, nil
			}), d.hook("last"))
		body := []byte("x")
		for range 2 { // what a hook changes is that SEND's alone
			rig.OK(t, c.Send(t.Context(), "/queue/a", body, stomp.WithHeader("n", "1"), stomp.WithReceipt()))
			rig.Equal(t, "the hooks", d.take(), []string{
				`first: /queue/a [[app shop] [n 1]] "x"`, `last: /nowhere [[app bank] [n 1] [trace t1]] "enc:x"`,
				"last done: <nil>", "first done: <nil>"})
		}
		if string(body) != "x" {
			t.Errorf("the caller's body is %q now", body)
		}
		rig.Equal(t, "frames", rig.Received(b, "destination", "app", "n", "trace", "content-length"), []string{
			"SEND destination:/queue/a app:bank n:1 trace:t1 content-length:5",
			"SEND destination:/queue/a app:bank n:1 trace:t1 content-length:5"})
	})
}

// An error of a hook ends the call before anything is written; those that have run are told of it, later ones do not
// run.
func TestWithSendHook_that_fails_ends_the_call(t *testing.T) {
	why := errors.New("no key")
	for name, hook := range map[string]func(*stomp.Outgoing) error{
		"an_error":         func(*stomp.Outgoing) error { return why },
		"a_reserved_entry": func(out *stomp.Outgoing) error { out.Header.Add("receipt", "1"); return nil },
	} {
		rig.Bubble(t, name, func(t *testing.T) {
			var d diary
			b := rig.PipeBroker(t)
			c := rig.Connect(t, b, d.hook("first"), stomp.WithSendHook(func(_ context.Context, out *stomp.Outgoing) (func(error), error) {
				return func(error) { d.add("told") }, hook(out)
			}))
			tx, err := c.Begin(t.Context())
			rig.OK(t, err)
			for call, send := range map[string]func() error{
				"send":    func() error { return c.Send(t.Context(), "/queue/a", nil) },
				"request": func() error { _, err := c.Request(t.Context(), "/queue/a", nil); return err },
				"async":   func() error { _, err := c.SendAsync(t.Context(), "/queue/a", nil); return err },
				"in_tx":   func() error { return tx.Send(t.Context(), "/queue/a", nil) },
			} {
				err := send()
				rig.Unsent(t, err)
				rig.ErrorSays(t, err, "/queue/a")
				if name == "an_error" {
					rig.ErrorIs(t, err, why)
				} else {
					rig.ErrorSays(t, err, "WithSendHook", "receipt")
				}
				rig.Equal(t, call, d.take(), []string{`first: /queue/a [] ""`, "told", "first done: " + err.Error()})
			}
			rig.OK(t, c.Flush(t.Context()))
			synctest.Wait()
			for _, line := range rig.Received(b) {
				if line == "SEND" {
					t.Error("a SEND went out")
				}
			}
		})
	}
}

// Options that are wrong are found before a hook runs.
func TestWithSendHook_runs_after_the_options_were_checked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d diary
		c := rig.Connect(t, rig.PipeBroker(t), d.hook("hook"))
		rig.ErrorIs(t, c.Send(t.Context(), "", nil), stomp.ErrNoDestination)
		rig.ErrorSays(t, c.Send(t.Context(), "/a", nil, stomp.WithHeader("receipt", "1")), "WithReceipt")
		_, err := c.Request(t.Context(), "/a", nil, stomp.WithRetry())
		rig.ErrorSays(t, err, "WithRetry")
		rig.Equal(t, "hooks", d.take(), nil)
		rig.ErrorSays(t, rig.ConnectError(t, t.Context(), "ws://127.0.0.1:1", stomp.WithSendHook(nil)), "WithSendHook", "nil function")
	})
}

// done is told what the call returns: for Request the reply's outcome, for a SEND in a transaction its acceptance,
// and for SendAsync what comes of the receipt, once.
func TestWithSendHook_tells_the_outcome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d diary
		b := rig.PipeBroker(t)
		rig.On(b, "SEND", "", func(f stomptest.Frame) stomptest.Action {
			switch f.Get("destination") {
			case "/queue/refused":
				return rig.Refuse("no")(f)
			case "/queue/silent":
				return stomptest.Drop()
			}
			return stomptest.Pass()
		})
		rig.Answer(t, rig.Connect(t, b), "/queue/service", stomp.WithReceipt())
		c := rig.Connect(t, b, stomp.WithSendHook(func(_ context.Context, out *stomp.Outgoing) (func(error), error) {
			return func(err error) { d.add("%s: %v", out.Destination, err) }, nil
		}))
		err := c.Send(t.Context(), "/queue/refused", nil, stomp.WithReceipt())
		rig.Refused(t, err, "no")
		rig.Equal(t, "Send", d.take(), []string{fmt.Sprint("/queue/refused: ", err)})

		_, err = c.Request(t.Context(), "/queue/service", []byte("x"))
		rig.OK(t, err)
		rig.Equal(t, "Request", d.take(), []string{"/queue/service: <nil>"})

		tx, err := c.Begin(t.Context())
		rig.OK(t, err)
		rig.OK(t, tx.Send(t.Context(), "/queue/tx", nil))
		rig.Equal(t, "Transaction.Send", d.take(), []string{"/queue/tx: <nil>"})
		rig.OK(t, tx.Abort(t.Context()))

		confirmed, err := c.SendAsync(t.Context(), "/queue/a", nil)
		rig.OK(t, err)
		rig.OK(t, confirmed.Wait(t.Context()))
		refused, err := c.SendAsync(t.Context(), "/queue/refused", nil)
		rig.OK(t, err)
		rig.Refused(t, refused.Wait(t.Context()), "no")
		synctest.Wait()
		rig.Equal(t, "SendAsync", d.take(), []string{"/queue/a: <nil>", fmt.Sprint("/queue/refused: ", refused.Err())})

		pending, err := c.SendAsync(t.Context(), "/queue/silent", nil)
		rig.OK(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		given, err := c.SendAsync(ctx, "/queue/silent", nil, stomp.WithRetry())
		rig.OK(t, err)
		synctest.Wait()
		rig.Equal(t, "before it is known", d.take(), nil)
		cancel()
		<-given.Done()
		synctest.Wait()
		rig.Equal(t, "its ctx has ended", d.take(), []string{fmt.Sprint("/queue/silent: ", given.Err())})
		c.Close()
		<-c.Done()
		rig.Equal(t, "before Done", d.take(), []string{fmt.Sprint("/queue/silent: ", pending.Err())})
	})
}

// A hook sees a SEND once, however often WithRetry sends it.
func TestWithSendHook_promise7_is_not_called_for_repetitions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d diary
		b := rig.PipeBroker(t)
		lost := 0
		rig.On(b, "SEND", "/queue/a", func(stomptest.Frame) stomptest.Action {
			if lost++; lost < 3 {
				return stomptest.CutBefore()
			}
			return stomptest.Pass()
		})
		c := rig.Connect(t, b, stomp.WithReconnect(rig.QuickBackoff), d.hook("hook"))
		rig.OK(t, c.Send(t.Context(), "/queue/a", []byte("x"), stomp.WithRetry()))
		rig.Equal(t, "the hook", d.take(), []string{`hook: /queue/a [] "x"`, "hook done: <nil>"})
		if lost != 3 {
			t.Errorf("it was sent %d times", lost)
		}
	})
}

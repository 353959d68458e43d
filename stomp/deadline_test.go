package stomp_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/stomp"
)

// deadlineText is what the log says of each of them, behind its name.
const deadlineText = `ends with the deadline of its ctx, which is its lifetime and no bound of the call; make it with a ctx that has no deadline`

// Whatever has a ctx for its lifetime says in the log, when the deadline of that has passed, why it is over.
func TestSubscribe_promise1_a_deadline_that_ends_a_lifetime_is_logged(t *testing.T) {
	for what, begin := range map[string]func(ctx context.Context, c *stomp.Client) (ended func(), err error){
		"a subscription": func(ctx context.Context, c *stomp.Client) (func(), error) {
			messages, err := c.Subscribe(ctx, "/topic/a")
			return func() { <-messages }, err
		},
		"a Group": func(ctx context.Context, c *stomp.Client) (func(), error) {
			g, err := c.NewGroup(ctx)
			if err != nil {
				return nil, err
			}
			_, err = g.Add(context.Background(), "/topic/a")
			return func() { <-g.C }, err
		},
		"a channel of Unmatched": func(ctx context.Context, c *stomp.Client) (func(), error) {
			frames := c.Unmatched(ctx)
			return func() { <-frames }, nil
		},
		"a channel of Watch": func(ctx context.Context, c *stomp.Client) (func(), error) {
			states := c.Watch(ctx)
			<-states
			return func() { <-states }, nil
		},
	} {
		for end, lines := range map[string]int{"deadline": 1, "cancel": 0, "Close": 0} {
			t.Run(what+"/"+end, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var l rig.Log
					b := rig.PipeBroker(t)
					c := rig.Connect(t, b, stomp.WithLogger(l.Logger(slog.LevelDebug)))
					ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
					defer cancel()
					ended, err := begin(ctx, c)
					rig.OK(t, err)
					time.Sleep(10*time.Second - 1)
					synctest.Wait()
					if early := l.Lines("deadline"); len(early) > 0 {
						t.Errorf("before the deadline: %q", early)
					}
					switch end {
					case "cancel":
						cancel()
					case "Close":
						c.Close()
					}
					ended()
					time.Sleep(time.Second)
					said := l.Lines(deadlineText)
					if len(said) != lines || len(l.Lines("deadline")) != lines {
						t.Fatalf("the log has %q, want %d lines", l.Lines("deadline"), lines)
					}
					if lines == 1 && (!strings.Contains(said[0], `level=DEBUG msg="stomp: `+what+" ends") || what == "a subscription" && !strings.Contains(said[0], "id=s1 destination=/topic/a")) {
						t.Errorf("the log says %s", said[0])
					}
				})
			})
		}
	}
}

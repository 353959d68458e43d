package stomp_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// silentOn is a broker that takes SENDs to /queue/full and does not answer them, and notes when they came.
type silentOn struct {
	*stomptest.Broker
	mu    sync.Mutex // guards what follows
	start time.Time
	came  []time.Duration
	heals int // the SEND from which on it answers; 0: never
}

func newSilentOn(t *testing.T, heals int, opts ...stomptest.Option) *silentOn {
	s := &silentOn{Broker: rig.PipeBroker(t, opts...), start: time.Now(), heals: heals}
	rig.On(s.Broker, wire.Send, "/queue/full", func(f stomptest.Frame) stomptest.Action {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.came = append(s.came, time.Since(s.start))
		if s.heals > 0 && len(s.came) >= s.heals {
			return stomptest.Pass()
		}
		return stomptest.Drop()
	})
	return s
}

func (s *silentOn) times() []time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]time.Duration{}, s.came...)
}

// seconds makes durations of whole seconds.
func seconds(list ...int) (d []time.Duration) {
	for _, n := range list {
		d = append(d, time.Duration(n)*time.Second)
	}
	return d
}

// A RECEIPT that does not come on a session that lives is asked for again, by the same frame, after longer and longer
// times, until it comes or ctx ends. RabbitMQ's STOMP drops the rejection of a message.
func TestWithRetry_promise7_overdue_is_sent_again_on_its_session(t *testing.T) {
	rig.Bubble(t, "until_it_comes", func(t *testing.T) {
		b, log := newSilentOn(t, 4), new(rig.Log)
		c := rig.Connect(t, b.Broker, stomp.WithLogger(log.Logger(slog.LevelWarn)))
		rig.Takes(t, 105*time.Second, func() {
			rig.OK(t, c.Send(t.Context(), "/queue/full", []byte("1"), stomp.WithRetry()))
		})
		time.Sleep(time.Hour)
		rig.Equal(t, "the SENDs", b.times(), seconds(0, 15, 45, 105))
		if n := len(log.Lines("no receipt has come")); n != 1 || c.Status().Epoch != 1 || c.Stats().ReceiptsPending != 0 {
			t.Errorf("%d lines, session %d, %+v", n, c.Status().Epoch, c.Stats())
		}
		rig.Equal(t, "the broker", rig.Received(b.Broker, "receipt"), []string{"SEND receipt:r1", "SEND receipt:r1", "SEND receipt:r1", "SEND receipt:r1"})
	})
	rig.Bubble(t, "until_ctx_ends", func(t *testing.T) {
		b := newSilentOn(t, 0, stomptest.WithProfile(stomptest.RabbitMQ))
		c := rig.Connect(t, b.Broker)
		err := c.Send(rig.Within(t, 20*time.Minute), "/queue/full", []byte("1"), stomp.WithRetry())
		rig.ErrorIs(t, err, context.DeadlineExceeded)
		rig.MaySent(t, err)
		rig.ErrorSays(t, err, "the broker may have the message, or has rejected it: RabbitMQ's STOMP does not tell")
		time.Sleep(time.Hour)
		rig.Equal(t, "the SENDs", b.times(), seconds(0, 15, 45, 105, 225, 465, 705, 945, 1185))
	})
	rig.Bubble(t, "each_by_its_own_time", func(t *testing.T) {
		b := newSilentOn(t, 0)
		c := rig.Connect(t, b.Broker)
		for range 3 {
			_, err := c.SendAsync(rig.Within(t, time.Minute), "/queue/full", nil, stomp.WithRetry())
			rig.OK(t, err)
			time.Sleep(4 * time.Second)
		}
		_, err := c.SendAsync(t.Context(), "/queue/full", nil) // without WithRetry
		rig.OK(t, err)
		time.Sleep(time.Hour)
		rig.Equal(t, "the SENDs", b.times(), seconds(0, 4, 8, 12, 15, 19, 23, 45, 49, 53))
	})
	rig.Bubble(t, "on_each_session_anew", func(t *testing.T) {
		b := newSilentOn(t, 7)
		c := rig.Connect(t, b.Broker, stomp.WithReconnect(stomp.Backoff{Min: 1, Max: 1}))
		sent := rig.Go(func() error { return c.Send(t.Context(), "/queue/full", nil, stomp.WithRetry()) })
		time.Sleep(50 * time.Second)
		b.Cut()
		time.Sleep(20 * time.Second)
		b.Cut()
		rig.OK(t, <-sent)
		var times []time.Duration
		for _, d := range b.times() {
			times = append(times, d.Round(time.Millisecond))
		}
		rig.Equal(t, "the SENDs", times, seconds(0, 15, 45, 50, 65, 70, 85))
	})
}

// What waits to be written is not overdue, however long that takes: the server cannot have answered.
func TestWithRetry_promise7_unwritten_is_not_overdue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, c := rig.Session(t, stomp.WithHeartBeat(0, 0))
		p.Fill(c)
		sent := rig.Go(func() error {
			return c.Send(rig.Within(t, 10*time.Minute), "/queue/a", []byte("x"), stomp.WithRetry())
		})
		time.Sleep(2 * time.Minute) // nothing is read
		var came int
		p.Want(wire.Send) // what had filled the line
		for f := p.Next(); ; f = p.Next() {
			if string(f.Body) != "x" {
				continue
			}
			if came++; came == 1 {
				p.Silent(100 * time.Second)
			}
			if came == 2 {
				p.Receipt(f)
				break
			}
		}
		rig.OK(t, <-sent)
	})
}

// Many at once are sent again at once, and each once.
func TestWithRetry_promise7_many_overdue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 3000
		b := newSilentOn(t, 0)
		c := rig.Connect(t, b.Broker)
		for i := range n {
			_, err := c.SendAsync(rig.Within(t, 50*time.Second), "/queue/full", fmt.Append(nil, i), stomp.WithRetry())
			rig.OK(t, err)
		}
		time.Sleep(time.Hour)
		count := make(map[time.Duration]int)
		for _, d := range b.times() {
			count[d]++
		}
		if len(count) != 3 || count[0] != n || count[15*time.Second] != n || count[45*time.Second] != n {
			t.Errorf("%v", count)
		}
	})
}

// A server that stops reading gets one repetition more, however long that lasts: they must not pile up.
func TestWithRetry_promise7_overdue_frames_do_not_pile_up(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := new(rig.Log)
		p, c := rig.Session(t, stomp.WithHeartBeat(0, 0), stomp.WithLogger(log.Logger(slog.LevelWarn)))
		r, err := c.SendAsync(t.Context(), "/queue/a", []byte("x"), stomp.WithRetry())
		rig.OK(t, err)
		p.Want(wire.Send)
		time.Sleep(10 * time.Hour)
		synctest.Wait()
		if s := c.Stats(); s.Unwritten != 0 {
			t.Errorf("%d frames wait, %d bytes", s.Unwritten, s.UnwrittenBytes)
		}
		p.Want(wire.Send)      // that was being written
		f := p.Want(wire.Send) // in its own time
		p.Receipt(f)
		rig.OK(t, r.Wait(t.Context()))
		if n := len(log.Lines("no receipt has come")); n != 1 {
			t.Errorf("%d lines", n)
		}
	})
}

// However many RECEIPTs a server leaves out, the log tells once a minute at most.
func TestWithRetry_promise7_overdue_does_not_flood_the_log(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := new(rig.Log)
		b := newSilentOn(t, 1<<20)
		c := rig.Connect(t, b.Broker, stomp.WithLogger(log.Logger(slog.LevelWarn)))
		for i := range 500 {
			_, err := c.SendAsync(t.Context(), "/queue/full", nil, stomp.WithRetry())
			rig.OK(t, err)
			time.Sleep(time.Duration(i%3) * 100 * time.Millisecond)
		}
		time.Sleep(time.Hour)
		if n := len(log.Lines("no receipt has come")); n != 1 {
			t.Errorf("%d lines", n)
		}
	})
}

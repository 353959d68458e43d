package stomp_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/stomp"
)

// What each policy keeps of 100 messages that nobody reads, and what it counts. A bound of 10 frames is 5 in the
// channel and 5 behind it.
func TestWithBuffer_promise2_policies(t *testing.T) {
	for _, tc := range []struct {
		name    string
		bound   stomp.SubscribeOption
		kept    []string
		stats   stomp.SubscriptionStats // before anything is read
		open    bool
		failure error
	}{
		{"frames_DropNewest", stomp.WithBuffer(10, 0, stomp.OverflowDropNewest), rig.Numbers(1, 10),
			stomp.SubscriptionStats{Received: 100, Dropped: 90, Queued: 10}, true, nil},
		{"frames_DropOldest", stomp.WithBuffer(10, 0, stomp.OverflowDropOldest), rig.Numbers(91, 100),
			stomp.SubscriptionStats{Received: 100, Dropped: 90, Queued: 10}, true, nil},
		{"frames_Fail", stomp.WithBuffer(10, 0, stomp.OverflowFail), rig.Numbers(1, 5), // the channel's own
			stomp.SubscriptionStats{Received: 11, Dropped: 6, Queued: 5}, false, stomp.ErrSlowConsumer},
		{"frames_Block", stomp.WithBuffer(10, 0, stomp.OverflowBlock), rig.Numbers(1, 100),
			stomp.SubscriptionStats{Received: 11, Stalls: 1, Queued: 11}, true, nil},
		{"one_frame_DropNewest", stomp.WithBuffer(1, 0, stomp.OverflowDropNewest), rig.Numbers(1, 1),
			stomp.SubscriptionStats{Received: 100, Dropped: 99, Queued: 1}, true, nil},
		{"one_frame_DropOldest", stomp.WithBuffer(1, 0, stomp.OverflowDropOldest), rig.Numbers(100, 100),
			stomp.SubscriptionStats{Received: 100, Dropped: 99, Queued: 1}, true, nil},
		{"one_frame_Block", stomp.WithBuffer(1, 0, stomp.OverflowBlock), rig.Numbers(1, 100),
			stomp.SubscriptionStats{Received: 2, Stalls: 1, Queued: 2}, true, nil},
		{"default_is_Block_and_large", stomp.WithBuffer(0, 0, stomp.OverflowBlock), rig.Numbers(1, 100),
			stomp.SubscriptionStats{Received: 100, Queued: 100}, true, nil},
	} {
		rig.Bubble(t, tc.name, func(t *testing.T) {
			b, c := rig.Pair(t)
			sub, err := c.NewSubscription(t.Context(), "/queue/a", tc.bound)
			rig.OK(t, err)
			synctest.Wait()
			rig.Publish(b, "/queue/a", rig.Numbers(1, 100)...)
			synctest.Wait()
			s := sub.Stats()
			if n := s.QueuedBytes; n < int64(s.Queued) {
				t.Errorf("%d bytes are queued", n)
			}
			if s.QueuedBytes = 0; s != tc.stats {
				t.Errorf("stats %+v\nwant  %+v", s, tc.stats)
			}
			if all := c.Stats(); all.Dropped != s.Dropped || all.Stalls != s.Stalls || all.Queued != s.Queued && tc.open {
				t.Errorf("the client's stats %+v", all)
			}
			got, open := rig.Bodies(sub.C)
			rig.Equal(t, "bodies", got, tc.kept)
			if open != tc.open {
				t.Errorf("open: %t", open)
			}
			if tc.failure != nil {
				rig.ErrorIs(t, sub.Err(), tc.failure)
			} else {
				rig.OK(t, sub.Err())
			}
			s = sub.Stats()
			if s.Queued != 0 || s.QueuedBytes != 0 || s.Delivered != uint64(len(tc.kept)) || s.Received != s.Delivered+s.Dropped {
				t.Errorf("stats at the end %+v", s)
			}
			// None of this is anybody else's affair.
			rig.OK(t, c.Send(t.Context(), "/queue/b", nil, stomp.WithReceipt()))
		})
	}
}

// A burst that is put faster than the feeder goroutine runs must drop the oldest all the same.
func TestWithBuffer_promise2_DropOldest_keeps_the_newest(t *testing.T) {
	for _, frames := range []int{1, 2, 3, 4, 7, 70} {
		for range 30 {
			synctest.Test(t, func(t *testing.T) {
				p, c := rig.Session(t)
				rest := p.Rest()
				sub, err := c.NewSubscription(t.Context(), "/a", stomp.WithBuffer(frames, 0, stomp.OverflowDropOldest))
				rig.OK(t, err)
				burst(p, 1, 200)
				got, _ := rig.Bodies(sub.C)
				rig.Equal(t, "bodies", got, rig.Numbers(201-frames, 200))
				c.Close()
				<-rest
			})
		}
	}
}

// burst sends messages first to last in one piece.
func burst(p *rig.Peer, first, last int) {
	var all strings.Builder
	for _, n := range rig.Numbers(first, last) {
		all.WriteString("MESSAGE\nsubscription:s1\nmessage-id:" + n + "\ndestination:/a\n\n" + n + "\x00")
	}
	p.SendRaw(all.String())
}

func TestWithBuffer_promise2_OverflowFail_ends_alone_and_says_why(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c := rig.Pair(t)
		other, err := c.NewSubscription(t.Context(), "/queue/b")
		rig.OK(t, err)
		sub, err := c.NewSubscription(t.Context(), "/queue/a", stomp.WithBuffer(2, 0, stomp.OverflowFail), stomp.WithAck(stomp.AckClient))
		rig.OK(t, err)
		for _, n := range rig.Numbers(1, 5) {
			b.Publish("/queue/a", nil, []byte(n))
			b.Publish("/queue/b", nil, []byte(n))
		}
		synctest.Wait()
		const text = `slow consumer: 2 frames or 67108864 bytes wait in subscription "s2" to /queue/a (see WithBuffer)`
		rig.ErrorText(t, sub.Err(), text)
		got, open := rig.Bodies(other.C)
		rig.Equal(t, "the other one", got, rig.Numbers(1, 5))
		if !open || c.Err() != nil || b.QueueLen("/queue/a") != 5 {
			t.Errorf("open %t, client's error %v, %d are back in the queue", open, c.Err(), b.QueueLen("/queue/a"))
		}
		rig.Equal(t, "the broker", rig.Received(b, "id"), []string{"SUBSCRIBE id:s1", "SUBSCRIBE id:s2", "UNSUBSCRIBE id:s2"})
	})
}

// The bound in bytes is one of memory, whatever the frames are made of.
func TestWithBuffer_promise2_bound_is_of_memory(t *testing.T) {
	const bound = 8 << 20
	for name, tc := range map[string]struct{ header, body string }{
		"990_entries":   {strings.Repeat("a:\n", 987), ""}, // 32 bytes an entry, of which 3 are text
		"990_escapes":   {strings.Repeat("\\\\:\\\\\n", 987), ""},
		"nothing_else":  {"", ""},
		"a_small_body":  {"", strings.Repeat("x", 100)},
		"a_large_body":  {"", strings.Repeat("x", 10_000)},
		"a_long_header": {"a:" + strings.Repeat("x", 10_000) + "\n", ""},
	} {
		rig.Bubble(t, name, func(t *testing.T) {
			p, c := rig.Session(t)
			rest := p.Rest()
			sub, err := c.NewSubscription(t.Context(), "/queue/a", stomp.WithBuffer(1<<30, bound, stomp.OverflowDropNewest))
			rig.OK(t, err)
			length := ""
			if name == "a_large_body" {
				length = fmt.Sprintf("content-length:%d\n", len(tc.body))
			}
			frame := "MESSAGE\nsubscription:s1\nmessage-id:1\ndestination:/queue/a\n" + length + tc.header + "\n" + tc.body + "\x00"
			before := heap()
			for sub.Stats().Dropped == 0 {
				p.SendRaw(frame)
				synctest.Wait()
			}
			took, s := heap()-before, sub.Stats()
			t.Logf("%d frames, counted as %.2f MiB, take %.2f MiB", s.Queued, float64(s.QueuedBytes)/(1<<20), float64(took)/(1<<20))
			if took > bound*5/4 || took < bound/4 {
				t.Errorf("%d frames, counted as %d bytes, take %d", s.Queued, s.QueuedBytes, took)
			}
			c.Close()
			<-rest
			runtime.KeepAlive(sub)
		})
	}
}

// The bound in bytes counts header, body, and what a frame takes beside them.
func TestWithBuffer_promise2_bound_in_bytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c := rig.Pair(t)
		sub, err := c.NewSubscription(t.Context(), "/queue/a", stomp.WithBuffer(0, 10_000, stomp.OverflowDropNewest))
		rig.OK(t, err)
		for range 20 {
			b.Publish("/queue/a", nil, make([]byte, 1000))
		}
		synctest.Wait()
		s := sub.Stats()
		if s.Queued != 7 || s.Dropped != 13 || s.QueuedBytes <= 7*(1000+192) || s.QueuedBytes > 10_000 {
			t.Errorf("stats %+v", s)
		}
		each := s.QueuedBytes / 7
		<-sub.C
		synctest.Wait() // the queue moves up
		if s = sub.Stats(); s.Queued != 6 || s.QueuedBytes/6-each > 1 {
			t.Logf("a frame is about %d bytes", each)
			t.Errorf("after one was taken: %+v", s)
		}
		b.Publish("/queue/a", nil, make([]byte, 1000))
		synctest.Wait()
		if s = sub.Stats(); s.Queued != 7 || s.Dropped != 13 {
			t.Errorf("there was room again: %+v", s)
		}
	})
}

func TestWithBuffer_promise2_single_big_frame_is_let_in(t *testing.T) {
	for name, policy := range map[string]stomp.Overflow{
		"Block": stomp.OverflowBlock, "DropOldest": stomp.OverflowDropOldest, "DropNewest": stomp.OverflowDropNewest, "Fail": stomp.OverflowFail,
		"Latest": stomp.OverflowLatest,
	} {
		rig.Bubble(t, "single_big_frame_is_let_in_"+name, func(t *testing.T) {
			b, c := rig.Pair(t)
			sub, err := c.NewSubscription(t.Context(), "/queue/a", stomp.WithBuffer(0, 100, policy))
			rig.OK(t, err)
			for range 3 {
				b.Publish("/queue/a", nil, make([]byte, 5000))
				if f := <-sub.C; len(f.Body) != 5000 {
					t.Errorf("%d bytes", len(f.Body))
				}
			}
			synctest.Wait()
			if s := sub.Stats(); s.Dropped != 0 || s.Stalls != 0 || s.Delivered != 3 || sub.Err() != nil {
				t.Errorf("%+v, error %v", s, sub.Err())
			}
		})
	}
}

// WithBuffer given to Connect holds for every subscription that has none of its own.
func TestWithBuffer_of_Connect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := rig.PipeBroker(t)
		c := rig.Connect(t, b, stomp.WithBuffer(3, 0, stomp.OverflowDropNewest))
		three, err := c.NewSubscription(t.Context(), "/topic/a")
		rig.OK(t, err)
		five, err := c.NewSubscription(t.Context(), "/topic/a", stomp.WithBuffer(5, 0, stomp.OverflowDropOldest))
		rig.OK(t, err)
		synctest.Wait()
		rig.Publish(b, "/topic/a", rig.Numbers(1, 9)...)
		got, _ := rig.Bodies(three.C)
		rig.Equal(t, "Connect's", got, rig.Numbers(1, 3))
		got, _ = rig.Bodies(five.C)
		rig.Equal(t, "its own", got, rig.Numbers(5, 9))
	})
}

// What a policy drops is never acknowledged, and closes the broker's window for good: in the client modes those that
// drop are refused, wherever they were set.
func TestWithBuffer_promise2_dropping_excludes_the_client_modes(t *testing.T) {
	b := rig.NewBroker(t)
	for _, policy := range []stomp.Overflow{stomp.OverflowDropOldest, stomp.OverflowDropNewest, stomp.OverflowLatest} {
		c := rig.Connect(t, b, stomp.WithBuffer(2, 0, policy))
		for _, mode := range []stomp.AckMode{stomp.AckClient, stomp.AckClientIndividual} {
			_, err := c.Subscribe(t.Context(), "/queue/a", stomp.WithAck(mode))
			rig.ErrorSays(t, err, "WithBuffer", mode.String(), "never acknowledged")
			rig.Unsent(t, err)
			for _, other := range []stomp.Overflow{stomp.OverflowBlock, stomp.OverflowFail} {
				sub, err := c.NewSubscription(t.Context(), "/queue/a", stomp.WithAck(mode), stomp.WithBuffer(2, 0, other))
				rig.OK(t, err)
				rig.OK(t, sub.Unsubscribe(t.Context()))
			}
		}
		_, err := c.Subscribe(t.Context(), "/queue/a")
		rig.OK(t, err)
	}
}

// Of each topic below a wildcard the newest waits, in the place of the one that it replaces, and the consumer gets
// what had arrived last when it asks. What is replaced is counted.
func TestWithBuffer_promise2_Latest_keeps_the_newest_of_each_destination(t *testing.T) {
	for name, subscribe := range map[string]func(*testing.T, *stomp.Client) (next func() string, stats func() stomp.SubscriptionStats){
		"frames": func(t *testing.T, c *stomp.Client) (func() string, func() stomp.SubscriptionStats) {
			sub, err := c.NewSubscription(t.Context(), "/topic/*", stomp.WithBuffer(3, 0, stomp.OverflowLatest))
			rig.OK(t, err)
			return func() string { f := <-sub.C; return f.Destination() + string(f.Body) }, sub.Stats
		},
		"typed": func(t *testing.T, c *stomp.Client) (func() string, func() stomp.SubscriptionStats) {
			sub, err := stomp.SubscribeAs(t.Context(), c, "/topic/*", func(f stomp.Frame) (string, error) { return f.Destination() + string(f.Body), nil },
				stomp.WithBuffer(3, 0, stomp.OverflowLatest))
			rig.OK(t, err)
			return func() string { return (<-sub.C).Value }, sub.Stats
		},
	} {
		rig.Bubble(t, name, func(t *testing.T) {
			p, c := rig.NewServer(t).Session("version:1.2")
			next, stats := subscribe(t, c)
			p.Want(wire.Subscribe)
			arrive := func(prices ...string) {
				for _, s := range prices {
					p.Send(wire.Message, s[1:], "subscription", "s1", "message-id", "m", "destination", "/topic/"+s[:1])
				}
				synctest.Wait()
			}
			arrive("a1", "b1", "a2", "c1", "a3", "b2")
			rig.Equal(t, "the newest, where the first waited", []string{next(), next()}, []string{"/topic/a3", "/topic/b2"})
			synctest.Wait()
			arrive("c2", "a4", "b3", "d1", "a5") // c has waited for longest when d comes
			rig.Equal(t, "within the bound", []string{next(), next(), next()}, []string{"/topic/a5", "/topic/b3", "/topic/d1"})
			synctest.Wait()
			if s, want := stats(), (stomp.SubscriptionStats{Received: 11, Delivered: 5, Dropped: 6}); s != want {
				t.Errorf("%+v, want %+v", s, want)
			}
			if n := c.Stats().Dropped; n != 6 {
				t.Errorf("the Client has counted %d as dropped", n)
			}
		})
	}
}

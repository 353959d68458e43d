package stomp_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// group makes a Group with members at these destinations.
func group(t *testing.T, c *stomp.Client, opts []stomp.GroupOption, destinations ...string) (*stomp.Group, []*stomp.Member) {
	t.Helper()
	g, err := c.NewGroup(t.Context(), opts...)
	rig.OK(t, err)
	var members []*stomp.Member
	for _, d := range destinations {
		m, err := g.Add(t.Context(), d)
		rig.OK(t, err)
		members = append(members, m)
	}
	synctest.Wait()
	return g, members
}

// isDone reports whether a member has ended.
func isDone(m *stomp.Member) bool { return rig.IsClosed(m.Done()) }

func TestGroup_gives_the_frames_of_all_members_in_order_on_one_channel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c := rig.Pair(t)
		g, members := group(t, c, nil, "/topic/a", "/topic/b")
		late, err := g.Add(t.Context(), "/topic/c", stomp.WithID("mine"), stomp.WithReceipt())
		rig.OK(t, err)
		rig.OK(t, late.Confirmed(t.Context()))
		if late.ID() != "mine" || late.Destination() != "/topic/c" {
			t.Errorf("%q at %q", late.ID(), late.Destination())
		}
		for i, d := range []string{"b", "a", "c", "a", "b", "c", "c"} {
			rig.Publish(b, "/topic/"+d, fmt.Sprint(d, i))
		}
		ids := map[string]string{members[0].ID(): "a", members[1].ID(): "b", "mine": "c"}
		for i, d := range []string{"b", "a", "c", "a", "b", "c", "c"} {
			if f := rig.Body(t, g.C, fmt.Sprint(d, i)); ids[f.SubscriptionID()] != d || f.Epoch != 1 {
				t.Errorf("%v is of %q", f, f.SubscriptionID())
			}
		}
		synctest.Wait()
		if s := g.Stats(); s.Received != 7 || s.Delivered != 7 || s.Queued != 0 {
			t.Errorf("the Group: %+v", s)
		}
		if s := late.Stats(); s.Received != 3 || s.Delivered != 3 {
			t.Errorf("a member: %+v", s)
		}
		rig.Publish(b, "/topic/c", "x", "y", "z")
		synctest.Wait()
		if s := c.Stats(); s.Queued != 3 || s.Subscriptions != 3 {
			t.Errorf("the Client: %+v", s)
		}
	})
}

func TestGroup_promise14_has_no_goroutine_for_a_member(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c := rig.Pair(t)
		synctest.Wait()
		before := rig.Goroutines()
		g, _ := group(t, c, nil)
		for i := range 1000 {
			_, err := g.Add(t.Context(), fmt.Sprint("/topic/", i))
			rig.OK(t, err)
		}
		synctest.Wait()
		if n := rig.Goroutines() - before; n != 0 {
			t.Errorf("%d goroutines for 1,000 members", n)
		}
		for i := range 1000 {
			rig.Publish(b, fmt.Sprint("/topic/", i), "x")
		}
		synctest.Wait()
		if n := rig.Goroutines() - before; n != 1 {
			t.Errorf("%d goroutines while frames of 1,000 members wait", n)
		}
		for range 1000 {
			<-g.C
		}
	})
}

// The broker refuses one member and cancels another: each ends alone, and comes on Failed once.
func TestGroup_promise5_a_member_fails_alone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c := rig.Pair(t, stomptest.WithProfile(stomptest.RabbitMQ)) // whose session survives a cancelled subscription
		rig.On(b, "SUBSCRIBE", "/topic/secret", rig.Refuse("no access"))
		g, members := group(t, c, nil, "/topic/a", "/topic/secret", "/topic/b")
		refused := <-g.Failed()
		if refused != members[1] || !isDone(refused) {
			t.Errorf("%q has failed", refused.Destination())
		}
		rig.Refused(t, refused.Err(), "no access")
		rig.Publish(b, "/topic/b", "1")
		synctest.Wait()
		b.Cancel("/topic/b")
		synctest.Wait()
		if isDone(members[2]) {
			t.Error("done before what had arrived is taken")
		}
		rig.Body(t, g.C, "1")
		if m := <-g.Failed(); m != members[2] {
			t.Errorf("%q has failed", m.Destination())
		}
		rig.ErrorAs[stomp.Error](t, members[2].Err())
		rig.Publish(b, "/topic/a", "2")
		rig.Body(t, g.C, "2")
		if g.Err() != nil || isDone(members[0]) {
			t.Errorf("the Group: %v; the member that is left has ended: %v", g.Err(), isDone(members[0]))
		}

		_, err := g.Add(t.Context(), "/topic/secret", stomp.WithReceipt()) // the error is Add's, and nobody else's
		rig.Refused(t, err, "no access")
		synctest.Wait()
		select {
		case m := <-g.Failed():
			t.Errorf("%q has failed", m.Destination())
		default:
		}
	})
}

// Failed keeps what nobody reads.
func TestGroup_Failed_keeps_members_until_they_are_read(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c := rig.Pair(t)
		rig.On(b, "SUBSCRIBE", "", rig.Refuse("no access"))
		g, members := group(t, c, nil, rig.Numbers(1, 100)...)
		rig.OK(t, g.Unsubscribe(t.Context()))
		rig.Closed(t, g.C)
		for _, want := range members {
			if m, open := <-g.Failed(); !open || m != want {
				t.Fatalf("%v instead of %s", m, want.Destination())
			}
		}
		rig.Closed(t, g.Failed())
	})
}

func TestMember_Unsubscribe_delivers_what_has_arrived(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c := rig.Pair(t)
		g, members := group(t, c, nil, "/topic/a", "/topic/b")
		rig.Publish(b, "/topic/a", "a1", "a2")
		rig.Publish(b, "/topic/b", "b1")
		rig.Publish(b, "/topic/a", "a3")
		synctest.Wait()
		ended := rig.Go(func() error { return members[0].Unsubscribe(t.Context()) })
		for _, body := range []string{"a1", "a2", "b1"} {
			rig.Body(t, g.C, body)
			synctest.Wait()
			if isDone(members[0]) {
				t.Errorf("done at %s", body)
			}
		}
		rig.Body(t, g.C, "a3")
		rig.OK(t, <-ended)
		if !isDone(members[0]) || members[0].Err() != nil || isDone(members[1]) {
			t.Errorf("%v, %v", isDone(members[0]), members[0].Err())
		}
		rig.Publish(b, "/topic/b", "b2")
		rig.Body(t, g.C, "b2")
		if n := b.Subscriptions("/topic/a"); n != 0 {
			t.Errorf("the broker has %d subscriptions", n)
		}
	})
}

// In the client modes what waits is taken out of the shared queue, and what was handed out is awaited.
func TestMember_Unsubscribe_promise6_awaits_what_was_handed_out(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c := rig.Pair(t)
		g, _ := group(t, c, nil)
		var members []*stomp.Member
		for _, d := range []string{"/queue/a", "/queue/b"} {
			m, err := g.Add(t.Context(), d, stomp.WithAck(stomp.AckClient), stomp.WithReceipt())
			rig.OK(t, err)
			members = append(members, m)
			rig.Publish(b, d, d+"1", d+"2", d+"3")
			synctest.Wait()
		}
		first := rig.Body(t, g.C, "/queue/a1")
		synctest.Wait() // the second is being offered
		ended := rig.Go(func() error { return members[0].Unsubscribe(t.Context()) })
		synctest.Wait()
		if s := members[0].Stats(); s.Queued != 0 || s.Dropped != 2 || isDone(members[0]) {
			t.Errorf("%+v, done: %v", s, isDone(members[0]))
		}
		other := rig.Body(t, g.C, "/queue/b1")
		rig.OK(t, other.Ack(t.Context()))
		synctest.Wait()
		if isDone(members[0]) {
			t.Error("an ACK of one member has covered a frame of the other")
		}
		rig.OK(t, first.Ack(t.Context()))
		rig.OK(t, <-ended)
		if !isDone(members[0]) || g.Stats().Dropped != 2 {
			t.Errorf("done: %v; %+v", isDone(members[0]), g.Stats())
		}
		rig.Body(t, g.C, "/queue/b2")
	})
}

func TestGroup_Unsubscribe_ends_all_members_and_the_channel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c := rig.Pair(t)
		g, members := group(t, c, nil, "/topic/a", "/topic/b")
		rig.Publish(b, "/topic/a", "1")
		rig.Publish(b, "/topic/b", "2")
		synctest.Wait()
		ended := rig.Go(func() error { return g.Unsubscribe(t.Context()) })
		synctest.Wait()
		_, err := g.Add(t.Context(), "/topic/c")
		rig.ErrorIs(t, err, stomp.ErrGroupEnded)
		rig.Unsent(t, err)
		rig.Body(t, g.C, "1")
		rig.Body(t, g.C, "2")
		rig.Closed(t, g.C)
		rig.Closed(t, g.Failed())
		rig.OK(t, <-ended)
		for _, m := range members {
			if !isDone(m) || m.Err() != nil {
				t.Errorf("%s: %v, %v", m.Destination(), isDone(m), m.Err())
			}
		}
		if g.Err() != nil || c.Stats().Subscriptions != 0 {
			t.Errorf("%v, %+v", g.Err(), c.Stats())
		}
		rig.OK(t, g.Unsubscribe(t.Context()))
	})
}

// A header that cannot be encoded, or a ctx that has ended, changes nothing; one that ends meanwhile drops the rest.
func TestGroup_Unsubscribe_within_its_ctx(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c := rig.Pair(t)
		g, _ := group(t, c, nil, "/topic/a")
		rig.ErrorSays(t, g.Unsubscribe(t.Context(), stomp.WithHeader("x", "\x00")), "unsubscribe", "NUL")
		rig.ErrorIs(t, g.Unsubscribe(rig.Ended()), context.Canceled)
		rig.Publish(b, "/topic/a", "1", "2")
		rig.Body(t, g.C, "1")
		synctest.Wait()
		rig.ErrorIs(t, g.Unsubscribe(rig.Within(t, 1e9)), context.DeadlineExceeded)
		rig.Closed(t, g.C)
		if s := g.Stats(); s.Dropped != 1 || g.Err() != nil {
			t.Errorf("%+v, %v", s, g.Err())
		}
	})
}

// How a Group ends with its ctx or its Client: what becomes of what waits, and of Err.
func TestGroup_promise1_ends(t *testing.T) {
	for name, tc := range map[string]struct {
		end       func(b *stomptest.Broker, c *stomp.Client, cancel func())
		delivered int
		failed    bool
	}{
		"its_ctx":          {func(_ *stomptest.Broker, _ *stomp.Client, cancel func()) { cancel() }, 0, false},
		"Close":            {func(_ *stomptest.Broker, c *stomp.Client, _ func()) { c.Close() }, 0, false},
		"Disconnect":       {func(_ *stomptest.Broker, c *stomp.Client, _ func()) { c.Disconnect(context.Background()) }, 0, false},
		"Drain":            {func(_ *stomptest.Broker, c *stomp.Client, _ func()) { go c.Drain(context.Background()) }, 20, false},
		"the_Client_fails": {func(b *stomptest.Broker, _ *stomp.Client, _ func()) { b.Cut() }, 20, true},
	} {
		rig.Bubble(t, name, func(t *testing.T) {
			b, c := rig.Pair(t)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			g, err := c.NewGroup(ctx)
			rig.OK(t, err)
			m, err := g.Add(rig.Within(t, 1e9), "/topic/a") // which bounds that call alone
			rig.OK(t, err)
			synctest.Wait()
			rig.Publish(b, "/topic/a", rig.Numbers(1, 20)...)
			synctest.Wait()
			tc.end(b, c, cancel)
			synctest.Wait()
			got, open := rig.Bodies(g.C)
			for open {
				var more []string
				synctest.Wait()
				more, open = rig.Bodies(g.C)
				if len(more) == 0 && open {
					t.Fatal("neither frames nor the end")
				}
				got = append(got, more...)
			}
			rig.Equal(t, "delivered", got, rig.Numbers(1, tc.delivered))
			rig.Closed(t, g.Failed())
			if (g.Err() != nil) != tc.failed || (m.Err() != nil) != tc.failed || tc.failed && !errors.Is(g.Err(), stomp.ErrConnectionLost) {
				t.Errorf("the Group: %v; its member: %v", g.Err(), m.Err())
			}
			<-m.Done()
			_, err = g.Add(t.Context(), "/topic/b")
			if name == "its_ctx" {
				rig.ErrorIs(t, err, stomp.ErrGroupEnded)
				rig.OK(t, c.Flush(t.Context()))
				synctest.Wait()
				if n := b.Subscriptions("/topic/a"); n != 0 {
					t.Errorf("the broker has %d subscriptions", n)
				}
			} else {
				rig.ErrorIs(t, err, stomp.ErrClosed)
				_, err = c.NewGroup(t.Context())
				rig.ErrorIs(t, err, stomp.ErrClosed)
			}
			c.Close()
		})
	}
}

// Members are restored in the order of Add, among the other subscriptions; one that has ended with its session is
// told.
func TestGroup_promise4_is_restored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p, c := rig.Reconnecting(t, wire.V12)
		g, err := c.NewGroup(t.Context())
		rig.OK(t, err)
		var once *stomp.Member
		for _, d := range []string{"/a", "/b", "/once", "/c"} {
			var opts []stomp.SubscribeOption
			if d == "/once" {
				opts = []stomp.SubscribeOption{stomp.WithoutResubscribe()}
			}
			m, err := g.Add(t.Context(), d, opts...)
			rig.OK(t, err)
			p.Receipt(p.Want(wire.Subscribe))
			if d == "/once" {
				once = m
			}
		}
		p.Close()
		s.Release()
		p = s.AcceptSession(wire.V12)
		for _, d := range []string{"/a", "/b", "/c"} {
			if f := p.Want(wire.Subscribe); wire.Get(f.Header, "destination") != d {
				t.Errorf("%v, want %s", f, d)
			} else {
				p.Receipt(f)
			}
		}
		if m := <-g.Failed(); m != once {
			t.Errorf("%s has failed", m.Destination())
		}
		rig.ErrorIs(t, once.Err(), stomp.ErrConnectionLost)
		p.Send(wire.Message, "1", "subscription", "s1", "destination", "/a", "message-id", "m1")
		if f := <-g.C; f.Epoch != 2 {
			t.Errorf("%v of session %d", f, f.Epoch)
		}
		p.Discard()
		c.Close()
	})
}

func TestGroup_promise2_has_one_bound_for_all(t *testing.T) {
	rig.Bubble(t, "Fail", func(t *testing.T) {
		b, c := rig.Pair(t)
		g, members := group(t, c, []stomp.GroupOption{stomp.WithBuffer(4, 0, stomp.OverflowFail)}, "/topic/a", "/topic/b")
		other, err := c.Subscribe(t.Context(), "/topic/a")
		rig.OK(t, err)
		synctest.Wait()
		rig.Publish(b, "/topic/a", "1", "2", "3")
		rig.Publish(b, "/topic/b", "4", "5")
		synctest.Wait()
		rig.Closed(t, g.C)
		rig.ErrorIs(t, g.Err(), stomp.ErrSlowConsumer)
		for _, m := range members {
			rig.ErrorIs(t, m.Err(), stomp.ErrSlowConsumer)
		}
		rig.Closed(t, g.Failed())
		rig.Body(t, other, "1") // the Client goes on
		_, err = g.Add(t.Context(), "/topic/c")
		rig.ErrorIs(t, err, stomp.ErrGroupEnded)
	})
	rig.Bubble(t, "DropOldest", func(t *testing.T) {
		b, c := rig.Pair(t)
		g, members := group(t, c, []stomp.GroupOption{stomp.WithBuffer(4, 0, stomp.OverflowDropOldest)}, "/topic/a", "/topic/b")
		rig.Publish(b, "/topic/a", "1", "2", "3")
		rig.Publish(b, "/topic/b", "4", "5", "6")
		synctest.Wait()
		got, _ := rig.Bodies(g.C)
		for len(got) < 4 {
			synctest.Wait()
			more, _ := rig.Bodies(g.C)
			got = append(got, more...)
		}
		rig.Equal(t, "delivered", got, rig.Numbers(3, 6))
		if a, b := members[0].Stats(), members[1].Stats(); a.Dropped != 2 || b.Dropped != 0 || g.Stats().Dropped != 2 || c.Stats().Dropped != 2 {
			t.Errorf("%+v, %+v", a, b)
		}
	})
	rig.Bubble(t, "Latest", func(t *testing.T) {
		b, c := rig.Pair(t)
		g, _ := group(t, c, []stomp.GroupOption{stomp.WithBuffer(0, 0, stomp.OverflowLatest)}, "/topic/a", "/topic/b")
		for _, s := range []string{"a1", "b1", "a2", "a3", "b2"} {
			rig.Publish(b, "/topic/"+s[:1], s)
		}
		synctest.Wait()
		rig.Body(t, g.C, "a3")
		rig.Body(t, g.C, "b2")
	})
	rig.Bubble(t, "Block", func(t *testing.T) {
		b, c := rig.Pair(t)
		g, members := group(t, c, []stomp.GroupOption{stomp.WithBuffer(4, 0, stomp.OverflowBlock)}, "/topic/a", "/topic/b")
		for i := range 50 {
			rig.Publish(b, []string{"/topic/a", "/topic/b"}[i%2], fmt.Sprint(i+1))
		}
		synctest.Wait()
		if s := g.Stats(); s.Stalls == 0 || s.Queued > 5 || members[0].Stats().Stalls != 0 {
			t.Errorf("%+v", s)
		}
		for _, n := range rig.Numbers(1, 50) {
			rig.Body(t, g.C, n)
		}
	})
}

func TestGroup_refuses_what_makes_no_sense(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, c := rig.Pair(t)
		_, err := c.NewGroup(t.Context(), nil)
		rig.ErrorSays(t, err, "group", "nil option")
		_, err = c.NewGroup(t.Context(), stomp.WithBuffer(-1, 0, stomp.OverflowBlock))
		rig.ErrorSays(t, err, "WithBuffer", "negative")
		_, err = c.NewGroup(rig.Ended())
		rig.ErrorIs(t, err, context.Canceled)
		rig.Unsent(t, err)
		g, err := c.NewGroup(t.Context(), stomp.WithBuffer(2, 0, stomp.OverflowDropOldest))
		rig.OK(t, err)
		_, err = g.Add(t.Context(), "/a", stomp.WithBuffer(1, 0, stomp.OverflowFail))
		rig.ErrorSays(t, err, "WithBuffer", "NewGroup")
		_, err = g.Add(t.Context(), "/a", stomp.WithAck(stomp.AckClient))
		rig.ErrorSays(t, err, "WithBuffer", "never acknowledged")
		_, err = g.Add(t.Context(), "")
		rig.ErrorIs(t, err, stomp.ErrNoDestination)
		_, err = g.Add(t.Context(), "/a", stomp.WithID("x"))
		rig.OK(t, err)
		_, err = g.Add(t.Context(), "/b", stomp.WithID("x"))
		rig.ErrorIs(t, err, stomp.ErrDuplicateID)
		synctest.Wait()
		if n := c.Stats().Subscriptions; n != 1 {
			t.Errorf("%d subscriptions", n)
		}
	})
}

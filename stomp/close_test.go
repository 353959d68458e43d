package stomp_test

import (
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/stomp"
)

func TestClose_idempotent_concurrent_joins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c := rig.Pair(t)
		sub := waiting(t, b, c, 100)
		var all sync.WaitGroup
		for range 5 {
			all.Go(func() {
				if err := c.Close(); err != nil {
					t.Error(err)
				}
				over(t, c)
			})
		}
		all.Wait()
		got, open := rig.Bodies(sub.C)
		rig.Equal(t, "what stays readable", got, rig.Numbers(1, channelBuffer))
		if open || sub.Err() != nil {
			t.Errorf("open %t, error %v", open, sub.Err())
		}
		synctest.Wait()
		rig.Equal(t, "the broker", rig.Received(b), []string{"SUBSCRIBE"}) // without a word
		if b.Connections() != 0 {
			t.Errorf("%d connections", b.Connections())
		}
	})
}

func TestClose_ends_a_Disconnect_that_waits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c := rig.Pair(t)
		b.Silence(true)
		done := rig.Go(func() error { return c.Disconnect(t.Context()) })
		synctest.Wait()
		start := time.Now()
		rig.OK(t, c.Close())
		<-done
		if d := time.Since(start); d != 0 {
			t.Errorf("took %v", d)
		}
	})
}

func TestClose_every_call_after_it(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, c := rig.Pair(t)
		sub, err := c.NewSubscription(t.Context(), "/a")
		rig.OK(t, err)
		c.Close()
		rig.OK(t, sub.Unsubscribe(t.Context()))
		rig.OK(t, c.Drain(t.Context()))
		rig.OK(t, c.Disconnect(t.Context()))
		_, subscribing := c.Subscribe(t.Context(), "/a")
		_, sending := c.SendAsync(t.Context(), "/a", nil)
		_, requesting := c.Request(t.Context(), "/a", nil)
		_, beginning := c.Begin(t.Context())
		for _, err := range []error{subscribing, sending, requesting, beginning, c.Send(t.Context(), "/a", nil), c.SendJSON(t.Context(), "/a", 1), c.Flush(t.Context())} {
			rig.ErrorIs(t, err, stomp.ErrClosed)
		}
		if c.Stats().Sessions != 1 {
			t.Errorf("%+v", c.Stats())
		}
	})
}

// Promise 4: Done is closed, and Close returns, when the connection is closed and not before, whoever ended it.
func TestClient_promise4_Done_comes_after_the_connection_is_closed(t *testing.T) {
	for name, end := range map[string]func(*stomp.Client){
		"silence": func(*stomp.Client) {},
		"Close":   func(c *stomp.Client) { go c.Close() }, // joined by Done
		"Close_beside_another": func(c *stomp.Client) {
			go c.Close() // likewise
			synctest.Wait()
			c.Close()
		},
	} {
		rig.Bubble(t, name, func(t *testing.T) {
			server := rig.NewServer(t)
			var nc *rig.Conn
			server.Wrap = func(near net.Conn) net.Conn {
				nc = &rig.Conn{Conn: near, OnClose: func() error { // as one does that shakes hands first
					time.Sleep(time.Second)
					return near.Close()
				}}
				return nc
			}
			_, c := server.Session("version:1.2\nheart-beat:10000,0", stomp.WithHeartBeat(0, 10*time.Second))
			end(c)
			<-c.Done()
			if !nc.Closed() {
				t.Error("Done, and the connection is still closing")
			}
		})
	}
}

// Promise 8: a silent connection that does not close either holds up no reconnect.
func TestWithReconnect_promise8_a_Close_that_hangs_holds_up_nothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const connected = "version:1.2\nheart-beat:10000,0"
		free := make(chan struct{})
		server := rig.NewServer(t)
		server.Wrap = func(near net.Conn) net.Conn {
			return &rig.Conn{Conn: near, OnClose: func() error { err := near.Close(); <-free; return err }}
		}
		_, c := server.Session(connected, stomp.WithHeartBeat(0, 10*time.Second), stomp.WithReconnect(rig.QuickBackoff))
		go func() { // ends with the third session
			for range 2 {
				server.Accept().Handshake(connected)
			}
		}()
		time.Sleep(50 * time.Second)
		if st := c.Status(); st.State != stomp.StateConnected || st.Epoch != 3 {
			t.Errorf("after 50 s %v in epoch %d, want connected in 3", st.State, st.Epoch)
		}
		close(free)
		rig.OK(t, c.Close())
	})
}

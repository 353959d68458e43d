package stomp_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

const connectedBeats = "version:1.2\nheart-beat:10000,10000"

// M7, promise 8: a heart-beat goes out at a fixed rate, twice as often as agreed, whatever else is sent.
func TestHeartBeat_M7_fixed_rate(t *testing.T) {
	for name, busy := range map[string]bool{"idle": false, "while_frames_are_sent": true} {
		rig.Bubble(t, name, func(t *testing.T) {
			p, client := rig.NewServer(t).Session(connectedBeats)
			start := time.Now()
			var others sync.WaitGroup
			defer others.Wait()
			if busy {
				others.Go(func() { // ended by the Client's end
					for client.Send(context.Background(), "/a", nil) == nil {
						time.Sleep(1300 * time.Millisecond)
					}
				})
			}
			others.Go(func() { // keeps the server from seeming silent; ended by the Client's end
				for _, err := p.Conn.Write([]byte("\n")); err == nil; _, err = p.Conn.Write([]byte("\n")) {
					time.Sleep(9 * time.Second)
				}
			})
			var beats []time.Duration
			frame := false
			for len(beats) < 6 {
				switch b := p.Byte(); {
				case b == 0:
					frame = false
				case b == '\n' && !frame:
					beats = append(beats, time.Since(start))
				default:
					frame = true
				}
			}
			want := []time.Duration{5 * time.Second, 10 * time.Second, 15 * time.Second, 20 * time.Second, 25 * time.Second, 30 * time.Second}
			if fmt.Sprint(beats) != fmt.Sprint(want) {
				t.Errorf("heart-beats at %v, want %v", beats, want)
			}
			client.Close()
			if n := client.Stats().HeartBeatsSent; n != 6 {
				t.Errorf("%d heart-beats counted, want 6", n)
			}
		})
	}
}

// M7: none before CONNECTED, however long it takes, and none where none was agreed.
func TestHeartBeat_M7_none_before_CONNECTED_nor_unless_agreed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, connect := rig.NewServer(t).Start(stomp.WithHeartBeat(10*time.Second, 10*time.Second))
		p.Raw()
		p.Silent(time.Hour)
		p.SendRaw(rig.Connected12)
		client := connect.Client()
		p.Silent(time.Hour)
		if st := client.Status(); st.State != stomp.StateConnected {
			t.Errorf("the server's silence, with 0,0 agreed, ended the session: %v", st.Err)
		}
	})
}

// M7: without the option a heart-beat goes out every 5 s though none was agreed, and none before CONNECTED.
func TestHeartBeat_M7_unasked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, connect := rig.NewServer(t).Start()
		p.Raw()
		time.Sleep(time.Minute)
		p.SendRaw(rig.Connected12)
		connect.Client()
		for range 3 {
			rig.Takes(t, 5*time.Second, func() {
				if c := p.Byte(); c != '\n' {
					t.Fatalf("got %q", c)
				}
			})
		}
	})
}

// Promise 8: the server is silent after exactly twice the agreed interval without an byte, and is cut at once.
func TestHeartBeat_promise8_silence(t *testing.T) {
	for name, c := range map[string]struct {
		sends string // by the server, every 15 s until one minute has passed
		want  time.Duration
	}{
		"from_the_start":                  {"", 20 * time.Second},
		"after_heart_beats":               {"\n", 80 * time.Second},
		"any_byte_counts":                 {"MESSAGE\ndestination:/a\nmessage-id:1\nnote:" /* and never the rest */, 80 * time.Second},
		"and_so_does_a_frame_of_no_beats": {"RECEIPT\nreceipt-id:x\n\n\x00", 80 * time.Second},
	} {
		rig.Bubble(t, name, func(t *testing.T) {
			p, client := rig.NewServer(t).Session(connectedBeats)
			gone := p.Discard()
			rig.Takes(t, c.want, func() {
				for range 4 {
					if c.sends == "" {
						break
					}
					time.Sleep(15 * time.Second)
					p.SendRaw(c.sends)
				}
				<-client.Done()
			})
			err := client.Err()
			rig.ErrorIs(t, err, stomp.ErrHeartBeat, stomp.ErrConnectionLost)
			rig.ErrorText(t, err, "connection lost: no heart-beat from the server for 20s (heart-beats every 10s were agreed)")
			<-gone
		})
	}
}

// Promise 8: servers that skip heart-beats get an interval more. Spring's simple broker is the one without a name,
// and there on WebSockets alone.
func TestHeartBeat_promise8_servers_that_skip_beats(t *testing.T) {
	for name, c := range map[string]struct {
		connected string // on a stream; "": on a WebSocket
		profile   stomptest.Profile
		want      time.Duration
	}{
		"Classic":           {"version:1.2\nserver:ActiveMQ/6.1.8\nheart-beat:10000,0", 0, 30 * time.Second},
		"Artemis":           {"version:1.2\nserver:ActiveMQ-Artemis/2.44.0 ActiveMQ Artemis Messaging Engine\nheart-beat:10000,0", 0, 20 * time.Second},
		"nameless_stream":   {"version:1.2\nheart-beat:10000,0", 0, 20 * time.Second},
		"Spring_simple":     {"", stomptest.Spring, 30 * time.Second},
		"a_WebSocket_named": {"", stomptest.Generic, 20 * time.Second},
	} {
		rig.Bubble(t, name, func(t *testing.T) {
			var client *stomp.Client
			if c.connected == "" {
				var b *stomptest.Broker
				b, client = rig.Pair(t, stomptest.WithProfile(c.profile), stomptest.WithHeartBeat(10*time.Second, 0))
				b.Silence(true)
			} else {
				var p *rig.Peer
				p, client = rig.NewServer(t).Session(c.connected)
				gone := p.Discard()
				defer func() { <-gone }()
			}
			rig.Takes(t, c.want, func() { <-client.Done() })
			rig.ErrorIs(t, client.Err(), stomp.ErrHeartBeat)
		})
	}
}

// Promise 8: a session that falls silent is cut, not shaken hands with: a peer that reads nothing costs no second.
func TestHeartBeat_promise8_cut_at_once(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := rig.PipeBroker(t)
		client := rig.Connect(t, b, stomp.WithHeartBeat(time.Second, 3*time.Second))
		time.Sleep(61 * time.Second)
		b.Silence(true)
		messages, err := client.Subscribe(t.Context(), "/queue/a")
		rig.OK(t, err)
		rig.Takes(t, 5*time.Second, func() { rig.Closed(t, messages) }) // the broker's last beat was a second ago
		rig.ErrorIs(t, client.Err(), stomp.ErrHeartBeat)
	})
}

// Promises 2 and 8: while OverflowBlock keeps us from reading, the server is not called silent, and its time begins
// anew when reading goes on.
func TestHeartBeat_promise8_a_stalled_reader_is_not_silence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, client := rig.NewServer(t).Session(connectedBeats)
		messages, err := client.Subscribe(t.Context(), "/a", stomp.WithBuffer(2, 0, stomp.OverflowBlock), stomp.WithID("x"))
		rig.OK(t, err)
		p.Raw()
		start := time.Now()
		p.Discard() // our heart-beats
		for range 3 {
			p.SendRaw("MESSAGE\nsubscription:x\ndestination:/a\nmessage-id:1\n\n\x00")
		}
		time.Sleep(time.Hour + 7*time.Second)
		if st := client.Status(); st.State != stomp.StateConnected {
			t.Fatalf("the session ended while it was stalled: %v", st.Err)
		}
		if n := client.Stats().HeartBeatsSent; n != 721 {
			t.Errorf("%d heart-beats were sent in 3607s of stall, want 721", n)
		}
		for range 3 {
			<-messages
		}
		<-client.Done()
		if took := time.Since(start); took != time.Hour+27*time.Second {
			t.Errorf("the session ended after %v, want 20s after the stall", took)
		}
		rig.ErrorIs(t, client.Err(), stomp.ErrHeartBeat)
	})
}

// Stats counts the heart-beats of either side.
func TestHeartBeat_Stats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := rig.PipeBroker(t)
		client := rig.Connect(t, b, stomp.WithHeartBeat(2*time.Second, 2*time.Second))
		time.Sleep(10*time.Second + time.Millisecond)
		if st := client.Stats(); st.HeartBeatsSent != 10 || st.HeartBeatsReceived < 5 {
			t.Errorf("%d heart-beats sent and %d received, want 10 and at least 5", st.HeartBeatsSent, st.HeartBeatsReceived)
		}
	})
}

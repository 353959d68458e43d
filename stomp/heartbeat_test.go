package stomp_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

const connectedBeats = "CONNECTED\nversion:1.2\nheart-beat:10000,10000\n\n\x00"

// M7, promise 8: a heart-beat goes out at a fixed rate, twice as often as agreed, whatever else is sent.
func TestHeartBeat_M7_fixed_rate(t *testing.T) {
	for name, busy := range map[string]bool{"idle": false, "while_frames_are_sent": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, client := streamSession(t, connectedBeats)
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
					for _, err := p.nc.Write([]byte("\n")); err == nil; _, err = p.nc.Write([]byte("\n")) {
						time.Sleep(9 * time.Second)
					}
				})
				var beats []time.Duration
				frame := false
				for len(beats) < 6 {
					switch b := p.octet(); {
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
		})
	}
}

// M7: none before CONNECTED, however long it takes, and none where none was agreed.
func TestHeartBeat_M7_none_before_CONNECTED_nor_unless_agreed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, connect := onStream(t, stomp.WithHeartBeat(10*time.Second, 10*time.Second))
		p.read()
		silent := func(d time.Duration) {
			t.Helper()
			p.nc.SetReadDeadline(time.Now().Add(d))
			if _, err := p.r.ReadByte(); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("something came: %v", err)
			}
			p.nc.SetReadDeadline(time.Time{})
		}
		silent(time.Hour)
		p.send(connected12)
		client := connect.succeeds()
		silent(time.Hour)
		if st := client.Status(); st.State != stomp.StateConnected {
			t.Errorf("the server's silence, with 0,0 agreed, ended the session: %v", st.Err)
		}
	})
}

// M7: without the option a heart-beat goes out every 5 s though none was agreed, and none before CONNECTED.
func TestHeartBeat_M7_unasked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, connect := onStream(t)
		p.read()
		time.Sleep(time.Minute)
		p.send(connected12)
		connect.succeeds()
		begun := time.Now()
		for n := range 3 {
			if c, err := p.r.ReadByte(); err != nil || c != '\n' {
				t.Fatalf("got %q, %v", c, err)
			}
			if after, want := time.Since(begun), time.Duration(n+1)*5*time.Second; after != want {
				t.Errorf("beat %d came after %v, want %v", n+1, after, want)
			}
		}
	})
}

// Promise 8: the server is silent after exactly twice the agreed interval without an octet, and is cut at once.
func TestHeartBeat_Promise8_silence(t *testing.T) {
	for name, c := range map[string]struct {
		sends string // by the server, every 15 s until one minute has passed
		want  time.Duration
	}{
		"from_the_start":                  {"", 20 * time.Second},
		"after_heart_beats":               {"\n", 80 * time.Second},
		"any_octet_counts":                {"MESSAGE\ndestination:/a\nmessage-id:1\nnote:" /* and never the rest */, 80 * time.Second},
		"and_so_does_a_frame_of_no_beats": {"RECEIPT\nreceipt-id:x\n\n\x00", 80 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, client := streamSession(t, connectedBeats)
				start := time.Now()
				drained := make(chan error, 1)
				go func() { // ended by the cut
					_, err := p.r.WriteTo(io.Discard)
					drained <- err
				}()
				for range 4 {
					if c.sends == "" {
						break
					}
					time.Sleep(15 * time.Second)
					p.send(c.sends)
				}
				<-client.Done()
				if took := time.Since(start); took != c.want {
					t.Errorf("the session ended after %v, want exactly %v", took, c.want)
				}
				err := client.Err()
				if !errors.Is(err, stomp.ErrHeartBeat) || !errors.Is(err, stomp.ErrConnectionLost) {
					t.Errorf("the Client ended with %v, want ErrHeartBeat", err)
				}
				wantText(t, err, "connection lost: no heart-beat from the server for 20s (heart-beats every 10s were agreed)")
				<-drained
			})
		})
	}
}

// Promise 8: servers that leave beats out get an interval more. Spring's simple broker is the one without a name, and
// there on WebSockets alone.
func TestHeartBeat_Promise8_servers_that_leave_beats_out(t *testing.T) {
	for name, c := range map[string]struct {
		connected [][2]string
		websocket bool
		want      time.Duration
	}{
		"Classic":           {[][2]string{{"version", "1.2"}, {"server", "ActiveMQ/6.1.8"}, {"heart-beat", "10000,0"}}, false, 30 * time.Second},
		"Artemis":           {[][2]string{{"version", "1.2"}, {"server", "ActiveMQ-Artemis/2.44.0 ActiveMQ Artemis Messaging Engine"}, {"heart-beat", "10000,0"}}, false, 20 * time.Second},
		"nameless_stream":   {[][2]string{{"version", "1.2"}, {"heart-beat", "10000,0"}}, false, 20 * time.Second},
		"Spring_simple":     {nil, true, 30 * time.Second},
		"a_WebSocket_named": {nil, true, 20 * time.Second},
	} {
		bubble(t, name, func(t *testing.T) {
			var client *stomp.Client
			start := time.Now()
			if c.websocket {
				profile := stomptest.Generic
				if name == "Spring_simple" {
					profile = stomptest.Spring
				}
				b := pipeBroker(t, stomptest.WithProfile(profile), stomptest.WithHeartBeat(10*time.Second, 0))
				client = joinBroker(t, b, stomp.WithoutReconnect())
				b.Silence(true)
			} else {
				var p *peer
				client, p = peerRig(t, c.connected)
				rest := p.rest()
				defer func() { <-rest }()
			}
			<-client.Done()
			if took := time.Since(start); took != c.want {
				t.Errorf("declared silent after %v, want %v: %v", took, c.want, client.Err())
			}
			matches(t, client.Err(), stomp.ErrHeartBeat)
		})
	}
}

// Promise 8: a session that falls silent is cut, not shaken hands with: a peer that reads nothing costs no second.
func TestHeartBeat_Promise8_cut_at_once(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := stomptest.NewBroker(stomptest.WithPipe())
		defer b.Close()
		client := connectTo(t, b.URL(), stomp.WithHTTPClient(b.Client()), stomp.WithHeartBeat(time.Second, 3*time.Second))
		time.Sleep(61 * time.Second)
		start := time.Now()
		b.Silence(true)
		messages, err := client.Subscribe(t.Context(), "/queue/a")
		if err != nil {
			t.Fatal(err)
		}
		if _, open := <-messages; open {
			t.Error("a frame came")
		}
		if took := time.Since(start); took != 5*time.Second { // the broker's last beat was a second ago
			t.Errorf("the session ended after %v, want exactly 5s", took)
		}
		if !errors.Is(client.Err(), stomp.ErrHeartBeat) {
			t.Errorf("the Client ended with %v", client.Err())
		}
	})
}

// Promises 2 and 8: while OverflowBlock keeps us from reading, the server is not called silent, and its time begins anew
// when reading goes on.
func TestHeartBeat_Promise8_a_stalled_reader_is_not_silence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, client := streamSession(t, connectedBeats)
		messages, err := client.Subscribe(t.Context(), "/a", stomp.WithBuffer(2, 0, stomp.OverflowBlock), stomp.WithID("x"))
		if err != nil {
			t.Fatal(err)
		}
		p.read()
		start := time.Now()
		go p.r.WriteTo(io.Discard) // our heart-beats; ended by the cut
		for range 3 {
			p.send("MESSAGE\nsubscription:x\ndestination:/a\nmessage-id:1\n\n\x00")
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
		if !errors.Is(client.Err(), stomp.ErrHeartBeat) {
			t.Errorf("the Client ended with %v", client.Err())
		}
	})
}

// Stats counts the heart-beats of either side.
func TestHeartBeat_Stats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := stomptest.NewBroker(stomptest.WithPipe())
		defer b.Close()
		client := connectTo(t, b.URL(), stomp.WithHTTPClient(b.Client()), stomp.WithHeartBeat(2*time.Second, 2*time.Second))
		time.Sleep(10*time.Second + time.Millisecond)
		if st := client.Stats(); st.HeartBeatsSent != 10 || st.HeartBeatsReceived < 5 {
			t.Errorf("%d heart-beats sent and %d received, want 10 and at least 5", st.HeartBeatsSent, st.HeartBeatsReceived)
		}
	})
}

package stomp_test

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/stomp"
)

// flooded is a session on a slow line (each write takes 100 ms) that four senders fill without a pause: the outbox
// never runs empty. The server drops what it gets, but counts the heart-beats.
func flooded(t *testing.T) (client *stomp.Client, beats func() uint64) {
	server := rig.NewServer(t)
	server.Wrap = func(near net.Conn) net.Conn {
		return &rig.Conn{Conn: near, OnWrite: func(p []byte) (int, error) {
			time.Sleep(100 * time.Millisecond)
			return near.Write(p)
		}}
	}
	p, client := server.Session("version:1.2\nheart-beat:0,10000", stomp.WithHeartBeat(10*time.Second, 0))
	var n atomic.Uint64
	var running sync.WaitGroup
	running.Go(func() { // ended by the Client's end
		for p.Next().Command != "" {
			n.Store(p.HeartBeats())
		}
	})
	for range 4 {
		running.Go(func() { // likewise
			body := make([]byte, 10_000)
			for client.Send(context.Background(), "/a", body) == nil {
			}
		})
	}
	t.Cleanup(func() {
		client.Close()
		running.Wait()
	})
	return client, n.Load
}

// M7, promise 8: however much there is to write, a heart-beat goes out when it is due.
func TestWriter_M7_heart_beats_go_out_under_load(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, beats := flooded(t)
		time.Sleep(61 * time.Second) // beats at 5, 10 … 60 s; the last may be on its way
		if n := beats(); n < 11 || n > 12 {
			t.Errorf("%d heart-beats in a minute, want 12", n)
		}
		if n := client.Stats().HeartBeatsSent; n != 12 {
			t.Errorf("%d heart-beats counted, want 12", n)
		}
	})
}

// Promise 10: a Flush waits for what was accepted before it, not for what others send after it.
func TestWriter_Flush_returns_under_load(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, _ := flooded(t)
		time.Sleep(time.Second)
		rig.OK(t, client.Flush(rig.Within(t, time.Minute))) // the outbox holds 1 MiB: some 4 s on this line
	})
}

// halfGone makes a session on a connection that fails every write from now on, and still reads.
func halfGone(t *testing.T) (*rig.Peer, *stomp.Client) {
	t.Helper()
	var gone bool // set before the session stands
	server := rig.NewServer(t)
	server.Wrap = func(near net.Conn) net.Conn {
		return &rig.Conn{Conn: near, OnWrite: func(p []byte) (int, error) {
			if gone {
				return 0, &net.OpError{Op: "write", Net: "pipe", Err: syscall.EPIPE}
			}
			return near.Write(p)
		}}
	}
	p, connect := server.Start()
	p.Raw()
	gone = true
	p.SendRaw(rig.Connected12)
	return p, connect.Client()
}

// Promise 12: a server that closes after its last words leaves two traces, a write that fails and words that lie
// unread. The words are what the caller gets, whichever is found first.
func TestWriter_promise12_the_servers_last_words_beat_a_failed_write(t *testing.T) {
	for name, c := range map[string]struct {
		words string
		want  string
	}{
		"ERROR":   {"ERROR\nmessage:quota exceeded\n\n\x00", "quota exceeded"},
		"nothing": {"", "EOF"},
	} {
		rig.Bubble(t, name, func(t *testing.T) {
			p, client := halfGone(t)
			rig.OK(t, client.Send(t.Context(), "/a", nil))
			synctest.Wait() // the write has failed by now
			if c.words != "" {
				p.SendRaw(c.words)
			}
			p.Close()
			<-client.Done()
			rig.ErrorIs(t, client.Err(), stomp.ErrConnectionLost)
			rig.ErrorSays(t, client.Err(), c.want)
		})
	}
}

func TestWriter_promise12_a_second_of_silence_ends_the_wait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, client := halfGone(t)
		defer p.Close()
		rig.Takes(t, time.Second, func() {
			rig.OK(t, client.Send(t.Context(), "/a", nil))
			<-client.Done()
		})
		rig.ErrorIs(t, client.Err(), syscall.EPIPE)
	})
}

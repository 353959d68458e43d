package stomp_test

import (
	"bufio"
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/stomp"
)

// flooded is a session on a slow line (each write takes 100 ms) that four senders fill without a pause: the outbox never
// runs empty. The server drops what it gets, but counts the heart-beats.
func flooded(t *testing.T) (client *stomp.Client, beats func() int) {
	near, far := net.Pipe()
	slow := &fakeConn{Conn: near, write: func(p []byte) (int, error) {
		time.Sleep(100 * time.Millisecond)
		return near.Write(p)
	}}
	connect := startConnect(t, t.Context(), "tcp://broker.test", stomp.WithDialer(slow.dial), stomp.WithHeartBeat(10*time.Second, 0))
	p := &streamPeer{t: t, nc: far, r: bufio.NewReader(far)}
	p.read()
	p.send("CONNECTED\nversion:1.2\nheart-beat:0,10000\n\n\x00")
	client = connect.succeeds()

	var mu sync.Mutex
	n := 0
	var running sync.WaitGroup
	running.Go(func() { // ended by the Client's end
		for {
			frame, err := p.r.ReadString(0)
			if err != nil {
				return
			}
			mu.Lock()
			n += len(frame) - len(strings.TrimLeft(frame, "\n"))
			mu.Unlock()
		}
	})
	for range 4 {
		running.Go(func() { // likewise
			body := []byte(strings.Repeat("x", 10_000))
			for client.Send(context.Background(), "/a", body) == nil {
			}
		})
	}
	t.Cleanup(func() {
		client.Close()
		running.Wait()
	})
	return client, func() int {
		mu.Lock()
		defer mu.Unlock()
		return n
	}
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
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // the outbox holds 1 MiB: some 4 s on this line
		defer cancel()
		if err := client.Flush(ctx); err != nil {
			t.Error(err)
		}
	})
}

// Promise 12: a server that closes after its last words leaves two traces, a write that fails and words that lie unread.
// The words are what the caller gets, whichever is found first.
func TestWriter_Promise12_the_servers_last_words_beat_a_failed_write(t *testing.T) {
	for name, c := range map[string]struct {
		words string
		want  string
	}{
		"ERROR":   {"ERROR\nmessage:quota exceeded\n\n\x00", "quota exceeded"},
		"nothing": {"", "EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				near, far := net.Pipe()
				var gone bool // set before the session stands
				nc := &fakeConn{Conn: near, write: func(p []byte) (int, error) {
					if gone {
						return 0, &net.OpError{Op: "write", Net: "pipe", Err: syscall.EPIPE}
					}
					return near.Write(p)
				}}
				connect := startConnect(t, t.Context(), "tcp://broker.test", stomp.WithDialer(nc.dial))
				p := &streamPeer{t: t, nc: far, r: bufio.NewReader(far)}
				p.read()
				gone = true
				p.send(connected12)
				client := connect.succeeds()
				if err := client.Send(t.Context(), "/a", nil); err != nil {
					t.Fatal(err)
				}
				synctest.Wait() // the write has failed by now
				if c.words != "" {
					p.send(c.words)
				}
				far.Close()
				<-client.Done()
				if err := client.Err(); !errors.Is(err, stomp.ErrConnectionLost) || !strings.Contains(err.Error(), c.want) {
					t.Errorf("the Client ended with %v, want %q in it", err, c.want)
				}
			})
		})
	}
	t.Run("a_second_of_silence_ends_the_wait", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			near, far := net.Pipe()
			var gone bool
			nc := &fakeConn{Conn: near, write: func(p []byte) (int, error) {
				if gone {
					return 0, &net.OpError{Op: "write", Net: "pipe", Err: syscall.EPIPE}
				}
				return near.Write(p)
			}}
			connect := startConnect(t, t.Context(), "tcp://broker.test", stomp.WithDialer(nc.dial))
			p := &streamPeer{t: t, nc: far, r: bufio.NewReader(far)}
			p.read()
			gone = true
			p.send(connected12)
			client := connect.succeeds()
			start := time.Now()
			if err := client.Send(t.Context(), "/a", nil); err != nil {
				t.Fatal(err)
			}
			<-client.Done()
			if took := time.Since(start); took != time.Second || !errors.Is(client.Err(), syscall.EPIPE) {
				t.Errorf("after %v the Client ended with %v, want the write's error after 1s", took, client.Err())
			}
		})
	})
}

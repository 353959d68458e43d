package bench_test

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/coder/websocket"

	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/stomp"
)

// The peer of these benchmarks is the bare WebSocket library with frames that
// were encoded beforehand, so that the client is what is measured. Each has a
// sub-benchmark "bare" that does the same without a client: the ceiling.

const benchBody = 256

var connected = []byte("CONNECTED\nversion:1.2\nheart-beat:0,0\n\n\x00")

// messageFor is one MESSAGE as RabbitMQ writes it.
func messageFor(subscription string, body int) []byte {
	f := wire.Frame{Command: wire.Message, Header: [][2]string{
		{"subscription", subscription},
		{"destination", "/topic/prices"},
		{"message-id", "T_s1@@session-ZLh0ucCMm0CCNSwHLzCS1w@@1"},
		{"redelivered", "false"},
		{"content-type", "text/plain"},
	}, Body: make([]byte, body)}
	for i := range f.Body {
		f.Body[i] = 'x'
	}
	b, err := wire.Encoder{}.AppendFrame(nil, f)
	if err != nil {
		panic(err)
	}
	return b
}

// benchServer upgrades and calls serve with a connection whose CONNECT has been
// answered; plain leaves STOMP out.
func benchServer(b *testing.B, plain bool, serve func(ctx context.Context, ws *websocket.Conn)) string {
	b.Helper()
	var running sync.WaitGroup
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		running.Add(1)
		defer running.Done()
		ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"v12.stomp"}})
		if err != nil {
			return
		}
		defer ws.CloseNow()
		ws.SetReadLimit(-1)
		if !plain {
			if _, _, err := ws.Read(context.Background()); err != nil {
				return
			}
			if err := ws.Write(context.Background(), websocket.MessageText, connected); err != nil {
				return
			}
		}
		serve(context.Background(), ws)
	}))
	b.Cleanup(func() { running.Wait(); srv.Close() })
	return "ws" + srv.URL[len("http"):]
}

func benchClient(b *testing.B, url string, opts ...stomp.ConnectOption) *stomp.Client {
	b.Helper()
	c, err := stomp.Connect(b.Context(), url, append(opts, stomp.WithHeartBeat(0, 0), stomp.WithoutReconnect())...)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { c.Close() })
	return c
}

func bareClient(b *testing.B, url string) *websocket.Conn {
	b.Helper()
	ws, _, err := websocket.Dial(b.Context(), url, nil)
	if err != nil {
		b.Fatal(err)
	}
	ws.SetReadLimit(-1)
	b.Cleanup(func() { ws.CloseNow() })
	return ws
}

// readBare reads one message into buf, as cheaply as the library can.
func readBare(ws *websocket.Conn, buf []byte) (int, error) {
	_, r, err := ws.Reader(context.Background())
	if err != nil {
		return 0, err
	}
	n := 0
	for {
		k, err := r.Read(buf[n:])
		n += k
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
}

// flood upgrades by hand and writes message as often as it is asked for: its
// WebSocket frames are made beforehand and go out 64 KiB at a time, so that the
// reader is what is measured. What comes in is discarded.
func flood(b *testing.B, plain bool, message []byte, asked <-chan int) string {
	b.Helper()
	frame := webSocketFrame(message)
	chunk := bytes.Repeat(frame, max(1, 64<<10/len(frame)))
	var running sync.WaitGroup
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
		nc, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			b.Error(err)
			return
		}
		running.Go(func() { // ends with the connection, which the client closes
			defer nc.Close()
			io.Copy(io.Discard, nc)
		})
		fmt.Fprintf(nc, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: %s\r\n\r\n",
			base64.StdEncoding.EncodeToString(key[:]))
		if !plain {
			nc.Write(webSocketFrame(connected))
		}
		for left := (<-asked) * len(frame); left > 0; {
			n, err := nc.Write(chunk[:min(left, len(chunk))])
			if err != nil {
				return
			}
			left -= n
		}
	}))
	b.Cleanup(func() { running.Wait(); srv.Close() })
	return "ws" + srv.URL[len("http"):]
}

// webSocketFrame is a text message as a server sends it (RFC 6455, 5.2).
func webSocketFrame(payload []byte) []byte {
	switch n := len(payload); {
	case n < 126:
		return append([]byte{0x81, byte(n)}, payload...)
	case n < 1<<16:
		return append(binary.BigEndian.AppendUint16([]byte{0x81, 126}, uint16(n)), payload...)
	default:
		return append(binary.BigEndian.AppendUint64([]byte{0x81, 127}, uint64(n)), payload...)
	}
}

// discard reads what comes and answers receipts when asked to.
func discard(ctx context.Context, ws *websocket.Conn) {
	buf := make([]byte, 64<<10)
	for {
		if _, err := readBare(ws, buf); err != nil {
			return
		}
	}
}

// BenchmarkReceive: from the socket to a ranged channel.
func BenchmarkReceive(b *testing.B) {
	for _, size := range []int{benchBody, 4 << 10, 64 << 10} {
		b.Run(fmt.Sprintf("%dB/client", size), func(b *testing.B) {
			asked := make(chan int, 1)
			c := benchClient(b, flood(b, false, messageFor("s1", size), asked))
			frames, err := c.Subscribe(b.Context(), "/topic/prices", stomp.WithID("s1"))
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(size))
			b.ReportAllocs()
			b.ResetTimer()
			asked <- b.N
			for range b.N {
				if _, open := <-frames; !open {
					b.Fatal(c.Err())
				}
			}
		})
		b.Run(fmt.Sprintf("%dB/bare", size), func(b *testing.B) {
			asked := make(chan int, 1)
			ws := bareClient(b, flood(b, true, messageFor("s1", size), asked))
			buf := make([]byte, 2*size+4096)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			b.ResetTimer()
			asked <- b.N
			for range b.N {
				if _, err := readBare(ws, buf); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkSend: SENDs of one goroutine, without receipts, to the socket.
func BenchmarkSend(b *testing.B) {
	body := make([]byte, benchBody)
	b.Run("client", func(b *testing.B) {
		c := benchClient(b, benchServer(b, false, discard))
		b.SetBytes(benchBody)
		b.ReportAllocs()
		b.ResetTimer()
		for range b.N {
			if err := c.Send(context.Background(), "/topic/prices", body); err != nil {
				b.Fatal(err)
			}
		}
		if err := c.Flush(context.Background()); err != nil {
			b.Fatal(err)
		}
	})
	b.Run("bare", func(b *testing.B) {
		ws := bareClient(b, benchServer(b, true, discard))
		message := messageFor("s1", benchBody)
		b.SetBytes(benchBody)
		b.ReportAllocs()
		b.ResetTimer()
		for range b.N {
			if err := ws.Write(context.Background(), websocket.MessageText, message); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// answer reads frames and answers each receipt, as soon as it comes.
func answer(ctx context.Context, ws *websocket.Conn) {
	buf := make([]byte, 64<<10)
	var out []byte
	for {
		n, err := readBare(ws, buf)
		if err != nil {
			return
		}
		id := receiptOf(buf[:n])
		if id == "" {
			continue
		}
		out = append(append(append(out[:0], "RECEIPT\nreceipt-id:"...), id...), "\n\n\x00"...)
		if ws.Write(ctx, websocket.MessageText, out) != nil {
			return
		}
	}
}

func receiptOf(frame []byte) string {
	const name = "\nreceipt:"
	for i := 0; i+len(name) < len(frame); i++ {
		if string(frame[i:i+len(name)]) == name {
			end := i + len(name)
			for frame[end] != '\n' {
				end++
			}
			return string(frame[i+len(name) : end])
		}
	}
	return ""
}

// BenchmarkReceipt: SENDs that await their RECEIPT, one at a time and 64
// outstanding.
func BenchmarkReceipt(b *testing.B) {
	body := make([]byte, benchBody)
	for _, outstanding := range []int{1, 64} {
		b.Run(fmt.Sprintf("outstanding=%d/client", outstanding), func(b *testing.B) {
			c := benchClient(b, benchServer(b, false, answer))
			b.ReportAllocs()
			b.ResetTimer()
			var senders sync.WaitGroup
			for i := range outstanding {
				n := b.N / outstanding
				if i < b.N%outstanding {
					n++
				}
				senders.Go(func() {
					for range n {
						if err := c.Send(context.Background(), "/topic/prices", body, stomp.WithReceipt()); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			senders.Wait()
		})
	}
	b.Run("outstanding=1/bare", func(b *testing.B) {
		ws := bareClient(b, benchServer(b, true, answer))
		message := []byte("SEND\ndestination:/topic/prices\nreceipt:r1\n\n" + string(make([]byte, benchBody)) + "\x00")
		buf := make([]byte, 4096)
		b.ReportAllocs()
		b.ResetTimer()
		for range b.N {
			if err := ws.Write(context.Background(), websocket.MessageText, message); err != nil {
				b.Fatal(err)
			}
			if _, err := readBare(ws, buf); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// echo sends the body of each SEND back as a MESSAGE.
func echo(message []byte) func(context.Context, *websocket.Conn) {
	return func(ctx context.Context, ws *websocket.Conn) {
		buf := make([]byte, 64<<10)
		for {
			n, err := readBare(ws, buf)
			if err != nil {
				return
			}
			if n > 4 && string(buf[:4]) != "SEND" {
				continue
			}
			if ws.Write(ctx, websocket.MessageText, message) != nil {
				return
			}
		}
	}
}

// BenchmarkRoundTrip: a SEND and the MESSAGE that answers it.
func BenchmarkRoundTrip(b *testing.B) {
	message := messageFor("s1", benchBody)
	body := make([]byte, benchBody)
	b.Run("client", func(b *testing.B) {
		c := benchClient(b, benchServer(b, false, echo(message)))
		frames, err := c.Subscribe(b.Context(), "/topic/prices", stomp.WithID("s1"))
		if err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		b.ResetTimer()
		for range b.N {
			if err := c.Send(context.Background(), "/topic/prices", body); err != nil {
				b.Fatal(err)
			}
			if _, open := <-frames; !open {
				b.Fatal(c.Err())
			}
		}
	})
	b.Run("bare", func(b *testing.B) {
		ws := bareClient(b, benchServer(b, true, echo(message)))
		buf := make([]byte, 4096)
		send := append([]byte("SEND\n"), message...)
		b.ReportAllocs()
		b.ResetTimer()
		for range b.N {
			if err := ws.Write(context.Background(), websocket.MessageText, send); err != nil {
				b.Fatal(err)
			}
			if _, err := readBare(ws, buf); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkSubscriptions: receiving when many subscriptions take turns.
func BenchmarkSubscriptions(b *testing.B) {
	for _, n := range []int{1, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			messages := make([][]byte, n)
			for i := range messages {
				messages[i] = messageFor(fmt.Sprintf("s%d", i+1), benchBody)
			}
			asked := make(chan int, 1)
			c := benchClient(b, benchServer(b, false, func(ctx context.Context, ws *websocket.Conn) {
				var reader sync.WaitGroup
				reader.Go(func() { discard(ctx, ws) }) // ends with the connection, which the client closes
				defer reader.Wait()
				for i := range <-asked {
					if ws.Write(ctx, websocket.MessageText, messages[i%n]) != nil {
						return
					}
				}
			}))
			channels := make([]<-chan stomp.Frame, n)
			for i := range channels {
				var err error
				if channels[i], err = c.Subscribe(b.Context(), "/topic/prices", stomp.WithID(fmt.Sprintf("s%d", i+1))); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportAllocs()
			b.ResetTimer()
			asked <- b.N
			for i := range b.N {
				if _, open := <-channels[i%n]; !open {
					b.Fatal(c.Err())
				}
			}
		})
	}
}

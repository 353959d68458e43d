//go:build !js

package ws

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"testing"

	"github.com/coder/websocket"
)

// upgraded returns a connection of ours and one of the bare library's, each with a peer to itself.
func upgraded(b *testing.B) (c *Conn, cp *peer, lib *websocket.Conn, lp *peer) {
	client, server := tcpPair(b)
	c, cp = peered(b, client, server, DialOptions{})

	client, server = tcpPair(b)
	lp = &peer{t: b, nc: server, br: bufio.NewReader(server)}
	done := make(chan error, 1)
	go func() { done <- lp.upgrade() }() // joined below
	lib, _, err := websocket.Dial(context.Background(), "ws://broker.test", &websocket.DialOptions{HTTPClient: clientOver(client)})
	must(b, err)
	must(b, <-done)
	lib.SetReadLimit(-1)
	b.Cleanup(func() { lib.CloseNow() })
	return c, cp, lib, lp
}

// BenchmarkRead reads messages that are always there, against the bare library with a buffer that it reuses.
func BenchmarkRead(b *testing.B) {
	for _, size := range []int{256, 4 << 10, 64 << 10} {
		c, cp, lib, lp := upgraded(b)
		msg := frame{true, opText, make([]byte, size)}.bytes()
		block := bytes.Repeat(msg, 1+(256<<10)/len(msg))
		for _, p := range []*peer{cp, lp} {
			go func() { // ends with the connection
				for {
					if _, err := p.nc.Write(block); err != nil {
						return
					}
				}
			}()
		}
		b.Run(fmt.Sprintf("%d/ours", size), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(size))
			for b.Loop() {
				for final := false; !final; {
					var err error
					if _, final, err = c.Read(); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
		b.Run(fmt.Sprintf("%d/library", size), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(size))
			buf := make([]byte, size+1)
			for b.Loop() {
				_, r, err := lib.Reader(context.Background())
				if err != nil {
					b.Fatal(err)
				}
				if n, err := io.ReadFull(r, buf); n != size || err != io.ErrUnexpectedEOF {
					b.Fatal(n, err)
				}
			}
		})
	}
}

// BenchmarkWrite writes messages of 256 bytes, of which so many share a Flush; the bare library gathers none.
func BenchmarkWrite(b *testing.B) {
	c, cp, lib, lp := upgraded(b)
	for _, p := range []*peer{cp, lp} {
		go io.Copy(io.Discard, p.nc) // ends with the connection
	}
	msg := make([]byte, 256)
	for _, gathered := range []int{1, 8, 64} {
		for _, try := range []bool{false, true} {
			b.Run(fmt.Sprintf("%d/ours,try=%t", gathered, try), func(b *testing.B) {
				b.ReportAllocs()
				for i := 1; b.Loop(); i++ {
					err := c.Write(Text, msg)
					done := i%gathered > 0
					if !done && try && err == nil {
						done, err = c.TryFlush()
					}
					if !done && err == nil {
						err = c.Flush()
					}
					if err != nil {
						b.Fatal(err)
					}
				}
				must(b, c.Flush())
			})
		}
	}
	b.Run("1/library", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := lib.Write(context.Background(), websocket.MessageText, msg); err != nil {
				b.Fatal(err)
			}
		}
	})
}

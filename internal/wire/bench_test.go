package wire_test

import (
	"bytes"
	"strconv"
	"testing"

	"github.com/webstomp/webstomp/internal/wire"
)

// message returns a MESSAGE of six entries as RabbitMQ sends them, with a body of so many bytes.
func message(body int) wire.Frame {
	return wire.Frame{
		Command: wire.Message,
		Header: [][2]string{
			{"subscription", "sub-1"},
			{"destination", "/topic/prices.eu.north"},
			{"message-id", "T_sub-1@@session-mGtUYtFGqJ9pYBDXgFO4nA@@1842"},
			{"redelivered", "false"},
			{"content-type", "application/json"},
			{"content-length", strconv.Itoa(body)},
		},
		Body: bytes.Repeat([]byte{'x'}, body),
	}
}

// withColons is message with ids as ActiveMQ's, whose colons go escaped.
func withColons(body int) wire.Frame {
	f := message(body)
	f.Header[2][1] = "ID:vm-34589-1712345678901-2:1:-1:1:42"
	return f
}

func encoded(tb testing.TB, v wire.Version, f wire.Frame) []byte {
	tb.Helper()
	b, err := wire.Encoder{Version: v}.AppendFrame(nil, f)
	if err != nil {
		tb.Fatalf("AppendFrame: %v", err)
	}
	return b
}

func BenchmarkDecode(b *testing.B) {
	for _, c := range []struct {
		name  string
		frame wire.Frame
		chunk int // bytes a feed; 0: all
	}{
		{"16B", message(16), 0},
		{"256B", message(256), 0},
		{"256B_escaped", withColons(256), 0},
		{"4KiB", message(4 << 10), 0},
		{"64KiB", message(64 << 10), 0},
		{"1MiB_in_pieces_of_64KiB", message(1 << 20), 64 << 10},
		{"256B_byte_by_byte", message(256), 1},
	} {
		b.Run(c.name, func(b *testing.B) {
			stream := encoded(b, wire.V12, c.frame)
			chunk := c.chunk
			if chunk == 0 {
				chunk = len(stream)
			}
			d := wire.NewDecoder(wire.DecoderConfig{})
			d.SetVersion(wire.V12)
			b.SetBytes(int64(len(stream)))
			b.ReportAllocs()
			var f wire.Frame
			for b.Loop() {
				for i := 0; i < len(stream); i += chunk {
					d.Feed(stream[i:min(i+chunk, len(stream))], false)
					for {
						ok, err := d.Next(&f)
						if err != nil {
							b.Fatal(err)
						}
						if !ok {
							break
						}
					}
				}
			}
		})
	}
}

func BenchmarkEncode(b *testing.B) {
	for _, c := range []struct {
		name  string
		frame wire.Frame
	}{
		{"16B", message(16)},
		{"256B", message(256)},
		{"256B_escaped", withColons(256)},
		{"4KiB", message(4 << 10)},
		{"64KiB", message(64 << 10)},
	} {
		b.Run(c.name, func(b *testing.B) {
			e := wire.Encoder{Version: wire.V12}
			dst := encoded(b, wire.V12, c.frame)
			b.SetBytes(int64(len(dst)))
			b.ReportAllocs()
			for b.Loop() {
				var err error
				if dst, err = e.AppendFrame(dst[:0], c.frame); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("256B_in_pieces", func(b *testing.B) {
		e := wire.Encoder{Version: wire.V12}
		f := message(256)
		dst := encoded(b, wire.V12, f)
		b.SetBytes(int64(len(dst)))
		b.ReportAllocs()
		for b.Loop() {
			dst = appendPieces(b, e, dst[:0], f)
		}
	})
}

// appendPieces appends f as a caller without a Frame does.
func appendPieces(tb testing.TB, e wire.Encoder, dst []byte, f wire.Frame) []byte {
	dst = e.AppendCommand(dst, f.Command)
	var err error
	for _, h := range f.Header {
		if h[0] == "content-length" {
			continue
		}
		if dst, err = e.AppendEntry(dst, f.Command, h[0], h[1]); err != nil {
			tb.Fatal(err)
		}
	}
	if dst, err = e.AppendBody(dst, f.Command, f.Body, true); err != nil {
		tb.Fatal(err)
	}
	return dst
}

package ws

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// deflater compresses messages as a server does, each with a sync marker whose last four bytes are left out.
type deflater struct {
	out bytes.Buffer
	w   *flate.Writer
}

func newDeflater(t testing.TB, level int) *deflater {
	d := &deflater{}
	var err error
	d.w, err = flate.NewWriter(&d.out, level)
	must(t, err)
	return d
}

func (d *deflater) message(t testing.TB, text []byte) []byte {
	d.out.Reset()
	_, err := d.w.Write(text)
	must(t, err)
	must(t, d.w.Flush())
	return bytes.Clone(d.out.Bytes()[:d.out.Len()-4])
}

// final compresses a message into a stream of its own, with a block that is marked as the last.
func final(t testing.TB, text string) []byte {
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.BestCompression)
	must(t, err)
	_, err = io.WriteString(w, text)
	must(t, errors.Join(err, w.Close()))
	return out.Bytes()
}

func inflateAll(i *inflater, payload []byte) ([]byte, error) {
	i.begin(bytes.NewReader(payload))
	return io.ReadAll(i)
}

// texts are messages that compress well, badly and not at all.
func texts() (all [][]byte) {
	dice := rand.New(rand.NewPCG(3, 4))
	noise := make([]byte, 70_000)
	for i := range noise {
		noise[i] = byte(dice.Uint32())
	}
	for _, size := range []int{1, 10, 300, 5_000, 70_000} {
		all = append(all, noise[:size], bytes.Repeat([]byte("webstomp "), size/9+1), fmt.Appendf(nil, "%x", noise[:size]))
	}
	return all
}

// Whole messages come out whole, those too that refer to the ones before, at every level.
func TestInflater_whole_messages(t *testing.T) {
	for _, level := range []int{flate.HuffmanOnly, flate.NoCompression, flate.BestSpeed, flate.BestCompression} {
		d, i := newDeflater(t, level), new(inflater)
		for round := range 2 {
			for n, text := range texts() {
				if got, err := inflateAll(i, d.message(t, text)); err != nil || !bytes.Equal(got, text) {
					t.Fatalf("level %d, round %d, message %d: %d of %d bytes, %v", level, round, n, len(got), len(text), err)
				}
			}
		}
	}
}

// RFC 7692, section 7.2.3, and what is let pass beyond that: each is followed by a message that refers to it.
func TestInflater_other_forms(t *testing.T) {
	hello := final(t, "Hello")
	for name, c := range map[string]struct {
		payload []byte
		want    string
	}{
		"a_last_block_and_another_stream": {append(bytes.Clone(hello), 0), "Hello"},
		"two_streams":                     {append(bytes.Clone(hello), newDeflater(t, 9).message(t, []byte(" again"))...), "Hello again"},
		"a_last_block_alone":              {hello, "Hello"},
		"one_byte":                        {[]byte{0}, ""},
		"nothing":                         {nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			i := new(inflater)
			for range 3 {
				if got, err := inflateAll(i, c.payload); err != nil || string(got) != c.want {
					t.Errorf("%q, %v", got, err)
				}
			}
		})
	}
}

// A message that was cut off is none, wherever the cut is, but for one place in each block that is not compressed.
func TestInflater_W10_cut_off_messages(t *testing.T) {
	for _, level := range []int{flate.HuffmanOnly, flate.NoCompression, flate.BestSpeed, flate.BestCompression} {
		for n, text := range texts() {
			whole := newDeflater(t, level).message(t, text)
			unnoticed := 0
			for cut := 1; cut < len(whole); cut++ {
				got, err := inflateAll(new(inflater), whole[:cut])
				switch {
				case !bytes.HasPrefix(text, got):
					t.Fatalf("level %d, message %d, %d of %d bytes: made up is %.20q", level, n, cut, len(whole), got)
				case errors.Is(err, ErrCompressed):
				case err != nil:
					t.Fatalf("level %d, message %d, %d of %d bytes: %v", level, n, cut, len(whole), err)
				case !bytes.Equal(got, text): // else nothing was missing but a block that is empty
					unnoticed++
				}
				cut += len(whole) / 30
			}
			if most := 1 + len(text)/0xffff; unnoticed > most { // see inflater
				t.Errorf("level %d, message %d: %d cuts go unnoticed, want at most %d", level, n, unnoticed, most)
			}
		}
	}
}

// What was cut off may be all but a few bits, and the reader may ask for little at a time: nothing comes out that was
// not sent. In the texts, what the missing bits are taken for is the byte that is the most frequent.
func TestInflater_W10_makes_nothing_up(t *testing.T) {
	long := make([]byte, 40_000) // more than a window
	for i := range long {
		long[i] = "\x00\x00\x00ab"[i*i%5]
	}
	numbers := strings.Repeat("\x00\x00\x00\x01\x02\x03\x01\x02", 20) + "\x05\x00\x00\x00"
	for _, level := range []int{flate.HuffmanOnly, flate.NoCompression, flate.BestCompression} {
		for _, text := range []string{"frame\x00", numbers, string(long)} {
			whole := newDeflater(t, level).message(t, []byte(text))
			for cut := max(1, len(whole)-30); cut < len(whole); cut++ {
				for _, size := range []int{7, firstPiece, 64 << 10} {
					i := new(inflater)
					i.begin(bytes.NewReader(whole[:cut]))
					var got []byte
					var err error
					for piece := make([]byte, size); err == nil; {
						var n int
						n, err = i.Read(piece)
						got = append(got, piece[:n]...)
					}
					if !strings.HasPrefix(text, string(got)) {
						t.Fatalf("level %d, %d of %d bytes, by %d: it ends with %q (%v)", level, cut, len(whole), size, got[max(0, len(got)-10):], err)
					}
				}
			}
		}
	}
}

func TestInflater_damaged_messages(t *testing.T) {
	for name, payload := range map[string][]byte{
		"an_unknown_block":  {0x07, 0xff},
		"beyond_the_window": {0x02, 0x7e, 0x00}, // refers to what was never sent
		"lengths_disagree":  {0x00, 0x05, 0x00, 0x05, 0x00, 'h', 'e', 'l', 'l', 'o', 0x00},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := inflateAll(new(inflater), payload); !errors.Is(err, ErrCompressed) {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}

// What the library fails with is handed on as it is.
func TestInflater_error_of_its_source(t *testing.T) {
	boom := errors.New("boom")
	for _, start := range [][]byte{nil, {0x4a}, newDeflater(t, 1).message(t, []byte("Hello"))} {
		i := new(inflater)
		i.begin(io.MultiReader(bytes.NewReader(start), iotest.ErrReader(boom)))
		if got, err := io.ReadAll(i); err != boom {
			t.Errorf("behind %x: %q, %v", start, got, err)
		}
	}
}

// compressed returns a message in frames of at most size bytes.
func compressed(payload []byte, size int) (b []byte) {
	first := byte(0x40 | opText)
	for f := range slices.Chunk(payload, size) {
		b = append(b, rawFrame(first, f, false)...)
		first = opContinuation
	}
	return append(b, rawFrame(0x80|opContinuation, nil, false)...)
}

// Over a connection: compressed and plain messages in turn, in fragments, with a ping between them.
func TestRead_compressed_messages(t *testing.T) {
	for _, size := range []int{1, 100, 1 << 20} {
		client, server := tcpPair(t)
		c, _ := peered(t, client, server, DialOptions{Compression: true})
		d := newDeflater(t, flate.BestSpeed)
		var stream []byte
		var want [][]byte
		for _, text := range texts() {
			if size == 1 && len(text) > 1000 {
				continue
			}
			stream = append(stream, compressed(d.message(t, text), size)...)
			stream = append(stream, frame{true, opPing, []byte("x")}.bytes()...)
			stream = append(stream, frame{true, opText, []byte("plain")}.bytes()...)
			want = append(want, text, []byte("plain"))
		}
		go server.Write(stream) // ends with the connection
		for n, text := range want {
			if got, err := readMessage(c); err != nil || !bytes.Equal(got, text) {
				t.Fatalf("size %d, message %d: %d of %d bytes, %v", size, n, len(got), len(text), err)
			}
		}
	}
}

// A message that was cut off is an error, and the next one is not taken for its rest. So it is with a limit, with
// compression that was not agreed, and where the connection ends.
func TestRead_compressed_messages_gone_wrong(t *testing.T) {
	text := []byte(strings.Repeat("abc", 40_000))
	whole := newDeflater(t, flate.BestSpeed).message(t, text)
	for name, c := range map[string]struct {
		o    DialOptions
		send []byte
		is   error
	}{
		"cut_off":        {DialOptions{Compression: true}, compressed(whole[:len(whole)/2], 1<<20), ErrCompressed},
		"cut_off_single": {DialOptions{Compression: true}, rawFrame(0xc1, whole[:len(whole)/2], false), ErrCompressed},
		"beyond_a_limit": {DialOptions{Compression: true, ReadLimit: 100_000}, rawFrame(0xc1, whole, false), ErrTooBig},
		"not_agreed":     {DialOptions{}, rawFrame(0xc1, whole, false), ErrProtocol},
		"a_continuation": {DialOptions{Compression: true}, append(frame{false, opText, []byte("a")}.bytes(), rawFrame(0xc0, []byte("b"), false)...), ErrProtocol},
		"a_ping":         {DialOptions{Compression: true}, rawFrame(0xc9, nil, false), ErrProtocol},
		"the_end":        {DialOptions{Compression: true}, rawFrame(0xc1, whole, false)[:len(whole)/2], io.EOF},
	} {
		t.Run(name, func(t *testing.T) {
			client, server := net.Pipe()
			conn, p := peered(t, client, server, c.o)
			go func() { // ends with the connection
				server.Write(append(c.send, frame{true, opText, []byte("the next one")}.bytes()...)[:len(c.send)])
				if c.is == io.EOF {
					server.Close()
				}
				io.Copy(io.Discard, p.br)
			}()
			if got, err := readMessage(conn); !errors.Is(err, c.is) {
				t.Errorf("%d bytes, %v; want %v", len(got), err, c.is)
			}
		})
	}
}

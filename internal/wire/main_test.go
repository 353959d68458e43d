package wire_test

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/webstomp/webstomp/internal/leak"
	"github.com/webstomp/webstomp/internal/wire"
)

// TestMain fails when a test left a goroutine behind: this package starts none.
func TestMain(m *testing.M) { leak.Main(m) }

// piece is what one Feed gets.
type piece struct {
	p     []byte
	final bool
}

func (p piece) String() string { return fmt.Sprintf("%q (final: %t)", p.p, p.final) }

// result is what a decoder made of a stream.
type result struct {
	frames          []wire.Frame
	beats, repaired uint64
	partial         bool
	err             error
	badRaw          string // what is wrong with the Decoder's Raw of a frame
}

// decode feeds the pieces to a new decoder and returns what comes out. A CONNECTED that names a version sets it, as a
// session does, unless one was given. Each piece is overwritten as soon as the decoder has to be done with it.
func decode(cfg wire.DecoderConfig, version wire.Version, pieces []piece) result {
	return decodeWith(cfg, version, pieces, (*wire.Decoder).Next)
}

// receiptFirst is Next of a caller that asks for Receipt before.
func receiptFirst(d *wire.Decoder, f *wire.Frame) (bool, error) {
	if id, ok := d.Receipt(); ok {
		*f = wire.Frame{Command: wire.Receipt, Header: [][2]string{{"receipt-id", string(id)}}}
		return true, nil
	}
	return d.Next(f)
}

func decodeWith(cfg wire.DecoderConfig, version wire.Version, pieces []piece, nextFrame func(*wire.Decoder, *wire.Frame) (bool, error)) (r result) {
	d := wire.NewDecoder(cfg)
	agreed := version
	defer d.Unfinished() // in whatever state it is
	if version != "" {
		d.SetVersion(version)
	}
	next := func() bool {
		for {
			var f wire.Frame
			ok, err := nextFrame(d, &f)
			if !ok {
				r.err = err
				return err == nil
			}
			if raw := d.Raw(); raw != "" && r.badRaw == "" {
				r.badRaw = checkRaw(raw, f, agreed)
			}
			r.frames = append(r.frames, f)
			if v, ok := wire.Lookup(f.Header, "version"); ok && f.Command == wire.Connected && version == "" {
				agreed = wire.Version(v)
				d.SetVersion(agreed)
			}
		}
	}
	for _, p := range pieces {
		fed := slices.Clone(p.p)
		if len(fed)%2 == 1 { // some of them straight into the body, as far as they belong there
			n := copy(d.Room(), fed)
			fed = fed[n:]
			if d.Filled(n, p.final && len(fed) == 0); !next() {
				return r
			}
		}
		if d.Feed(fed, p.final); !next() {
			return r
		}
		for i := range fed {
			fed[i] = 0xaa
		}
	}
	r.beats, r.repaired, r.partial = d.HeartBeats(), d.Repaired(), d.Partial()
	return r
}

// checkRaw says what is wrong with Raw of a frame, or "": each value has to be there as it came.
func checkRaw(raw string, f wire.Frame, version wire.Version) string {
	if lines := strings.Count(raw, "\n"); lines != len(f.Header) || !strings.Contains(raw, "\\") {
		return fmt.Sprintf("Raw of %d lines for %q: %q", lines, f.Header, raw)
	}
	undo := strings.NewReplacer(`\\`, `\`, `\n`, "\n", `\r`, "\r", `\c`, ":")
	for _, e := range f.Header {
		if strings.ContainsAny(e[0], "\\\n\r:") {
			continue
		}
		want := wire.Get(f.Header, e[0])
		if value, ok := wire.RawValue(raw, e[0], version); !ok || undo.Replace(value) != want {
			return fmt.Sprintf("the raw value of %q is %q, %t, for %q", e[0], value, ok, want)
		}
	}
	return ""
}

// whole returns each message as one piece.
func whole(messages []string) (pieces []piece) {
	for _, m := range messages {
		pieces = append(pieces, piece{[]byte(m), true})
	}
	return pieces
}

// byteByByte returns each message in pieces of one byte.
func byteByByte(messages []string) (pieces []piece) {
	for _, m := range messages {
		for i := range len(m) {
			pieces = append(pieces, piece{[]byte{m[i]}, i == len(m)-1})
		}
	}
	return pieces
}

// splits returns the messages with one of them cut in two, once for each place, its end included: a message may end
// with an empty piece.
func splits(messages []string) (all [][]piece) {
	for k, m := range messages {
		for i := 1; i <= len(m); i++ {
			pieces := whole(messages[:k])
			pieces = append(pieces, piece{[]byte(m[:i]), false}, piece{[]byte(m[i:]), true})
			all = append(all, append(pieces, whole(messages[k+1:])...))
		}
	}
	return all
}

// same reports how two results differ, or "".
func (r result) same(other result) string {
	switch {
	case r.badRaw != "" || other.badRaw != "":
		return cmp.Or(r.badRaw, other.badRaw)
	case !reflect.DeepEqual(r.err, other.err):
		return fmt.Sprintf("error %v, not %v", other.err, r.err)
	case !reflect.DeepEqual(r.frames, other.frames):
		return fmt.Sprintf("frames %q, not %q", other.frames, r.frames)
	case r.beats != other.beats:
		return fmt.Sprintf("%d heart-beats, not %d", other.beats, r.beats)
	case r.repaired != other.repaired:
		return fmt.Sprintf("%d repairs, not %d", other.repaired, r.repaired)
	case r.partial != other.partial:
		return fmt.Sprintf("partial is %t, not %t", other.partial, r.partial)
	}
	return ""
}

// decodeCase is what some WebSocket messages have to decode to, however they are cut.
type decodeCase struct {
	name            string
	cfg             wire.DecoderConfig
	version         wire.Version // set before the first byte; "": by the CONNECTED among them
	messages        []string
	frames          []wire.Frame
	beats, repaired uint64
	partial         bool
	err             string // the text of the error that ends it
}

// run decodes in one piece, byte by byte and cut at every place.
func (c decodeCase) run(t *testing.T) {
	t.Run(c.name, func(t *testing.T) {
		got := decode(c.cfg, c.version, whole(c.messages))
		want := result{frames: c.frames, beats: c.beats, repaired: c.repaired, partial: c.partial, err: got.err}
		if text := errorText(got.err); text != c.err {
			t.Errorf("error %q, want %q", text, c.err)
		}
		if diff := want.same(got); diff != "" {
			t.Errorf("got %s", diff)
		}
		if diff := got.same(decode(c.cfg, c.version, byteByByte(c.messages))); diff != "" {
			t.Errorf("byte by byte: %s", diff)
		}
		for _, pieces := range splits(c.messages) {
			if diff := got.same(decode(c.cfg, c.version, pieces)); diff != "" {
				t.Errorf("cut as %v: %s", pieces, diff)
			}
		}
	})
}

func runAll(t *testing.T, cases []decodeCase) {
	t.Helper()
	for _, c := range cases {
		c.run(t)
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// header makes a header of names and values in turn.
func header(kv ...string) (h [][2]string) {
	for i := 0; i < len(kv); i += 2 {
		h = append(h, [2]string{kv[i], kv[i+1]})
	}
	return h
}

// frame makes a frame; an empty body is none.
func frame(command, body string, kv ...string) wire.Frame {
	f := wire.Frame{Command: command, Header: header(kv...)}
	if body != "" {
		f.Body = []byte(body)
	}
	return f
}

// one is the list of one message or frame.
func one[T any](v T) []T { return []T{v} }

package wire_test

import (
	"errors"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/webstomp/webstomp/internal/wire"
)

// cut cuts stream into pieces: each byte of plan is the length of one, and its top bit ends a message there. What is
// left over is the last message.
func cut(stream, plan []byte) (pieces []piece) {
	for _, c := range plan {
		n := min(int(c&0x7f), len(stream))
		pieces = append(pieces, piece{stream[:n], c&0x80 != 0})
		stream = stream[n:]
	}
	return append(pieces, piece{stream, true})
}

// joined returns the messages that the pieces make up.
func joined(pieces []piece) (messages []string) {
	var m strings.Builder
	for _, p := range pieces {
		m.Write(p.p)
		if p.final {
			messages = append(messages, m.String())
			m.Reset()
		}
	}
	return messages
}

// FuzzDecode: no panic, no more memory than the input is worth, no frame beyond the limits, and the same frames and
// the same error however the input is cut, in every version, with and without Repair, with roomy and with tight
// limits.
func FuzzDecode(f *testing.F) {
	for _, g := range golden {
		f.Add([]byte(goldenFile(f, g.file)), []byte{7, 1, 0x90})
	}
	for _, s := range []string{
		"\n\r\n\nMESSAGE\r\na:b\r\ncontent-length:3\r\n\r\na\x00b\x00\r\n",
		"CONNECTED\nversion:1.1\n\n\x00MESSAGE\na\\cb:\\n\\\\\n\nbody\x00",
		"MESSAGE\ncontent-length:2\n\n\xef\xbf\xbd\x00\n\n",
		"MESSAGE\ncontent-length:67108864\n\n",
		"SUBSCRIBE\nid:1\n\n\x00SEND\ndestination:/q\n\nx\x00DISCONNECT\n\n\x00",
		"MESSAGE\na:\\r\\t\n\n\x00",
		"\n\nRECEIPT\nreceipt-id:r12\n\n\x00\nRECEIPT\nreceipt-id:\n\n\x00RECEIPT\nreceipt-id:r\\c1\n\n\x00RECEIPT\nreceipt-id:r1\r\n\n\x00",
		"RECEIPT\nreceipt-id:r1\nsession:2\n\n\x00\rRECEIPT\nreceipt-id:r2\n\n\x00",
		"RECEIPT\nreceipt-id:r1\n\nbody\x00",
		"\r\r",
		"HTTP/1.1 400 Bad Request\r\n\r\n",
		"ERROR\nmessage:two\nlines\n:and\\t\ncontent-length:many\n\nwords\x00ERROR\r\nno colon\r\n\r\n\x00",
		"ERROR\nmessage:a\nreceipt-id:r1\x00ERROR\ncontent-length:2\n\nabc\x00",
	} {
		f.Add([]byte(s), []byte{3, 0x85})
	}
	// A frame that lacks its NUL and ends with its message, or in the middle of its body; another message follows (W8).
	for _, body := range []string{"abcde", "abc"} {
		first := "MESSAGE\ncontent-length:5\n\n" + body
		f.Add([]byte(first+"MESSAGE\n\nx\x00\n"), []byte{0x80 | byte(len(first))})
	}
	f.Fuzz(func(t *testing.T, stream, plan []byte) {
		if len(stream) > 4<<10 || len(plan) > 256 {
			return // longer ones try the same code, slower
		}
		pieces := cut(stream, plan)
		messages := joined(pieces)
		spent := allocated(func() {
			decode(wire.DecoderConfig{From: wire.FromEither, Repair: true}, wire.V12, whole(messages))
		})
		// An entry of 3 bytes costs 32 in the slice that holds it; the constant is firstBody and what the test itself
		// takes.
		if most := uint64(64*len(stream) + 1<<20); spent > most {
			t.Errorf("%d bytes allocated for %d bytes of input", spent, len(stream))
		}
		for _, version := range []wire.Version{"", wire.V10, wire.V11, wire.V12} {
			for _, limits := range []wire.Limits{{}, {Body: 8, Header: 24, Entries: 2}} {
				for _, repair := range []bool{false, true} {
					cfg := wire.DecoderConfig{From: wire.FromEither, Limits: limits, Repair: repair}
					want := decode(cfg, version, whole(messages))
					checkResult(t, want, limits.WithDefaults())
					if diff := want.same(decode(cfg, version, pieces)); diff != "" {
						t.Errorf("version %q, %+v, cut as %v: %s", version, cfg, pieces, diff)
					}
					if diff := want.same(decode(cfg, version, byteByByte(messages))); diff != "" {
						t.Errorf("version %q, %+v, byte by byte: %s", version, cfg, diff)
					}
					if diff := want.same(decodeWith(cfg, version, pieces, receiptFirst)); diff != "" {
						t.Errorf("version %q, %+v, with Receipt: %s", version, cfg, diff)
					}
				}
			}
		}
	})
}

// checkResult checks what holds for anything that was decoded.
func checkResult(t *testing.T, r result, limits wire.Limits) {
	t.Helper()
	for _, f := range r.frames {
		if int64(len(f.Body)) > limits.Body || len(f.Header) > limits.Entries {
			t.Errorf("beyond the limits: %q", f)
		}
		if len(f.Body) > 0 && f.Command != "SEND" && f.Command != "MESSAGE" && f.Command != "ERROR" {
			t.Errorf("a body on %q", f)
		}
		for _, h := range f.Header {
			if h[0] == "" {
				t.Errorf("an empty name in %q", f)
			}
		}
	}
	var p *wire.ProtocolError
	var l *wire.LimitError
	switch {
	case r.err == nil:
	case errors.As(r.err, &p):
		if p.Reason == "" || p.Clause == "" {
			t.Errorf("an error without a reason or a clause: %+v", p)
		}
	case errors.As(r.err, &l):
		if l.Size <= l.Limit {
			t.Errorf("a limit that is kept: %v", l)
		}
	default:
		t.Errorf("an error of type %T", r.err)
	}
}

// FuzzRoundTrip: in every version, what is encoded decodes to the same, and what is refused is what has to be.
func FuzzRoundTrip(f *testing.F) {
	for command := range byte(len(commands)) {
		f.Add(command, "destination", "/queue/a", "n:a\\m\ne", "v:a\\l\nu\re", []byte("body"))
	}
	f.Add(byte(2), "content-length", "7", " padded ", "\tblank ", []byte("a\x00b"))
	f.Add(byte(2), "a", "\x00", "b", "\xff", []byte{})
	f.Add(byte(0), "passcode", "p:a\\ss", "passcode", "second", []byte{})
	f.Add(byte(2), "é", "世界", "", "", []byte("\n\r\n"))
	f.Fuzz(func(t *testing.T, c byte, name1, value1, name2, value2 string, body []byte) {
		frame := wire.Frame{Command: commands[int(c)%len(commands)], Header: header(name1, value1, name2, value2)}
		if len(body) > 0 {
			frame.Body = body
		}
		for _, version := range []wire.Version{wire.V10, wire.V11, wire.V12} {
			for _, escape := range []bool{false, true} {
				roundTrip(t, wire.Encoder{Version: version, EscapeConnect: escape}, frame)
			}
		}
	})
}

var commands = []string{
	"CONNECT", "STOMP", "SEND", "SUBSCRIBE", "UNSUBSCRIBE", "ACK", "NACK", "BEGIN", "COMMIT", "ABORT", "DISCONNECT",
	"CONNECTED", "MESSAGE", "RECEIPT", "ERROR",
}

func roundTrip(t *testing.T, e wire.Encoder, f wire.Frame) {
	t.Helper()
	stream, err := e.AppendFrame(nil, f)
	var l *wire.LimitError
	if errors.As(err, &l) {
		return // the fuzzer makes few of them, and they have their own tests
	}
	var p *wire.ProtocolError
	if err != nil && (!errors.As(err, &p) || len(stream) > 0) {
		t.Fatalf("%+v, %q: error %v with %q", e, f, err, stream)
	}
	clause := ""
	if p != nil {
		clause = p.Clause
	}
	if want := refusal(e, f); clause != want {
		t.Fatalf("%+v, %q: refused for %q, should be for %q", e, f, clause, want)
	}
	if err != nil {
		return
	}
	version := e.Version
	if e.EscapeConnect && (f.Command == "CONNECT" || f.Command == "STOMP") {
		// Our decoder keeps to the rule and does not unescape CONNECT. What reads it as other frames of 1.2 gets it back.
		stream = append([]byte("RECEIPT"), stream[len(f.Command):]...)
		f.Command, version = "RECEIPT", wire.V12
	}
	want := wire.Frame{Command: f.Command, Body: f.Body}
	for _, h := range f.Header {
		if h[0] == "content-length" {
			continue
		}
		if version == wire.V10 {
			h[1] = strings.Trim(h[1], " \t")
		}
		want.Header = append(want.Header, h)
	}
	if len(f.Body) > 0 {
		want.Header = append(want.Header, [2]string{"content-length", strconv.Itoa(len(f.Body))})
	}
	twice := string(stream) + string(stream)
	got := decode(wire.DecoderConfig{From: wire.FromEither}, version, whole(one(twice)))
	if !reflect.DeepEqual(got, result{frames: []wire.Frame{want, want}}) {
		t.Errorf("%+v: %q went out as %q and came back as %+v", e, f, stream, got)
	}
}

// refusal returns the clause for which f has to be refused, or "". It is written from the clauses, not from the code.
func refusal(e wire.Encoder, f wire.Frame) string {
	if len(f.Body) > 0 && f.Command != "SEND" && f.Command != "MESSAGE" && f.Command != "ERROR" {
		return "F9"
	}
	handshake := f.Command == "CONNECT" || f.Command == "STOMP" || f.Command == "CONNECTED"
	for _, h := range f.Header {
		name, value := h[0], h[1]
		banned := "\x00"
		inName := ""
		switch {
		case e.EscapeConnect && handshake && f.Command != "CONNECTED":
		case handshake || e.Version == wire.V10:
			banned, inName = "\x00\n\r", ":"
		case e.Version == wire.V11:
			banned = "\x00\r"
		}
		switch {
		case name == "content-length": // left out, whatever it says
		case name == "", strings.ContainsAny(name, banned+inName), strings.ContainsAny(value, banned):
			return "F13"
		case !utf8.ValidString(name), !utf8.ValidString(value):
			return "F10"
		case e.Version == wire.V10 && strings.Trim(name, " \t") != name:
			return "F13"
		}
	}
	return ""
}

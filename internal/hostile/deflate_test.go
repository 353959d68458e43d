package hostile_test

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/webstomp/webstomp/stomp"
)

// acceptedWith returns the answer to an upgrade that takes these extensions.
func acceptedWith(extensions string) string {
	return strings.TrimSuffix(accepted, "\r\n") + "Sec-WebSocket-Extensions: " + extensions + "\r\n\r\n"
}

const (
	takeover   = "permessage-deflate"
	noTakeover = "permessage-deflate; server_no_context_takeover"
)

// deflater compresses one message after the other (RFC 7692).
type deflater struct {
	out  bytes.Buffer
	w    *flate.Writer
	keep bool // the window, from one message to the next
}

func newDeflater(keep bool) *deflater {
	d := &deflater{keep: keep}
	d.w, _ = flate.NewWriter(&d.out, flate.BestCompression) // a level that there is
	return d
}

// payload compresses a message, and drops the end that the receiver knows (section 7.2.1).
func (d *deflater) payload(message string) string {
	if !d.keep {
		d.w.Reset(&d.out)
	}
	d.out.Reset()
	io.WriteString(d.w, message)
	d.w.Flush()
	return strings.TrimSuffix(d.out.String(), "\x00\x00\xff\xff")
}

// deflated returns each message in a frame of its own, compressed with one window for all, or with one each.
func deflated(keep bool, messages ...string) string {
	d := newDeflater(keep)
	var all strings.Builder
	for _, m := range messages {
		all.WriteString(frame(fin|rsv1|opText, d.payload(m)))
	}
	return all.String()
}

// compressed returns one message, compressed.
func compressed(message string) string { return newDeflater(false).payload(message) }

// finished returns a message as a deflate stream of its own, with its last block marked (RFC 7692, section 7.2.3.4).
func finished(message string) string {
	var out bytes.Buffer
	w, _ := flate.NewWriter(&out, flate.BestCompression)
	io.WriteString(w, message)
	w.Close()
	return out.String()
}

// stored returns a message in deflate blocks that are not compressed (section 7.2.3.3), as a payload.
func stored(message string) string {
	var out bytes.Buffer
	w, _ := flate.NewWriter(&out, flate.NoCompression)
	io.WriteString(w, message)
	w.Flush()
	return strings.TrimSuffix(out.String(), "\x00\x00\xff\xff")
}

// damaged is an end because a message cannot be decompressed.
func damaged(says ...string) *ending { return lost(append(says, "a compressed message is damaged")...) }

// RFC 7692: permessage-deflate, in both modes.
func TestClient_on_deflate(t *testing.T) {
	long := message(strings.Repeat("long and longer ", 8192))
	longBody := strings.Repeat("long and longer ", 8192)
	p := compressed(b)
	// Cut where the body has begun: what comes next would be taken for its rest.
	half := compressed(message(strings.Repeat("long and longer ", 60)))[:50]
	halfStored := stored(message("long and longer"))[:len(message(""))+10]
	short := strings.TrimSuffix(stored(message("long and longer")), "ger\x00\x00") // the last byte begins the next block
	var attacks []attack
	for mode, extension := range map[string]string{"take-over": takeover, "no take-over": noTakeover} {
		keep := mode == "take-over"
		for _, c := range []attack{
			{name: "messages", sends: deflated(keep, a, b, a, long, "\n", a), bodies: []string{"a", "b", "a", longBody, "a"}},
			{name: "messages that are not compressed", sends: text(a) + frame(fin|rsv1|opBinary, p) + text(a), bodies: []string{"a", "b", "a"}},
			{name: "fragments", sends: frame(rsv1|opText, p[:3]) + next("") + next(p[3:5]) + ping("p") + last(p[5:]), bodies: []string{"b"}, pongs: []string{"p"}},
			{name: "an empty first fragment", sends: frame(rsv1|opText, "") + last(p), bodies: []string{"b"}},
			{name: "an empty last fragment", sends: frame(rsv1|opText, p) + last("") + text(a), bodies: []string{"b", "a"}},
			{name: "fragments that are not compressed", sends: first(b[:9]) + last(b[9:]), bodies: []string{"b"}},
			{name: "7.2.3.2 shared window of one byte", sends: deflated(keep, message("b"), message("c")), bodies: []string{"b", "c"}},
			{name: "7.2.3.3 a block that is not compressed", sends: frame(fin|rsv1|opText, stored(a)), bodies: []string{"a"}},
			{name: "7.2.3.4 a last block", sends: frame(fin|rsv1|opText, finished(a)+"\x00"), bodies: []string{"a"}},
			{name: "7.2.3.5 two blocks", sends: frame(fin|rsv1|opText, stored(a[:9])+"\x00\x00\xff\xff"+stored(a[9:])), bodies: []string{"a"}},
			{name: "7.2.3.6 an empty message", sends: frame(fin|rsv1|opText, "\x00") + text(a), bodies: []string{"a"}},
			{name: "RSV1 on a continuation", sends: frame(rsv1|opText, p[:3]) + frame(fin|rsv1|opContinuation, p[3:]), end: breach("rsv"), closeCode: 1002},
			{name: "RSV1 on a ping", sends: text(a) + frame(fin|rsv1|opPing, ""), bodies: []string{"a"}, end: breach("rsv"), closeCode: 1002},
			{name: "RSV2", sends: text(a) + frame(fin|rsv1|rsv2|opText, p), bodies: []string{"a"}, end: breach("rsv"), closeCode: 1002},
			{name: "no deflate at all", sends: text(a) + frame(fin|rsv1|opText, "\xff\xff\xff\xff"), bodies: []string{"a"}, end: damaged("corrupt"), closeCode: 1007},
			{name: "a distance before the start", sends: text(a) + frame(fin|rsv1|opText, "\x4a\x04\x7f"), bodies: []string{"a"}, end: damaged("corrupt"), closeCode: 1007},
			{name: "half a stream", sends: text(a) + frame(fin|rsv1|opText, half) + text(a) + text(a), bodies: []string{"a"}, end: damaged("in the middle of its deflate stream"), closeCode: 1007},
			{name: "half a stream in fragments", sends: text(a) + frame(rsv1|opText, half[:20]) + last(half[20:]) + text(a), bodies: []string{"a"}, end: damaged("in the middle of its deflate stream"), closeCode: 1007},
			{name: "half a block that is not compressed", sends: text(a) + frame(fin|rsv1|opText, halfStored) + text(a), bodies: []string{"a"}, end: damaged("in the middle of its deflate stream"), closeCode: 1007},
			{name: "four bytes short of a block that is not compressed", sends: text(a) + frame(fin|rsv1|opText, short) + text(a), bodies: []string{"a"}, end: damaged("in the middle of its deflate stream"), closeCode: 1007},
			{name: "5.1 masked", sends: text(a) + masked(fin|rsv1|opText, p, "\x00\x00\x00\x00"), bodies: []string{"a"}, end: breach("mask"), closeCode: 1002},
			{name: "cut off", sends: text(a) + frame(fin|rsv1|opText, p)[:7], hangUp: true, bodies: []string{"a"}, end: lost("the connection ended without a close frame")},
		} {
			c.name = "deflate, " + mode + ": " + c.name
			c.opts, c.upgrade = []stomp.ConnectOption{stomp.WithCompression()}, acceptedWith(extension)
			attacks = append(attacks, c)
		}
	}
	assault(t, attacks)
}

// A few bytes that become many: they are read as a stream, and end at the limits of STOMP. What is allocated is in
// proportion to what is kept, not to what comes out of the compression.
func TestClient_F12_on_deflate_bombs(t *testing.T) {
	if underRace {
		t.Skip("what is measured under the race detector says nothing")
	}
	const size = 4 << 20
	zeros := strings.Repeat("0", size)
	limits := stomp.WithLimits(stomp.Limits{Body: 1 << 20})
	var attacks []attack
	for _, c := range []attack{
		{name: "a body without end", sends: message(zeros), end: with[*stomp.LimitError]("body of 1048577 bytes"), closeCode: 1009, allocates: 8 << 20},
		{name: "a body of a length", sends: counted(zeros), end: with[*stomp.LimitError]("body of 4194304 bytes"), closeCode: 1009},
		{name: "a command", sends: zeros, end: protocol("F14", "unknown command"), closeCode: 1002},
		{name: "a header", sends: "MESSAGE\nx:" + zeros, end: with[*stomp.LimitError]("header of 65537 bytes"), closeCode: 1009},
		{name: "entries", sends: "MESSAGE\n" + strings.Repeat("x:y\n", size/4), end: with[*stomp.LimitError]("1001 header entries"), closeCode: 1009},
		{name: "heart-beats", sends: strings.Repeat("\n", size)},
	} {
		c.sends = frame(fin|rsv1|opText, compressed(c.sends))
		if len(c.sends) > size/500 {
			t.Fatalf("%s is no bomb: %d bytes", c.name, len(c.sends))
		}
		for mode, extension := range map[string]string{"take-over": takeover, "no take-over": noTakeover} {
			c := c
			c.name = "bomb, " + mode + ": " + c.name
			c.opts, c.upgrade = []stomp.ConnectOption{stomp.WithCompression(), limits}, acceptedWith(extension)
			attacks = append(attacks, c)
		}
	}
	assault(t, attacks)
}

// The answers to the offer of permessage-deflate.
func TestConnect_on_extensions(t *testing.T) {
	compression := stomp.WithCompression()
	for name, c := range map[string]struct {
		opts   []stomp.ConnectOption
		answer string
		says   string // in Connect's error; "": it succeeds
	}{
		"taken":                      {[]stomp.ConnectOption{compression}, takeover, ""},
		"taken without take-over":    {[]stomp.ConnectOption{compression}, noTakeover + "; client_no_context_takeover", ""},
		"a smaller window":           {[]stomp.ConnectOption{compression}, takeover + "; server_max_window_bits=9", ""},
		"not offered":                {nil, takeover, "extension"},
		"unknown":                    {[]stomp.ConnectOption{compression}, "x-rot13", "extension"},
		"twice":                      {[]stomp.ConnectOption{compression}, takeover + ", " + takeover, "extension"},
		"an unknown parameter":       {[]stomp.ConnectOption{compression}, takeover + "; x=y", "x=y"},
		"a window of ours to shrink": {[]stomp.ConnectOption{compression}, takeover + "; client_max_window_bits=8", "client_max_window_bits"},
		"nothing between two commas": {[]stomp.ConnectOption{compression}, ",,", ""},
		"a thousand":                 {[]stomp.ConnectOption{compression}, strings.Repeat("x, ", 1000) + takeover, "extension"},
	} {
		judge(t, "extension: "+name, func(t *testing.T) (problems []string) {
			for _, w := range ways {
				if underRace && !w.plain() {
					continue
				}
				a := attack{opts: c.opts, upgrade: acceptedWith(c.answer), sends: text(a), bodies: []string{"a"}}
				if c.says != "" {
					a.bodies, a.refused = nil, faulty(c.says)
				}
				for _, p := range a.problems(a.run(t, w, false)) {
					problems = append(problems, fmt.Sprint(w.name, ": ", p))
				}
			}
			return problems
		})
	}
}

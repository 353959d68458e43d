package hostile_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/stomp"
)

// A valid message goes before what is wrong, to show that it is delivered, and that what follows is not.
var a, b = message("a"), message("b")

// RFC 6455, section 5.2: bits, opcodes, lengths.
func TestClient_on_WebSocket_frames_5_2(t *testing.T) {
	attacks := []attack{
		{name: "5.2 text and binary", sends: text(a) + blob(b), bodies: []string{"a", "b"}},
		{name: "5.2 an empty message", sends: text("") + blob("") + text(a), bodies: []string{"a"}},
		{name: "5.2 lengths that are not minimal are borne", bodies: []string{"a", "b", "c"},
			sends: frameHead(fin|opText, len(a), 2) + a + frameHead(fin|opText, len(b), 8) + b + frameHead(fin|opPing, 1, 2) + "p" + text(message("c"))},
		{name: "5.2 a length of zero in 8 bytes", sends: frameHead(fin|opText, 0, 8) + text(a), bodies: []string{"a"}},
		{name: "5.2 a length with the highest bit", sends: text(a) + frameHead(fin|opText, uint64(1)<<63, 8) + b, bodies: []string{"a"},
			end: breach("length"), closeCode: 1002},
		{name: "5.2 a length of all bits", sends: text(a) + frameHead(fin|opText, uint64(math.MaxUint64), 8) + b, bodies: []string{"a"},
			end: breach("length"), closeCode: 1002},
		{name: "5.2 a length that never comes", sends: text(a) + frameHead(fin|opText, uint64(math.MaxInt64), 8) + b, hangUp: true, bodies: []string{"a", "b"},
			end: lost("the connection ended without a close frame")},
		{name: "5.2 a head cut off", sends: text(a) + "\x81\x7f\x00\x00", hangUp: true, bodies: []string{"a"}, end: lost("the connection ended without a close frame")},
		{name: "5.2 a payload cut off", sends: text(a) + text(b)[:20], hangUp: true, bodies: []string{"a"},
			end: lost("the connection ended without a close frame")},
		{name: "5.2 a STOMP frame cut off at the end of a message", sends: text(a) + text(b[:20]), hangUp: true, bodies: []string{"a"},
			end: lost("an unfinished MESSAGE had arrived")},
		{name: "5.2 an ERROR cut off inside its message", sends: text(a) + text("ERROR\nmessage:no more\n\nbecause\x00")[:30], hangUp: true, bodies: []string{"a"},
			end: with[*stomp.Error]("no more")},
		{name: "5.6 text that is not UTF-8 is borne", sends: text(message("\xff\xfe")) + first(message("\xc3\x28")) + last(""), bodies: []string{"\xff\xfe", "\xc3\x28"}},
	}
	for name, bit := range map[string]byte{"RSV1": rsv1, "RSV2": rsv2, "RSV3": rsv3} {
		for on, f := range map[string]string{
			"text":           frame(fin|bit|opText, b),
			"binary":         frame(fin|bit|opBinary, b),
			"a first frame":  frame(bit|opText, b),
			"a continuation": first(b[:9]) + frame(fin|bit|opContinuation, ""),
			"a ping":         frame(fin|bit|opPing, ""),
			"a pong":         frame(fin|bit|opPong, ""),
			"a close":        frame(fin|bit|opClose, "\x03\xe8"),
			"an empty text":  frame(fin|bit|opText, ""),
		} {
			attacks = append(attacks, attack{name: fmt.Sprintf("5.2 %s on %s", name, on), sends: text(a) + f, bodies: []string{"a"},
				end: breach("rsv"), closeCode: 1002})
		}
	}
	for _, op := range []byte{3, 4, 5, 6, 7, 11, 12, 13, 14, 15} {
		attacks = append(attacks,
			attack{name: fmt.Sprintf("5.2 opcode %d", op), sends: text(a) + frame(fin|op, b), bodies: []string{"a"}, end: breach("opcode"), closeCode: 1002},
			attack{name: fmt.Sprintf("5.2 opcode %d inside a message", op), sends: text(a) + first(b[:9]) + frame(fin|op, ""), bodies: []string{"a"}, end: breach("opcode"), closeCode: 1002})
	}
	assault(t, attacks)
}

// RFC 6455, section 5.1: a server must not mask. What a mask of zeros leaves readable is no less masked.
func TestClient_on_WebSocket_frames_5_1_masked(t *testing.T) {
	var attacks []attack
	for key, bytes := range map[string]string{"zeros": "\x00\x00\x00\x00", "a key": "\x01\x80\xff\x5a"} {
		for on, f := range map[string]string{
			"text":           masked(fin|opText, b, bytes),
			"binary":         masked(fin|opBinary, b, bytes),
			"a heart-beat":   masked(fin|opText, "\n", bytes),
			"an empty text":  masked(fin|opText, "", bytes),
			"a first frame":  masked(opText, b, bytes),
			"a continuation": first(b[:30]) + masked(fin|opContinuation, b[30:], bytes),
			"a ping":         masked(fin|opPing, "p", bytes),
			"a pong":         masked(fin|opPong, "p", bytes),
			"a close":        masked(fin|opClose, "\x03\xe8", bytes),
			"64 KiB":         masked(fin|opText, strings.Repeat("\n", 64<<10)+b, bytes),
		} {
			attacks = append(attacks, attack{name: "5.1 " + on + ", masked with " + key, sends: text(a) + f, bodies: []string{"a"},
				end: breach("mask"), closeCode: 1002})
		}
	}
	assault(t, attacks)
}

// RFC 6455, section 5.4: fragments, and control frames between them.
func TestClient_W2_on_WebSocket_fragments_5_4(t *testing.T) {
	long := message(strings.Repeat("x", 70_000))
	assault(t, []attack{
		{name: "5.4 two", sends: first(a[:7]) + last(a[7:]), bodies: []string{"a"}},
		{name: "5.4 of one byte", sends: fragments(a, 1), bodies: []string{"a"}},
		{name: "5.4 empty ones", sends: first("") + next("") + next(a) + next("") + last(""), bodies: []string{"a"}},
		{name: "5.4 nothing but empty ones", sends: first("") + last("") + text(a), bodies: []string{"a"}},
		{name: "5.4 10,000 empty ones", sends: first("") + strings.Repeat(next(""), 10_000) + last(a), bodies: []string{"a"}},
		{name: "5.4 of 1,000 bytes", sends: fragments(long, 1000), bodies: []string{strings.Repeat("x", 70_000)}},
		{name: "5.4 control frames between", sends: first(a[:7]) + ping("1") + pong("") + next(a[7:9]) + ping("2") + last(a[9:]), bodies: []string{"a"}, pongs: []string{"1", "2"}},
		{name: "5.4 two STOMP frames, cut elsewhere", sends: first(a+b[:9]) + last(b[9:]), bodies: []string{"a", "b"}},
		{name: "5.4 a STOMP frame over two messages", sends: text(a[:9]) + blob(a[9:]) + text(b), bodies: []string{"a", "b"}},
		{name: "5.4 a message inside a message", sends: text(a) + first(b[:9]) + text(b), bodies: []string{"a"}, end: breach("data message"), closeCode: 1002},
		{name: "5.4 a first frame inside a message", sends: text(a) + first(b[:9]) + first(b), bodies: []string{"a"}, end: breach("data message"), closeCode: 1002},
		{name: "5.4 a continuation of nothing", sends: text(a) + last(b), bodies: []string{"a"}, end: breach("continuation"), closeCode: 1002},
		{name: "5.4 an open continuation of nothing", sends: text(a) + next(b), bodies: []string{"a"}, end: breach("continuation"), closeCode: 1002},
		{name: "5.4 a continuation too many", sends: text(a) + first("\n") + last("\n") + last(""), bodies: []string{"a"}, end: breach("continuation"), closeCode: 1002},
		{name: "5.4 never finished", sends: text(a) + first(b) + ping("p"), hangUp: true, pongs: []string{"p"}, bodies: []string{"a", "b"}, end: lost("the connection ended without a close frame")},
		{name: "5.4 a close inside a message", sends: text(a) + first(b[:9]) + closing(1001, "bye"), bodies: []string{"a"}, end: with[*stomp.CloseError]("1001", "bye"), closeCode: 1001},
	})
}

// RFC 6455, section 5.5: pings and pongs.
func TestClient_on_WebSocket_control_frames_5_5(t *testing.T) {
	most := strings.Repeat("p", 125)
	var storm []string
	for i := range 200 {
		storm = append(storm, fmt.Sprint(i))
	}
	assault(t, []attack{
		{name: "5.5 pings are answered", sends: ping("") + ping("p") + ping(most) + text(a), bodies: []string{"a"}, pongs: []string{"", "p", most}},
		{name: "5.5 many pings", sends: pings(storm) + text(a), bodies: []string{"a"}, pongs: storm},
		{name: "5.5 pongs that nobody asked for", sends: pong("") + pong(most) + text(a) + pong("1"), bodies: []string{"a"}},
		{name: "5.5 a ping of 126 bytes", sends: text(a) + ping(most+"p"), bodies: []string{"a"}, end: breach("control frame"), closeCode: 1002},
		{name: "5.5 a pong of 126 bytes", sends: text(a) + pong(most+"p"), bodies: []string{"a"}, end: breach("control frame"), closeCode: 1002},
		{name: "5.5 a ping that announces 2^62 bytes", sends: text(a) + frameHead(fin|opPing, uint64(1)<<62, 8), bodies: []string{"a"}, end: breach("control frame"), closeCode: 1002},
		{name: "5.5 a ping in fragments", sends: text(a) + frame(opPing, "p") + last(""), bodies: []string{"a"}, end: breach("control frame"), closeCode: 1002},
		{name: "5.5 a pong in fragments", sends: text(a) + frame(opPong, "p") + last(""), bodies: []string{"a"}, end: breach("control frame"), closeCode: 1002},
		{name: "5.5 a close in fragments", sends: text(a) + frame(opClose, "\x03\xe8") + last(""), bodies: []string{"a"}, end: breach("control frame"), closeCode: 1002},
		{name: "5.5 a ping cut off", sends: text(a) + ping("ping")[:4], hangUp: true, bodies: []string{"a"}, end: lost("the connection ended without a close frame")},
	})
}

// pings returns one ping for each payload.
func pings(payloads []string) string {
	var all strings.Builder
	for _, p := range payloads {
		all.WriteString(ping(p))
	}
	return all.String()
}

// RFC 6455, sections 5.5.1, 7.1 and 7.4: close frames.
func TestClient_W5_on_WebSocket_close_frames_7(t *testing.T) {
	attacks := []attack{
		{name: "7.1 no code", sends: text(a) + frame(fin|opClose, ""), bodies: []string{"a"}, end: with[*stomp.CloseError]("1005")},
		{name: "7.1 half a code", sends: text(a) + frame(fin|opClose, "\x03"), bodies: []string{"a"}, end: breach("close"), closeCode: 1002},
		{name: "7.1 a reason of 123 bytes", sends: text(a) + closing(1000, strings.Repeat("r", 123)), bodies: []string{"a"},
			end: with[*stomp.CloseError]("1000", strings.Repeat("r", 123)), closeCode: 1000},
		{name: "7.1 a reason of 124 bytes", sends: text(a) + closing(1000, strings.Repeat("r", 124)), bodies: []string{"a"}, end: breach("control frame"), closeCode: 1002},
		{name: "7.1 a reason in another script", sends: closing(4000, "прощай"), end: with[*stomp.CloseError]("4000", "прощай"), closeCode: 4000},
		{name: "7.1 what follows a close is not read", sends: text(a) + closing(1000, "") + text(b) + "\xff\xff\xff", bodies: []string{"a"}, end: with[*stomp.CloseError]("1000"), closeCode: 1000},
		{name: "7.1 two closes", sends: closing(1001, "") + closing(1008, ""), end: with[*stomp.CloseError]("1001"), closeCode: 1001},
		{name: "7.1 no close", sends: text(a), hangUp: true, bodies: []string{"a"}, end: lost("the connection ended without a close frame")},
		{name: "7.1 a close, then silence", sends: text(a) + closing(1012, "restart"), hangUp: true, bodies: []string{"a"}, end: with[*stomp.CloseError]("1012", "restart")},
	}
	for _, code := range []int{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999} {
		attacks = append(attacks, attack{name: fmt.Sprint("7.4 code ", code), sends: text(a) + closing(code, "because"), bodies: []string{"a"},
			end: with[*stomp.CloseError](fmt.Sprint(code), "because"), closeCode: code})
	}
	for _, code := range []int{0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535} {
		attacks = append(attacks, attack{name: fmt.Sprint("7.4 code ", code, ", which no close frame may have"), sends: text(a) + closing(code, "because"), bodies: []string{"a"},
			end: breach("status code"), closeCode: 1002})
	}
	assault(t, attacks)
}

// However the stream is cut, at every byte, the Client reads the same. One session reads them all. On a socket, where
// there is no telling when both halves have been read but by asking, it is cut at every eleventh.
func TestClient_W2_on_a_stream_cut_at_every_byte(t *testing.T) {
	stream := text(a) + first(b[:9]) + ping("p") + next("") + last(b[9:]) + text("\n") + blob(counted("c\x00c")) +
		text(message("d")+message("e")[:30]) + text(message("e")[30:]) + frameHead(fin|opText, len(a), 8) + a + pong("")
	bodies := []string{"a", "b", "c\x00c", "d", "e", "a"}
	for _, w := range silentWays {
		rig.Bubble(t, w.name, func(t *testing.T) {
			c := converse(t, w)
			for cut := range len(stream) {
				for _, half := range []string{stream[:cut], stream[cut:]} {
					rig.OK(t, c.server.write([]byte(half)))
					synctest.Wait()
				}
				c.want(bodies)
			}
		})
	}
	for _, w := range ways[:2] {
		t.Run(w.name, func(t *testing.T) {
			c := converse(t, w)
			for cut := 0; cut < len(stream); cut += 11 {
				c.say(stream[:cut])
				c.say(stream[cut:])
				c.want(bodies)
			}
		})
	}
}

// Wherever in what is read at once a head begins: around the sizes of the buffers that it may end in.
func TestClient_on_heads_at_every_offset_about_4_and_64_KiB(t *testing.T) {
	heads := map[string]func(payload string) string{
		"short":        text,
		"2 bytes":      func(p string) string { return frameHead(fin|opText, len(p), 2) + p },
		"8 bytes":      func(p string) string { return frameHead(fin|opText, len(p), 8) + p },
		"a ping first": func(p string) string { return ping(strings.Repeat("p", 100)) + text(p) },
		"fragments":    func(p string) string { return fragments(p, 5) },
	}
	step := 1
	if underRace {
		step = 5
	}
	for _, w := range ways {
		if w.bytes || underRace && !w.plain() {
			continue
		}
		t.Run(w.name, func(t *testing.T) {
			c := converse(t, w)
			for _, about := range []int{4 << 10, 64 << 10} {
				for offset := about - 16; offset <= about+4; offset += step {
					for _, head := range heads {
						// A length of 8 bytes, of whatever size: so all offsets can be had.
						body := strings.Repeat("x", offset-len(frameHead(0, 0, 8))-len(message("")))
						before := frameHead(fin|opText, offset-len(frameHead(0, 0, 8)), 8) + message(body)
						rig.OK(t, c.server.write([]byte(before+head(a))))
						c.want([]string{body, "a"})
					}
				}
			}
		})
	}
}

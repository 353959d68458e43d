package hostile_test

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/stomp"
)

// version returns the answer to CONNECT that agrees on a version.
func version(v stomp.Version) string { return "CONNECTED\nversion:" + string(v) + "\n\n\x00" }

// stompAttacks runs attacks that are STOMP in every carrier.
func stompAttacks(t *testing.T, attacks []attack) {
	t.Helper()
	for _, c := range attacks {
		judge(t, "STOMP: "+c.name, c.inEveryCarrier)
	}
}

// exactly is an end because a clause is broken, with the reason as it has to stand in the text.
func exactly(reason, clause string) *ending {
	return protocol(clause, "protocol error: "+reason+" ("+clause+")")
}

// Clauses F1 to F14 and W8, as a server may break them.
func TestClient_F_on_frames(t *testing.T) {
	const head = "MESSAGE\ndestination:/a\nmessage-id:1\nsubscription:s\n"
	stompAttacks(t, []attack{
		{name: "F1 CR LF", sends: "MESSAGE\r\nsubscription:s\r\n\r\nx\x00" + a, bodies: []string{"x", "a"}},
		{name: "F1 CR LF in 1.1", greets: version("1.1"), sends: "MESSAGE\r\nsubscription:s\r\n\r\nx\x00", end: protocol("F14"), closeCode: 1002},
		{name: "F1 a NUL in the header", sends: a + head + "x:\x00" + b, bodies: []string{"a"}, end: exactly("a NUL in the header: no blank line ended it", "F1"), closeCode: 1002},
		{name: "F1 a NUL in the command", sends: a + "MESS\x00AGE\n\n\x00", bodies: []string{"a"}, end: protocol("F1"), closeCode: 1002},
		{name: "F1 a NUL alone", sends: a + "\x00" + b, bodies: []string{"a"}, end: protocol("F1"), closeCode: 1002},
		{name: "F2 no colon", sends: a + head + "x\n\n\x00", bodies: []string{"a"}, end: exactly("header line 4 of MESSAGE has no colon", "F2"), closeCode: 1002},
		{name: "F2 no name", sends: a + head + ":x\n\n\x00", bodies: []string{"a"}, end: exactly("header line 4 of MESSAGE has an empty name", "F2"), closeCode: 1002},
		{name: "F2 colons and blanks", sends: message("x", " a : b:c ", "d:"), bodies: []string{"x"}},
		{name: "F2 a folded line", sends: a + head + " x\n\n\x00", bodies: []string{"a"}, end: protocol("F2"), closeCode: 1002},
		{name: "F2 control characters in names and values", sends: message("x", "\x01\x02:\x1b[2J\x7f", "\xff\xfe:\xc3\x28"), bodies: []string{"x"}},

		{name: "F3 NULs in the body", sends: counted("\x00\x00") + counted(a) + a, bodies: []string{"\x00\x00", a, "a"}},
		{name: "F3 line ends in the body", sends: counted("\n\r\n\n") + a, bodies: []string{"\n\r\n\n", "a"}},
		{name: "F3 a body of length 0", sends: counted("") + a, bodies: []string{"", "a"}},
		{name: "F3 leading zeros", sends: message("xy", "content-length:0000000000000000000000002"), bodies: []string{"xy"}},
		{name: "F3 F8 the first length counts", sends: message("x\x00y", "content-length:3", "content-length:1", "content-length:-1"), bodies: []string{"x\x00y"}},
		{name: "F3 a length that is not reached", sends: a + message("xy", "content-length:1000"), hangUp: true, bodies: []string{"a"}, end: lost("an unfinished MESSAGE had arrived", "EOF")},
		{name: "F3 the largest number", sends: a + message("xy", "content-length:9223372036854775807"), bodies: []string{"a"}, end: with[*stomp.LimitError]("body of 9223372036854775807 bytes is above the limit of 67108864"), closeCode: 1009},
		{name: "F4 no length", sends: message("x\n\ny") + message("") + a, bodies: []string{"x\n\ny", "", "a"}},
		{name: "F4 no end", sends: a + b[:len(b)-1], hangUp: true, bodies: []string{"a"}, end: lost("an unfinished MESSAGE had arrived")},
		{name: "F5 line ends between frames", sends: "\n\r\n" + a + "\r\n\n\n" + b + "\n", bodies: []string{"a", "b"}},
		{name: "F5 a CR between frames", sends: a + "\r\r\n" + b, bodies: []string{"a"}, end: exactly("a CR between frames that no LF follows", "F5"), closeCode: 1002},
		{name: "F5 a CR before a frame", sends: a + "\r" + b, bodies: []string{"a"}, end: protocol("F5"), closeCode: 1002},

		{name: "F6 escapes", sends: message("x", `\n\c\r\\:\n\c\r\\`, `n\\n:\\c`), bodies: []string{"x"}},
		{name: "F6 none in 1.0", greets: version("1.0"), sends: message("x", `\q:\`), bodies: []string{"x"}},
		{name: `F6 \r in 1.1`, greets: version("1.1"), sends: a + message("x", `y:\r`), bodies: []string{"a"}, end: protocol("F6"), closeCode: 1002},
		{name: "F6 in the id of the subscription", sends: strings.Replace(a, "subscription:s", `subscription:\c`, 1) + b, bodies: []string{"b"}},
		{name: "F9 a body on RECEIPT", sends: a + "RECEIPT\nreceipt-id:1\n\nx\x00", bodies: []string{"a"}, end: exactly("RECEIPT came with a body and cannot carry one", "F9"), closeCode: 1002},
		{name: "F9 a body of a length on RECEIPT", sends: a + "RECEIPT\nreceipt-id:1\ncontent-length:1\n\nx\x00", bodies: []string{"a"}, end: protocol("F9"), closeCode: 1002},
		{name: "F9 a length on RECEIPT that never comes", sends: a + "RECEIPT\nreceipt-id:1\ncontent-length:67108864\n\n", hangUp: true, bodies: []string{"a"}, end: protocol("F9")},

		{name: "F12 a body at the default limit", sends: a + message("", "content-length:67108864"), hangUp: true, bodies: []string{"a"}, end: lost("an unfinished MESSAGE had arrived")},
		{name: "F12 a body above it", sends: a + message("", "content-length:67108865"), bodies: []string{"a"}, end: with[*stomp.LimitError]("body of 67108865 bytes is above the limit of 67108864 (see WithLimits)"), closeCode: 1009},
		{name: "F12 1,000 entries", sends: message("x", strings.Split(strings.Repeat("y:z\n", 996)+"y:z", "\n")...), bodies: []string{"x"}},
		{name: "F12 1,001 entries", sends: a + message("x", strings.Split(strings.Repeat("y:z\n", 997)+"y:z", "\n")...), bodies: []string{"a"}, end: with[*stomp.LimitError]("1001 header entries are above the limit of 1000"), closeCode: 1009},
		{name: "F12 a header of 64 KiB", sends: message("x", "y:"+strings.Repeat("z", 64<<10-len(head)-len("y:\n"))), bodies: []string{"x"}},
		{name: "F12 one byte more", sends: a + message("x", "y:"+strings.Repeat("z", 64<<10-len(head)-len("y:"))), bodies: []string{"a"}, end: with[*stomp.LimitError]("header of 65537 bytes is above the limit of 65536"), closeCode: 1009},
		{name: "F12 escapes that become half", sends: message("x", "y:"+strings.Repeat(`\\`, 30<<10)), bodies: []string{"x"}},
		{name: "F12 limits of ones own", opts: []stomp.ConnectOption{stomp.WithLimits(stomp.Limits{Body: 3, Header: 100, Entries: 4})}, sends: message("xyz") + message("wxyz"), bodies: []string{"xyz"},
			end: with[*stomp.LimitError]("body of 4 bytes is above the limit of 3"), closeCode: 1009},

		{name: "F14 lower case", sends: a + "message\n\n\x00", bodies: []string{"a"}, end: exactly(`unknown command "message" from the server`, "F14"), closeCode: 1002},
		{name: "F14 a client's command", sends: a + "SEND\ndestination:/a\n\n\x00", bodies: []string{"a"}, end: exactly(`unknown command "SEND" from the server`, "F14"), closeCode: 1002},
		{name: "F14 no command", sends: a + ":\n\n\x00", bodies: []string{"a"}, end: protocol("F14"), closeCode: 1002},
		{name: "F14 blanks", sends: a + "MESSAGE \n\n\x00", bodies: []string{"a"}, end: protocol("F14"), closeCode: 1002},
		{name: "F14 a long one", sends: a + strings.Repeat("M", 1<<20), bodies: []string{"a"}, end: protocol("F14", "unknown command"), closeCode: 1002},
		{name: "F14 what a terminal would obey", sends: a + "\x1b[2J\n\n\x00", bodies: []string{"a"}, end: exactly(`unknown command "\x1b[2J" from the server`, "F14"), closeCode: 1002},
	})
	for _, escape := range []string{`\t`, `\a`, `\N`, `\0`, `\ `, `\`, `\:`, `x\`, "\\\xff"} {
		for _, v := range []stomp.Version{stomp.V11, stomp.V12} {
			stompAttacks(t, []attack{{name: fmt.Sprintf("F6 %q in %s", escape, v), greets: version(v), sends: a + message("x", "y:"+escape),
				bodies: []string{"a"}, end: protocol("F6"), closeCode: 1002}})
		}
	}
	for _, length := range []string{"", " 2", "2 ", "+2", "-2", "2.0", "2e0", "0x2", "two", "9223372036854775808", "18446744073709551618", "340282366920938463463374607431768211458", "２"} {
		stompAttacks(t, []attack{{name: fmt.Sprintf("F3 a length of %q", length), sends: a + message("xy", "content-length:"+length), bodies: []string{"a"},
			end: exactly("content-length of MESSAGE is not a number of bytes", "F3"), closeCode: 1002}})
	}
}

// A length that is too short is mended to the end of its message, where there is one that tells (W8).
func TestClient_W8_on_lengths_that_are_too_short(t *testing.T) {
	short := message("xyz", "content-length:1")
	fatal := exactly("no NUL after the 1 bytes of content-length in MESSAGE", "F3")
	for _, c := range carriers {
		a := attack{sends: c.wrap(a + short), bodies: []string{"a", "xyz"}}
		if c.bare || c.name == "in messages of 3 bytes" {
			a.bodies, a.end = []string{"a"}, fatal
		}
		judge(t, "W8 "+c.name, func(t *testing.T) (problems []string) {
			for _, w := range ways {
				if underRace && !w.plain() {
					continue
				}
				for _, p := range a.problems(a.run(t, w, c.bare)) {
					problems = append(problems, w.name+": "+p)
				}
			}
			return problems
		})
	}
	assault(t, []attack{
		{name: "W8 no NUL at the end", sends: text(a) + text(message("xyz", "content-length:1")[:len(message("xyz", "content-length:1"))-1]), bodies: []string{"a"},
			end: protocol("F3", "nor at the end of its message"), closeCode: 1002},
		{name: "W8 up to the limit", opts: []stomp.ConnectOption{stomp.WithLimits(stomp.Limits{Body: 8})}, sends: text(message("12345678", "content-length:1")), bodies: []string{"12345678"}},
		{name: "W8 beyond the limit", opts: []stomp.ConnectOption{stomp.WithLimits(stomp.Limits{Body: 8})}, sends: text(a) + text(message("123456789", "content-length:1")), bodies: []string{"a"},
			end: with[*stomp.LimitError]("body of 9 bytes"), closeCode: 1009},
		{name: "W8 another frame behind it is part of the body", sends: text(message("xyz", "content-length:1") + b), bodies: []string{"xyz\x00" + b[:len(b)-1]}},
	})
}

// What a server says that is well formed, and has no place there.
func TestClient_S_on_what_nobody_asked_for(t *testing.T) {
	stompAttacks(t, []attack{
		{name: "C4 a second CONNECTED", sends: a + rig.Connected12 + b, bodies: []string{"a"}, end: exactly("a second CONNECTED", "C4"), closeCode: 1002},
		{name: "S2 ERROR", sends: a + "ERROR\nmessage:no more\n\nof this\x00" + b, bodies: []string{"a"}, end: with[*stomp.Error]("no more", "of this")},
		{name: "S2 ERROR without a word", sends: a + "ERROR\n\n\x00", bodies: []string{"a"}, end: with[*stomp.Error]("broker says ERROR")},
		{name: "S2 half an ERROR", sends: a + "ERROR\nmessage:no more\n\nof th", hangUp: true, bodies: []string{"a"}, end: with[*stomp.Error]("no more", "of th", "EOF")},
		{name: "S2 an ERROR of 1 MiB", sends: a + "ERROR\nmessage:no\n\n" + strings.Repeat("x", 1<<20) + "\x00", bodies: []string{"a"}, end: with[*stomp.Error](`"no"`), allocates: 8 << 20},
		{name: "S2 an ERROR above the limit", sends: a + "ERROR\nmessage:no\ncontent-length:99999999999\n\nx", bodies: []string{"a"}, end: with[*stomp.LimitError]("an unfinished ERROR had arrived", `"no"`), closeCode: 1009},
		{name: "S2 ERROR for a receipt of nobody's", sends: "ERROR\nreceipt-id:nobody\nmessage:x\n\n\x00" + a, bodies: []string{"a"}},
		{name: "S2 ERROR for a subscription of nobody's", sends: "ERROR\nsubscription:nobody\nmessage:x\n\n\x00" + a, bodies: []string{"a"}},
		{name: "S3 MESSAGE for nobody", sends: "MESSAGE\nsubscription:nobody\n\nx\x00MESSAGE\n\nx\x00" + a, bodies: []string{"a"}},
		{name: "S4 what a sender has put in", sends: message("x", "receipt:1", "transaction:1", "receipt-id:1", "version:9", "ack:", "heart-beat:1,1"), bodies: []string{"x"}},
		{name: "RECEIPT for nobody", sends: strings.Repeat("RECEIPT\nreceipt-id:nobody\n\n\x00RECEIPT\n\n\x00RECEIPT\nreceipt-id:\n\n\x00", 3) + a, bodies: []string{"a"}},
		{name: "RECEIPT with a number that is too large", sends: "RECEIPT\nreceipt-id:99999999999999999999999999\n\n\x00" + a, bodies: []string{"a"}},
		{name: "RECEIPT twice", sends: strings.Repeat("RECEIPT\nreceipt-id:1\n\n\x00RECEIPT\nreceipt-id:r-1\n\n\x00RECEIPT\nreceipt-id:r1\n\n\x00", 2) + a, bodies: []string{"a"}},
		{name: "headers of another command", sends: "RECEIPT\nreceipt-id:x\nsubscription:s\nmessage-id:1\ndestination:/a\n\n\x00" + a, bodies: []string{"a"}},
	})
}

// Storms: nothing is kept of what nobody waits for, and the log says it once.
func TestClient_on_storms(t *testing.T) {
	const n = 5_000
	for _, c := range []attack{
		{name: "heart-beats", sends: strings.Repeat("\n", 100*n)},
		{name: "MESSAGEs for nobody", sends: strings.Repeat("MESSAGE\nsubscription:nobody\n\nx\x00", n)},
		{name: "MESSAGEs of nobody", sends: strings.Repeat("MESSAGE\ndestination:/nobody\n\nx\x00", n)},
		{name: "RECEIPTs for nobody", sends: strings.Repeat("RECEIPT\nreceipt-id:nobody\n\n\x00", n)},
		{name: "RECEIPTs with numbers", sends: numbered("RECEIPT\nreceipt-id:%d\n\n\x00", n)},
		{name: "ERRORs for a receipt of nobody's", sends: strings.Repeat("ERROR\nreceipt-id:nobody\nmessage:x\n\n\x00", n)},
		{name: "ERRORs for receipts of nobody's", sends: numbered("ERROR\nreceipt-id:%d000000\nmessage:x\n\n\x00", n)},
		{name: "ERRORs for a subscription of nobody's", sends: strings.Repeat("ERROR\nsubscription:nobody\nmessage:x\n\n\x00", n)},
		{name: "lengths that are too short", sends: strings.Repeat("RECEIPT\ncontent-length:0\nreceipt-id:x\n\n\x00", n)},
	} {
		// A frame that nobody waits for costs what reading it takes, a few hundred bytes.
		c.allocates = usual + n*1500
		judge(t, "storm: "+c.name, func(t *testing.T) (problems []string) {
			for _, carrier := range carriers {
				if !carrier.bare && carrier.name != "in a message" {
					continue
				}
				var log rig.Log
				a := c
				a.opts = []stomp.ConnectOption{stomp.WithLogger(log.Logger(slog.LevelInfo))}
				a.sends = carrier.wrap(c.sends)
				for _, p := range a.problems(a.run(t, ways[0], carrier.bare)) {
					problems = append(problems, carrier.name+": "+p)
				}
				if lines := log.Lines(""); len(lines) > 10 {
					problems = append(problems, fmt.Sprintf("%s: %d lines in the log, such as %s", carrier.name, len(lines), lines[len(lines)/2]))
				}
			}
			return problems
		})
	}
}

// numbered repeats text with a number in it.
func numbered(format string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

// A server that says why it leaves, and leaves while we send: why it left is what the Client ends with, whatever else
// the end of the connection does to our side of it.
func TestClient_S2_hears_the_ERROR_of_a_server_that_leaves(t *testing.T) {
	for name, before := range map[string]string{"ERROR": "", "pings and ERROR": pings(strings.Split(strings.Repeat("p,", 20), ","))} {
		judge(t, "leaving: "+name, func(t *testing.T) (problems []string) {
			heard, runs := 0, 30
			for range runs {
				if err := leave(t, before+text("ERROR\nmessage:no more\n\n\x00")+closing(1008, "no more")); errors.As(err, new(*stomp.Error)) {
					heard++
				}
			}
			if heard < runs {
				problems = append(problems, fmt.Sprintf("the ERROR is heard in %d of %d runs", heard, runs))
			}
			return problems
		})
	}
}

// leave has a server say its last words to a Client that sends without pause, and hang up without reading.
func leave(t *testing.T, words string) error {
	c := converse(t, ways[0])
	sending := rig.Go(func() error {
		for {
			if err := c.client.Send(t.Context(), "/a", make([]byte, 1000)); err != nil {
				return nil
			}
		}
	})
	c.server.write([]byte(text(a) + words))
	c.server.nc.Close()
	<-c.client.Done()
	<-sending
	return c.client.Err()
}

package hostile_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/webstomp/webstomp/stomp"
)

// refusedWith is the refusal of an upgrade with that status; 0: there was no answer.
func refusedWith(status int, says ...string) *refusal {
	return &refusal{status, ending{"an error", func(error) bool { return true }, says}}
}

// faulty is the refusal of an answer 101 that is none.
func faulty(says ...string) *refusal {
	return refusedWith(http.StatusSwitchingProtocols, append(says, "the server's upgrade to WebSocket is faulty")...)
}

// nothing stands for no answer at all.
const nothing = "nothing"

// response returns an answer that is complete.
func response(status int, body string, header ...string) string {
	return fmt.Sprintf("HTTP/1.1 %d %s\r\nContent-Length: %d\r\n%s\r\n%s", status, http.StatusText(status), len(body),
		strings.Join(append(header, ""), "\r\n"), body)
}

// without returns accepted without what begins with a header's name, or with something in its place.
func without(name, instead string) string {
	before, line, _ := strings.Cut(accepted, name)
	_, after, _ := strings.Cut(line, "\r\n")
	return before + instead + after
}

// RFC 6455, section 4.2.2, and clause W7: the answers to the upgrade.
func TestConnect_W7_on_upgrades(t *testing.T) {
	const mib = 1 << 20
	attacks := []attack{
		{name: "101 and the first frames at once", upgrade: accepted + ping("p") + text("\n"), sends: text(a), bodies: []string{"a"}, pongs: []string{"p"}},
		{name: "101 after 100 and 103", upgrade: "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + accepted, sends: text(a), bodies: []string{"a"}},
		{name: "101 with names in another case", upgrade: "HTTP/1.1 101 x\r\nupGRADE: WebSocket\r\nconnection: keep-alive, UPGRADE\r\nsec-websocket-accept: %s\r\n\r\n", sends: text(a), bodies: []string{"a"}},
		{name: "101 with a subprotocol", upgrade: without("\r\nSec", "\r\nSec-WebSocket-Protocol: v12.stomp\r\nSec-WebSocket-Accept: %s\r\n"), sends: text(a), bodies: []string{"a"}},

		{name: "101 without Upgrade", upgrade: without("Upgrade: ", ""), refused: faulty("Upgrade")},
		{name: "101 to something else", upgrade: without("Upgrade: ", "Upgrade: h2c\r\n"), refused: faulty("Upgrade")},
		{name: "101 without Connection", upgrade: without("Connection: ", ""), refused: faulty("Connection")},
		{name: "101 without an accept key", upgrade: without("Sec-", ""), refused: faulty("Sec-WebSocket-Accept")},
		{name: "101 with a wrong accept key", upgrade: strings.Replace(accepted, "%s", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", 1), refused: faulty("Sec-WebSocket-Accept")},
		{name: "101 with the key itself", upgrade: strings.Replace(accepted, "%s", "%s=", 1), refused: faulty("Sec-WebSocket-Accept")},
		{name: "101 with a subprotocol of nobody's", upgrade: without("Sec", "Sec-WebSocket-Protocol: mqtt\r\nSec-WebSocket-Accept: %s\r\n"), refused: faulty("mqtt")},
		{name: "101 with two subprotocols", upgrade: without("Sec", "Sec-WebSocket-Protocol: v12.stomp, v11.stomp\r\nSec-WebSocket-Accept: %s\r\n"), refused: faulty("v12.stomp, v11.stomp")},

		{name: "200 with a page", upgrade: response(200, "<html>Hello</html>", "Content-Type: text/html; charset=x"), refused: refusedWith(200, "this is no WebSocket: the server answered 200 OK with text/html", "<html>Hello</html>")},
		{name: "204", upgrade: "HTTP/1.1 204 No Content\r\n\r\n", refused: refusedWith(204, "this is no WebSocket", "no content type")},
		{name: "301", upgrade: response(301, "", "Location: ws://elsewhere.test/?token=secret"), refused: refusedWith(301, "to ws://elsewhere.test/: dial that address itself")},
		{name: "302 to nowhere", upgrade: response(302, ""), refused: refusedWith(302, "302 Found")},
		{name: "400", upgrade: response(400, "no"), refused: refusedWith(400, "the server refused the WebSocket upgrade: 400 Bad Request", `the server says "no"`)},
		{name: "401", upgrade: response(401, "who?"), refused: refusedWith(401, "401 Unauthorized: it wants credentials")},
		{name: "403", upgrade: response(403, ""), refused: refusedWith(403, "403 Forbidden")},
		{name: "404", upgrade: response(404, ""), refused: refusedWith(404, "404 Not Found: is the path right?")},
		{name: "426", upgrade: response(426, "", "Upgrade: websocket"), refused: refusedWith(426, "426 Upgrade Required: does a proxy")},
		{name: "429", upgrade: response(429, "", "Retry-After: 99999999999999999999"), refused: refusedWith(429, "429 Too Many Requests")},
		{name: "500", upgrade: response(500, "\x00\xff\x1b[2J"), refused: refusedWith(500, "500 Internal Server Error")},
		{name: "503", upgrade: response(503, "", "Retry-After: -1"), refused: refusedWith(503, "503 Service Unavailable")},
		{name: "999", upgrade: "HTTP/1.1 999 \r\nContent-Length: 0\r\n\r\n", refused: refusedWith(999, "the server refused the WebSocket upgrade: 999")},
		{name: "a body of 16 MiB", upgrade: response(500, strings.Repeat("x", 16*mib)), refused: refusedWith(500, "500 Internal Server Error")},
		{name: "a body that never ends", upgrade: "HTTP/1.1 500 x\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Repeat("400\r\n"+strings.Repeat("x", 1<<10)+"\r\n", 16<<10), refused: refusedWith(500, "500 Internal Server Error")},
		{name: "a body that is cut off", upgrade: "HTTP/1.1 500 x\r\nContent-Length: 1000\r\n\r\nsorry", hangUp: true, refused: refusedWith(500, "500 Internal Server Error", "sorry")},

		{name: "no answer", upgrade: nothing, hangUp: true, refused: refusedWith(0, "the server closed the connection instead of answering")},
		{name: "half an answer", upgrade: "HTTP/1.1 101 Switching Proto", hangUp: true, refused: refusedWith(0, "the server closed the connection instead of answering")},
		{name: "a header that is cut off", upgrade: accepted[:strings.Index(accepted, "Connection")], hangUp: true, refused: refusedWith(0, "the server closed the connection instead of answering")},
		{name: "a header that is cut off in a line", upgrade: accepted[:60], hangUp: true, refused: refusedWith(0, "malformed MIME header")},
		{name: "HTTP/2", upgrade: "\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x80\x00\x04\x00\x01\x00\x00\x00\x05\x00\xff\xff\xff\r\n\r\n", refused: refusedWith(0, "malformed HTTP", "no web server answers on this port")},
		{name: "the preface of HTTP/2", upgrade: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", refused: refusedWith(0, "malformed HTTP")},
		{name: "STOMP", upgrade: "ERROR\nmessage:Illegal header\n\n\x00\n\n", refused: refusedWith(0, "malformed HTTP", "is it the broker's port for STOMP without WebSocket?")},
		{name: "a mail server", upgrade: "220 mail.test ESMTP\r\n", refused: refusedWith(0, "malformed HTTP")},
		{name: "a TLS alert", upgrade: "\x15\x03\x01\x00\x02\x02\x16\r\n", refused: refusedWith(0, "the server speaks TLS on this port")},
		{name: "zeros", upgrade: strings.Repeat("\x00", 2000) + "\r\n", refused: refusedWith(0, "malformed HTTP")},
		{name: "a version of HTTP that is none", upgrade: "HTTP/9.9 101 x\r\n\r\n", refused: faulty()},
		{name: "a status that is no number", upgrade: "HTTP/1.1 abc x\r\n\r\n", refused: refusedWith(0, "malformed HTTP")},
		{name: "a status of 2 digits", upgrade: "HTTP/1.1 10 x\r\n\r\n", refused: refusedWith(0, "malformed HTTP")},
		{name: "a header that is none", upgrade: "HTTP/1.1 101 x\r\nUpgrade\r\n\r\n", refused: refusedWith(0, "malformed")},
		{name: "two lengths", upgrade: "HTTP/1.1 500 x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx", refused: refusedWith(0, "Content-Length")},
		{name: "a header of 4 MiB in one line", upgrade: "HTTP/1.1 101 x\r\nX: " + strings.Repeat("x", 4*mib) + "\r\n\r\n", hangUp: true, refused: refusedWith(0, "exceeded 262144 bytes"), allocates: 4 * mib},
		{name: "a header of 4 MiB in many lines", upgrade: "HTTP/1.1 101 x\r\n" + strings.Repeat("X: y\r\n", 4*mib/6) + "\r\n", hangUp: true, refused: refusedWith(0, "exceeded 262144 bytes"), allocates: 4 * mib},
		{name: "a status line of 4 MiB", upgrade: "HTTP/1.1 101 " + strings.Repeat("x", 4*mib), hangUp: true, refused: refusedWith(0, "exceeded 262144 bytes"), allocates: 4 * mib},
		{name: "100 without end", upgrade: strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 40_000), hangUp: true, refused: refusedWith(0, "exceeded 262144 bytes"), allocates: 4 * mib},
	}
	for i := range attacks {
		attacks[i].name = "upgrade: " + attacks[i].name
	}
	assault(t, attacks)
}

// endsIn is the end of a Connect that the server does not answer with CONNECTED.
func endsIn(e *ending) *refusal { return &refusal{0, *e} }

func as[E error](says ...string) *refusal { return endsIn(with[E](says...)) }

func breaks(clause string, says ...string) *refusal { return endsIn(protocol(clause, says...)) }

// Clauses C2 to C7: the answers to CONNECT, in a message and on a bare stream.
func TestConnect_C2_C3_C4_C6_on_CONNECTED(t *testing.T) {
	hello := func(lines ...string) string { return "CONNECTED\n" + strings.Join(append(lines, ""), "\n") + "\n\x00" }
	eof := &ending{"io.EOF", func(err error) bool { return strings.Contains(err.Error(), io.EOF.Error()) }, []string{"waiting for CONNECTED"}}
	for _, c := range []attack{
		{name: "C2 no version is 1.0", greets: hello()},
		{name: "C2 version 1.1", greets: hello("version:1.1")},
		{name: "C2 the first version counts", greets: hello("version:1.2", "version:9")},
		{name: "C7 nothing is unescaped", greets: hello("version:1.2", `x\t\q:\`, "server:a:b:c")},
		{name: "C7 CR LF", greets: "CONNECTED\r\nversion:1.2\r\n\r\n\x00\r\n"},
		{name: "heart-beats before it", greets: "\n\r\n\n" + hello("version:1.2")},
		{name: "heart-beats without end", greets: strings.Repeat("\n", 1<<20) + hello("version:1.2")},
		{name: "a body of length 0", greets: hello("version:1.2", "content-length:0")},
		{name: "C6 heart-beats", greets: hello("version:1.2", "heart-beat:0,0")},
		{name: "C6 the largest heart-beats", greets: hello("version:1.2", "heart-beat:999999999,999999999")},

		{name: "C2 version 2.0", greets: hello("version:2.0"), refused: breaks("C2", `the server chose STOMP "2.0"`)},
		{name: "C2 an empty version", greets: hello("version:"), refused: breaks("C2", `the server chose STOMP ""`)},
		{name: "C2 a padded version", greets: hello("version: 1.2"), refused: breaks("C2")},
		{name: "C2 two versions", greets: hello("version:1.1,1.2"), refused: breaks("C2")},
		{name: "C2 a long version", greets: hello("version:" + strings.Repeat("1", 60_000)), refused: breaks("C2")},
		{name: "C3 ERROR", greets: "ERROR\nmessage:go away\n\nfar away\x00", refused: as[*stomp.Error]("go away", "far away")},
		{name: "C3 ERROR without a word", greets: "ERROR\n\n\x00", refused: as[*stomp.Error]()},
		{name: "C3 half an ERROR", greets: "ERROR\nmessage:go away\n\nfar", hangUp: true, refused: as[*stomp.Error]("go away", "far", "EOF")},
		{name: "C3 an ERROR that is none", greets: "ERROR\nmessage:a\nno entry\n\n\x00", refused: as[*stomp.Error]("no entry")},
		{name: "C4 RECEIPT", greets: "RECEIPT\nreceipt-id:1\n\n\x00", refused: breaks("C4", "the server answered CONNECT with RECEIPT")},
		{name: "C4 MESSAGE", greets: a, refused: breaks("C4", "the server answered CONNECT with MESSAGE")},
		{name: "C4 an end", greets: "\n", hangUp: true, refused: endsIn(eof)},
		{name: "C4 half of it", greets: hello("version:1.2")[:20], hangUp: true, refused: endsIn(eof)},
		{name: "C4 no NUL", greets: hello("version:1.2")[:23], hangUp: true, refused: endsIn(eof)},
		{name: "C6 one number", greets: hello("version:1.2", "heart-beat:1"), refused: breaks("C6", "heart-beat")},
		{name: "C6 three numbers", greets: hello("version:1.2", "heart-beat:1,2,3"), refused: breaks("C6", "heart-beat")},
		{name: "C6 negative", greets: hello("version:1.2", "heart-beat:-1,0"), refused: breaks("C6", "heart-beat")},
		{name: "C6 letters", greets: hello("version:1.2", "heart-beat:a,b"), refused: breaks("C6", "heart-beat")},
		{name: "C6 more than there is room for", greets: hello("version:1.2", "heart-beat:0,18446744073709551616"), refused: breaks("C6", "heart-beat")},
		{name: "C6 empty", greets: hello("version:1.2", "heart-beat:"), refused: breaks("C6", "heart-beat")},
		{name: "F9 a body", greets: "CONNECTED\nversion:1.2\n\nhello\x00", refused: breaks("F9")},
		{name: "F9 a body of a length", greets: "CONNECTED\nversion:1.2\ncontent-length:5\n\nhello\x00", refused: breaks("F9")},
		{name: "F14 lower case", greets: "connected\nversion:1.2\n\n\x00", refused: breaks("F14", "unknown command", "does a STOMP server listen there?")},
		{name: "F14 CONNECT", greets: "CONNECT\nversion:1.2\n\n\x00", refused: breaks("F14", "unknown command")},
		{name: "F14 a blank", greets: " CONNECTED\nversion:1.2\n\n\x00", refused: breaks("F14")},
		{name: "F14 a byte order mark", greets: "\ufeffCONNECTED\nversion:1.2\n\n\x00", refused: breaks("F14")},
		{name: "F14 HTTP", greets: response(400, "Bad Request"), refused: breaks("F14", "a web server answers there")},
		{name: "F14 a mail server", greets: "220 mail.test ESMTP\r\n", refused: breaks("F14", "does a STOMP server listen there?")},
		{name: "F1 zeros", greets: strings.Repeat("\x00", 1<<20), refused: breaks("F1")},
		{name: "F1 a TLS alert", greets: "\x15\x03\x01\x00\x02\x02\x16", refused: breaks("F1", "the server speaks TLS on this port")},
		{name: "F1 a NUL in the header", greets: "CONNECTED\nversion:1.2\x00", refused: breaks("F1")},
		{name: "F2 no colon", greets: hello("version"), refused: breaks("F2")},
		{name: "F2 no name", greets: hello(":1.2"), refused: breaks("F2")},
		{name: "F5 a lone CR", greets: "\rCONNECTED\nversion:1.2\n\n\x00", refused: breaks("F5")},
		{name: "F12 a long header", greets: "CONNECTED\n" + strings.Repeat("x", 16<<20), refused: as[*stomp.LimitError]("header of 65537 bytes")},
		{name: "F12 many entries", greets: "CONNECTED\n" + strings.Repeat("x:y\n", 1001) + "\n\x00", refused: as[*stomp.LimitError]("1001 header entries")},
		{name: "F12 many entries without end", greets: "CONNECTED\n" + strings.Repeat("x:y\n", 1<<20), refused: as[*stomp.LimitError]("1001 header entries")},
	} {
		judge(t, "CONNECTED: "+c.name, func(t *testing.T) []string { return c.inEveryCarrier(t) })
	}
}

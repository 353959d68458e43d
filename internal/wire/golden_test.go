package wire_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/webstomp/webstomp/internal/wire"
)

const (
	rabbitSession = "session-mGtUYtFGqJ9pYBDXgFO4nA"
	classicID     = "ID:vm-34589-1712345678901-2:1:-1:1:"
	before        = wire.Version("") // nothing is agreed yet
)

// golden holds frames put together as each server writes them: its headers and their order, its escapes and raw
// colons, its terminator, which is a NUL (Classic on a WebSocket, Spring) or a NUL and an LF (the others). Each file in
// testdata/golden is one WebSocket message.
var golden = []struct {
	file     string
	version  wire.Version
	want     wire.Frame
	beats    uint64
	repaired uint64
}{
	{
		file: "rabbitmq_connected", version: before, beats: 1,
		want: frame("CONNECTED", "", "server", "RabbitMQ/3.10.8", "session", rabbitSession, "heart-beat", "10000,10000", "version", "1.2"),
	}, {
		// The sender's receipt is copied into the MESSAGE. The body is not text, though the message's type says so.
		file: "rabbitmq_message", version: wire.V12, beats: 1,
		want: frame("MESSAGE", "\xff\xfe\x00\n\r\x00", "subscription", "sub-1", "destination", "/topic/prices.eu",
			"message-id", "T_sub-1@@"+rabbitSession+"@@1", "redelivered", "false", "ack", "T_sub-1@@"+rabbitSession+"@@1",
			"receipt", "r-7", "note", "a:b\\c\nd", "content-type", "application/octet-stream", "content-length", "6"),
	}, {
		// A subscription's id is copied without escapes.
		file: "rabbitmq_message_raw_colon", version: wire.V12, beats: 1,
		want: frame("MESSAGE", "", "subscription", "c:1", "destination", "/queue/a",
			"message-id", "T_c:1@@"+rabbitSession+"@@2", "redelivered", "true"),
	},
	{file: "rabbitmq_receipt", version: wire.V12, beats: 1, want: frame("RECEIPT", "", "receipt-id", "r-7")},
	{
		file: "rabbitmq_error_refused", version: before, beats: 1,
		want: frame("ERROR", "Access refused for user 'guest'\n", "message", "Bad CONNECT", "content-type", "text/plain",
			"version", "1.0,1.1,1.2", "content-length", "32"),
	}, {
		file: "rabbitmq_error_cancelled", version: wire.V12, beats: 1,
		want: frame("ERROR", "The server has canceled a subscription.\nNo more messages will be delivered for \"id='a'\".\n",
			"message", "Server cancelled subscription", "subscription", "a", "content-type", "text/plain",
			"version", "1.0,1.1,1.2", "content-length", "89"),
	}, {
		file: "classic_connected", version: before, // raw colons
		want: frame("CONNECTED", "", "server", "ActiveMQ/5.17.2", "heart-beat", "10000,10000",
			"session", "ID:vm-34589-1712345678901-2:1", "version", "1.2"),
	}, {
		file: "classic_message_text", version: wire.V12, // no content-length
		want: frame("MESSAGE", "hällo\n", "ack", classicID+"1", "expires", "0", "destination", "/queue/a", "subscription", "1",
			"priority", "4", "message-id", classicID+"1", "timestamp", "1712345678999"),
	}, {
		file: "classic_message_bytes", version: wire.V12,
		want: frame("MESSAGE", "a\x00b\n", "expires", "0", "content-length", "4", "destination", "/topic/a", "subscription", "1",
			"priority", "4", "message-id", classicID+"2", "timestamp", "1712345679000"),
	}, {
		// What is not UTF-8 becomes U+FFFD, three octets for one, and content-length stays (W8).
		file: "classic_message_mangled", version: wire.V12, repaired: 1,
		want: frame("MESSAGE", "a\ufffd\ufffdbc", "expires", "0", "content-length", "5", "destination", "/topic/a", "subscription", "1",
			"priority", "4", "message-id", classicID+"3", "timestamp", "1712345679001"),
	},
	{file: "classic_receipt", version: wire.V12, want: frame("RECEIPT", "", "receipt-id", "r-7")},
	{file: "classic_tcp_receipt", version: wire.V12, beats: 1, want: frame("RECEIPT", "", "receipt-id", "r-7")},
	{
		file: "classic_error", version: wire.V12, // a stack trace, without a content-length
		want: frame("ERROR", "org.apache.activemq.transport.stomp.ProtocolException: Unexpected ACK received for message-id [null]\n"+
			"\tat org.apache.activemq.transport.stomp.ProtocolConverter.onStompAck(ProtocolConverter.java)\n",
			"receipt-id", "r-8", "content-type", "text/plain", "message", "Unexpected ACK received for message-id [null]"),
	}, {
		file: "artemis_connected", version: before, beats: 1,
		want: frame("CONNECTED", "", "version", "1.2", "session", "4b1c2a7e",
			"server", "ActiveMQ-Artemis/2.44.0 ActiveMQ Artemis Messaging Engine", "heart-beat", "10000,10000"),
	}, {
		file: "artemis_message", version: wire.V12, beats: 1,
		want: frame("MESSAGE", "abc", "subscription", "sub-1", "message-id", "5,1042", "destination", "/queue/a", "expires", "0",
			"redelivered", "false", "priority", "4", "persistent", "false", "timestamp", "1712345678999", "ack", "5,1042",
			"receipt", "r-7", "url", "ws://h:1/", "content-length", "3"),
	},
	{file: "artemis_receipt", version: wire.V12, beats: 1, want: frame("RECEIPT", "", "receipt-id", "r-7")},
	{
		file: "artemis_error", version: wire.V12, beats: 1, // no message header
		want: frame("ERROR", "consumer with ID 5 disconnected by server", "content-type", "text/plain", "content-length", "41"),
	}, {
		file: "artemis_error_version", version: before, beats: 1,
		want: frame("ERROR", "Supported protocol versions are 1.0,1.1,1.2", "version", "1.0,1.1,1.2", "content-type", "text/plain"),
	}, {
		file: "spring_connected", version: before, // neither session nor server
		want: frame("CONNECTED", "", "version", "1.2", "heart-beat", "0,0", "user-name", "alice"),
	}, {
		file: "spring_message", version: wire.V12,
		want: frame("MESSAGE", `{"eu":1.25}`, "destination", "/topic/prices", "content-type", "application/json",
			"subscription", "sub-1", "message-id", "3f2a9c1e-0b7d-11ee-9f4e-2", "token", "a:b", "content-length", "11"),
	},
	{file: "spring_receipt", version: wire.V12, want: frame("RECEIPT", "", "receipt-id", "bye")},
	{file: "spring_error", version: wire.V12, want: frame("ERROR", "", "message", "Session closed.", "content-length", "0")},
	{file: "spring_relay_error", version: wire.V12, want: frame("ERROR", "", "message", "Broker not available.", "content-length", "0")},
}

func goldenFile(tb testing.TB, name string) string {
	tb.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "golden", name+".frame"))
	if err != nil {
		tb.Fatal(err)
	}
	return string(b)
}

func TestGolden_F1_F2_F3_F4_F6_F7_W8(t *testing.T) {
	for _, g := range golden {
		decodeCase{
			name: g.file, version: g.version, cfg: wire.DecoderConfig{Repair: true},
			messages: one(goldenFile(t, g.file)), frames: one(g.want), beats: g.beats, repaired: g.repaired,
		}.run(t)
	}
}

// One session per server: CONNECTED settles the version that what follows is read with, in one message or in many.
func TestGolden_C7_sessions(t *testing.T) {
	for server, files := range map[string][]string{
		"rabbitmq": {"rabbitmq_connected", "rabbitmq_message", "rabbitmq_receipt", "rabbitmq_message_raw_colon", "rabbitmq_error_cancelled"},
		"classic":  {"classic_connected", "classic_message_text", "classic_receipt", "classic_message_bytes", "classic_error"},
		"artemis":  {"artemis_connected", "artemis_message", "artemis_receipt", "artemis_error"},
		"spring":   {"spring_connected", "spring_message", "spring_receipt", "spring_error"},
	} {
		c := decodeCase{name: server}
		all := ""
		for _, file := range files {
			for _, g := range golden {
				if g.file == file {
					c.frames = append(c.frames, g.want)
					c.beats += g.beats
				}
			}
			c.messages = append(c.messages, goldenFile(t, file))
			all += goldenFile(t, file)
		}
		c.run(t)
		c.name += "_in_one_message"
		c.messages = one(all)
		c.run(t)
	}
}

// Each file is in the table.
func TestGolden_all_files_are_checked(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "golden", "*.frame"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != len(golden) {
		t.Errorf("%d files and %d entries", len(files), len(golden))
	}
}

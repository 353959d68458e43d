package wire_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/webstomp/webstomp/internal/wire"
)

const (
	before = wire.Version("") // nothing is agreed yet

	// What was sent to every server for a message_text.
	text   = "hello text é"
	custom = "a:b\\c\nd"
)

// golden are captures: each file in testdata/golden is one WebSocket message as a server sent it, to the byte, from
// RabbitMQ 3.10.8, ActiveMQ Classic 5.18.6 and 6.1.8, Artemis 2.44.0, Spring 6.2 (Boot 3.5.16) with its simple
// broker, and with its relay in front of that RabbitMQ. What is wanted of them is written from the bytes and the
// clauses. One file is edited: artemis_error_deleted_edited has zeros where a UUID held the network address of the
// server's machine.
//
// Classic on a WebSocket and Spring end a frame with a NUL, the others with a NUL and an LF.
var golden = []struct {
	file     string
	version  wire.Version
	want     wire.Frame
	trace    bool // want's body is only the start of a stack trace
	beats    uint64
	repaired uint64
}{
	{
		file: "rabbitmq_connected", version: before, beats: 1,
		want: frame("CONNECTED", "", "server", "RabbitMQ/3.10.8", "session", "session-edwxQUiHf8FvnSgfFLCAvw",
			"heart-beat", "10000,10000", "version", "1.2"),
	}, {
		// The sender's receipt is copied into the MESSAGE.
		file: "rabbitmq_message_text", version: wire.V12, beats: 1,
		want: frame("MESSAGE", text, "subscription", "s1", "destination", "/queue/cap",
			"message-id", "T_s1@@session-lCnIKYZh_cNMctSwypNdsA@@1", "redelivered", "false",
			"receipt", "r-send", "custom", custom, "content-length", "13"),
	}, {
		// The body is not text, though the WebSocket message says that it is.
		file: "rabbitmq_message_bytes", version: wire.V12, beats: 1,
		want: frame("MESSAGE", "\xff\x00\xfe\x01", "subscription", "s1", "destination", "/queue/cap",
			"message-id", "T_s1@@session-lCnIKYZh_cNMctSwypNdsA@@4", "redelivered", "false",
			"content-type", "application/octet-stream", "content-length", "4"),
	}, {
		// The sender gave content-length:0, and a raw colon in the value of custom.
		file: "rabbitmq_message_empty", version: wire.V12, beats: 1,
		want: frame("MESSAGE", "", "subscription", "s1", "destination", "/queue/cap",
			"message-id", "T_s1@@session-lCnIKYZh_cNMctSwypNdsA@@3", "redelivered", "false", "custom", "a:b"),
	}, {
		file: "rabbitmq_message_ack", version: wire.V12, beats: 1, // again, after a NACK
		want: frame("MESSAGE", "one", "subscription", "s1", "destination", "/queue/cap2",
			"message-id", "T_s1@@session-T279gEVDBLdf5qUTyAaC6A@@2", "redelivered", "true",
			"ack", "T_s1@@session-T279gEVDBLdf5qUTyAaC6A@@2", "content-length", "3"),
	}, {
		// The id of a subscription is escaped in one place and not in the others.
		file: "rabbitmq_message_raw_colon", version: wire.V12, beats: 1,
		want: frame("MESSAGE", "one", "subscription", "c:1", "destination", "/queue/cap",
			"message-id", "T_c:1@@session-WSjjWuA_oFwNIw77lVaiAQ@@1", "redelivered", "false",
			"ack", "T_c:1@@session-WSjjWuA_oFwNIw77lVaiAQ@@1", "content-type", "text/plain", "content-length", "3"),
	},
	{file: "rabbitmq_receipt", version: wire.V12, beats: 1, want: frame("RECEIPT", "", "receipt-id", "r-sub")},
	{
		file: "rabbitmq_error_login", version: before, beats: 1,
		want: frame("ERROR", "Access refused for user 'guest'\n", "message", "Bad CONNECT", "content-type", "text/plain",
			"version", "1.0,1.1,1.2", "content-length", "32"),
	}, {
		file: "rabbitmq_error_version", version: before, beats: 1,
		want: frame("ERROR", "Supported versions are 1.0,1.1,1.2\n", "message", "Version mismatch", "content-type", "text/plain",
			"version", "1.0,1.1,1.2", "content-length", "35"),
	}, {
		file: "rabbitmq_error_command", version: wire.V12, beats: 1,
		want: frame("ERROR", "Could not interpret command \"NONSENSE\"\n", "message", "Bad command", "content-type", "text/plain",
			"version", "1.0,1.1,1.2", "content-length", "39"),
	}, {
		file: "rabbitmq_error_cancelled", version: wire.V12, beats: 1, // its queue was deleted
		want: frame("ERROR", "The server has canceled a subscription.\nNo more messages will be delivered for \"id='s1'\".\n",
			"message", "Server cancelled subscription", "content-type", "text/plain", "version", "1.0,1.1,1.2",
			"subscription", "s1", "content-length", "90"),
	}, {
		file: "classic5_connected", version: before, // raw colons
		want: frame("CONNECTED", "", "server", "ActiveMQ/5.18.6", "heart-beat", "10000,10000",
			"session", "ID:vm-40039-1795418901853-3:8", "version", "1.2"),
	}, {
		file: "classic6_connected", version: before,
		want: frame("CONNECTED", "", "server", "ActiveMQ/6.1.8", "heart-beat", "10000,10000",
			"session", "ID:vm-40613-1795418952664-3:8", "version", "1.2"),
	}, {
		file: "classic6_message_text", version: wire.V12, // no content-length, as the sender gave none
		want: frame("MESSAGE", text, "expires", "0", "custom", custom, "destination", "/queue/cap", "subscription", "s1",
			"priority", "4", "message-id", "ID:vm-40613-1795418952664-3:13:-1:1:1", "timestamp", "1795418953287"),
	}, {
		file: "classic5_message_bytes", version: wire.V12,
		want: frame("MESSAGE", "he\x00lo", "content-length", "5", "expires", "0", "destination", "/queue/cap", "subscription", "s1",
			"priority", "4", "message-id", "ID:vm-40039-1795418901853-3:13:-1:1:2", "content-type", "text/plain",
			"timestamp", "1795418908386"),
	}, {
		// The ack is not the message-id.
		file: "classic6_message_ack", version: wire.V12,
		want: frame("MESSAGE", "one", "expires", "0", "destination", "/queue/cap", "ack", "ID:vm-40613-1795418952664-4:1",
			"subscription", "s1", "priority", "4", "message-id", "ID:vm-40613-1795418952664-3:14:-1:1:1",
			"timestamp", "1795418956327"),
	}, {
		// a ff fe b c went in, over TCP. What is not UTF-8 becomes U+FFFD, three bytes for one, and content-length
		// stays (W8).
		file: "classic6_message_mangled", version: wire.V12, repaired: 1,
		want: frame("MESSAGE", "a\ufffd\ufffdbc", "content-length", "5", "expires", "0", "destination", "/queue/cap",
			"subscription", "s1", "priority", "4", "message-id", "ID:vm-46495-1795419886969-3:3:-1:1:1",
			"timestamp", "1795419887763"),
	},
	{file: "classic6_receipt", version: wire.V12, want: frame("RECEIPT", "", "receipt-id", "r-sub")},
	{
		file: "classic6_error_login", version: before, // no content-length
		want: frame("ERROR", "User name [guest] or password is invalid.", "content-type", "text/plain",
			"message", "User name [guest] or password is invalid."),
	}, {
		file: "classic6_error_version", version: before, trace: true, // a raw colon
		want: frame("ERROR", "org.apache.activemq.transport.stomp.ProtocolException: Invalid Protocol version[1.9], "+
			"supported versions are: [1.2, 1.1, 1.0]\n\tat org.apache.activemq.transport.stomp.StompCodec.detectVersion(",
			"content-type", "text/plain",
			"message", "Invalid Protocol version[1.9], supported versions are: [1.2, 1.1, 1.0]"),
	}, {
		file: "classic6_error_subscribe", version: wire.V12,
		want: frame("ERROR", "User guest is not authorized to read from: queue://forbidden", "content-type", "text/plain",
			"receipt-id", "r-forbidden", "message", "User guest is not authorized to read from: queue://forbidden"),
	}, {
		// 1.0 gets neither server nor heart-beat, though CONNECT had heart-beat:10000,10000.
		file: "artemis_connected_10", version: before, beats: 1,
		want: frame("CONNECTED", "", "version", "1.0", "session", "a3cb320a"),
	}, {
		file: "artemis_connected", version: before, beats: 1,
		want: frame("CONNECTED", "", "version", "1.2", "session", "508378d9",
			"server", "ActiveMQ-Artemis/2.44.0 ActiveMQ Artemis Messaging Engine", "heart-beat", "10000,10000"),
	}, {
		file: "artemis_message_text", version: wire.V12, beats: 1, // content-length, though the sender gave none
		want: frame("MESSAGE", text, "subscription", "s1", "message-id", "32,36", "destination", "/queue/cap", "expires", "0",
			"redelivered", "false", "priority", "4", "persistent", "false", "timestamp", "1795418855839",
			"destination-type", "ANYCAST", "receipt", "r-send", "custom", custom, "content-length", "13"),
	}, {
		file: "artemis_message_bytes", version: wire.V12, beats: 1,
		want: frame("MESSAGE", "\xff\x00\xfe\x01", "subscription", "s1", "content-length", "4", "message-id", "32,45",
			"destination", "/queue/cap", "expires", "0", "redelivered", "false", "priority", "4", "persistent", "false",
			"timestamp", "1795418855860", "content-type", "application/octet-stream", "destination-type", "ANYCAST"),
	}, {
		file: "artemis_message_ack", version: wire.V12, beats: 1,
		want: frame("MESSAGE", "one", "subscription", "s1", "message-id", "54,58", "destination", "/queue/cap", "expires", "0",
			"redelivered", "false", "priority", "4", "persistent", "false", "timestamp", "1795418855872",
			"destination-type", "ANYCAST", "ack", "54,58", "content-length", "3"),
	},
	{file: "artemis_receipt", version: wire.V12, beats: 1, want: frame("RECEIPT", "", "receipt-id", "r-sub")},
	{
		// Escaped before anything is agreed: which escapes it may have, no version says yet.
		file: "artemis_error_login", version: before, beats: 1,
		want: frame("ERROR", "Security Error occurred: User name [guest] or password is invalid",
			"message", `Security Error occurred\c User name [guest] or password is invalid`,
			"content-type", "text/plain", "content-length", "65"),
	}, {
		file: "artemis_error_version", version: before, beats: 1, // no content-length
		want: frame("ERROR", "Supported protocol versions are v1.0 v1.1 v1.2",
			"message", "AMQ339002 Stomp versions not supported 1.9", "version", "1.0,1.1,1.2", "content-type", "text/plain"),
	}, {
		file: "artemis_error_command", version: wire.V12, beats: 1,
		want: frame("ERROR", "AMQ339024: Invalid STOMP frame: N,O,N,S,E,N,S,E,10,r,e,c,e,i,p,t,:,r,0,10,10,0,",
			"message", "AMQ339023 Invalid STOMP frame N,O,N,S,E,N,S,E,10,r,e,c,e,i,p,t,,r,0,10,10,0,",
			"content-type", "text/plain", "content-length", "79"),
	}, {
		// SUBSCRIBE had a receipt: nothing here names it.
		file: "artemis_error_subscribe", version: wire.V12, beats: 1,
		want: frame("ERROR", "AMQ229032: User: guest does not have permission='CREATE_ADDRESS' on address forbidden",
			"message", "AMQ229032 User guest does not have permission='CREATE_ADDRESS' on address forbidden",
			"content-type", "text/plain", "content-length", "85"),
	}, {
		file: "artemis_error_ack", version: wire.V12, beats: 1, // acked twice
		want: frame("ERROR", "", "message", "AMQ339025 failed to ack because no message with id 54,58", "receipt-id", "r-ack2"),
	}, {
		file: "artemis_error_deleted_edited", version: wire.V12, beats: 1, // a queue; no message header
		want: frame("ERROR", "consumer with ID ServerConsumerImpl [id=178, filter=null, binding=LocalQueueBinding "+
			"[address=doomed, queue=QueueImpl[name=doomed, postOffice=PostOfficeImpl [server=ActiveMQServerImpl::name=localhost], "+
			"temp=false]@7c098bb3, filter=null, name=doomed, clusterName=doomed5a665ed8-e70f-11f1-a947-000000000000], "+
			"closed=false] disconnected by server",
			"content-type", "text/plain", "content-length", "342"),
	}, {
		file: "spring_connected", version: before, // neither session nor server
		want: frame("CONNECTED", "", "version", "1.2", "heart-beat", "10000,10000"),
	}, {
		file: "spring_message_text", version: wire.V12,
		want: frame("MESSAGE", text, "destination", "/queue/cap", "custom", custom, "receipt", "r-send", "subscription", "s1",
			"message-id", "0e26ade1-e8a9-4c41-a7ec-e23f284b021b-0", "content-length", "13"),
	}, {
		file: "spring_message_bytes", version: wire.V12,
		want: frame("MESSAGE", "\xff\x00\xfe\x01", "destination", "/queue/cap", "content-type", "application/octet-stream",
			"subscription", "s1", "message-id", "0e26ade1-e8a9-4c41-a7ec-e23f284b021b-3", "content-length", "4"),
	},
	{file: "spring_receipt", version: wire.V12, want: frame("RECEIPT", "", "receipt-id", "r-bye")},
	{
		file: "spring_error_command", version: wire.V12,
		want: frame("ERROR", "", "message", "No enum constant org.springframework.messaging.simp.stomp.StompCommand.NONSENSE",
			"content-length", "0"),
	},
	{file: "spring_error_closed", version: wire.V12, want: frame("ERROR", "", "message", "Session closed.", "content-length", "0")},

	{
		file: "relay_connected", version: before, // RabbitMQ's, without the LF behind
		want: frame("CONNECTED", "", "server", "RabbitMQ/3.10.8", "session", "session-TiTg1FveXydBdGrZ85_gEA",
			"heart-beat", "10000,10000", "version", "1.2"),
	}, {
		file: "relay_message_text", version: wire.V12,
		want: frame("MESSAGE", text, "subscription", "s1", "destination", "/queue/cap",
			"message-id", "T_s1@@session-90JLrKMIN7g7YBbaBn34GQ@@1", "redelivered", "false",
			"receipt", "r-send", "custom", custom, "content-length", "13"),
	}, {
		file: "relay_error_cancelled", version: wire.V12,
		want: frame("ERROR", "The server has canceled a subscription.\nNo more messages will be delivered for \"id='s1'\".\n",
			"message", "Server cancelled subscription", "content-type", "text/plain", "version", "1.0,1.1,1.2",
			"subscription", "s1", "content-length", "90"),
	}, {
		// Acked twice. RabbitMQ's own WebSocket closes without these words.
		file: "relay_error_ack", version: wire.V12,
		want: frame("ERROR", "PRECONDITION_FAILED - unknown delivery tag 1", "message", "precondition_failed",
			"content-type", "text/plain", "version", "1.0,1.1,1.2", "content-length", "44"),
	}, {
		file: "relay_error_closed", version: wire.V12,
		want: frame("ERROR", "", "message", "Connection to broker closed.", "content-length", "0"),
	},
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
		file := goldenFile(t, g.file)
		if g.trace { // no content-length: all that stands between the blank line and the NUL is the body (F4)
			_, rest, _ := strings.Cut(file, "\n\n")
			body := strings.TrimSuffix(rest, "\x00")
			if len(body) == len(rest) || !strings.HasPrefix(body, string(g.want.Body)) {
				t.Errorf("%s: the file has no such body, or no NUL at its end", g.file)
			}
			g.want.Body = []byte(body)
		}
		decodeCase{
			name: g.file, version: g.version, cfg: wire.DecoderConfig{Repair: true},
			messages: one(file), frames: one(g.want), beats: g.beats, repaired: g.repaired,
		}.run(t)
	}
}

// One session per server: CONNECTED settles the version that what follows is read with, in one message or in many.
func TestGolden_C7_sessions(t *testing.T) {
	for server, files := range map[string][]string{
		"rabbitmq": {"rabbitmq_connected", "rabbitmq_receipt", "rabbitmq_message_text", "rabbitmq_message_bytes", "rabbitmq_message_empty",
			"rabbitmq_message_ack", "rabbitmq_message_raw_colon", "rabbitmq_error_command", "rabbitmq_error_cancelled"},
		"classic5": {"classic5_connected", "classic5_message_bytes"},
		"classic6": {"classic6_connected", "classic6_receipt", "classic6_message_text", "classic6_message_ack", "classic6_error_subscribe"},
		"artemis": {"artemis_connected", "artemis_receipt", "artemis_message_text", "artemis_message_bytes", "artemis_message_ack",
			"artemis_error_ack"},
		"spring": {"spring_connected", "spring_message_text", "spring_message_bytes", "spring_receipt", "spring_error_closed"},
		"relay":  {"relay_connected", "relay_message_text", "relay_error_cancelled", "relay_error_closed"},
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

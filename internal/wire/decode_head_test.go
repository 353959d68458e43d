package wire_test

import (
	"strings"
	"testing"

	"github.com/webstomp/webstomp/internal/wire"
)

const unended = "protocol error: a NUL in the header: no blank line ended it (F1)"

var (
	fromClient = wire.DecoderConfig{From: wire.FromClient}
	fromEither = wire.DecoderConfig{From: wire.FromEither}
)

func TestDecoder_F1_F2_lines(t *testing.T) {
	runAll(t, []decodeCase{
		{
			name: "F1_LF", version: wire.V12,
			messages: one("MESSAGE\na:b\n\nx\x00"),
			frames:   one(frame("MESSAGE", "x", "a", "b")),
		}, {
			name: "F1_CR_LF_in_1.2", version: wire.V12,
			messages: one("MESSAGE\r\na:b\r\nc:d\n\r\nx\x00"),
			frames:   one(frame("MESSAGE", "x", "a", "b", "c", "d")),
		}, {
			name: "F1_one_CR_is_dropped_and_others_are_kept_in_1.2", version: wire.V12,
			messages: one("MESSAGE\na:b\r\r\nc:\rd\re\n\n\r\x00"),
			frames:   one(frame("MESSAGE", "\r", "a", "b\r", "c", "\rd\re")),
		}, {
			name:     "F1_CR_LF_before_a_version_is_agreed",
			messages: one("ERROR\r\nmessage:no\r\n\r\nx\x00"),
			frames:   one(frame("ERROR", "x", "message", "no")),
		}, {
			name: "F1_CR_belongs_to_the_value_in_1.1", version: wire.V11,
			messages: one("MESSAGE\na:b\r\n\nx\x00"),
			frames:   one(frame("MESSAGE", "x", "a", "b\r")),
		}, {
			name: "F1_CR_belongs_to_the_value_in_1.0", version: wire.V10,
			messages: one("MESSAGE\na:b\r\n\nx\x00"),
			frames:   one(frame("MESSAGE", "x", "a", "b\r")),
		}, {
			name: "F1_CR_LF_is_no_blank_line_in_1.1", version: wire.V11,
			messages: one("MESSAGE\na:b\n\r\n\nx\x00"),
			err:      "protocol error: header line 2 of MESSAGE has no colon (F2)",
		}, {
			name: "F1_CR_LF_in_CONNECTED_of_1.1", version: wire.V11,
			messages: one("CONNECTED\r\nversion:1.1\r\n\r\n\x00"),
			frames:   one(frame("CONNECTED", "", "version", "1.1")),
		}, {
			name: "F1_CR_LF_in_CONNECT_of_1.0", version: wire.V10, cfg: fromClient,
			messages: one("CONNECT\r\nhost:/\r\n\r\n\x00"),
			frames:   one(frame("CONNECT", "", "host", "/")),
		}, {
			name: "F1_no_blank_line", version: wire.V12,
			messages: []string{"RECEIPT\nreceipt-id:1\x00", "RECEIPT\nreceipt-id:2\n\n\x00"},
			err:      unended,
		}, {
			name: "F1_NUL_in_the_command", version: wire.V12,
			messages: one("MES\x00SAGE\n\n\x00"),
			err:      unended,
		}, {
			name: "F1_unfinished", version: wire.V12,
			messages: one("MESSAGE\na:b\n"), partial: true,
		}, {
			name: "F2_first_colon_splits", version: wire.V12,
			messages: one("MESSAGE\nack:T_c:1@@s\nurl:ws://h:1/\n\n\x00"),
			frames:   one(frame("MESSAGE", "", "ack", "T_c:1@@s", "url", "ws://h:1/")),
		}, {
			name: "F2_nothing_is_trimmed_in_1.2", version: wire.V12,
			messages: one("MESSAGE\n a : b\t\n\n\x00"),
			frames:   one(frame("MESSAGE", "", " a ", " b\t")),
		}, {
			name: "F2_nothing_is_trimmed_in_1.1", version: wire.V11,
			messages: one("MESSAGE\n a : b\t\n\n\x00"),
			frames:   one(frame("MESSAGE", "", " a ", " b\t")),
		}, {
			name:     "F2_nothing_is_trimmed_before_a_version_is_agreed",
			messages: one("CONNECTED\n session : s \n\n\x00"),
			frames:   one(frame("CONNECTED", "", " session ", " s ")),
		}, {
			name: "F2_trimmed_in_1.0", version: wire.V10,
			messages: one("MESSAGE\n \ta \t: \tb c\t \ncontent-length: 2 \nd: \n\nxy\x00"),
			frames:   one(frame("MESSAGE", "xy", "a", "b c", "content-length", "2", "d", "")),
		}, {
			name: "F2_empty_value", version: wire.V12,
			messages: one("MESSAGE\na:\nb::\n\n\x00"),
			frames:   one(frame("MESSAGE", "", "a", "", "b", ":")),
		}, {
			name: "F2_no_colon", version: wire.V12,
			messages: one("MESSAGE\na:b\nsecret\n\n\x00"),
			err:      "protocol error: header line 2 of MESSAGE has no colon (F2)",
		}, {
			name: "F2_empty_name", version: wire.V12,
			messages: one("MESSAGE\n:secret\n\n\x00"),
			err:      "protocol error: header line 1 of MESSAGE has an empty name (F2)",
		}, {
			name: "F2_name_of_blanks_in_1.0", version: wire.V10,
			messages: one("MESSAGE\n \t:b\n\n\x00"),
			err:      "protocol error: header line 1 of MESSAGE has an empty name (F2)",
		},
	})
}

func TestDecoder_F6_F7_F8_F10_entries(t *testing.T) {
	runAll(t, []decodeCase{
		{
			name: "F6_escapes_in_1.2", version: wire.V12,
			messages: one("MESSAGE\na\\cb:\\\\n\\n\\c\\r\\\\\nplain:1\n\n\\n\x00"),
			frames:   one(frame("MESSAGE", "\\n", "a:b", "\\n\n:\r\\", "plain", "1")),
		}, {
			name: "F6_escapes_in_1.1", version: wire.V11,
			messages: one("MESSAGE\na\\nb:\\c\\\\r\n\n\x00"),
			frames:   one(frame("MESSAGE", "", "a\nb", ":\\r")),
		}, {
			name: "F6_no_escaped_CR_in_1.1", version: wire.V11,
			messages: one("MESSAGE\na:b\\r\n\n\x00"),
			err:      `protocol error: header "a" of MESSAGE: a backslash and "r" are no escape of STOMP 1.1 (F6)`,
		}, {
			name: "F6_no_escapes_in_1.0", version: wire.V10,
			messages: one("MESSAGE\na:\\n\\t\\\n\n\x00"),
			frames:   one(frame("MESSAGE", "", "a", "\\n\\t\\")),
		}, {
			name:     "F6_no_escapes_before_a_version_is_agreed",
			messages: one("ERROR\nmessage:\\t\\\n\n\x00"),
			frames:   one(frame("ERROR", "", "message", "\\t\\")),
		}, {
			name: "F6_unknown_in_a_value", version: wire.V12,
			messages: one("MESSAGE\na:secret\\t\n\n\x00"),
			err:      `protocol error: header "a" of MESSAGE: a backslash and "t" are no escape of STOMP 1.2 (F6)`,
		}, {
			name: "F6_unknown_in_a_name", version: wire.V12,
			messages: one("MESSAGE\na\\C:b\n\n\x00"),
			err:      `protocol error: the name in header line 1 of MESSAGE: a backslash and "C" are no escape of STOMP 1.2 (F6)`,
		}, {
			name: "F6_at_the_end_of_a_value", version: wire.V12,
			messages: one("MESSAGE\na:b\\\r\n\n\x00"),
			err:      `protocol error: header "a" of MESSAGE: a backslash at its end (F6)`,
		}, {
			name: "F6_at_the_end_of_a_name", version: wire.V11,
			messages: one("MESSAGE\na\\:b\n\n\x00"),
			err:      `protocol error: the name in header line 1 of MESSAGE: a backslash at its end (F6)`,
		}, {
			name: "F7_CONNECTED_is_not_unescaped", version: wire.V12,
			messages: one("CONNECTED\nsession:ID:vm\\c1\\t\n\n\x00"),
			frames:   one(frame("CONNECTED", "", "session", "ID:vm\\c1\\t")),
		}, {
			name: "F7_CONNECT_is_not_unescaped", version: wire.V12, cfg: fromClient,
			messages: one("CONNECT\npasscode:a\\cb\\\n\n\x00"),
			frames:   one(frame("CONNECT", "", "passcode", "a\\cb\\")),
		}, {
			name: "F7_STOMP_is_not_unescaped", version: wire.V11, cfg: fromClient,
			messages: one("STOMP\npasscode:a\\cb\\\r\n\n\x00"),
			frames:   one(frame("STOMP", "", "passcode", "a\\cb\\")),
		}, {
			name: "F8_all_are_kept_in_order", version: wire.V12,
			messages: one("MESSAGE\nfoo:1\nbar:2\nfoo:3\n\n\x00"),
			frames:   one(frame("MESSAGE", "", "foo", "1", "bar", "2", "foo", "3")),
		}, {
			name: "F10_UTF8_and_what_is_none_pass", version: wire.V12,
			messages: one("MESSAGE\nname:é世\nraw:\xff\xfe\n\n\xff\x00"),
			frames:   one(frame("MESSAGE", "\xff", "name", "é世", "raw", "\xff\xfe")),
		},
	})
}

func TestDecoder_F14_commands(t *testing.T) {
	runAll(t, []decodeCase{
		{
			name: "F14_commands_of_a_server", version: wire.V12,
			messages: []string{"CONNECTED\n\n\x00MESSAGE\n\n\x00RECEIPT\n\n\x00ERROR\n\n\x00"},
			frames:   []wire.Frame{{Command: "CONNECTED"}, {Command: "MESSAGE"}, {Command: "RECEIPT"}, {Command: "ERROR"}},
		}, {
			name: "F14_commands_of_a_client", version: wire.V12, cfg: fromClient,
			messages: []string{
				"CONNECT\n\n\x00STOMP\n\n\x00SEND\n\n\x00SUBSCRIBE\n\n\x00UNSUBSCRIBE\n\n\x00ACK\n\n\x00",
				"NACK\n\n\x00BEGIN\n\n\x00COMMIT\n\n\x00ABORT\n\n\x00DISCONNECT\n\n\x00",
			},
			frames: []wire.Frame{
				{Command: "CONNECT"}, {Command: "STOMP"}, {Command: "SEND"}, {Command: "SUBSCRIBE"}, {Command: "UNSUBSCRIBE"},
				{Command: "ACK"}, {Command: "NACK"}, {Command: "BEGIN"}, {Command: "COMMIT"}, {Command: "ABORT"}, {Command: "DISCONNECT"},
			},
		}, {
			name: "F14_commands_of_either_side", version: wire.V12, cfg: fromEither,
			messages: one("UNSUBSCRIBE\r\n\r\n\x00MESSAGE\n\n\x00"),
			frames:   []wire.Frame{{Command: "UNSUBSCRIBE"}, {Command: "MESSAGE"}},
		}, {
			name: "F14_client_command_from_a_server", version: wire.V12,
			messages: one("SEND\n\n\x00"),
			err:      `protocol error: unknown command "SEND" from the server (F14)`,
		}, {
			name: "F14_server_command_from_a_client", version: wire.V12, cfg: fromClient,
			messages: one("MESSAGE\n\n\x00"),
			err:      `protocol error: unknown command "MESSAGE" from the client (F14)`,
		}, {
			name: "F14_lower_case", version: wire.V12,
			messages: one("message\n\n\x00"),
			err:      `protocol error: unknown command "message" from the server (F14)`,
		}, {
			name: "F14_blank_behind_it", version: wire.V12, cfg: fromEither,
			messages: one("MESSAGE \n\n\x00"),
			err:      `protocol error: unknown command "MESSAGE " from a peer (F14)`,
		}, {
			name: "F14_CR_behind_it_in_1.1", version: wire.V11,
			messages: one("MESSAGE\r\na:b\n\n\x00"),
			err:      `protocol error: unknown command "MESSAGE\r" from the server (F14)`,
		}, {
			name: "F14_two_CRs_behind_it", version: wire.V12,
			messages: one("MESSAGE\r\r\na:b\n\n\x00"),
			err:      `protocol error: unknown command "MESSAGE\r\r" from the server (F14)`,
		}, {
			name:     "F14_known_before_the_line_ends",
			messages: one("HTTP/1.1 400 Bad Request\r\n"),
			err:      `protocol error: unknown command "HTTP/1.1 400" from the server (F14)`,
		},
	})
}

// A frame whose head comes in pieces must not be scanned from its start for each of them.
func TestDecoder_F12_long_line_byte_by_byte(t *testing.T) {
	value := strings.Repeat("v", 60<<10)
	stream := "MESSAGE\nlong:" + value + "\n\nx\x00"
	got := decode(wire.DecoderConfig{}, wire.V12, byteByByte(one(stream)))
	want := result{frames: one(frame("MESSAGE", "x", "long", value))}
	if diff := want.same(got); diff != "" {
		t.Error(diff)
	}
}

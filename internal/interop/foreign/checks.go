package foreign

import "slices"

// checks are what the scripts can be asked to do, in the order in which they do
// it. Every one of them goes through the broker, and where a word has to be
// said on the other side, our client says it.
var checks = []string{
	"connect",             // with a login; the version, the subprotocol
	"wrong-login",         // ERROR
	"send-and-subscribe",  // a hundred messages, in order
	"fan-out",             // a topic with the script's subscribers and ours
	"text",                // this and the next five: to our client and back
	"utf-8",               //
	"binary",              //
	"empty",               //
	"nul",                 // a body that holds NUL
	"large",               // 1 MiB, or what the server takes
	"header-escapes",      // what each version can say in a header, to our client and back
	"message-type",        // text or binary WebSocket messages, as the broker sends
	"ack-client",          // the rest comes to our client
	"ack-individual",      // the rest comes to our client
	"nack",                // the message comes again
	"redelivery",          // to our client, when the other has gone without a word
	"transaction-commit",  //
	"transaction-abort",   //
	"transaction-ack",     // committed and aborted
	"receipt-send",        //
	"receipt-subscribe",   //
	"receipt-unsubscribe", //
	"receipt-ack",         //
	"receipt-disconnect",  //
	"disconnect",          // and nothing after it
	"heart-beats",         // of 1 s, both ways, idle for 3 s
	"silence",             // of the broker is noticed
	"cut",                 // of every connection: back, and messages again
}

// absence says why some checks are not asked for.
type absence struct {
	checks []string
	why    string
}

// notOffered has, by client, version, profile or name of a setting, what it does
// not offer.
var notOffered = map[string][]absence{
	"1.0": {
		{[]string{"ack-individual", "nack"}, "STOMP 1.0 knows neither client-individual nor NACK"},
		{[]string{"heart-beats", "silence"}, "STOMP 1.0 knows no heart-beats"},
	},
	"stomp.py": {
		{[]string{"message-type"}, "it speaks on a bare socket"},
	},
	"RabbitMQ": {
		{[]string{"receipt-disconnect"}, "its Web STOMP closes without the RECEIPT"},
	},
	"RabbitMQ_text": {
		{[]string{"binary"}, "it sends what is not UTF-8 in text messages, which every JavaScript WebSocket refuses"},
	},
	"Classic": {
		{[]string{"binary"}, "it ignores binary WebSocket messages"},
		{[]string{"nack"}, "it moves the message to a dead letter queue"},
	},
	"Artemis": {
		{[]string{"nack"}, "it takes NACK for an ACK"},
		{[]string{"transaction-ack"}, "an ACK counts at once, whatever becomes of its transaction"},
	},
	"Spring": {
		{[]string{"ack-client", "ack-individual", "nack", "redelivery", "receipt-ack"}, "its simple broker has no queues and no acknowledgements"},
		{[]string{"transaction-commit", "transaction-abort", "transaction-ack"}, "it has no transactions"},
		{[]string{"receipt-send", "receipt-subscribe", "receipt-unsubscribe"}, "it answers no receipt but that of DISCONNECT"},
	},
}

// offered returns the checks that nothing speaks against, and tells about the
// others.
func offered(told func(check, why string), names ...string) []string {
	rest := slices.Clone(checks)
	for _, name := range names {
		for _, a := range notOffered[name] {
			for _, c := range a.checks {
				if i := slices.Index(rest, c); i >= 0 {
					rest = slices.Delete(rest, i, i+1)
					told(c, a.why)
				}
			}
		}
	}
	return rest
}

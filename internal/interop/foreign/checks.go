package foreign

import "slices"

// checks are what the scripts can do, in the order in which they do it. Each goes
// through the broker; our client does what is needed on the other side.
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
	"header-escapes",      // what each version allows in a header, to our client and back
	"message-type",        // text or binary WebSocket messages, as the broker sends
	"ack-client",          // the rest comes to our client
	"ack-individual",      // the rest comes to our client
	"nack",                // the message comes again
	"redelivery",          // to our client, after the other has vanished
	"transaction-commit",  //
	"transaction-abort",   //
	"transaction-ack",     // committed and aborted
	"receipt-send",        //
	"receipt-subscribe",   //
	"receipt-unsubscribe", //
	"receipt-ack",         //
	"receipt-disconnect",  //
	"disconnect",          // and nothing after it
	"heart-beats",         // every 1 s in both directions, idle for 3 s
	"silence",             // the broker's silence is noticed
	"cut",                 // every connection is cut; messages come again afterwards
}

// absence says why some checks are not asked for.
type absence struct {
	checks []string
	why    string
}

// notOffered has, by client, version, profile or name of a setting, the checks that
// it does not offer.
var notOffered = map[string][]absence{
	"1.0": {
		{[]string{"ack-individual", "nack"}, "STOMP 1.0 has neither client-individual nor NACK"},
		{[]string{"heart-beats", "silence"}, "STOMP 1.0 has no heart-beats"},
	},
	"stomp.py": {
		{[]string{"message-type"}, "it speaks over TCP, without WebSocket"},
	},
	"RabbitMQ": {
		{[]string{"receipt-disconnect"}, "its Web STOMP closes without the RECEIPT"},
	},
	"RabbitMQ_text": {
		{[]string{"binary"}, "it sends bodies that are not UTF-8 in text messages, which JavaScript WebSockets refuse"},
	},
	"Classic": {
		{[]string{"binary"}, "it ignores binary WebSocket messages"},
		{[]string{"nack"}, "it moves the message to a dead letter queue"},
	},
	"Artemis": {
		{[]string{"nack"}, "it treats NACK as an ACK"},
		{[]string{"transaction-ack"}, "an ACK takes effect at once, even if its transaction is aborted"},
	},
	"Spring": {
		{[]string{"ack-client", "ack-individual", "nack", "redelivery", "receipt-ack"}, "its simple broker has no queues and no acknowledgements"},
		{[]string{"transaction-commit", "transaction-abort", "transaction-ack"}, "it has no transactions"},
		{[]string{"receipt-send", "receipt-subscribe", "receipt-unsubscribe"}, "it sends no RECEIPT except for DISCONNECT"},
	},
}

// offered returns the checks that none of names excludes, and calls told for each
// of the others.
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

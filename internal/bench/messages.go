package bench

import (
	"fmt"
	"strings"
)

const (
	bodySize    = 256 // of a measure that names no other
	destination = "/topic/prices"
)

// messageFor is a MESSAGE as RabbitMQ writes it.
func messageFor(subscription string, body int) []byte {
	return fmt.Appendf(nil, "MESSAGE\nsubscription:%s\ndestination:%s\nmessage-id:T_%[1]s@@session-ZLh0ucCMm0CCNSwHLzCS1w@@1\n"+
		"redelivered:false\ncontent-type:text/plain\ncontent-length:%[3]d\n\n%[4]s\x00", subscription, destination, body, bodyOf(body))
}

// sendFrame is the SEND that the client writes, so that both sides carry the
// same octets. receipt may be empty.
func sendFrame(receipt string) []byte {
	if receipt != "" {
		receipt = "receipt:" + receipt + "\n"
	}
	return fmt.Appendf(nil, "SEND\ndestination:%s\ncontent-type:text/plain\n%scontent-length:%d\n\n%s\x00",
		destination, receipt, bodySize, bodyOf(bodySize))
}

func bodyOf(size int) string { return strings.Repeat("x", size) }

// subscriptionID has one length for all i below 100,000: so have the messages of
// a flood.
func subscriptionID(i int) string { return fmt.Sprintf("s%05d", i) }

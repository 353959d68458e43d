package peer

import (
	"bytes"
	"fmt"
	"strconv"
)

// What is looked for in a frame: a header by what stands before its value.
var (
	lineEnd           = []byte("\n")
	headEnd           = []byte("\n\n")
	idHeader          = []byte("\nid:")
	destinationHeader = []byte("\ndestination:")
	receiptHeader     = []byte("\nreceipt:")
	countHeader       = []byte("\ncount:")
	sizeHeader        = []byte("\nsize:")

	connected = []byte("CONNECTED\nversion:1.2\nheart-beat:0,0\nserver:peer\n\n\x00")
)

// split returns command and header, and the body without its NUL, of a frame
// that may have heart-beats before it.
func split(message []byte) (head, body []byte) {
	for len(message) > 0 && (message[0] == '\n' || message[0] == '\r') {
		message = message[1:]
	}
	head, body, _ = bytes.Cut(message, headEnd)
	return head, bytes.TrimSuffix(body, []byte{0})
}

// header returns the value of a header, nil where there is none. It undoes no
// escapes: no value here has anything to escape.
func header(head, name []byte) []byte {
	_, rest, found := bytes.Cut(head, name)
	if !found {
		return nil
	}
	value, _, _ := bytes.Cut(rest, lineEnd)
	return value
}

// AppendMessage appends a MESSAGE to dst, with the headers that RabbitMQ writes.
func AppendMessage(dst []byte, subscription string, body []byte) []byte {
	dst = append(dst, "MESSAGE\nsubscription:"...)
	dst = append(dst, subscription...)
	dst = append(dst, "\ndestination:/topic/prices\nmessage-id:T_"...)
	dst = append(dst, subscription...)
	dst = append(dst, "@@session-ZLh0ucCMm0CCNSwHLzCS1w@@1\nredelivered:false\ncontent-type:text/plain\ncontent-length:"...)
	dst = strconv.AppendInt(dst, int64(len(body)), 10)
	dst = append(append(dst, "\n\n"...), body...)
	return append(dst, 0)
}

func appendReceipt(dst, id []byte) []byte {
	return append(append(append(dst, "RECEIPT\nreceipt-id:"...), id...), "\n\n\x00"...)
}

// FloodRequest is a SEND that asks for count messages with bodies of size bytes,
// for who has no client to say it with.
func FloodRequest(count, size int) []byte {
	return fmt.Appendf(nil, "SEND\ndestination:%s\ncount:%d\nsize:%d\n\n\x00", Flood, count, size)
}

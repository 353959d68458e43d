package minimal

import (
	"bytes"
	"strconv"
)

// AppendSend appends a SEND to dst, byte for byte as the client that is measured
// writes it. receipt may be empty.
func AppendSend(dst []byte, destination, receipt string, body []byte) []byte {
	dst = append(append(dst, "SEND\ndestination:"...), destination...)
	dst = append(dst, "\ncontent-type:text/plain"...)
	if receipt != "" {
		dst = append(append(dst, "\nreceipt:"...), receipt...)
	}
	dst = strconv.AppendInt(append(dst, "\ncontent-length:"...), int64(len(body)), 10)
	dst = append(append(dst, "\n\n"...), body...)
	return append(dst, 0)
}

// header returns the value of a header, by what stands before it.
func header(head []byte, name string) []byte {
	_, rest, _ := bytes.Cut(head, []byte(name))
	value, _, _ := bytes.Cut(rest, []byte("\n"))
	return value
}

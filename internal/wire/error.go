package wire

import (
	"fmt"
	"strconv"
)

// ProtocolError says that bytes, or a frame that was to be written, break a rule of the protocol. Once a Decoder has
// returned one the connection is of no use: where the next frame starts is unknown.
type ProtocolError struct {
	Reason string // what is wrong, and where; never a header's value
	Clause string // the id of the clause, such as "F3"
}

func (e *ProtocolError) Error() string {
	return "protocol error: " + e.Reason + " (" + e.Clause + ")"
}

// protocolErrorf returns a *ProtocolError of the clause.
func protocolErrorf(clause, format string, args ...any) error {
	return &ProtocolError{Reason: fmt.Sprintf(format, args...), Clause: clause}
}

// Values of LimitError.What.
const (
	whatBody    = "body"
	whatHeader  = "header"
	whatEntries = "header entries"
)

// LimitError says that a frame is larger than its reader or writer takes (F12).
type LimitError struct {
	What  string // "body", "header" or "header entries"
	Limit int64
	// Size is what was known when the frame was refused. Of one that was read: the content-length it announced, or
	// one more than the limit, because nothing is read beyond that.
	Size int64
}

func (e *LimitError) Error() string {
	s := e.What + " of " + strconv.FormatInt(e.Size, 10) + " exceeds the limit of " + strconv.FormatInt(e.Limit, 10)
	if e.What == whatEntries {
		return s
	}
	return s + " bytes"
}

// quote returns s as a Go string literal for an error text, cut where it gets long.
func quote(s string) string {
	const most = 64 // enough to recognise a header by
	if len(s) > most {
		return strconv.Quote(s[:most]) + "..."
	}
	return strconv.Quote(s)
}

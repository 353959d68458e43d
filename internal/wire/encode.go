package wire

import (
	"bytes"
	"strconv"
	"unicode/utf8"
)

const contentLength = "content-length"

// Encoder appends frames to byte slices. It is a value that holds settings and no buffer; its zero value writes
// STOMP 1.2. Nothing of a frame that it refuses stays in dst, so what was refused is never sent.
//
// It comes in two ways: AppendFrame for a whole Frame, and AppendCommand, AppendEntry and AppendBody, in this order,
// for a caller that has no Frame at hand and wants none made. The pieces allocate nothing where dst has room.
type Encoder struct {
	Version Version // "": V12
	Limits  Limits
	// EscapeConnect escapes CONNECT and STOMP as other frames are in 1.2, against the specification (F7): for the
	// servers that unescape them, RabbitMQ and ActiveMQ Classic.
	EscapeConnect bool
}

// AppendFrame appends f in full and returns the extended slice. With a body it writes the true content-length (F11);
// an entry of that name in f.Header is left out in any case. When it fails, with *ProtocolError or *LimitError, it
// returns dst at its old length.
func (e Encoder) AppendFrame(dst []byte, f Frame) ([]byte, error) {
	start := len(dst)
	if !known(f.Command) {
		return dst, protocolErrorf("F14", "unknown command %s", quote(f.Command))
	}
	if err := e.checkBody(f.Command, f.Body, true); err != nil {
		return dst, err
	}
	var err error
	dst = e.AppendCommand(dst, f.Command)
	entries := 0
	for i := range f.Header {
		if f.Header[i][0] == contentLength {
			continue
		}
		dst, err = e.AppendEntry(dst, f.Command, f.Header[i][0], f.Header[i][1])
		if err != nil {
			return dst[:start], err
		}
		entries++
	}
	if len(f.Body) > 0 {
		dst = appendContentLength(dst, len(f.Body))
		entries++
	}
	if err := e.Limits.CheckHeader(len(dst)-start, entries); err != nil {
		return dst[:start], err
	}
	return appendBody(dst, f.Body), nil
}

// AppendCommand appends the command line.
func (e Encoder) AppendCommand(dst []byte, command string) []byte {
	dst = append(dst, command...)
	return append(dst, '\n')
}

// AppendEntry appends one header line, escaped as the version and the command say (F6, F7). What cannot be escaped is
// refused (F13), as are an empty name and what is not valid UTF-8 (F10). It checks this one line against
// Limits.Header; the sum is the caller's to check, with Limits.CheckHeader. content-length is AppendBody's to write.
func (e Encoder) AppendEntry(dst []byte, command, name, value string) ([]byte, error) {
	start := len(dst)
	limit := e.Limits.WithDefaults().Header
	// An escape makes an entry longer, never shorter: what is too long as it stands is not copied first.
	if size := len(name) + len(value) + len(":\n"); size < 0 || size > limit {
		return dst, &LimitError{What: whatHeader, Limit: int64(limit), Size: int64(size)}
	}
	inName, inValue := classOf(name), classOf(value)
	r := e.rules(command)
	if err := e.checkEntry(r, command, name, inName, value, inValue); err != nil {
		return dst, err
	}
	if inName&r.escaped == 0 {
		dst = append(dst, name...)
	} else {
		dst = appendEscaped(dst, name)
	}
	dst = append(dst, ':')
	if inValue&r.escaped == 0 {
		dst = append(dst, value...)
	} else {
		dst = appendEscaped(dst, value)
	}
	dst = append(dst, '\n')
	if size := len(dst) - start; size > limit {
		return dst[:start], &LimitError{What: whatHeader, Limit: int64(limit), Size: int64(size)}
	}
	return dst, nil
}

// AppendRaw is AppendEntry for a value that the peer wrote itself and wants back byte by byte (M3): nothing is
// escaped.
func (e Encoder) AppendRaw(dst []byte, command, name, value string) ([]byte, error) {
	limit := e.Limits.WithDefaults().Header
	if size := len(name) + len(value) + len(":\n"); size > limit {
		return dst, &LimitError{What: whatHeader, Limit: int64(limit), Size: int64(size)}
	}
	if err := e.checkEntry(&rulesRaw, command, name, classOf(name), value, classOf(value)); err != nil {
		return dst, err
	}
	dst = append(dst, name...)
	dst = append(dst, ':')
	dst = append(dst, value...)
	return append(dst, '\n'), nil
}

// AppendBody ends the header and appends the body and its NUL. With contentLength it writes that entry first, unless
// the body is empty. It refuses a body on a command that has none (F9), one with a NUL whose length is not announced
// (F4), and one beyond Limits.Body (F12), and then returns dst at its old length.
func (e Encoder) AppendBody(dst []byte, command string, body []byte, contentLength bool) ([]byte, error) {
	if err := e.checkBody(command, body, contentLength); err != nil {
		return dst, err
	}
	if contentLength && len(body) > 0 {
		dst = appendContentLength(dst, len(body))
	}
	return appendBody(dst, body), nil
}

// rules returns how the entries of command are written.
func (e Encoder) rules(command string) *rules {
	switch {
	case handshake(command):
		if e.EscapeConnect && command != Connected {
			return &rules12
		}
		return &rulesHandshake
	case e.Version == V10:
		return &rules10
	case e.Version == V11:
		return &rules11
	}
	return &rules12
}

// checkEntry returns why an entry cannot be sent, or nil. The error's text names the entry and never its value, which
// may be a secret.
func (e Encoder) checkEntry(r *rules, command, name string, inName uint8, value string, inValue uint8) error {
	if name == "" {
		return protocolErrorf("F13", "a header of %s has an empty name", command)
	}
	if c := inName & r.refusedInName; c != 0 {
		return protocolErrorf("F13", "header %s of %s: %s in its name cannot be sent (%s)", quote(name), command, nameOf(c), r.why)
	}
	if c := inValue & r.refusedInValue; c != 0 {
		return protocolErrorf("F13", "header %s of %s: %s cannot be sent (%s)", quote(name), command, nameOf(c), r.why)
	}
	if inName&classHigh != 0 && !utf8.ValidString(name) || inValue&classHigh != 0 && !utf8.ValidString(value) {
		return protocolErrorf("F10", "header %s of %s is not valid UTF-8", quote(name), command)
	}
	// A reader of 1.0 trims names. A padded one would turn into another there, content-length for one.
	if e.Version == V10 && (isBlank(name[0]) || isBlank(name[len(name)-1])) {
		return protocolErrorf("F13", "header %s of %s: a blank around its name cannot be sent (STOMP 1.0 trims it)", quote(name), command)
	}
	return nil
}

// checkBody returns why body cannot be sent, or nil.
func (e Encoder) checkBody(command string, body []byte, contentLength bool) error {
	if len(body) == 0 {
		return nil
	}
	if !hasBody(command) {
		return protocolErrorf("F9", "%s cannot carry a body", command)
	}
	if err := e.Limits.WithDefaults().checkBody(int64(len(body))); err != nil {
		return err
	}
	if !contentLength && bytes.IndexByte(body, 0) >= 0 {
		return protocolErrorf("F4", "a body of %s that holds a NUL needs a content-length", command)
	}
	return nil
}

// appendContentLength appends the content-length line.
func appendContentLength(dst []byte, n int) []byte {
	dst = append(dst, contentLength...)
	dst = append(dst, ':')
	dst = strconv.AppendInt(dst, int64(n), 10)
	return append(dst, '\n')
}

// appendBody appends the blank line, the body and the NUL.
func appendBody(dst, body []byte) []byte {
	dst = append(dst, '\n')
	dst = append(dst, body...)
	return append(dst, 0)
}

// isBlank reports whether c is one of the bytes that a 1.0 peer may pad a header with (F2).
func isBlank(c byte) bool { return c == ' ' || c == '\t' }

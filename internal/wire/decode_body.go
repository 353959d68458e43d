package wire

import (
	"bytes"
)

// firstBody is how much is reserved for a body whose content-length says more than what has come so far: one read
// from the socket.
const firstBody = 64 << 10

// readBody reads the body and its NUL and reports whether it got there. A body that lies in one piece is copied once,
// to its exact size.
func (d *Decoder) readBody() (body []byte, ok bool, err error) {
	switch d.state {
	case inCounted:
		return d.readCounted()
	case inOpen:
		return d.readOpen()
	default:
		return d.readRepair()
	}
}

// readCounted reads a body of content-length bytes and the NUL behind it (F3).
func (d *Decoder) readCounted() (body []byte, ok bool, err error) {
	n := d.length
	if len(d.body) == 0 && len(d.in) > n && d.in[n] == 0 {
		body = exact(d.in[:n])
		d.in = d.in[n+1:]
		return body, true, nil
	}
	d.gather(n)
	if len(d.in) == 0 {
		return nil, false, nil
	}
	if d.in[0] == 0 {
		d.in = d.in[1:]
		return d.body, true, nil
	}
	if !hasBody(d.command) {
		return nil, false, d.unexpectedBody()
	}
	if !d.repair || d.split { // in a message of its own, the rest may be the next frame as well
		return nil, false, protocolErrorf("F3", "no NUL after the %d bytes of content-length in %s", n, d.command)
	}
	d.state = inRepair
	return d.readRepair()
}

// Room returns where what comes next of the body under way belongs, so that it can be read from the connection
// without a copy; nil where its length is not known, or all of it has come. What is put there is announced by Filled.
// It may only be asked for after Next has returned false.
func (d *Decoder) Room() []byte {
	if d.state != inCounted || len(d.body) == d.length {
		return nil
	}
	if len(d.body) == cap(d.body) {
		d.grow(d.length)
	}
	return d.body[len(d.body):cap(d.body)]
}

// Filled says that n bytes were put where Room said. final says that they end a WebSocket message.
func (d *Decoder) Filled(n int, final bool) {
	d.body = d.body[:len(d.body)+n]
	d.final = final
}

// gather moves bytes from d.in to d.body until that holds n. The room for them grows as they come, at most to n.
func (d *Decoder) gather(n int) {
	take := min(n-len(d.body), len(d.in))
	if len(d.body)+take > cap(d.body) {
		d.grow(n)
	}
	d.body = append(d.body, d.in[:take]...)
	d.in = d.in[take:]
}

// grow makes room for more of a body of n bytes, in proportion to what has come.
func (d *Decoder) grow(n int) {
	need := len(d.body) + min(n-len(d.body), len(d.in))
	grown := make([]byte, len(d.body), min(n, max(need, 2*cap(d.body), firstBody)))
	copy(grown, d.body)
	d.body = grown
}

// readOpen reads a body up to the first NUL (F4). On a command that has none, the NUL has to come first (F9).
func (d *Decoder) readOpen() (body []byte, ok bool, err error) {
	if len(d.in) > 0 && d.in[0] != 0 && !hasBody(d.command) {
		return nil, false, d.unexpectedBody()
	}
	room := int(d.limits.Body) - len(d.body)
	search := d.in[:min(len(d.in), room+1)] // a body that fills the limit has its NUL one further
	i := bytes.IndexByte(search, 0)
	switch {
	case i >= 0 && len(d.body) == 0:
		body = exact(search[:i])
		d.in = d.in[i+1:]
		return body, true, nil
	case i >= 0:
		body = clip(append(d.body, search[:i]...))
		d.in = d.in[i+1:]
		return body, true, nil
	case len(search) > room:
		return nil, false, d.bodyLimit()
	}
	d.body = append(d.body, search...)
	return nil, false, nil
}

// readRepair reads on to the end of the WebSocket message, where content-length was too short (W8). It keeps the body
// and one byte, and of what comes behind that nothing: only EOLs may.
func (d *Decoder) readRepair() (body []byte, ok bool, err error) {
	most := int(d.limits.Body) + 1 // a body that fills the limit, and its NUL
	full := len(d.body) == most
	take := min(most-len(d.body), len(d.in))
	d.body = append(d.body, d.in[:take]...)
	rest := d.in[take:]
	d.in = nil
	if !full && len(d.body) == most && !endsInNUL(trimEOLs(d.body)) {
		return nil, false, d.bodyLimit()
	}
	if len(trimEOLs(rest)) > 0 {
		return nil, false, d.bodyLimit()
	}
	d.beats += countLF(rest)
	if !d.final {
		return nil, false, nil
	}
	body = trimEOLs(d.body)
	// A NUL before content-length's end is not what ends a body that was cut short.
	if !endsInNUL(body) || len(body) <= d.length {
		return nil, false, protocolErrorf("F3", "no NUL after the %d bytes of content-length in %s, nor at the end of its message", d.length, d.command)
	}
	d.beats += countLF(d.body[len(body):])
	d.repaired++
	return clip(body[:len(body)-1]), true, nil
}

func (d *Decoder) unexpectedBody() error {
	return protocolErrorf("F9", "%s came with a body and cannot carry one", d.command)
}

func (d *Decoder) bodyLimit() error {
	return &LimitError{What: whatBody, Limit: d.limits.Body, Size: d.limits.Body + 1}
}

// exact returns a copy of p that takes no more room than it needs; nil for none.
func exact(p []byte) []byte {
	if len(p) == 0 {
		return nil
	}
	body := make([]byte, len(p))
	copy(body, p)
	return body
}

// clip returns p, or a copy of it where more than a quarter of its room is empty: its receiver may keep it for long.
func clip(p []byte) []byte {
	if cap(p)-len(p) > len(p)/4 {
		return exact(p)
	}
	return p
}

func trimEOLs(p []byte) []byte { return bytes.TrimRight(p, "\r\n") }

func endsInNUL(p []byte) bool { return len(p) > 0 && p[len(p)-1] == 0 }

func countLF(p []byte) uint64 { return uint64(bytes.Count(p, []byte{'\n'})) }

package stomptest

import (
	"bytes"

	"github.com/webstomp/webstomp/internal/wire"
)

// encode sends the frame of an item.
func (w *writer) encode(it *item) error {
	data, binary := w.bytes(it)
	if data == nil {
		return nil
	}
	return w.send(data, binary)
}

// bytes returns the frame of an item as it goes over the wire, valid until the next call. What cannot be said in the
// version of the session is left out and logged: a header of a 1.2 sender that a 1.1 receiver has no escape for, or
// the whole frame, and then bytes returns nil.
func (w *writer) bytes(it *item) (data []byte, binary bool) {
	dst := w.buf[:0]
	var err error
	if it.message != nil {
		dst, binary, err = w.appendMessage(dst, it.message)
	} else {
		enc := w.enc
		if it.early != "" {
			enc.Version = it.early
		}
		dst, err = enc.AppendFrame(dst, it.frame)
	}
	if err != nil {
		w.b.log.Error("a frame cannot be sent", "connection", w.num, "frame", it.asFrame(&w.b.act), "why", err)
		return nil, false
	}
	if w.b.act.trailingLF.on(w.conn) {
		dst = append(dst, '\n')
	}
	if w.buf = dst; cap(dst) > keptBuffer {
		w.buf = nil
	}
	return dst, binary
}

// appendMessage writes a MESSAGE (S1, S4).
func (w *writer) appendMessage(dst []byte, m *outMessage) (_ []byte, binary bool, err error) {
	dst = w.enc.AppendCommand(dst, wire.Message)
	for _, e := range m.entries(&w.b.act) {
		dst = w.appendEntry(dst, e[0], e[1])
	}
	for _, e := range m.msg.header {
		binary = binary || e[0] == "content-type" && e[1] == "application/octet-stream"
		dst = w.appendEntry(dst, e[0], e[1])
	}
	if len(m.msg.body) == 0 && w.b.act.lengthAlways {
		dst = w.appendEntry(dst, "content-length", "0")
	}
	act := &w.b.act
	asSent := act.lengthAsSent || act.lengthAsSent10 && w.enc.Version == wire.V10
	counted := !asSent || m.msg.counted || bytes.IndexByte(m.msg.body, 0) >= 0
	dst, err = w.enc.AppendBody(dst, wire.Message, m.msg.body, counted)
	return dst, binary, err
}

func (w *writer) appendEntry(dst []byte, name, value string) []byte {
	out, err := w.enc.AppendEntry(dst, wire.Message, name, value)
	if err != nil {
		w.b.log.Warn("a header is left out of a message", "connection", w.num, "why", err)
		return dst
	}
	return out
}

// entries are the ones that the broker writes itself.
func (m *outMessage) entries(act *behaviour) [][2]string {
	h := make([][2]string, 0, 5)
	if !m.anonymous {
		h = append(h, [2]string{"subscription", m.subscription})
	}
	h = append(h, [2]string{"destination", m.destination}, [2]string{"message-id", m.id})
	if m.ack != "" {
		h = append(h, [2]string{"ack", m.ack})
	}
	switch {
	case m.redelivered:
		h = append(h, [2]string{"redelivered", "true"})
	case act.saysRedelivered:
		h = append(h, [2]string{"redelivered", "false"})
	}
	return h
}

// asFrame is the item as an interceptor sees it.
func (it *item) asFrame(act *behaviour) Frame {
	if it.message == nil {
		return Frame(it.frame)
	}
	header := append(it.message.entries(act), it.message.msg.header...)
	return Frame{Command: wire.Message, Header: header, Body: it.message.msg.body}
}

// overhead is the size of the first WebSocket header of a message of n bytes.
func (w *writer) overhead(n int) int {
	switch {
	case w.ws.IsStream():
		return 0
	case n < 126:
		return 2
	default:
		return 4 // long messages go out in fragments below 64 KiB
	}
}

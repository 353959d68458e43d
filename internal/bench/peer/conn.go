package peer

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
)

// readSize is how many bytes are read at a time: some 180 SENDs of 256 B.
const readSize = 64 << 10

// conn is one connection. Its reader answers, and each flood is written by a
// goroutine of its own, so that a client may send while it receives. Both write
// whole frames with each call of Write, which net.Conn keeps apart.
type conn struct {
	nc     net.Conn
	sends  *atomic.Uint64
	floods sync.WaitGroup // they end with nc; joined by the Peer

	// owned by the reader
	framing       framing // nil until the first bytes have come
	subscriptions []string
	cycle         *cycle // of the last flood; nil: to be made
	frame         []byte // the last answer, before it is framed
}

// serve answers until the client ends the connection or Close does, which is no
// fault. A fault is told to the client, too. It leaves nc open.
func (c *conn) serve() error {
	in := make([]byte, readSize)
	var out []byte
	for have := 0; ; {
		n, err := c.nc.Read(in[have:])
		if err != nil {
			return nil
		}
		have += n
		var taken int
		var fault error
		taken, out, fault = c.answer(out[:0], in[:have])
		if len(out) > 0 {
			if _, err := c.nc.Write(out); err != nil {
				return nil
			}
		}
		if errors.Is(fault, io.EOF) {
			return nil
		}
		if fault != nil {
			return fault
		}
		if have = copy(in, in[taken:have]); have == len(in) {
			in = append(in, make([]byte, len(in))...)
		}
	}
}

// answer appends to out the answers to all complete frames in in, and returns how
// many bytes these were. Its error is a fault of the client, which is among the
// answers, or io.EOF after its goodbye.
func (c *conn) answer(out, in []byte) (taken int, _ []byte, err error) {
	if c.framing == nil {
		if taken, out, err = c.open(out, in); c.framing == nil {
			return taken, out, err
		}
	}
	for {
		message, size, err := c.framing.cut(in[taken:])
		if errors.Is(err, io.EOF) {
			return taken, append(out, goodbye...), err
		}
		if err == nil && size > 0 {
			out, err = c.handle(out, message)
		}
		if err != nil {
			return taken, c.framing.put(out, fmt.Appendf(nil, "ERROR\nmessage:%s\n\n\x00", err)), err
		}
		if size == 0 {
			return taken, out, nil
		}
		taken += size
	}
}

// handle appends the answers to one message, which may be a heart-beat.
func (c *conn) handle(out, message []byte) ([]byte, error) {
	head, body := split(message)
	switch command, _, _ := bytes.Cut(head, lineEnd); string(command) {
	case "CONNECT", "STOMP":
		out = c.framing.put(out, connected)
	case "SUBSCRIBE":
		c.subscriptions, c.cycle = append(c.subscriptions, string(header(head, idHeader))), nil
	case "SEND":
		c.sends.Add(1)
		switch string(header(head, destinationHeader)) {
		case Flood:
			if err := c.flood(head); err != nil {
				return out, err
			}
		case Echo:
			if len(c.subscriptions) == 0 {
				return out, errors.New("an echo without a subscription")
			}
			c.frame = AppendMessage(c.frame[:0], c.subscriptions[0], body)
			out = c.framing.put(out, c.frame)
		}
	}
	if id := header(head, receiptHeader); len(id) > 0 {
		c.frame = appendReceipt(c.frame[:0], id)
		out = c.framing.put(out, c.frame)
	}
	return out, nil
}

// flood begins to write the messages that a SEND asks for.
func (c *conn) flood(head []byte) error {
	n, err := strconv.Atoi(string(header(head, countHeader)))
	if err != nil {
		return fmt.Errorf("the count of a flood: %w", err)
	}
	size, err := strconv.Atoi(string(header(head, sizeHeader)))
	if err != nil || size < Smallest {
		return fmt.Errorf("the size of a flood: %d bytes, want %d or more", size, Smallest)
	}
	if len(c.subscriptions) == 0 {
		return errors.New("a flood without a subscription")
	}
	if c.cycle == nil || c.cycle.size != size {
		c.cycle = newCycle(c.framing, c.subscriptions, size)
	}
	nc, cycle := c.nc, c.cycle
	c.floods.Go(func() { // ends with its messages or with the connection; joined by the Peer
		for n > 0 {
			k := min(n, len(cycle.ends))
			if _, err := nc.Write(cycle.wire[:cycle.ends[k-1]]); err != nil {
				return // the client sees it too
			}
			n -= k
		}
	})
	return nil
}

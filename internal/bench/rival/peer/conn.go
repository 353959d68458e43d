package peer

import (
	"bufio"
	"fmt"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
)

// conn is one connection. Its reader answers, and each flood is written by a
// goroutine of its own, so that a client may send while it receives. Both write
// whole frames with one call of Write each, which net.Conn keeps apart.
type conn struct {
	nc      net.Conn
	framing framing
	sends   *atomic.Uint64
	floods  sync.WaitGroup // joined by serve

	// owned by the reader
	answers      []byte // not written yet
	subscription string
	cycle        []byte // of flood messages, as they go on the wire; made for the size below
	size         int
}

// atOnce is up to how many octets the answers to what came together wait for
// each other.
const atOnce = 64 << 10

// serve runs a connection until the client ends it, or Close does.
func serve(nc net.Conn, sends *atomic.Uint64) {
	r := bufio.NewReaderSize(nc, 64<<10)
	f, err := open(r, nc)
	if err != nil {
		return
	}
	c := &conn{nc: nc, framing: f, sends: sends}
	defer c.floods.Wait()
	defer nc.Close() // ends the floods
	for {
		next, err := f.next()
		if err != nil {
			return
		}
		if err := c.handle(next); err != nil {
			c.answer(fmt.Appendf(nil, "ERROR\nmessage:%s\n\n\x00", err))
			_, _ = nc.Write(c.answers) // it is over, heard or not
			return
		}
		if r.Buffered() > 0 && len(c.answers) < atOnce || len(c.answers) == 0 {
			continue
		}
		if _, err := nc.Write(c.answers); err != nil {
			return
		}
		c.answers = c.answers[:0]
	}
}

func (c *conn) answer(frame []byte) { c.answers = c.framing.put(c.answers, frame) }

func (c *conn) handle(f frame) error {
	head, body := f.split()
	switch f.command() {
	case "CONNECT", "STOMP":
		c.answer(connected)
	case "SUBSCRIBE":
		c.subscription, c.cycle = header(head, "id"), nil
	case "SEND":
		c.sends.Add(1)
		switch header(head, "destination") {
		case "/flood":
			if err := c.flood(head); err != nil {
				return err
			}
		case "/echo":
			c.answer(message(c.subscription, body))
		}
	}
	if receipt := header(head, "receipt"); receipt != "" {
		c.answer([]byte("RECEIPT\nreceipt-id:" + receipt + "\n\n\x00"))
	}
	return nil
}

// flood begins to write the messages that a SEND asks for.
func (c *conn) flood(head []byte) error {
	n, err := strconv.Atoi(header(head, "count"))
	if err != nil {
		return fmt.Errorf("the count of a flood: %w", err)
	}
	size, err := strconv.Atoi(header(head, "size"))
	if err != nil || size < Smallest {
		return fmt.Errorf("the size of a flood: %d octets, want %d or more", size, Smallest)
	}
	if c.cycle == nil || c.size != size {
		c.cycle, c.size = nil, size
		for i := range Cycle {
			c.cycle = c.framing.put(c.cycle, message(c.subscription, Body(i, size)))
		}
	}
	cycle := c.cycle
	c.floods.Go(func() { // ends with its messages or with the connection; serve joins it
		one := len(cycle) / Cycle // all are of one length
		for left := n * one; left > 0; {
			k, err := c.nc.Write(cycle[:min(left, len(cycle))])
			if err != nil {
				return
			}
			left -= k
		}
	})
	return nil
}

package stomptest

import (
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/internal/ws"
)

// take handles a piece of input; stop says that there is nothing more to be heeded.
func (c *conn) take(p []byte, final bool) (stop bool) {
	act := &c.b.act
	if !c.ws.IsStream() {
		text := c.ws.ReadType() == ws.Text
		c.length += len(p)
		if r := c.b.checkMessage(c.length, text, p, final); r != nil {
			c.b.mu.Lock()
			defer c.b.mu.Unlock()
			c.finishLocked(*r)
			return true
		}
		if final {
			c.length = 0
		}
		if act.textOnly && !text {
			return false
		}
	}
	if act.oneFramePerMessage && !c.ws.IsStream() {
		return c.takeMessage(p, final)
	}
	return c.decode(p, final, false)
}

// takeMessage gathers a WebSocket message and takes one frame of it, as Classic does.
func (c *conn) takeMessage(p []byte, final bool) (stop bool) {
	c.message = append(c.message, p...)
	if !final {
		return false
	}
	whole := c.message
	c.message = nil
	if string(whole) == "\n" {
		return false
	}
	c.dec = c.newDecoder()
	c.setDecoderVersion()
	return c.decode(whole, true, true)
}

// decode feeds the decoder and lets what comes out of it take effect; one: the first frame alone.
func (c *conn) decode(p []byte, final, one bool) (stop bool) {
	c.dec.Feed(p, final)
	for {
		var f wire.Frame
		ok, err := c.dec.Next(&f)
		if err != nil {
			c.malformed(err)
			return true
		}
		if !ok {
			if one {
				c.b.mu.Lock()
				defer c.b.mu.Unlock()
				c.finishLocked(closing{code: 1000}) // part of a frame, or nothing at all
			}
			return one
		}
		if c.frame(&f) {
			return true
		}
		if one {
			return false
		}
	}
}

// malformed answers what is not STOMP. The decoder is of no use after it, so the connection ends whatever the profile
// says about a mistake.
func (c *conn) malformed(err error) {
	r := refuse(framing, "Malformed frame", "%v", err)
	if limit := (*wire.LimitError)(nil); errors.As(err, &limit) {
		r = refuse(tooBig, "Frame too big", "%v", err)
	}
	c.b.mu.Lock()
	c.reactLocked(nil, r)
	c.finishLocked(closing{code: 1002})
	c.b.mu.Unlock()
	c.logRefusal(r)
}

// checkMessage holds what some servers ask of a WebSocket message: its size, and that text is text.
func (b *Broker) checkMessage(length int, text bool, p []byte, final bool) *closing {
	limit, reason := b.act.maxBinary, b.act.tooBigBinary
	if text {
		limit, reason = b.act.maxText, b.act.tooBigText
	}
	if limit > 0 && length > limit {
		return &closing{1009, strings.ReplaceAll(reason, "%d", strconv.Itoa(length))}
	}
	// A message in several pieces may be cut inside a rune; one that fits a piece is checked.
	if b.act.checksText && text && final && length == len(p) && !utf8.Valid(p) {
		return &closing{code: 1007}
	}
	return nil
}

package stomptest

import (
	"errors"
	"fmt"
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
		if how := c.checkMessage(text, p, final); how != nil {
			return c.finish(*how)
		}
		if final {
			c.length = 0
		}
		if act.textOnly && !text {
			return false
		}
	}
	if c.ws.IsStream() || !act.wholeMessages {
		return c.decode(p, final, false)
	}
	c.message = append(c.message, p...)
	if !final {
		return false
	}
	whole := c.message
	c.message = nil
	if act.oneFramePerMessage {
		return c.takeMessage(whole)
	}
	return c.decode(whole, true, false)
}

// takeMessage takes one frame of a WebSocket message, as Classic does.
func (c *conn) takeMessage(whole []byte) (stop bool) {
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
	c.pending += len(p)
	for {
		var f wire.Frame
		ok, err := c.dec.Next(&f)
		if err != nil {
			c.malformed(err)
			return true
		}
		if !ok {
			if one {
				return c.finish(closing{code: 1000}) // part of a frame, or nothing at all
			}
			how := c.checkSize(c.pending)
			return how != nil && c.finish(*how)
		}
		c.pending = 0
		if how := c.checkFrame(&f); how != nil {
			return c.finish(*how)
		}
		if c.frame(&f) {
			return true
		}
		if one {
			return false
		}
	}
}

// finish ends the connection as finishLocked does. It returns true.
func (c *conn) finish(how closing) bool {
	c.b.mu.Lock()
	defer c.b.mu.Unlock()
	c.finishLocked(how)
	return true
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
func (c *conn) checkMessage(text bool, p []byte, final bool) *closing {
	act := &c.b.act
	limit, reason := act.maxBinary, act.tooBigBinary
	if text {
		limit, reason = act.maxText, act.tooBigText
	}
	if first := act.maxFirst.web; first > 0 && c.version == "" {
		limit = first
	}
	if limit > 0 && c.length > limit {
		return &closing{1009, strings.ReplaceAll(reason, "%d", strconv.Itoa(c.length))}
	}
	// A message in several pieces may be cut inside a rune; one that fits a piece is checked.
	if act.checksText && text && final && c.length == len(p) && !utf8.Valid(p) {
		return &closing{1007, act.notTextReason}
	}
	return nil
}

// checkFrame holds what RabbitMQ 4 asks of a frame: its size, and how many names its header has.
func (c *conn) checkFrame(f *wire.Frame) *closing {
	if c.b.act.maxNames > 0 {
		names := make(map[string]bool)
		for _, e := range f.Header {
			names[e[0]] = true
		}
		if len(names) > c.b.act.maxNames {
			return &closing{1007, "too_many_headers"}
		}
	}
	size := len(f.Command) + len("\n\n\x00") + len(f.Body)
	for _, e := range f.Header {
		size += len(e[0]) + len(":") + len(e[1]) + len("\n") // escapes do not count: close enough
	}
	return c.checkSize(size)
}

// checkSize holds what RabbitMQ 4 asks of the size of a frame, however many messages it comes in.
func (c *conn) checkSize(size int) *closing {
	limit := c.b.act.maxFrame.on(c)
	if c.version == "" {
		limit = c.b.act.maxFirst.on(c)
	}
	if limit == 0 || size <= limit {
		return nil
	}
	return &closing{1007, fmt.Sprintf("{frame_too_big,{%d,%d}}", size, limit)}
}

package stomptest

import (
	"context"
	"time"
	"unicode/utf8"

	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/internal/ws"
)

// writer is the state of a connection's write loop, and owned by it.
type writer struct {
	*conn
	enc    wire.Encoder
	ticker *time.Ticker // heart-beats; nil before CONNECTED, and without them
	buf    []byte       // of one encoded frame
}

// keptBuffer is how much of buf is kept from one frame to the next.
const keptBuffer = 64 << 10

// writeLoop sends what the outbox holds, until the connection ends. The reader joins it.
func (c *conn) writeLoop() {
	limits := c.b.cfg.limits
	limits.Header, limits.Entries = 2*limits.Header, 2*limits.Entries // room for what we add to a sender's header
	w := &writer{conn: c, enc: wire.Encoder{Version: wire.V10, Limits: limits}}
	defer func() {
		if w.ticker != nil {
			w.ticker.Stop()
		}
		c.cut()
	}()
	var batch []item
	for {
		batch = c.out.take(batch[:0])
		for i := range batch {
			if !w.do(&batch[i]) {
				return
			}
			batch[i] = item{}
		}
		if cap(batch) > 1024 {
			batch = nil // a burst's worth of memory is not kept
		}
		if len(batch) == 0 && c.ws.Flush() != nil {
			return
		}
		if !w.wait(len(batch) == 0) {
			return
		}
	}
}

// wait returns when there may be something to do; idle: not before there is. False: the connection has ended.
func (w *writer) wait(idle bool) bool {
	if !idle {
		select {
		case <-w.beats():
			return w.heartBeat() == nil
		case <-w.done:
			return false
		default:
			return true
		}
	}
	select {
	case <-w.out.wake:
		return true
	case <-w.ws.Pending():
		return true // the next round flushes
	case <-w.beats():
		return w.heartBeat() == nil
	case <-w.done:
		return false
	}
}

// beats is the ticker's channel, nil while there is none.
func (w *writer) beats() <-chan time.Time {
	if w.ticker == nil {
		return nil
	}
	return w.ticker.C
}

// heartBeat sends one (W4), at a fixed rate whatever else is sent (M7).
func (w *writer) heartBeat() error { return w.send([]byte{'\n'}, false) }

// do handles one item. False ends the loop.
func (w *writer) do(it *item) bool {
	switch {
	case it.end != nil:
		w.close(*it.end)
		return false
	case it.raw != nil:
		return w.send(it.raw, false) == nil
	}
	if d := time.Duration(w.b.faults.delay.Load()); d > 0 && !w.pause(d) {
		return false
	}
	ok := w.decide(it, w.intercept(Out, func() Frame { return it.asFrame(&w.b.act) }))
	if it.version != "" && !w.b.act.noEscapes { // else it stays at 1.0, which has none
		w.enc.Version = it.version
	}
	if it.beat > 0 {
		w.ticker = time.NewTicker(it.beat)
	}
	return ok
}

// decide does with a frame what the interceptor wants. False ends the loop.
func (w *writer) decide(it *item, act Action) bool {
	switch act.kind {
	case actDrop:
		return true
	case actReplace:
		return w.encode(&item{frame: wire.Frame(act.frame)}) == nil
	case actError:
		if w.encode(&item{frame: wire.Frame(act.frame)}) != nil {
			return false
		}
		if act.close {
			w.endHere(closing{code: 1002})
			return false
		}
		return true
	case actCutBefore:
		_ = w.ws.Flush()
		return false
	case actCutInside:
		w.cutInside(it, act.n)
		return false
	case actCutAfter:
		_ = w.encode(it)
		_ = w.ws.Flush()
		return false
	case actClose:
		w.endHere(closing{act.n, act.text})
		return false
	case actSilence:
		if w.ws.Flush() != nil {
			return false
		}
		w.fault.gates[1].set(true)
	case actDelay:
		if !w.pause(act.delay) {
			return false
		}
	}
	return w.encode(it) == nil
}

// cutInside sends the first n bytes of a frame, under a WebSocket header that promises all of them.
func (w *writer) cutInside(it *item, n int) {
	data, binary := w.bytes(it)
	if w.ws.Flush() != nil {
		return
	}
	w.fault.allow(n + w.overhead(len(data)))
	if w.send(data, binary) == nil {
		_ = w.ws.Flush()
	}
}

// endHere ends the session and closes the connection in the middle of what is queued.
func (w *writer) endHere(how closing) {
	w.ending.Store(true)
	w.b.mu.Lock()
	if w.session != nil {
		w.session.end()
	}
	w.b.mu.Unlock()
	w.close(how)
}

// close says goodbye, and waits for the client's answer.
func (w *writer) close(how closing) {
	if how.code == 0 || w.ws.IsStream() {
		_ = w.ws.Flush()
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeWait)
	defer cancel()
	_ = w.ws.Close(ctx, how.code, how.reason)
}

// pause waits for d and sends heart-beats meanwhile. False: the connection has ended.
func (w *writer) pause(d time.Duration) bool {
	if w.ws.Flush() != nil {
		return false
	}
	w.paused.Store(int64(time.Since(w.born) + d))
	t := time.NewTimer(d)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			return true
		case <-w.ws.Pending():
			if w.ws.Flush() != nil {
				return false
			}
		case <-w.beats():
			if w.heartBeat() != nil || w.ws.Flush() != nil {
				return false
			}
		case <-w.done:
			return false
		}
	}
}

// send writes one WebSocket message; binary: its content-type says that it is binary.
func (w *writer) send(data []byte, binary bool) error {
	act := &w.b.act
	typ := ws.Text
	switch w.b.messageType {
	case MessageAuto:
		if !utf8.Valid(data) {
			typ = ws.Binary
		}
	case MessageBinary:
		typ = ws.Binary
	case MessageText:
		switch {
		case act.binaryByType && binary:
			typ = ws.Binary
		case act.mangles && !w.ws.IsStream() && !utf8.Valid(data):
			data = []byte(string([]rune(string(data)))) // each byte that is no rune becomes U+FFFD
		}
	}
	return w.ws.Write(typ, data)
}

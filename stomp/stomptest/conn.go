package stomptest

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/internal/ws"
)

// conn is one connection. Two goroutines serve it:
//
//	reader (serve): ws.Read → decoder → interceptor → session, under Broker.mu → outboxes
//	writer:         outbox → interceptor → encoder → ws.Write, ws.Flush; heart-beats; the close handshake
//
// The reader starts the writer and joins it. Either ends the other by cut.
type conn struct {
	b     *Broker
	num   uint64
	ws    *ws.Conn
	fault *faultConn
	out   outbox
	dog   watchdog
	done  chan struct{} // closed by cut
	once  sync.Once

	ending  atomic.Bool  // finish was called: what the client sends from then on means nothing
	busy    atomic.Bool  // the reader is at a frame, and maybe told to wait: the client's silence is ours
	asking  atomic.Int32 // goroutines in the interceptor: Close tells of them when it hangs
	session *session     // guarded by Broker.mu; nil before CONNECTED
	abrupt  bool         // guarded by Broker.mu; CutAfter: however it ends, it is a cut
	early   wire.Version // guarded by Broker.mu; what an ERROR before CONNECTED is written in; "": nothing is escaped

	connected atomic.Bool // CONNECTED was sent, or is about to be
	born      time.Time
	freed     atomic.Int64 // when busy ended last, in nanoseconds since born
	paused    atomic.Int64 // until when the writer last waited for [Broker.Delay], in nanoseconds since born
	lastSTOMP atomic.Int64 // when STOMP's own bytes last came, in nanoseconds since born

	// owned by the reader
	dec     *wire.Decoder
	version wire.Version // "" before CONNECTED
	length  int          // of the WebSocket message under way, so far
	pending int          // bytes of the frame under way, so far; those before its first piece do not count
	message []byte       // wholeMessages: the message under way
}

// errEnded is the reason in the log where nothing went wrong on the wire.
var errEnded = errors.New("the broker ended it")

// serve runs a connection to its end.
func (b *Broker) serve(wc *ws.Conn, fault *faultConn) {
	c := &conn{b: b, ws: wc, fault: fault, done: make(chan struct{}), born: time.Now()}
	c.out.wake = make(chan struct{}, 1)
	c.dec = c.newDecoder()
	c.dog.last, c.dog.bark = c.lastHeard, c.barked
	if !b.register(c) {
		c.cut()
		return
	}
	b.log.Info("connection opened", "connection", c.num, "from", fault.RemoteAddr(), "subprotocol", wc.Subprotocol())
	if within := b.act.connectWithin.on(c); within > 0 {
		c.dog.watch(within)
	} else {
		c.watch(0)
	}
	var writer sync.WaitGroup
	writer.Go(c.writeLoop) // joined below
	err := c.readLoop()
	b.mu.Lock()
	if c.session != nil {
		c.session.end()
	}
	b.mu.Unlock()
	if !c.ending.Load() {
		c.out.discard()
		c.cut()
	}
	writer.Wait()
	c.dog.stop()
	c.cut()
	b.unregister(c)
	if err == nil {
		err = errEnded
	}
	b.log.Info("connection closed", "connection", c.num, "reason", err)
}

func (c *conn) newDecoder() *wire.Decoder {
	return wire.NewDecoder(wire.DecoderConfig{From: wire.FromClient, Limits: c.b.cfg.limits})
}

// setDecoderVersion tells the decoder what CONNECTED agreed on, if it has. Without a version it undoes no escapes.
func (c *conn) setDecoderVersion() {
	if c.version != "" && !c.b.act.noEscapes {
		c.dec.SetVersion(c.version)
	}
}

// cut ends the connection without a word.
func (c *conn) cut() {
	c.once.Do(func() { close(c.done) })
	_ = c.fault.Close()
	_ = c.ws.CloseNow()
}

// finishLocked ends the session, and the connection once all that is queued has been sent. Broker.mu is held.
func (c *conn) finishLocked(how closing) {
	if c.ending.Swap(true) {
		return
	}
	if c.session != nil {
		c.session.end()
	}
	if c.abrupt {
		how = closing{}
	}
	c.out.finish(item{end: &how})
}

func (c *conn) receipt(id string) {
	if id != "" {
		c.out.push(item{frame: wire.Frame{Command: wire.Receipt, Header: [][2]string{{"receipt-id", id}}}})
	}
}

// readLoop returns when there is nothing more to be read, or to be heeded.
func (c *conn) readLoop() error {
	for {
		p, final, err := c.ws.Read()
		if err != nil {
			return err
		}
		c.lastSTOMP.Store(int64(time.Since(c.born)))
		if stop := c.take(p, final); stop || c.ending.Load() {
			return nil
		}
	}
}

// frame asks the interceptor about a frame and lets it take effect.
func (c *conn) frame(f *wire.Frame) (stop bool) {
	c.busy.Store(true)
	defer func() {
		c.freed.Store(int64(time.Since(c.born))) // before busy: whoever looks in between sees one of them
		c.busy.Store(false)
	}()
	c.b.record.add(Event{Connection: c.num, Direction: In, Frame: Frame(*f)})
	act := c.intercept(In, func() Frame { return Frame(*f) })
	switch act.kind {
	case actDrop:
		return false
	case actReplace:
		replaced := wire.Frame(act.frame)
		f = &replaced
	case actCutBefore, actCutInside:
		c.flushThenCut()
		return true
	case actCutAfter:
		c.out.seal() // what the frame brings about for others is theirs; its own answers are not sent
	case actSilence:
		c.fault.gates[1].set(true)
		if !c.fault.pass() {
			return true
		}
	case actDelay:
		if !c.sleep(act.delay) {
			return true
		}
	}
	var r *refusal
	c.b.mu.Lock()
	c.abrupt = c.abrupt || act.kind == actCutAfter
	switch {
	case act.kind == actError:
		c.out.push(item{frame: wire.Frame(act.frame)})
		if act.close {
			c.finishLocked(closing{code: 1002})
		}
	case act.kind == actClose:
		c.finishLocked(closing{act.n, act.text})
	case c.ending.Load(), c.session != nil && c.session.ended:
		// what comes after the end means nothing
	default:
		if c.session == nil {
			r = c.connectLocked(f)
		} else {
			r = c.session.handle(f)
		}
		if r != nil {
			c.reactLocked(f, r)
		}
	}
	if c.abrupt {
		c.finishLocked(closing{})
	}
	c.b.mu.Unlock()
	c.logRefusal(r)
	return c.ending.Load()
}

// flushThenCut ends the session and cuts the connection behind what is queued already.
func (c *conn) flushThenCut() {
	c.b.mu.Lock()
	defer c.b.mu.Unlock()
	c.finishLocked(closing{})
}

// sleep waits for d; false: the connection has ended.
func (c *conn) sleep(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-c.done:
		return false
	}
}

func (c *conn) logRefusal(r *refusal) {
	if r != nil {
		c.b.log.Warn("refused: "+r.message, "connection", c.num, "why", r.body)
	}
}

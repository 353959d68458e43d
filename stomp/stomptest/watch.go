package stomptest

import "time"

// closeWait bounds the close handshake with a client that does not answer.
const closeWait = 5 * time.Second

// watch starts the watch over the client: for the heart-beats that were agreed (0: none), else for what the server
// tolerates without any.
func (c *conn) watch(interval time.Duration) {
	missed := c.b.act.beats.missed
	if missed == 0 {
		missed = 2
	}
	limit := time.Duration(missed) * interval
	idle := c.b.act.idle.on(c)
	if limit == 0 || c.b.act.idleAlways && idle > 0 && idle < limit {
		limit = idle
	}
	c.dog.watch(limit)
}

// lastHeard returns when the client last gave a sign of life. While the broker is silent itself, and does not read,
// the client is not to blame.
func (c *conn) lastHeard() time.Time {
	if c.busy.Load() || c.fault.silence() != nil {
		return time.Now()
	}
	if !c.connected.Load() && c.b.act.connectWithin.on(c) > 0 {
		return c.born // nothing counts but CONNECT
	}
	last := c.ws.LastRead()
	if c.b.act.pingsDoNotCount {
		last = c.born.Add(time.Duration(c.lastSTOMP.Load()))
	}
	ours := []time.Time{c.fault.opened(), c.born.Add(time.Duration(c.freed.Load()))}
	if c.ending.Load() { // it is not read any more, and the goodbye may wait for Delay
		ours = append(ours, c.born.Add(time.Duration(c.paused.Load())))
	}
	for _, at := range ours {
		if at.After(last) {
			last = at
		}
	}
	if last.Before(c.born) {
		last = c.born
	}
	return last
}

// barked ends a connection whose client has fallen silent. It is called again while the connection lasts: a client
// that does not even let the goodbye through is cut.
func (c *conn) barked() {
	how := c.b.act.reactions[silent]
	if c.ending.Load() || how.mute && how.closing.code == 0 {
		c.b.log.Warn("client fell silent", "connection", c.num)
		c.cut()
		return
	}
	r := refuse(silent, "Session closed.", "no heart-beat came from the client in time")
	c.b.mu.Lock()
	c.reactLocked(nil, r)
	c.b.mu.Unlock()
	c.logRefusal(r)
	c.dog.watch(closeWait)
}

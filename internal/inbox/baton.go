package inbox

// next is what remains to be done after the lock is released.
type next uint8

const (
	nothing        next = iota
	startFeeder         // the baton goes to it
	closeChannel        // the baton is never released again
	displaceOldest      // Put has the baton, or asked the feeder for it
	dropIt              // the value that was Put was not taken
)

// do does it, without the lock.
func (in *Inbox[T]) do(n next) {
	switch n {
	case startFeeder:
		in.owner.Go(in.feed)
	case closeChannel:
		if in.outlet != nil {
			in.outlet.Close()
		} else {
			close(in.ch)
		}
		close(in.closed)
	}
}

// releaseLocked releases the baton, unless values were queued or the Inbox was ended meanwhile: then it is passed on
// to a feeder, or kept to close the channel.
func (in *Inbox[T]) releaseLocked() next {
	switch {
	case in.queue.len() > 0 && in.state != closing:
		return startFeeder
	case in.state != open:
		in.state = closing
		return closeChannel
	}
	in.baton = false
	return nothing
}

// closeIfFreeLocked closes the channel of an Inbox that is ending, unless the baton is held: its holder will do it.
func (in *Inbox[T]) closeIfFreeLocked() next {
	if in.baton {
		return nothing
	}
	in.baton = true
	return in.releaseLocked()
}

// feed moves values from the queue to the channel until the queue is empty, the Inbox has ended, or Put wants the
// baton.
func (in *Inbox[T]) feed() {
	in.mu.Lock()
	for in.state != closing && in.queue.len() > 0 && !in.yielding {
		it := in.popLocked()
		size := in.owner.Size(it.v) // not later: once it is sent, the consumer may change it
		in.pickUpLocked(it, size)
		in.mu.Unlock()
		sent := in.handOver(it.v)
		in.mu.Lock()
		var d drops[T]
		in.putDownLocked(it, size, sent, &d)
		room := in.relieveLocked()
		if room != nil || !d.none() {
			in.mu.Unlock()
			d.tell(in.owner)
			signal(room)
			in.mu.Lock()
		}
	}
	if in.yielding {
		in.mu.Unlock()
		in.yielded <- struct{}{} // has room: Put waits for it
		return
	}
	next := in.releaseLocked()
	in.mu.Unlock()
	in.do(next)
}

// hand is what is known of the value in the feeder's hand.
type hand[T any] struct {
	of         *tally // the share that it belongs to
	size       int64
	key        string // with Latest
	converting bool   // the Outlet is still making of it what the consumer gets
	revoked    bool   // it was dropped meanwhile
	retracted  bool   // it is to be dropped, unless the consumer has it
}

func (in *Inbox[T]) pickUpLocked(it item[T], size int64) {
	in.inHand = true
	in.hand = hand[T]{of: it.of, size: size, converting: in.outlet != nil}
	if in.bound.Policy == Latest {
		in.hand.key = in.owner.Key(it.v)
	}
}

// handOver offers a value to the consumer, until it takes it, the Inbox is ended, or Put wants the baton.
func (in *Inbox[T]) handOver(v T) (sent bool) {
	if in.outlet != nil {
		return in.outlet.Send(v, in.converted, in.cut, in.yield)
	}
	select {
	case in.ch <- v:
		return true
	case <-in.cut:
	case <-in.yield:
	case <-in.retract: // it may be about another value: then this one is offered again
	}
	return false
}

// putDownLocked records what happened to the value in the feeder's hand, and adds it to d if it is dropped.
func (in *Inbox[T]) putDownLocked(it item[T], size int64, sent bool, d *drops[T]) {
	in.inHand = false
	switch {
	case in.hand.revoked: // and counted
		d.values = append(d.values, it.v)
	case sent:
		in.account.held -= size
		in.account.enter(size) // which adds it again
		if it.of != nil {
			it.of.delivered++
			d.leave(it.of, size)
		}
	case in.state == closing || in.hand.retracted:
		in.dropLocked(it, d)
	default:
		in.unpopLocked(it)
	}
}

// relieveLocked ends a stall if the queue is half empty, and returns the channel to signal then.
func (in *Inbox[T]) relieveLocked() (room chan struct{}) {
	if in.stalled && in.halfEmptyLocked() {
		in.stalled, room = false, in.room
	}
	return room
}

// displace drops the oldest values and takes it. enqueueLocked has taken the baton, or asked the feeder for it.
func (in *Inbox[T]) displace(it item[T], size int64) Verdict {
	in.takeBaton()
	for !in.fits(size) && in.dropOldest() {
	}
	in.mu.Lock()
	verdict := Dropped
	if in.state == closing { // since Put looked
		in.countDroppedLocked(it)
		verdict = Refused
	} else {
		in.pushLocked(it, size)
	}
	next := in.releaseLocked() // to a feeder
	in.mu.Unlock()
	if verdict == Refused {
		in.owner.Dropped(it.v)
	}
	in.do(next)
	return verdict
}

// takeBaton waits for the baton if a feeder was asked for it: while the feeder has a value in its hand, the oldest
// one is unknown. The feeder answers quickly, whatever the consumer does.
func (in *Inbox[T]) takeBaton() {
	in.mu.Lock()
	asked := in.yielding
	in.mu.Unlock()
	if !asked {
		return
	}
	in.yield <- struct{}{} // has room: taken by the feeder, or removed below
	<-in.yielded
	select {
	case <-in.yield: // the feeder has seen yielding before this
	default:
	}
	in.mu.Lock()
	in.yielding = false
	in.mu.Unlock()
}

func (in *Inbox[T]) fits(size int64) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.fitsLocked(size)
}

// dropOldest drops what the consumer would receive next: the head of the channel, or of the queue if the consumer has
// emptied the channel. It reports whether there was anything. The caller has the baton.
func (in *Inbox[T]) dropOldest() bool {
	var v T
	inChannel := false
	select {
	case v, inChannel = <-in.ch:
	default:
	}
	var d drops[T]
	in.mu.Lock()
	switch {
	case inChannel: // which only an Inbox without shares has
		in.account.reclaimed++
		in.dropped++
		d.values = append(d.values, v)
	case in.queue.len() > 0:
		in.dropLocked(in.popLocked(), &d)
	}
	in.mu.Unlock()
	d.tell(in.owner)
	return !d.none()
}

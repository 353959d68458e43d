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

// releaseLocked releases the baton, unless values were queued or the Inbox was ended meanwhile: then it is passed on to a
// feeder, or kept to close the channel.
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

// feed moves values from the queue to the channel until the queue is empty, the Inbox has ended, or Put wants the baton.
func (in *Inbox[T]) feed() {
	in.mu.Lock()
	for in.state != closing && in.queue.len() > 0 && !in.yielding {
		v := in.popLocked()
		size := in.owner.Size(v) // not later: once it is sent, the consumer may change it
		in.pickUpLocked(v, size)
		in.mu.Unlock()
		sent := in.handOver(v)
		in.mu.Lock()
		dropped := in.putDownLocked(v, size, sent)
		var room chan struct{}
		if in.stalled && in.halfEmptyLocked() {
			in.stalled, room = false, in.room
		}
		if dropped || room != nil {
			in.mu.Unlock()
			if dropped {
				in.owner.Dropped(v)
			}
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
type hand struct {
	size       int64
	key        string // with Latest
	converting bool   // the Outlet is still making of it what the consumer gets
	revoked    bool   // it was dropped meanwhile
}

func (in *Inbox[T]) pickUpLocked(v T, size int64) {
	in.inHand = true
	in.hand = hand{size: size, converting: in.outlet != nil}
	if in.bound.Policy == Latest {
		in.hand.key = in.owner.Key(v)
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
	}
	return false
}

// putDownLocked records what happened to the value in the feeder's hand, and reports whether it is dropped.
func (in *Inbox[T]) putDownLocked(v T, size int64, sent bool) (dropped bool) {
	in.inHand = false
	switch {
	case in.hand.revoked: // and counted
		return true
	case sent:
		in.account.held -= size
		in.account.enter(size) // which adds it again
	case in.state == closing:
		in.account.held -= size
		in.dropped++
		return true
	default:
		in.unpopLocked(v)
	}
	return false
}

// displace drops the oldest values and takes v. enqueueLocked has taken the baton, or asked the feeder for it.
func (in *Inbox[T]) displace(v T, size int64) Verdict {
	in.takeBaton()
	for !in.fits(size) && in.dropOldest() {
	}
	in.mu.Lock()
	verdict := Dropped
	if in.state == closing { // since Put looked
		in.dropped++
		verdict = Refused
	} else {
		in.pushLocked(v, size)
	}
	next := in.releaseLocked() // to a feeder
	in.mu.Unlock()
	if verdict == Refused {
		in.owner.Dropped(v)
	}
	in.do(next)
	return verdict
}

// takeBaton waits for the baton if a feeder was asked for it: while the feeder has a value in its hand, the oldest one is
// unknown. The feeder answers quickly, whatever the consumer does.
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
	in.mu.Lock()
	switch {
	case inChannel:
		in.account.reclaimed++
	case in.queue.len() > 0:
		v = in.popLocked()
		in.account.held -= in.owner.Size(v)
	default:
		in.mu.Unlock()
		return false
	}
	in.dropped++
	in.mu.Unlock()
	in.owner.Dropped(v)
	return true
}

package inbox

// next is what a function that changed the state under the lock leaves to be done without it.
type next uint8

const (
	nothing        next = iota
	startFeeder         // the baton goes to it
	closeChannel        // the baton stays with who closes, for good
	displaceOldest      // the baton is Put's, or asked for
)

// do does it. The lock is not held.
func (in *Inbox[T]) do(n next) {
	switch n {
	case startFeeder:
		in.owner.Go(in.feed)
	case closeChannel:
		close(in.ch)
		close(in.closed)
	}
}

// layDownLocked gives up the baton: to a feeder for what was queued meanwhile, or to whoever carries out an end that came
// meanwhile.
func (in *Inbox[T]) layDownLocked() next {
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

// layDownIfFreeLocked carries out an end, unless somebody holds the baton, who will do it then.
func (in *Inbox[T]) layDownIfFreeLocked() next {
	if in.baton {
		return nothing
	}
	in.baton = true
	return in.layDownLocked()
}

// feed moves values from the queue to the channel until the queue is empty, the Inbox has ended, or Put wants the baton.
func (in *Inbox[T]) feed() {
	in.mu.Lock()
	for in.state != closing && in.queue.len() > 0 && !in.yielding {
		v := in.queue.pop()
		in.inHand = true
		in.mu.Unlock()
		sent := false
		select {
		case in.ch <- v:
			sent = true
		case <-in.cut:
		case <-in.yield:
		}
		in.mu.Lock()
		in.inHand = false
		in.putDownLocked(v, sent)
		if in.stalled && in.halfEmptyLocked() {
			in.stalled = false
			room := in.room
			in.mu.Unlock()
			signal(room)
			in.mu.Lock()
		}
	}
	if in.yielding {
		in.mu.Unlock()
		in.yielded <- struct{}{} // has room: Put waits for it
		return
	}
	next := in.layDownLocked()
	in.mu.Unlock()
	in.do(next)
}

// putDownLocked notes what became of the value in the feeder's hand.
func (in *Inbox[T]) putDownLocked(v T, sent bool) {
	size := in.owner.Size(v)
	switch {
	case sent:
		in.account.held -= size
		in.account.enter(size) // which adds it again
	case in.state == closing:
		in.account.held -= size
		in.dropLocked(v)
	default:
		in.queue.unpop(v)
	}
}

// displace takes v in the place of the oldest ones. enqueueLocked has taken the baton for it, or asked for it.
func (in *Inbox[T]) displace(v T, size int64) Verdict {
	in.takeBaton()
	for !in.fits(size) && in.dropOldest() {
	}
	in.mu.Lock()
	verdict := Dropped
	if in.state == closing { // since Put looked
		in.dropLocked(v)
		verdict = Refused
	} else {
		in.pushLocked(v, size)
	}
	next := in.layDownLocked() // to a feeder
	in.mu.Unlock()
	in.do(next)
	return verdict
}

// takeBaton waits for the baton if a feeder was asked for it: with a value in the feeder's hand nobody could tell which
// one is the oldest. The feeder is quick to answer, whatever the consumer does.
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

// dropOldest drops what the consumer would have got next: the head of the channel, or of the queue where the consumer has
// emptied the channel. It reports whether there was anything. The caller has the baton.
func (in *Inbox[T]) dropOldest() bool {
	var v T
	inChannel := false
	select {
	case v, inChannel = <-in.ch:
	default:
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	switch {
	case inChannel:
		in.account.reclaimed++
	case in.queue.len() > 0:
		v = in.queue.pop()
		in.account.held -= in.owner.Size(v)
	default:
		return false
	}
	in.dropLocked(v)
	return true
}

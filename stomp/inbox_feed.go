package stomp

// displace takes f in the place of the oldest ones. It is entered with mu held
// and leaves without it.
func (in *inbox) displace(f Frame, n int64) verdict {
	in.takeBaton()
	for !in.fits(n) && in.dropOldest() {
	}
	if in.state == inboxEnded { // while mu was not held
		in.dropped(&f)
		in.layDown()
		return putRefused
	}
	in.queue.push(f)
	in.held += n
	in.layDown() // to a feeder
	return putDropped
}

// takeBaton takes the baton from the feeder, if there is one: with a frame in
// the feeder's hand nobody could tell which one is the oldest. The feeder is
// quick to answer, whatever the consumer does. takeBaton is entered and left
// with mu held, and lays it down for the wait.
func (in *inbox) takeBaton() {
	if !in.baton {
		in.baton = true
		return
	}
	in.yielding = true
	in.mu.Unlock()
	in.yield <- struct{}{} // has room: taken or removed below
	<-in.yielded
	select {
	case <-in.yield: // the feeder has seen yielding before this
	default:
	}
	in.mu.Lock()
	in.yielding = false
}

// dropOldest drops what the consumer would have got next: the head of the
// channel, or of the queue where the consumer has emptied the channel. The
// caller has the baton. It is entered and left with mu held, and lays it down
// for the receive.
func (in *inbox) dropOldest() bool {
	in.mu.Unlock()
	var f Frame
	took := false
	select {
	case f, took = <-in.ch:
	default:
	}
	in.mu.Lock()
	switch {
	case took:
		in.reclaims++
	case in.queue.len() > 0:
		f = in.queue.pop()
		in.held -= size(&f)
	default:
		return false
	}
	in.dropped(&f)
	return true
}

// layDown gives up the baton: it carries out an end that came meanwhile, and
// starts a feeder for what another put has queued. It is entered with mu held
// and leaves without it.
func (in *inbox) layDown() {
	if in.queue.len() > 0 && in.state != inboxEnded {
		in.mu.Unlock()
		in.spawn(in.feed) // the baton goes to it
		return
	}
	in.baton = false
	closing := in.state != inboxOpen
	if closing {
		in.state = inboxEnded
		in.baton = true // for good: the channel is closed below
	}
	in.mu.Unlock()
	if closing {
		close(in.ch)
		close(in.idle)
	}
}

// feed moves frames from the queue to the channel until the queue is empty,
// the inbox is ended, or put wants the baton.
func (in *inbox) feed() {
	in.mu.Lock()
	for in.state != inboxEnded && in.queue.len() > 0 && !in.yielding {
		f := in.queue.pop()
		in.inHand = true
		in.mu.Unlock()
		sent := false
		select {
		case in.ch <- f:
			sent = true
		case <-in.cut:
		case <-in.yield:
		}
		in.mu.Lock()
		in.inHand = false
		n := size(&f)
		switch {
		case sent:
			in.held -= n
			in.account(n) // which adds it again
		case in.state == inboxEnded:
			in.held -= n
			in.dropped(&f)
		default:
			in.queue.unpop(f)
		}
		if in.stalled && in.halfEmpty() {
			in.stalled = false
			room := in.room
			in.mu.Unlock()
			signal(room)
			in.mu.Lock()
		}
	}
	if in.yielding {
		in.mu.Unlock()
		in.yielded <- struct{}{} // has room: put waits for it
		return
	}
	in.layDown()
}

package inbox

// Where the channel has no buffer, all that waits is in the queue or in the feeder's hand, where Put can reach it.
//
// With the policy Latest, of the values with the same key only the newest waits, in the place of the one that it
// replaces: the consumer never gets a value when a newer one with its key has been Put before.

// places is where the queue has the value of each key.
type places struct {
	at     map[string]int // counted from the first value that was ever queued; nil: the policy is another
	popped int            // values that have left the queue's front
}

// dropsInPlace reports whether Put makes room by dropping or replacing what waits, and the channel has no buffer.
func (in *Inbox[T]) dropsInPlace() bool {
	return in.bound.Policy == Latest || in.bound.Policy == DropOldest && cap(in.ch) == 0
}

// putInPlace is Put for a value that others wait before.
func (in *Inbox[T]) putInPlace(it item[T], size int64) Verdict {
	key := ""
	if in.places.at != nil {
		key = in.owner.Key(it.v)
	}
	verdict := Delivered
	var d drops[T]
	mine := false  // the baton
	first := false // the value takes the place of the one in the feeder's hand
	in.mu.Lock()
	// The value in the feeder's hand is the one to replace, or the one that has waited for longest.
	if in.inHand && (in.places.at != nil && in.hand.key == key || !in.fitsInPlaceLocked(key, size)) {
		if in.hand.converting {
			first = in.places.at != nil && in.hand.key == key
			in.revokeLocked()
			verdict = Dropped
		} else {
			in.yielding = true
			in.mu.Unlock()
			in.takeBaton()
			mine = true
			in.mu.Lock()
		}
	}
	if !in.baton { // the feeder has just released it
		in.baton, mine = true, true
	}
	if in.state == closing || it.of != nil && it.of.state != open { // since Put looked
		in.countDroppedLocked(it)
		d.values = append(d.values, it.v)
		verdict = Refused
	} else {
		if first {
			in.unpopLocked(it)
			in.admitLocked(it, size)
		} else {
			in.takeInLocked(it, key, size, &d)
		}
		in.makeRoomLocked(key, &d)
		if !d.none() {
			verdict = Dropped
		}
	}
	next := nothing
	if mine {
		next = in.releaseLocked()
	}
	in.mu.Unlock()
	d.tell(in.owner)
	in.do(next)
	return verdict
}

// takeInLocked gives a value its place, and drops the one that it replaces.
func (in *Inbox[T]) takeInLocked(it item[T], key string, size int64, d *drops[T]) {
	if place, waits := in.places.at[key]; waits {
		in.admitLocked(it, size)
		in.dropLocked(in.queue.swap(place-in.places.popped, it), d)
	} else {
		in.pushLocked(it, size)
	}
}

// makeRoomLocked drops beyond the bound those that have waited for longest, but not the one with that key, which is new.
func (in *Inbox[T]) makeRoomLocked(key string, d *drops[T]) {
	for in.queue.len() > 1 && (in.waitingLocked() > in.bound.Count || in.account.held > in.bound.Bytes) {
		oldest := in.popLocked()
		if in.places.at != nil && in.owner.Key(oldest.v) == key { // the new one, in the first place
			in.requeueLocked(oldest)
			continue
		}
		in.dropLocked(oldest, d)
	}
}

// fitsInPlaceLocked reports whether a value of that size is within the bound once it has replaced the one that waits
// with its key.
func (in *Inbox[T]) fitsInPlaceLocked(key string, size int64) bool {
	place, waits := in.places.at[key]
	if !waits {
		return in.fitsLocked(size)
	}
	old := in.owner.Size(in.queue.at(place - in.places.popped).v)
	return in.account.held-old+size <= in.bound.Bytes
}

// pushLocked adds a value to the queue, in which none has its key.
func (in *Inbox[T]) pushLocked(it item[T], size int64) {
	in.requeueLocked(it)
	in.admitLocked(it, size)
}

// admitLocked counts a value that begins to wait.
func (in *Inbox[T]) admitLocked(it item[T], size int64) {
	in.account.held += size
	if it.of != nil {
		it.of.queued++
		it.of.bytes += size
	}
}

// popLocked takes the oldest value out of the queue. It stays in the account.
func (in *Inbox[T]) popLocked() item[T] {
	it := in.queue.pop()
	if in.places.at != nil {
		in.places.popped++
		delete(in.places.at, in.owner.Key(it.v))
	}
	return it
}

// unpopLocked puts back what popLocked took last.
func (in *Inbox[T]) unpopLocked(it item[T]) {
	if in.places.at != nil {
		in.places.popped--
		in.places.at[in.owner.Key(it.v)] = in.places.popped
	}
	in.queue.unpop(it)
}

// requeueLocked puts what popLocked took to the end of the queue.
func (in *Inbox[T]) requeueLocked(it item[T]) {
	if in.places.at != nil {
		in.places.at[in.owner.Key(it.v)] = in.places.popped + in.queue.len()
	}
	in.queue.push(it)
}

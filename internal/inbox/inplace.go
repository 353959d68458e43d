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
	return in.bound.Policy == Latest || in.bound.Policy == DropOldest && in.outlet != nil
}

// putInPlace is Put for a value that others wait before.
func (in *Inbox[T]) putInPlace(v T, size int64) Verdict {
	key := ""
	if in.places.at != nil {
		key = in.owner.Key(v)
	}
	in.mu.Lock()
	verdict := Delivered
	mine := false // the baton
	// The value in the feeder's hand is the one to replace, or the one that has waited for longest.
	if in.inHand && (in.places.at != nil && in.hand.key == key || !in.fitsInPlaceLocked(key, size)) {
		if in.hand.converting {
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
	var dropped []T
	if in.state == closing { // since Put looked
		verdict, dropped = Refused, []T{v}
	} else if dropped = in.takeInLocked(v, key, size); dropped != nil {
		verdict = Dropped
	}
	in.dropped += uint64(len(dropped))
	next := nothing
	if mine {
		next = in.releaseLocked()
	}
	in.mu.Unlock()
	for _, v := range dropped {
		in.owner.Dropped(v)
	}
	in.do(next)
	return verdict
}

// takeInLocked gives v its place, and returns what is dropped for it: the value that it replaces, and beyond the bound
// those that have waited for longest.
func (in *Inbox[T]) takeInLocked(v T, key string, size int64) (dropped []T) {
	if place, waits := in.places.at[key]; waits {
		old := in.queue.swap(place-in.places.popped, v)
		in.account.held += size - in.owner.Size(old)
		dropped = append(dropped, old)
	} else {
		in.pushLocked(v, size)
	}
	for in.queue.len() > 1 && (in.waitingLocked() > in.bound.Count || in.account.held > in.bound.Bytes) {
		oldest := in.popLocked()
		in.account.held -= in.owner.Size(oldest)
		if in.places.at != nil && in.owner.Key(oldest) == key { // v itself, in the first place
			in.pushLocked(oldest, size)
			continue
		}
		dropped = append(dropped, oldest)
	}
	return dropped
}

// fitsInPlaceLocked reports whether a value of that size is within the bound once it has replaced the one that waits with
// its key.
func (in *Inbox[T]) fitsInPlaceLocked(key string, size int64) bool {
	place, waits := in.places.at[key]
	if !waits {
		return in.fitsLocked(size)
	}
	old := in.owner.Size(in.queue.at(place - in.places.popped))
	return in.account.held-old+size <= in.bound.Bytes
}

// pushLocked adds a value to the queue.
func (in *Inbox[T]) pushLocked(v T, size int64) {
	if in.places.at != nil {
		in.places.at[in.owner.Key(v)] = in.places.popped + in.queue.len()
	}
	in.queue.push(v)
	in.account.held += size
}

// popLocked takes the oldest value out of the queue. It stays in the account.
func (in *Inbox[T]) popLocked() T {
	v := in.queue.pop()
	if in.places.at != nil {
		in.places.popped++
		delete(in.places.at, in.owner.Key(v))
	}
	return v
}

// unpopLocked puts back what popLocked took last.
func (in *Inbox[T]) unpopLocked(v T) {
	if in.places.at != nil {
		in.places.popped--
		in.places.at[in.owner.Key(v)] = in.places.popped
	}
	in.queue.unpop(v)
}

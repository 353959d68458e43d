package inbox

// Bound limits how much an Inbox holds, queue and channel together. A single value above Bytes is taken if nothing
// else waits.
type Bound struct {
	Count  int   // values
	Bytes  int64 // by Owner.Size
	Policy Policy
}

// Policy is what happens to a value that does not fit the bound.
type Policy uint8

const (
	Block      Policy = iota // it is taken, and Put's caller is told to wait
	DropOldest               // the oldest ones are dropped to make room for it
	DropNewest               // it is dropped
	Fail                     // it is dropped, and the owner is told to end the Inbox
	Latest                   // it takes the place of one with the same key (Owner.Key); else as DropOldest. See inplace.go
)

// account counts how much an Inbox holds. What a consumer has received shows only in the length of the channel, so it
// is subtracted later, when the count is needed.
type account struct {
	held      int64   // bytes in queue, channel and the feeder's hand
	sizes     []int64 // of the last cap(ch) values that entered the channel, by entered%cap
	entered   uint64  // values that went into the channel
	left      uint64  // of those, how many are known to have left it
	reclaimed uint64  // of those, how many were taken back and not delivered
}

// enter records that a value of that size has entered the channel.
func (a *account) enter(size int64) {
	if len(a.sizes) == 0 { // the channel has no buffer: what has entered has left
		a.entered++
		a.left++
		return
	}
	// At most cap(ch) values are in the channel, so the one that the slot belongs to has left it.
	for a.left+uint64(len(a.sizes)) <= a.entered {
		a.releaseOne()
	}
	a.sizes[a.entered%uint64(len(a.sizes))] = size
	a.entered++
	a.held += size
}

// update subtracts what has left the channel, which now holds inChannel values.
func (a *account) update(inChannel int) {
	for a.left+uint64(inChannel) < a.entered {
		a.releaseOne()
	}
}

func (a *account) releaseOne() {
	a.held -= a.sizes[a.left%uint64(len(a.sizes))]
	a.left++
}

// fitsLocked reports whether a value of that size is within the bound, or alone.
func (in *Inbox[T]) fitsLocked(size int64) bool {
	waiting := in.waitingLocked()
	return waiting == 0 || waiting < in.bound.Count && in.account.held+size <= in.bound.Bytes
}

// waitingLocked brings the account up to date, and counts the values in queue, channel and the feeder's hand. The
// consumer takes from the channel meanwhile, so its length is looked at once.
func (in *Inbox[T]) waitingLocked() int {
	inChannel := len(in.ch)
	in.account.update(inChannel)
	return in.behindChannelLocked() + inChannel
}

// behindChannelLocked counts the values in queue and in the feeder's hand.
func (in *Inbox[T]) behindChannelLocked() int {
	n := in.queue.len()
	if in.inHand {
		n++
	}
	return n
}

// halfEmptyLocked reports whether a stall is over: not at the first free place, or Put and the consumer would take
// turns value by value.
func (in *Inbox[T]) halfEmptyLocked() bool {
	waiting := in.waitingLocked()
	return in.behindChannelLocked() == 0 || waiting <= in.bound.Count/2 && in.account.held <= in.bound.Bytes/2
}

// Stats is what an Inbox has done and holds.
type Stats struct {
	Received, Delivered, Dropped, Stalls uint64
	Queued                               int   // values that wait for the consumer, in queue and channel
	QueuedBytes                          int64 // likewise, by Owner.Size
}

// Stats returns a snapshot of the counters.
func (in *Inbox[T]) Stats() Stats {
	in.mu.Lock()
	defer in.mu.Unlock()
	waiting := in.waitingLocked()
	return Stats{
		Received:    in.received,
		Delivered:   in.account.left - in.account.reclaimed,
		Dropped:     in.dropped,
		Stalls:      in.stalls,
		Queued:      waiting,
		QueuedBytes: in.account.held,
	}
}

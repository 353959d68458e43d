package stomp

// fits reports whether a frame of n octets is within the bound, or alone.
func (in *inbox) fits(n int64) bool {
	in.settle()
	waiting := in.waiting()
	return waiting == 0 || waiting < in.bound.frames && in.held+n <= in.bound.bytes
}

// waiting counts the frames in queue, channel and the feeder's hand.
func (in *inbox) waiting() int {
	n := in.queue.len() + len(in.ch)
	if in.inHand {
		n++
	}
	return n
}

// settle takes from held what has left the channel since it was last asked.
func (in *inbox) settle() {
	for in.seen+uint64(len(in.ch)) < in.sent {
		in.release()
	}
}

func (in *inbox) release() {
	in.held -= in.sizes[in.seen%uint64(len(in.sizes))]
	in.seen++
}

// account notes that a frame of n octets has gone into the channel.
func (in *inbox) account(n int64) {
	// At most cap(ch) frames are in the channel, so the slot that is taken
	// here belongs to one that has left it.
	for in.seen+uint64(len(in.sizes)) <= in.sent {
		in.release()
	}
	in.sizes[in.sent%uint64(len(in.sizes))] = n
	in.sent++
	in.held += n
}

// size is what a frame counts for in the bound: the octets of body and header.
func size(f *Frame) int64 {
	n := len(f.Body)
	for i := range f.Header {
		n += len(f.Header[i][0]) + len(f.Header[i][1])
	}
	return int64(n)
}

// halfEmpty is when a stall ends: not at the first free place, or reader and
// consumer would take turns frame by frame.
func (in *inbox) halfEmpty() bool {
	in.settle()
	queued := in.waiting() - len(in.ch)
	return queued == 0 || in.waiting() <= in.bound.frames/2 && in.held <= in.bound.bytes/2
}

// isStalled reports whether the bound was reached and the queue is not half
// empty yet. A signal on room means that it may have changed.
func (in *inbox) isStalled() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.stalled && in.state == inboxOpen
}

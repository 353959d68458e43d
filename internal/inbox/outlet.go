package inbox

// Outlet takes the place of the channel where the consumer gets something else that is made of the values, by a
// function that may take its time. Its channel has no buffer, and only a feeder sends to it: whoever calls Put does
// not wait for the conversion, and there is no goroutine while nothing waits.
type Outlet[T any] interface {
	// Send converts v, calls converted, and if that returns true offers what has come of v to the consumer, until cut or
	// yield has something. It reports whether the consumer has it.
	Send(v T, converted func() bool, cut, yield <-chan struct{}) bool
	// Close closes the consumer's channel.
	Close()
}

// NewThrough returns an open Inbox whose consumer gets what outlet makes of the values. Its caller has to End it.
func NewThrough[T any](owner Owner[T], bound Bound, outlet Outlet[T]) *Inbox[T] {
	in := newInbox(owner, bound)
	in.outlet = outlet
	return in
}

// converted is called by the Outlet between converting the value in the feeder's hand and offering it. It returns
// false if the value is not wanted any more.
func (in *Inbox[T]) converted() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.hand.converting = false
	return !in.hand.revoked && in.state != closing
}

// revokeLocked drops the value that the Outlet is converting. The feeder tells the owner when it gets it back.
func (in *Inbox[T]) revokeLocked() {
	in.inHand = false
	in.hand.revoked, in.hand.converting = true, false
	in.account.held -= in.hand.size
	in.dropped++
}

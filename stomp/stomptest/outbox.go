package stomptest

import (
	"sync"
	"time"

	"github.com/webstomp/webstomp/internal/wire"
)

// item is one thing for the writer of a connection to do.
type item struct {
	frame   wire.Frame    // sent as it is
	early   wire.Version  // with an ERROR: what it is written in even before CONNECTED; "": as everything else
	version wire.Version  // with CONNECTED: what is spoken from here on
	beat    time.Duration // with CONNECTED: how often a heart-beat follows; 0: never
	message *outMessage   // a MESSAGE
	raw     []byte        // SendRaw's bytes
	end     *closing      // nothing after this
}

// outMessage is a message on its way to one subscription.
type outMessage struct {
	msg          *message
	subscription string
	anonymous    bool
	destination  string
	id           string
	ack          string // "": none
	redelivered  bool
}

// outbox is what a connection has yet to send. It is without bound, so that a slow client delays neither the others
// nor the broker: fit for tests, not for production.
type outbox struct {
	wake chan struct{} // capacity 1: there is something in it

	mu     sync.Mutex // guards what follows; a leaf: no other lock is taken under it
	items  []item
	sealed bool
}

func (o *outbox) push(it item) { o.add(it, false) }

// finish adds the last item, even after seal.
func (o *outbox) finish(it item) { o.add(it, true) }

func (o *outbox) add(it item, last bool) {
	o.mu.Lock()
	if o.sealed && !last {
		o.mu.Unlock()
		return
	}
	o.items = append(o.items, it)
	first := len(o.items) == 1
	o.sealed = o.sealed || last
	o.mu.Unlock()
	if first {
		select {
		case o.wake <- struct{}{}:
		default:
		}
	}
}

// take exchanges what there is for an empty slice.
func (o *outbox) take(empty []item) []item {
	o.mu.Lock()
	defer o.mu.Unlock()
	items := o.items
	o.items = empty
	return items
}

// seal takes nothing more but finish; what is there will still be sent.
func (o *outbox) seal() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.sealed = true
}

// discard seals the outbox and empties it.
func (o *outbox) discard() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.sealed, o.items = true, nil
}

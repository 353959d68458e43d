package stomp

import (
	"slices"
	"sync"

	"github.com/webstomp/webstomp/internal/ws"
)

// outgoing is one encoded frame in a batch.
type outgoing struct {
	end  int    // its octets end here in the batch's buffer; they begin where the one before ends
	big  []byte // or it has a buffer of its own
	typ  ws.MessageType
	gone bool // withdrawn: its ctx ended before it was taken

	carry   bool            // goes out on the next session if this one ends before
	receipt *pendingReceipt // nil: none
}

// carried is a frame that goes out on the next session, encoded for the version
// of the one that accepted it.
type carried struct {
	frame   []byte
	typ     ws.MessageType
	version Version
	order   uint64 // among those of the same session
	receipt *pendingReceipt
}

// batch is what the write loop takes at once.
type batch struct {
	buf    []byte
	frames []outgoing
}

// batches keeps the buffers that outboxes need only while they hold something:
// an idle one holds none.
var batches = sync.Pool{New: func() any { return new(batch) }}

func (b *batch) empty() *batch {
	clear(b.frames) // lets go of the big ones
	b.buf, b.frames = b.buf[:0], b.frames[:0]
	return b
}

// leftover takes out what had not begun to be written when the session ended,
// as far as it goes out on the next one. The write loop has returned: begun is
// how far it came in its last batch, which ends at the frame numbered taken.
func (o *outbox) leftover(last *batch, begun uint64, version Version) []carried {
	o.mu.Lock()
	defer o.mu.Unlock()
	var left []carried
	collect := func(b *batch, first uint64) {
		start := 0
		for i := range b.frames {
			f := &b.frames[i]
			frame := b.buf[start:f.end]
			start = f.end
			number := first + uint64(i)
			if number <= begun || f.gone || !f.carry {
				continue
			}
			if f.big != nil {
				frame = f.big
			} else {
				frame = slices.Clone(frame) // the batch is used again
			}
			left = append(left, carried{frame: frame, typ: f.typ, version: version, order: number, receipt: f.receipt})
		}
	}
	if last != nil {
		collect(last, o.taken-uint64(len(last.frames))+1)
	}
	if o.waiting != nil {
		collect(o.waiting, o.taken+1)
	}
	return left
}

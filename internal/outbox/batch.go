package outbox

import (
	"slices"
	"sync"

	"github.com/webstomp/webstomp/internal/ws"
)

// batch is frames that are taken at once.
type batch struct {
	buf    []byte
	frames []frame
}

// frame is one encoded frame in a batch.
type frame struct {
	end       int    // its bytes end here in the batch's buffer; they begin where those of the one before end
	own       []byte // or it has a buffer of its own
	typ       ws.MessageType
	withdrawn bool // it is not written
	carry     bool
	ticket    *Ticket
}

// batches pools the batches, which an Outbox has only while it holds something.
var batches = sync.Pool{New: func() any { return new(batch) }}

// emptied returns b without its frames; nil of nil.
func (b *batch) emptied() *batch {
	if b != nil {
		clear(b.frames) // frees the frames' own buffers
		b.buf, b.frames = b.buf[:0], b.frames[:0]
	}
	return b
}

// recycle gives b back, if it is not nil.
func (b *batch) recycle() {
	if b != nil {
		batches.Put(b.emptied())
	}
}

// all yields the frames and their bytes.
func (b *batch) all(yield func(f *frame, bytes []byte) bool) {
	start := 0
	for i := range b.frames {
		f := &b.frames[i]
		bytes := f.own
		if bytes == nil {
			bytes = b.buf[start:f.end]
		}
		start = f.end
		if !yield(f, bytes) {
			return
		}
	}
}

// Leftover is a frame that goes out on the next session: its writing had not begun when this one ended.
type Leftover struct {
	Frame  []byte
	Type   ws.MessageType
	Number uint64 // in the Outbox that is over
	Ticket *Ticket
}

// Leftover returns the frames with Carry that were accepted and not begun, in order. It is called when Run has
// returned and nothing is accepted any more.
func (w *Writer) Leftover() []Leftover {
	w.out.mu.Lock()
	defer w.out.mu.Unlock()
	var left []Leftover
	if b := w.batch; b != nil {
		left = w.appendLeftover(left, b, w.out.taken-uint64(len(b.frames)))
	}
	if b := w.out.waiting; b != nil {
		left = w.appendLeftover(left, b, w.out.taken)
	}
	return left
}

// appendLeftover appends what is left of b, whose first frame comes after the one of that number.
func (w *Writer) appendLeftover(left []Leftover, b *batch, number uint64) []Leftover {
	for f, bytes := range b.all {
		number++
		if number <= w.begun || f.withdrawn || !f.carry {
			continue
		}
		if f.own == nil {
			bytes = slices.Clone(bytes) // or it would keep the whole batch
		}
		left = append(left, Leftover{Frame: bytes, Type: f.typ, Number: number, Ticket: f.ticket})
	}
	return left
}

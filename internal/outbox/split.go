package outbox

import (
	"unicode/utf8"

	"github.com/webstomp/webstomp/internal/ws"
)

// MinSplit is the smallest Options.Split: a message that holds any UTF-8 character.
const MinSplit = utf8.UTFMax

// writeFrame writes one frame: as one WebSocket message (clause W2), unless Options.Split makes several of a long
// one.
func (w *Writer) writeFrame(typ ws.MessageType, frame []byte) error {
	for limit := w.options.Split; limit > 0 && len(frame) > limit; {
		n := limit
		if typ == ws.Text {
			n = wholeRunes(frame, limit)
		}
		if err := w.conn.Write(typ, frame[:n]); err != nil {
			return err
		}
		frame = frame[n:]
	}
	return w.conn.Write(typ, frame)
}

// wholeRunes returns how much of p, at most limit, ends with a whole character: servers check each message alone.
// Where text is forced on bytes that are none, nothing can be kept whole, and it is limit.
func wholeRunes(p []byte, limit int) int {
	for n := limit; n > limit-utf8.UTFMax; n-- {
		if utf8.RuneStart(p[n]) {
			return n
		}
	}
	return limit
}

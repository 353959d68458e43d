package command

import (
	"errors"
	"testing"

	"github.com/webstomp/webstomp/stomp"
)

// While messages wait, what is written is flushed after flushAfter of them, and whatever ends sub has its turn then.
func TestConsumer_flushes_amid_many_messages(t *testing.T) {
	const n = 100 * flushAfter
	messages := make(chan stomp.Frame, n)
	for range n {
		messages <- stomp.Frame{Body: []byte("x")}
	}
	closed := make(chan struct{})
	out := &eachWrite{then: func() { close(closed) }}
	c := consumer{messages: messages, out: newPrinter(out, style{}, "\n")}
	if err := c.consume(t.Context(), nil, closed); !errors.Is(err, errOutputClosed) {
		t.Fatal(err)
	}
	if c.written == n { // each time the end is drawn with one half
		t.Error("the end had no turn before all messages were written")
	}
	for _, length := range out.lengths {
		if length != 2*flushAfter {
			t.Errorf("%v bytes were written at once, want %d each time", out.lengths, 2*flushAfter)
			break
		}
	}
}

// eachWrite keeps the lengths of what it is given, and calls then the first time.
type eachWrite struct {
	lengths []int
	then    func()
}

func (w *eachWrite) Write(p []byte) (int, error) {
	if len(w.lengths) == 0 {
		w.then()
	}
	w.lengths = append(w.lengths, len(p))
	return len(p), nil
}

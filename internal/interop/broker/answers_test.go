package broker

import "testing"

func TestAnswers_splits_READY_from_the_answers(t *testing.T) {
	console := new(tail)
	a := newAnswers(console)
	write := func(text string) {
		t.Helper()
		if n, err := a.Write([]byte(text)); n != len(text) || err != nil {
			t.Errorf("Write: %d, %v", n, err)
		}
	}
	write("noise\nREA")
	if a.ready() {
		t.Error("ready after half a word")
	}
	write("DY\r\n1 DO")
	if !a.ready() {
		t.Error("not ready after READY")
	}
	write("NE\nREADY\n2 FAILED reason\n")
	for _, want := range []string{"noise", "1 DONE", "READY", "2 FAILED reason"} {
		if got := <-a.lines; got != want {
			t.Errorf("line %q, want %q", got, want)
		}
	}
	if want := "noise\nREADY\r\n1 DONE\nREADY\n2 FAILED reason\n"; console.String() != want {
		t.Errorf("console %q, want %q", console, want)
	}
}

// Write never waits, even if nobody reads the answers.
func TestAnswers_never_blocks_Write(t *testing.T) {
	a := newAnswers(new(tail))
	for range 10 * cap(a.lines) {
		a.Write([]byte("line\n"))
	}
}

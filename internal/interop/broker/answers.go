package broker

import (
	"bytes"
	"io"
	"strings"
)

// answers splits the standard output of a program into READY and the lines that
// answer commands. It also writes everything to the console.
type answers struct {
	console io.Writer
	up      chan struct{} // closed by Write at READY
	lines   chan string
	rest    []byte // of a line that is not complete; owned by Write
}

func newAnswers(console io.Writer) *answers {
	// Room for more answers than any program owes, so that Write never waits.
	return &answers{console: console, up: make(chan struct{}), lines: make(chan string, 64)}
}

func (a *answers) Write(p []byte) (int, error) {
	a.rest = append(a.rest, p...)
	for {
		line, rest, complete := bytes.Cut(a.rest, []byte("\n"))
		if !complete {
			break
		}
		a.rest = rest
		text := strings.TrimSuffix(string(line), "\r")
		if text == "READY" && !a.ready() {
			close(a.up)
			continue
		}
		select {
		case a.lines <- text:
		default: // more than anybody asked for: only the console gets it
		}
	}
	return a.console.Write(p)
}

// ready reports whether READY was seen.
func (a *answers) ready() bool {
	select {
	case <-a.up:
		return true
	default:
		return false
	}
}

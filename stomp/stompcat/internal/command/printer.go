package command

import (
	"bufio"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"syscall"
	"unicode/utf8"

	"github.com/webstomp/webstomp/stomp"
)

// printer writes messages, buffered: the caller flushes when nothing more is there.
type printer struct {
	w         *bufio.Writer
	form      form
	style     style
	terminal  bool
	delimiter string
}

func newPrinter(w io.Writer, s style, delimiter string) *printer {
	return &printer{w: bufio.NewWriterSize(w, 64<<10), style: s, terminal: isTerminal(w), delimiter: delimiter}
}

// errOutputClosed says that nobody reads standard output any more: who read it has had enough, which is no failure.
var errOutputClosed = errors.New("standard output is closed")

// print writes a message into the buffer, and flushes it on a terminal.
func (p *printer) print(f stomp.Frame) error {
	var err error
	switch p.form {
	case formJSON:
		err = writeRecord(p.w, f)
	case formFull:
		err = p.full(f)
	default:
		_, err = p.w.Write(f.Body)
		if err == nil {
			_, err = p.w.WriteString(p.delimiter)
		}
	}
	if err == nil && p.terminal {
		err = p.w.Flush()
	}
	return outputError(err)
}

func (p *printer) flush() error { return outputError(p.w.Flush()) }

func outputError(err error) error {
	if errors.Is(err, syscall.EPIPE) || errors.Is(err, io.ErrClosedPipe) {
		return errOutputClosed
	}
	return err
}

// full writes a message for people: what came from elsewhere cannot do anything to a terminal.
func (p *printer) full(f stomp.Frame) error {
	var b strings.Builder
	b.WriteString(p.style.bold(p.style.cyan(oneLine(f.Destination()))))
	b.WriteByte('\n')
	for name, value := range f.Header.All() {
		if name == "destination" {
			continue
		}
		line := oneLine(name) + ": " + oneLine(value)
		if name == "redelivered" && f.Redelivered() {
			b.WriteString(p.style.yellow(line))
		} else {
			b.WriteString(p.style.dim(line))
		}
		b.WriteByte('\n')
	}
	b.WriteByte('\n')
	b.WriteString(bodyForPeople(f.Body))
	b.WriteByte('\n')
	_, err := p.w.WriteString(b.String())
	return err
}

// oneLine is visible, and keeps its line: nothing that came can be taken for a line of our own.
func oneLine(text string) string { return strings.ReplaceAll(visible(text), "\n", `\n`) }

// dumped is how many bytes of a body that is no text are shown.
const dumped = 256

// bodyForPeople returns a body that ends a line: text as it is, but for what would do something to a terminal, other
// bytes as a dump of the first of them.
func bodyForPeople(body []byte) string {
	switch {
	case len(body) == 0:
		return ""
	case utf8.Valid(body):
		return strings.TrimSuffix(visible(strings.ReplaceAll(string(body), "\r\n", "\n")), "\n") + "\n"
	}
	text := hex.Dump(body[:min(len(body), dumped)])
	if len(body) > dumped {
		text += "… " + grouped(int64(len(body))) + " bytes\n"
	}
	return text
}

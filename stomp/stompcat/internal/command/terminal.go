package command

import (
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/term"
)

// isTerminal reports whether a stream is one.
func isTerminal(stream any) bool {
	if l, ok := stream.(*lockedWriter); ok {
		stream = l.w
	}
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// columns returns the width of a terminal, and 80 where it is unknown.
func columns(stream io.Writer) int {
	if l, ok := stream.(*lockedWriter); ok {
		stream = l.w
	}
	if f, ok := stream.(*os.File); ok {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
			return width
		}
	}
	return 80
}

// style colours text, or leaves it.
type style struct{ colour bool }

// styleFor returns the style for a stream, by --color, NO_COLOR (no-color.org) and TERM.
func (a *app) styleFor(stream any) style {
	switch a.colour {
	case "always":
		return style{true}
	case "never":
		return style{false}
	}
	plain := a.env.Getenv("NO_COLOR") != "" || a.env.Getenv("TERM") == "dumb"
	return style{!plain && isTerminal(stream)}
}

func (s style) in(code, text string) string {
	if !s.colour || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (s style) bold(text string) string   { return s.in("1", text) }
func (s style) dim(text string) string    { return s.in("2", text) }
func (s style) red(text string) string    { return s.in("31", text) }
func (s style) green(text string) string  { return s.in("32", text) }
func (s style) yellow(text string) string { return s.in("33", text) }
func (s style) cyan(text string) string   { return s.in("36", text) }

// visible returns text that does nothing to a terminal: what came from elsewhere may have escape sequences in it, which
// are written as \x1b here. Line feeds and tabs stay.
func visible(text string) string {
	if utf8.ValidString(text) && !strings.ContainsFunc(text, isHidden) {
		return text
	}
	var b strings.Builder
	for rest := text; rest != ""; {
		r, size := utf8.DecodeRuneInString(rest)
		switch {
		case r == utf8.RuneError && size == 1: // no UTF-8: a terminal may take it for another character set's
			fmt.Fprintf(&b, `\x%02x`, rest[0])
		case isHidden(r):
			fmt.Fprintf(&b, `\x%02x`, r)
		default:
			b.WriteRune(r)
		}
		rest = rest[size:]
	}
	return b.String()
}

func isHidden(r rune) bool { return r != '\n' && r != '\t' && !unicode.IsGraphic(r) }

package command

import (
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"

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
	if !strings.ContainsFunc(text, isHidden) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if isHidden(r) {
			fmt.Fprintf(&b, `\x%02x`, r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

func isHidden(r rune) bool { return r != '\n' && r != '\t' && !unicode.IsGraphic(r) }

package command

import (
	"errors"
	"strconv"

	"github.com/spf13/cobra"
)

// form is how a message is written.
type form int

const (
	formBody form = iota // its body, and the delimiter
	formFull             // destination, header and body, for people
	formJSON             // an object on a line
)

// formFlags choose the form.
type formFlags struct {
	json, full, body bool
	delimiter        delimiter
}

func (o *formFlags) addFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.BoolVar(&o.body, "body", false, "write bodies alone (the default unless standard output is a terminal)")
	f.BoolVar(&o.full, "full", false, "write destination, header and body (the default on a terminal)")
	f.BoolVar(&o.json, "json", false, "write an object a line: destination, session, header, and body, or body_base64 if it is not UTF-8")
	o.delimiter = "\n"
	f.VarP(&o.delimiter, "delimiter", "d", `what follows each body: \n, \t, \0, any other `+"`TEXT`, or nothing")
	cmd.MarkFlagsMutuallyExclusive("body", "full", "json")
}

// printer returns what writes messages to standard output in the form chosen.
func (a *app) printer(o formFlags) *printer {
	p := newPrinter(a.env.Stdout, a.styleFor(a.env.Stdout), string(o.delimiter))
	switch {
	case o.json:
		p.form = formJSON
	case o.full, !o.body && p.terminal:
		p.form = formFull
	}
	return p
}

// delimiter is a flag's text with what a backslash stands for.
type delimiter string

func (d *delimiter) String() string {
	quoted := strconv.Quote(string(*d))
	return quoted[1 : len(quoted)-1]
}

func (d *delimiter) Type() string { return "text" }

func (d *delimiter) Set(text string) error {
	plain, err := unescape(text)
	*d = delimiter(plain)
	return err
}

// unescape reads \n and the like, as in Go, and \0.
func unescape(text string) (string, error) {
	var out []byte
	for rest := text; rest != ""; {
		if len(rest) >= 2 && rest[:2] == `\0` {
			out, rest = append(out, 0), rest[2:]
			continue
		}
		r, multibyte, tail, err := strconv.UnquoteChar(rest, 0)
		if err != nil {
			return "", errors.New(`it takes \n, \t, \0, \\, \x1e and plain text`)
		}
		if multibyte {
			out = append(out, string(r)...)
		} else {
			out = append(out, byte(r))
		}
		rest = tail
	}
	return string(out), nil
}

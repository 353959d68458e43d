package command

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// widest is the longest line of help, however wide the terminal is.
const widest = 100

// writeHelp writes a command's page, in the order of a manual's.
func (a *app) writeHelp(cmd *cobra.Command, w io.Writer) {
	p := &page{w: w, style: a.styleFor(w), width: min(columns(w), widest)}
	if !cmd.Runnable() && !cmd.HasAvailableSubCommands() { // a topic
		p.text(cmd.Long)
		return
	}
	p.section("Name", cmd.CommandPath()+" - "+lowerFirst(cmd.Short))
	p.section("Usage", strings.TrimSuffix(synopsis(cmd), "\n"))
	p.section("Description", strings.TrimSpace(cmd.Long))
	p.commands(cmd)
	if !cmd.HasParent() {
		p.flags("Options of every command", cmd.Flags())
	} else {
		p.flags("Options", cmd.NonInheritedFlags())
	}
	if cmd.HasParent() && cmd.Runnable() {
		p.flags("Options of the connection", cmd.InheritedFlags())
	}
	p.section("Examples", strings.TrimRight(unindented(cmd.Example), "\n"))
	if !cmd.HasParent() {
		p.text("\n" + statusHelp)
		p.text("\n" + environmentHelp)
		return
	}
	p.section("See also", "stompcat help exit-status, stompcat help environment")
}

func synopsis(cmd *cobra.Command) string {
	if cmd.Runnable() {
		return cmd.UseLine()
	}
	return cmd.CommandPath() + " COMMAND [options]\n" + cmd.CommandPath() + " COMMAND --help"
}

// page writes sections, whose text is indented.
type page struct {
	w     io.Writer
	style style
	width int
	begun bool
}

// text writes a text whose first line, or whose lines that begin in the first column and end in a colon, are titles.
func (p *page) text(text string) {
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, " ") && strings.HasSuffix(line, ":\n") {
			line = p.style.bold(strings.TrimSuffix(line, ":\n")) + "\n"
		}
		io.WriteString(p.w, line)
	}
}

func (p *page) section(title, text string) {
	if text == "" {
		return
	}
	if p.begun {
		io.WriteString(p.w, "\n")
	}
	p.begun = true
	fmt.Fprintln(p.w, p.style.bold(title))
	for line := range strings.Lines(text + "\n") {
		if line != "\n" {
			line = "  " + line
		}
		io.WriteString(p.w, line)
	}
}

// commands lists the sub-commands by their groups.
func (p *page) commands(cmd *cobra.Command) {
	list := func(title string, wanted func(*cobra.Command) bool) {
		var b strings.Builder
		for _, c := range cmd.Commands() {
			if !c.Hidden && wanted(c) {
				fmt.Fprintf(&b, "%-12s %s\n", c.Name(), c.Short)
			}
		}
		p.section(title, strings.TrimSuffix(b.String(), "\n"))
	}
	for _, g := range cmd.Groups() {
		list(strings.TrimSuffix(g.Title, ":"), func(c *cobra.Command) bool { return c.GroupID == g.ID })
	}
	title := "Other commands"
	if len(cmd.Groups()) == 0 {
		title = "Commands"
	}
	list(title, func(c *cobra.Command) bool { return c.GroupID == "" && c.IsAvailableCommand() })
	list("Topics, for "+cmd.CommandPath()+" help", func(c *cobra.Command) bool { return c.IsAdditionalHelpTopicCommand() })
}

func (p *page) flags(title string, f *pflag.FlagSet) {
	if f.HasAvailableFlags() {
		p.section(title, strings.TrimRight(f.FlagUsagesWrapped(p.width-2), "\n"))
	}
}

func lowerFirst(text string) string {
	if strings.HasPrefix(text, "STOMP") {
		return text
	}
	return strings.ToLower(text[:1]) + text[1:]
}

// unindented takes the two blanks away that cobra wants in front of examples.
func unindented(text string) string {
	return strings.ReplaceAll(strings.TrimPrefix(text, "  "), "\n  ", "\n")
}

package docs

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// words splits a command as a shell does, as far as our pages go: blanks, and quotes of one kind.
func words(text string) (all []string) {
	var word strings.Builder
	quote, inWord := rune(0), false
	for _, r := range text {
		switch {
		case r == quote:
			quote = 0
		case quote == 0 && (r == '\'' || r == '"'):
			quote, inWord = r, true
		case quote == 0 && r == ' ':
			if inWord {
				all = append(all, word.String())
			}
			word.Reset()
			inWord = false
		default:
			word.WriteRune(r)
			inWord = true
		}
	}
	if inWord {
		all = append(all, word.String())
	}
	return all
}

// steps returns the commands that a line runs one after the other, without what they write to, and without the
// variables set for them.
func steps(text string) (all [][]string) {
	all = [][]string{nil}
	for _, w := range words(text) {
		last := len(all) - 1
		switch {
		case w == "&&" || w == "|" || w == "--":
			all = append(all, nil)
		case w == ">" || w == "<":
			all = append(all, []string{"a file:"})
		case len(all[last]) == 0 && regexp.MustCompile(`^[A-Z_]+=`).MatchString(w):
		default:
			all[last] = append(all[last], w)
		}
	}
	return all
}

// goFlags are those of the go command that our pages use.
var goFlags = []string{"v", "race", "run", "bench", "fuzz", "fuzztime", "fuzzminimizetime", "timeout", "p"}

// checkStep returns what is wrong with one command in a folder below root, as far as that shows without running it.
func checkStep(dir string, step []string) (wrong []string) {
	switch {
	case len(step) >= 2 && step[0] == "go" && (step[1] == "run" || step[1] == "test" || step[1] == "vet"):
		return checkGo(dir, step[1], step[2:])
	case step[0] == tool:
		return checkTool(step[1:])
	case strings.Contains(step[0], "/"):
		if info, err := os.Stat(filepath.Join(dir, step[0])); err != nil || info.Mode()&0o111 == 0 {
			return []string{step[0] + " is no program here"}
		}
	}
	return nil
}

// helper is the import of a package that programs may share their flags in.
var helper = regexp.MustCompile(`"github\.com/webstomp/webstomp/(examples/internal/[a-z/]+)"`)

// definition is a call that makes a flag, up to its name.
var definition = regexp.MustCompile(`\.(Bool|Count|Duration|Float64|Func|Int|Int64|String|StringArray|StringSlice|Uint|Uint64|Var)(Var)?P?\((&[\w.]+, )?$`)

// defines reports whether a flag of that name is made in the text of some Go files.
func defines(text, name string) bool {
	for line := range strings.Lines(text) {
		if before, _, ok := strings.Cut(line, `"`+name+`"`); ok && definition.MatchString(before) {
			return true
		}
	}
	return false
}

// checkGo checks the arguments of go run, go test or go vet: each folder is there and has Go in it, each flag is the go
// command's or a program's or test's own, and each pattern of -run, -fuzz and -bench finds something.
func checkGo(dir, verb string, args []string) (wrong []string) {
	var sources []string // of the packages
	var flags, patterns [][2]string
	for i := 0; i < len(args); i++ {
		arg := args[i]
		name, value, hasValue := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		switch {
		case strings.HasPrefix(arg, "."):
			found := files(filepath.Join(dir, strings.TrimSuffix(arg, "/...")), ".go", strings.HasSuffix(arg, "/..."))
			if len(found) == 0 {
				wrong = append(wrong, "there is no Go in "+arg)
			}
			sources = append(sources, found...)
		case !strings.HasPrefix(arg, "-"): // a flag's value
		case slices.Contains([]string{"run", "fuzz", "bench"}, name) && verb == "test":
			if !hasValue && i+1 < len(args) {
				i++
				value = args[i]
			}
			patterns = append(patterns, [2]string{name, value})
		default:
			flags = append(flags, [2]string{name, arg})
		}
	}
	text := read(sources)
	shared := ""
	if verb == "run" {
		for _, imported := range helper.FindAllStringSubmatch(text, -1) {
			shared += read(files(filepath.Join(root, imported[1]), ".go", false))
		}
	}
	for _, f := range flags {
		if !defines(text+shared, f[0]) && !(verb != "run" && slices.Contains(goFlags, f[0])) {
			wrong = append(wrong, fmt.Sprintf("nobody knows the flag %s", f[1]))
		}
	}
	for _, p := range patterns {
		kind := map[string]string{"run": "Test|Example", "fuzz": "Fuzz", "bench": "Benchmark"}[p[0]]
		first, _, _ := strings.Cut(p[1], "/")
		if first == "^$" {
			continue
		}
		found := false
		for _, f := range regexp.MustCompile(`(?m)^func ((?:`+kind+`)\w*)\(`).FindAllStringSubmatch(text, -1) {
			found = found || regexp.MustCompile(first).MatchString(f[1])
		}
		if !found {
			wrong = append(wrong, fmt.Sprintf("nothing is found by -%s %s", p[0], first))
		}
	}
	return wrong
}

// tool is the command of this repository that a reader installs. Its own tests run it; here each use of it is checked:
// the subcommand and the flags are there.
const tool = "stompcat"

func checkTool(args []string) (wrong []string) {
	text := read(files(filepath.Join(root, "stomp", tool), ".go", true))
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") && !strings.Contains(text, `Use: "`+args[0]) && !slices.Contains([]string{"help", "completion"}, args[0]) {
		wrong = append(wrong, tool+" has no command "+args[0])
	}
	for _, arg := range args {
		name, _, _ := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		switch {
		case !strings.HasPrefix(arg, "-") || name == "" || name == "help" || name == "version":
		case strings.HasPrefix(arg, "--") && !defines(text, name):
			wrong = append(wrong, tool+" has no flag "+arg)
		case !strings.HasPrefix(arg, "--") && !strings.Contains(text, `", "`+name[:1]+`", `):
			wrong = append(wrong, tool+" has no flag "+arg)
		}
	}
	return wrong
}

// files returns the files of a folder, and of those below it, whose names end so.
func files(dir, end string, below bool) (found []string) {
	_ = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error { // what cannot be read is not there
		switch {
		case err != nil:
			return err
		case entry.IsDir() && path != dir && !below:
			return fs.SkipDir
		case !entry.IsDir() && strings.HasSuffix(path, end):
			found = append(found, path)
		}
		return nil
	})
	return found
}

func read(names []string) string {
	var all strings.Builder
	for _, name := range names {
		text, _ := os.ReadFile(name)
		all.Write(text)
	}
	return all.String()
}

// checkCommand returns what is wrong with a command.
func checkCommand(text string) (wrong []string) {
	dir := root
	for _, step := range steps(text) {
		switch {
		case len(step) == 0:
			wrong = append(wrong, "a step without a command")
		case step[0] == "cd":
			dir = filepath.Join(root, step[1])
		default:
			wrong = append(wrong, checkStep(dir, step)...)
		}
	}
	return wrong
}

func TestCommands_name_what_is_there(t *testing.T) {
	for _, c := range commands(t) {
		for _, wrong := range checkCommand(c.text) {
			t.Errorf("%s:%d: %s", c.page, c.line, wrong)
		}
	}
	for _, text := range []string{
		"go run ./examples/nowhere",
		"go run ./examples/quickstart -uri x",
		"cd examples && go run ./nhooyr -nothing x",
		"go test -run '^TestNothing_at_all' ./stomp",
		"go test ./stomp -fuzz FuzzDecode",
		"go test ./internal/bench/soak -soak.hours=1",
		"go run ./internal/interop/cmd/with rabbitmq -- go run ./examples/quickstart -uri {ws}",
		"internal/interop/uninstall",
		"stompcat nothing ws://localhost:15674/ws",
		"stompcat sub --nothing | head -1",
		"README.md/",
		"gofmt -l . && ./README.md",
	} {
		if checkCommand(text) == nil {
			t.Errorf("%q is taken for a command that works", text)
		}
	}
}

package docs

import (
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// elided stands, as a line, for what a reader would write there.
var elided = regexp.MustCompile(`(?m)^\s*….*$`)

// fragmentImports are the packages that a fragment may use.
var fragmentImports = []string{
	"context", "encoding/json", "errors", "fmt", "log", "log/slog", "net/http", "os", "os/signal", "strconv", "strings",
	"sync", "sync/atomic", "syscall", "testing", "testing/synctest", "time",
	"golang.org/x/sync/errgroup",
	"github.com/webstomp/webstomp/stomp", "github.com/webstomp/webstomp/stomp/stomptest",
}

// readme is the one page whose program is run, by TestReadme_installs_and_runs.
const readme = "README.md"

// isProgram reports whether a block is a whole file.
func (b block) isProgram() bool { return strings.HasPrefix(b.text, "package ") }

// file returns a fragment as a Go file: its declarations, or its statements in a function.
func (b block) file(set *token.FileSet) (*ast.File, error) {
	text := elided.ReplaceAllString(b.text, "")
	head := "package page\n"
	for _, name := range fragmentImports {
		if strings.Contains(text, path.Base(name)+".") {
			head += fmt.Sprintf("import %q\n", name)
		}
	}
	at := fmt.Sprintf("//line %s:%d\n", b.page, b.line)
	if file, err := parser.ParseFile(set, "", head+at+text, parser.SkipObjectResolution); err == nil {
		return file, nil
	}
	return parser.ParseFile(set, "", head+"func _() error {\n"+at+text+"\nreturn nil\n}\n", parser.SkipObjectResolution)
}

// exported returns an importer that reads what the compiler says of the packages that a fragment may use.
func exported(t *testing.T, set *token.FileSet) types.Importer {
	t.Helper()
	list := exec.Command("go", append([]string{"list", "-export", "-deps", "-f", "{{.ImportPath}}={{.Export}}"}, fragmentImports...)...)
	list.Dir, list.Stderr = root, os.Stderr
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	files := make(map[string]string)
	for line := range strings.Lines(string(out)) {
		name, file, _ := strings.Cut(strings.TrimSpace(line), "=")
		files[name] = file
	}
	return importer.ForCompiler(set, "gc", func(name string) (io.ReadCloser, error) {
		if files[name] == "" {
			return nil, fmt.Errorf("a fragment may not import %s", name)
		}
		return os.Open(files[name])
	})
}

// check returns what the compiler would say of a fragment beside names, except that it may leave what it makes unused:
// the reader goes on.
func check(set *token.FileSet, from types.Importer, names, fragment *ast.File) (errs []error) {
	config := types.Config{Importer: from, Error: func(err error) {
		if said := (types.Error{}); !errors.As(err, &said) || !said.Soft {
			errs = append(errs, err)
		}
	}}
	config.Check("page", set, []*ast.File{names, fragment}, nil)
	return errs
}

func TestGo_each_fragment_compiles(t *testing.T) {
	set := token.NewFileSet()
	from := exported(t, set)
	names, err := parser.ParseFile(set, "testdata/names.go", nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range blocks(t, "go") {
		if b.isProgram() {
			if b.page != readme {
				t.Errorf("%s:%d: nothing runs this program: make it an example, and link that", b.page, b.line)
			}
			continue
		}
		fragment, err := b.file(set)
		if err != nil {
			t.Errorf("%s:%d: %v", b.page, b.line, err)
			continue
		}
		for _, err := range check(set, from, names, fragment) {
			t.Error(err)
		}
	}

	for what, text := range map[string]string{
		"a missing method":   "client.Publish(ctx, url, body)",
		"a missing name":     "nowhere()",
		"a wrong type":       "client.Send(ctx, url, 7)",
		"a missing import":   "bufio.NewReader(nil)",
		"a result too many":  "sub, err, more := client.Subscribe(ctx, url)",
		"what is not Go":     "client.Send(",
		"a made up constant": "stomp.WithAck(stomp.AckNever)",
	} {
		fragment, err := block{page: "a test", line: 1, text: text}.file(set)
		if err == nil && len(check(set, from, names, fragment)) == 0 {
			t.Errorf("%s is not noticed", what)
		}
	}
	if good, err := (block{page: "a test", line: 1, text: "…\nsub, err := client.Subscribe(ctx, url)\n…"}).file(set); err != nil || check(set, from, names, good) != nil {
		t.Errorf("a good fragment: %v, %v", err, check(set, from, names, good))
	}
}

// known are the words behind a fence: those that the package comment explains, and those of what is not ours to run.
var known = append([]string{"go", "text", "nginx", "haproxy", "json", "yaml", "html"}, shells...)

func TestPages_each_block_is_of_a_known_kind(t *testing.T) {
	for _, p := range pages(t) {
		for _, b := range p.split(func(int, string) {}) {
			if !slices.Contains(known, b.language) {
				t.Errorf("%s:%d: nothing is known of blocks in %q", b.page, b.line, b.language)
			}
		}
	}
}

package layers

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const (
	folder = "../../stomp"
	page   = "../../docs/design.md"
)

// layers reads the table of docs/design.md: of each file of package stomp its line, counted from the top.
func layers(t *testing.T) map[string]int {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	_, table, ok := strings.Cut(string(text), "| layer | files |\n|---|---|\n")
	if !ok {
		t.Fatalf("%s has no table with the columns layer and files", page)
	}
	table, _, _ = strings.Cut(table, "\n\n")
	line := make(map[string]int)
	for i, row := range strings.Split(table, "\n") {
		for _, name := range regexp.MustCompile("`([a-z_]+)`").FindAllStringSubmatch(row, -1) {
			if _, twice := line[name[1]]; twice {
				t.Errorf("%s.go stands in the table twice", name[1])
			}
			line[name[1]] = i
		}
	}
	return line
}

// noImports lets a package be checked for what its own files declare: whatever is another package's stays unknown.
type noImports struct{}

func (noImports) Import(string) (*types.Package, error) { return nil, errors.New("not needed") }

// references calls see for each name in one file of package stomp that another one declares.
func references(t *testing.T, see func(from, to, name string)) (files []string) {
	paths, err := filepath.Glob(folder + "/*.go")
	if err != nil {
		t.Fatal(err)
	}
	set := token.NewFileSet()
	var parsed []*ast.File
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		parsed, files = append(parsed, file), append(files, base(path))
	}
	info := &types.Info{Uses: make(map[*ast.Ident]types.Object)}
	config := types.Config{Importer: noImports{}, Error: func(error) {}}
	config.Check("stomp", set, parsed, info) // its errors are about what other packages declare
	for use, object := range info.Uses {
		if object.Pkg() == nil || object.Pkg().Name() != "stomp" || !object.Pos().IsValid() {
			continue
		}
		from, to := base(set.Position(use.Pos()).Filename), base(set.Position(object.Pos()).Filename)
		if from != to {
			see(from, to, use.Name)
		}
	}
	return files
}

func base(path string) string { return strings.TrimSuffix(filepath.Base(path), ".go") }

func TestStomp_files_refer_to_their_own_layer_and_those_below(t *testing.T) {
	line, seen := layers(t), 0
	files := references(t, func(from, to, name string) {
		if line[from] > line[to] {
			t.Errorf("%s.go refers to %s of %s.go, which is a layer above it", from, name, to)
		}
		seen++
	})
	if seen < 1000 {
		t.Errorf("only %d references were found: what does the test look at?", seen)
	}
	for _, file := range files {
		if _, ok := line[file]; !ok && file != "doc" {
			t.Errorf("%s.go stands in no layer of %s", file, page)
		}
	}
	for file := range line {
		if _, err := os.Stat(filepath.Join(folder, file+".go")); err != nil {
			t.Errorf("%s has a file that is not there: %v", page, err)
		}
	}
}

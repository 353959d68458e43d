// Mutants breaks the code of the client on purpose, in one place at a time, and runs the model test on each: what the
// test does not notice, it does not test. The tree is not touched: go test reads the broken file from elsewhere
// (-overlay).
//
//	go run ./internal/model/cmd/mutants                       # all of them, some seconds each
//	go run ./internal/model/cmd/mutants -only receipt -for 2m # those that match, with patience
//	go run ./internal/model/cmd/mutants -from 90              # the 90th and those after it in the table
//
// It ends with a table for a report: how many are caught, in which files, which are not, and which nobody can see. It
// fails when a mutant survives that was expected to be caught, and when a place is not found any more: then the table
// in table.go has to follow the code.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

var (
	root    = flag.String("root", ".", "the root of the tree")
	only    = flag.String("only", "", "only mutants whose name or file matches this regular expression")
	lasting = flag.Duration("for", 30*time.Second, "for how long the model test may look for each")
	from    = flag.Int("from", 1, "leaves out those before this one in the table")
	check   = flag.Bool("check", false, "only see whether every place is found")
)

func main() {
	flag.Parse()
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	dir, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	tree, err := filepath.Abs(*root)
	if err != nil {
		return err
	}
	wanted, err := regexp.Compile(*only)
	if err != nil {
		return err
	}
	var chosen []mutant
	var lost []error
	for i, m := range table {
		if _, err := m.broken(tree); err != nil {
			lost = append(lost, err)
		}
		if i+1 >= *from && (wanted.MatchString(m.name) || wanted.MatchString(m.files())) {
			chosen = append(chosen, m)
		}
	}
	if len(lost) > 0 {
		return errors.Join(lost...)
	}
	if *check {
		fmt.Printf("%d mutants, every place is found\n", len(chosen))
		return nil
	}
	began := time.Now()
	var all results
	var failed []error
	for _, m := range chosen {
		start := time.Now()
		how, err := m.try(tree, dir)
		if err != nil {
			failed = append(failed, fmt.Errorf("%s (%s): %w", m.name, m.files(), err))
			continue
		}
		took := time.Since(start).Round(100 * time.Millisecond)
		switch {
		case how != "":
			all.caught = append(all.caught, m)
			fmt.Printf("caught      %7v  %s: %s\n                     %s\n", took, m.files(), m.name, how)
		case m.unseen != "":
			all.unseen = append(all.unseen, m)
			fmt.Printf("not seen    %7v  %s: %s\n                     %s\n", took, m.files(), m.name, m.unseen)
		default:
			all.missed = append(all.missed, m)
			fmt.Printf("NOT CAUGHT  %7v  %s: %s\n", took, m.files(), m.name)
		}
	}
	all.print(time.Since(began))
	if n := len(all.missed); n > 0 {
		failed = append(failed, fmt.Errorf("%d mutants live", n))
	}
	return errors.Join(failed...)
}

// results are the mutants that were tried.
type results struct{ caught, missed, unseen []mutant }

// print prints the table.
func (r results) print(took time.Duration) {
	files := make(map[string]int)
	for _, m := range r.caught {
		for _, file := range strings.Split(m.files(), ", ") {
			files[file]++
		}
	}
	var counts []string
	for _, file := range slices.Sorted(maps.Keys(files)) {
		counts = append(counts, fmt.Sprintf("%s %d", file, files[file]))
	}
	fmt.Printf("\n| mutants | %d, in %v |\n|---|---|\n", len(r.caught)+len(r.missed)+len(r.unseen), took.Round(time.Second))
	fmt.Printf("| caught | %d: %s |\n", len(r.caught), strings.Join(counts, ", "))
	fmt.Printf("| not caught | %d |\n", len(r.missed))
	for _, m := range r.missed {
		fmt.Printf("| | %s (%s) |\n", m.name, m.files())
	}
	fmt.Printf("| not to be seen | %d |\n", len(r.unseen))
	for _, m := range r.unseen {
		fmt.Printf("| | %s (%s): %s |\n", m.name, m.files(), m.unseen)
	}
}

// files names what the mutant breaks.
func (m mutant) files() string {
	var names []string
	for _, e := range m.edits {
		if !slices.Contains(names, e.file) {
			names = append(names, e.file)
		}
	}
	return strings.Join(names, ", ")
}

// broken returns the texts of the files with the mutant in them.
func (m mutant) broken(tree string) (map[string]string, error) {
	texts := make(map[string]string)
	for _, e := range m.edits {
		text, ok := texts[e.file]
		if !ok {
			read, err := os.ReadFile(filepath.Join(tree, e.file))
			if err != nil {
				return nil, err
			}
			text = string(read)
		}
		if n := strings.Count(text, e.from); n != 1 {
			return nil, fmt.Errorf("%s (%s): the place is there %d times: %q", m.name, e.file, n, e.from)
		}
		texts[e.file] = strings.Replace(text, e.from, e.to, 1)
	}
	return texts, nil
}

// overlay writes the broken files, and the file that tells the go command of them.
func (m mutant) overlay(tree, dir string) (path string, err error) {
	texts, err := m.broken(tree)
	if err != nil {
		return "", err
	}
	replace := make(map[string]string)
	for file, text := range texts {
		there := filepath.Join(dir, fmt.Sprintf("broken%d.go", len(replace)))
		if err := os.WriteFile(there, []byte(text), 0o600); err != nil {
			return "", err
		}
		replace[filepath.Join(tree, file)] = there
	}
	list, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	path = filepath.Join(dir, "overlay.json")
	return path, os.WriteFile(path, list, 0o600)
}

// try builds the model test with the mutant and runs it. It returns what the test noticed, "" if nothing.
func (m mutant) try(tree, dir string) (how string, err error) {
	overlay, err := m.overlay(tree, dir)
	if err != nil {
		return "", err
	}
	program := filepath.Join(dir, "model.test")
	build := exec.Command("go", "test", "-c", "-ldflags=-s -w", "-overlay", overlay, "-o", program, "./internal/model")
	build.Dir = tree
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("it does not build: %w\n%s", err, out)
	}
	test := exec.Command(program, "-test.run", "^TestClient_model$", "-test.timeout", (*lasting + 30*time.Second).String(),
		"-model.for", lasting.String(), "-model.events", "1")
	test.Dir = filepath.Join(tree, "internal", "model")
	out, err := test.CombinedOutput()
	if err == nil {
		return "", nil
	}
	return firstWords(string(out)), nil
}

// firstWords finds the line of a failed test that says the most.
func firstWords(out string) string {
	for _, sign := range []string{"WRONG at ", "panic: ", "fatal error: ", "deadlock", "FAIL"} {
		for line := range strings.Lines(out) {
			if i := strings.Index(line, sign); i >= 0 {
				line = strings.TrimSpace(line[i:])
				return line[:min(len(line), 200)]
			}
		}
	}
	return "it fails without a word"
}

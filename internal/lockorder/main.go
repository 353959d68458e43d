// Lockorder runs tests in a build in which the library's mutexes check the order in which they are taken; see package
// checked. Without arguments it runs those of every package that has locks and those at the module's root, and fails
// as well if a pair of order.go did not occur.
//
//	go run ./internal/lockorder [packages] [-- flags of go test]
//
// A lock that is taken under another one for the first time needs a line in order.go, in stomp/session.go and in
// docs/design.md.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/webstomp/webstomp/internal/lockorder/checked"
)

const (
	module = "github.com/webstomp/webstomp"
	// library is the package that imports all others of the library.
	library = module + "/stomp"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "lockorder:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	dir, err := os.MkdirTemp("", "lockorder")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	overlay, locking, err := rewriteLibrary(dir)
	if err != nil {
		return err
	}

	packages, flags := args, []string(nil)
	if i := slices.Index(args, "--"); i >= 0 {
		packages, flags = args[:i], args[i+1:]
	}
	if len(packages) == 0 {
		packages = append(locking, module)
	}
	observed := filepath.Join(dir, "observed")
	test := exec.Command("go", slices.Concat([]string{"test", "-count=1", "-vet=off", "-overlay=" + overlay}, packages, flags)...)
	test.Env = append(os.Environ(), checked.AllowedEnv+"="+strings.Join(order, "\n"), checked.ObservedEnv+"="+observed)
	test.Stdout, test.Stderr = os.Stdout, os.Stderr
	if err := test.Run(); err != nil {
		return fmt.Errorf("go test: %w", err)
	}
	pairs, err := readPairs(observed)
	if err != nil {
		return err
	}
	for _, p := range pairs {
		fmt.Println(p)
	}
	if len(args) > 0 {
		return nil
	}
	return unobserved(pairs)
}

// rewriteLibrary writes what replaces the library's files into dir. It returns the path of the overlay for go test
// that names them, and the packages that have locks.
func rewriteLibrary(dir string) (overlay string, locking []string, err error) {
	packages, err := listLibrary()
	if err != nil {
		return "", nil, err
	}
	replace := make(map[string]string)
	for _, p := range packages {
		before := len(replace)
		for _, name := range p.GoFiles {
			path := filepath.Join(p.Dir, name)
			src, err := os.ReadFile(path)
			if err != nil {
				return "", nil, err
			}
			if src, err = rewrite(path, src); err != nil {
				return "", nil, err
			}
			if src == nil {
				continue
			}
			replace[path] = filepath.Join(dir, fmt.Sprintf("%d_%s", len(replace), name))
			if err := os.WriteFile(replace[path], src, 0o600); err != nil {
				return "", nil, err
			}
		}
		if len(replace) > before {
			locking = append(locking, p.ImportPath)
		}
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", nil, err
	}
	overlay = filepath.Join(dir, "overlay.json")
	return overlay, locking, os.WriteFile(overlay, text, 0o600)
}

// goPackage is what go list tells of a package.
type goPackage struct {
	Dir, ImportPath string
	GoFiles         []string // those that this system builds, without tests
}

// listLibrary returns the packages of the library, those of its dependencies left out.
func listLibrary() ([]goPackage, error) {
	list := exec.Command("go", "list", "-deps", "-json=Dir,ImportPath,GoFiles", library)
	list.Stderr = os.Stderr
	out, err := list.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	var packages []goPackage
	for d := json.NewDecoder(strings.NewReader(string(out))); d.More(); {
		var p goPackage
		if err := d.Decode(&p); err != nil {
			return nil, fmt.Errorf("go list: %w", err)
		}
		if strings.HasPrefix(p.ImportPath, module+"/") {
			packages = append(packages, p)
		}
	}
	return packages, nil
}

// readPairs returns the lines of a file to which processes have added the pairs that they observed, sorted, each
// once.
func readPairs(path string) ([]string, error) {
	text, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	lines := strings.FieldsFunc(string(text), func(r rune) bool { return r == '\n' })
	slices.Sort(lines)
	return slices.Compact(lines), nil
}

// unobserved is an error if a pair did not occur: it no longer does, or no test shows it.
func unobserved(observed []string) error {
	missing := slices.DeleteFunc(slices.Clone(order), func(pair string) bool { return slices.Contains(observed, pair) })
	if len(missing) > 0 {
		return fmt.Errorf("internal/lockorder/order.go allows what no test does: %s", strings.Join(missing, ", "))
	}
	return nil
}

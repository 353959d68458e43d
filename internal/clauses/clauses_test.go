package clauses

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// root is the repository's, seen from this folder.
const root = "../.."

var (
	// row is the start of a clause's row in docs/protocol.md.
	row = regexp.MustCompile(`(?m)^\| ([A-Z][0-9]+) \| .*$`)
	// word is an id as a word of its own: F3 in "F3_body", not in "PDF3" or "F30".
	word = regexp.MustCompile(`(?:^|[^A-Za-z0-9])([A-Z][0-9]{1,2})(?:$|[^A-Za-z0-9])`)
	// cited is how code names a clause: in a comment ("clauses C2, C3 and W7") or as a string.
	cited = regexp.MustCompile(`\b[Cc]lauses? ((?:[A-Z][0-9]+(?:, | and | to )?)+)|"([FCMSW][0-9]{1,2})"`)
)

func TestProtocol_every_clause_has_a_test(t *testing.T) {
	named := make(map[string]bool)
	for path, text := range goFiles(t, true) {
		for _, name := range testNames(t, path, text) {
			for _, id := range ids(name) {
				named[id] = true
			}
		}
	}
	for _, clause := range clauses(t) {
		if !named[clause[1]] {
			t.Errorf("no test names %s: %.120s", clause[1], clause[0])
		}
	}
}

func TestProtocol_every_id_stands_once(t *testing.T) {
	seen := make(map[string]bool)
	for _, clause := range clauses(t) {
		if seen[clause[1]] {
			t.Errorf("%s stands in docs/protocol.md twice", clause[1])
		}
		seen[clause[1]] = true
	}
}

func TestProtocol_has_every_clause_that_code_cites(t *testing.T) {
	known := make(map[string]bool)
	for _, clause := range clauses(t) {
		known[clause[1]] = true
	}
	for path, text := range goFiles(t, false) {
		text = strings.NewReplacer("\n// ", " ", "\n\t// ", " ").Replace(text) // a list may go on in the next line
		for _, match := range cited.FindAllStringSubmatch(text, -1) {
			for _, id := range ids(match[1] + " " + match[2]) {
				if !known[id] {
					t.Errorf("%s cites %s, which docs/protocol.md does not have", path, id)
				}
			}
		}
	}
}

func TestTestNames_leaves_comments_out(t *testing.T) {
	const text = `package p
// F1
func TestDecoder_F2_body(t *testing.T) { t.Run("F3_length", nil) } // F4
func helper_F5() {}
`
	if got := strings.Join(testNames(t, "p_test.go", text), " "); got != `TestDecoder_F2_body "F3_length"` {
		t.Errorf("got %s", got)
	}
}

func TestIDs_finds_words_of_their_own(t *testing.T) {
	for text, want := range map[string]string{
		"func TestDecoder_F3_body_holds_NUL(": "F3",
		"// F6, F7 and F13: escapes":          "F6 F7 F13",
		"W8":                                  "W8",
		"C2,C3":                               "C2 C3",
		"PDF3 F300 F3x xF3":                   "",
	} {
		if got := strings.Join(ids(text), " "); got != want {
			t.Errorf("%q: found %q, want %q", text, got, want)
		}
	}
}

// clauses returns every row of docs/protocol.md that has an id: the row and the id.
func clauses(t *testing.T) [][]string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(root, "docs", "protocol.md"))
	if err != nil {
		t.Fatal(err)
	}
	rows := row.FindAllStringSubmatch(string(page), -1)
	if len(rows) == 0 {
		t.Fatal("docs/protocol.md has no clauses")
	}
	return rows
}

// testNames returns what may be the name of a test or a subtest in a test file:
// the names of its test functions and every string.
func testNames(t *testing.T, path, text string) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, text, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			if strings.HasPrefix(n.Name.Name, "Test") || strings.HasPrefix(n.Name.Name, "Fuzz") {
				names = append(names, n.Name.Name)
			}
		case *ast.BasicLit:
			if n.Kind == token.STRING {
				names = append(names, n.Value)
			}
		}
		return true
	})
	return names
}

// ids returns the ids in text, in their order.
func ids(text string) []string {
	var all []string
	for {
		at := word.FindStringSubmatchIndex(text)
		if at == nil {
			return all
		}
		all = append(all, text[at[2]:at[3]])
		text = text[at[3]:] // what follows the id may begin the next one
	}
}

// goFiles returns the Go files of the repository by their path, either the tests
// or all others. Those of this package are left out: they hold ids as examples.
func goFiles(t *testing.T, tests bool) map[string]string {
	t.Helper()
	files := make(map[string]string)
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && slices.Contains([]string{".git", "clauses", "node_modules"}, entry.Name()):
			return fs.SkipDir
		case entry.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") != tests:
			return nil
		}
		text, err := os.ReadFile(path)
		files[path] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

package docs

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// root is the repository.
const root = "../.."

// page is a Markdown file.
type page struct {
	name  string // below root, with slashes
	lines []string
}

// block is what stands between two fences.
type block struct {
	page     string
	line     int    // of the page, where text begins; from 1
	language string // behind the fence
	text     string
}

// pages returns every Markdown file of the repository.
func pages(t *testing.T) (all []page) {
	t.Helper()
	err := fs.WalkDir(os.DirFS(root), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == ".git" || entry.Name() == "node_modules"):
			return fs.SkipDir
		case path.Ext(name) != ".md":
			return nil
		}
		text, err := os.ReadFile(filepath.Join(root, name))
		all = append(all, page{name, strings.Split(string(text), "\n")})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 10 {
		t.Fatalf("only %d pages were found: where does the test look?", len(all))
	}
	return all
}

// fence returns the words behind a fence, and whether the line is one. A fence may be indented, in a list.
func fence(line string) (language string, ok bool) {
	language, ok = strings.CutPrefix(strings.TrimSpace(line), "```")
	return strings.TrimSpace(language), ok
}

// split calls text for each line of a page that stands outside of blocks, and returns the blocks.
func (p page) split(text func(n int, line string)) (blocks []block) {
	open := false
	for i, line := range p.lines {
		language, isFence := fence(line)
		switch {
		case isFence && open:
			open = false
		case isFence:
			blocks, open = append(blocks, block{page: p.name, line: i + 2, language: language}), true
		case open:
			blocks[len(blocks)-1].text += line + "\n"
		default:
			text(i+1, line)
		}
	}
	return blocks
}

// blocks returns the blocks of all pages in one of these languages.
func blocks(t *testing.T, languages ...string) (found []block) {
	t.Helper()
	for _, p := range pages(t) {
		for _, b := range p.split(func(int, string) {}) {
			if slices.Contains(languages, b.language) {
				found = append(found, b)
			}
		}
	}
	if len(found) == 0 {
		t.Fatalf("no block of %q was found", languages)
	}
	return found
}

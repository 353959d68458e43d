package docs

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The README says how large the matrix of docs/interop.md is.
func TestReadme_counts_the_matrix(t *testing.T) {
	rows, columns := 0, 0
	for _, p := range pages(t) {
		if p.name != "docs/interop.md" {
			continue
		}
		for i, line := range p.lines {
			if strings.HasPrefix(line, "|---|:-:") {
				columns = strings.Count(line, ":-:")
				for strings.HasPrefix(p.lines[i+1+rows], "|") {
					rows++
				}
			}
		}
	}
	text, err := os.ReadFile(filepath.Join(root, readme))
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("%d scenarios on %d endpoints", rows, columns); !strings.Contains(string(text), want) {
		t.Errorf("README.md does not say %q", want)
	}
}

package docs

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
)

// link is [text](target), and the target of ![an image](target).
var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

// code is `code`, in which nothing is a link.
var code = regexp.MustCompile("`[^`]*`")

// anchors returns those that GitHub makes of a page's headings.
func (p page) anchors() map[string]bool {
	all := make(map[string]bool)
	p.split(func(_ int, line string) {
		if heading := strings.TrimLeft(line, "#"); heading != line && strings.HasPrefix(heading, " ") {
			all[anchor(heading)] = true
		}
	})
	return all
}

// anchor returns a heading in lower case, with hyphens for blanks, and without what is neither a letter nor a digit.
func anchor(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
			return unicode.ToLower(r)
		}
		return -1
	}, strings.TrimSpace(heading))
}

func TestPages_each_link_leads_somewhere(t *testing.T) {
	byName := make(map[string]page)
	for _, p := range pages(t) {
		byName[p.name] = p
	}
	seen := 0
	for _, p := range byName {
		p.split(func(n int, line string) {
			for _, found := range link.FindAllStringSubmatch(code.ReplaceAllString(line, ""), -1) {
				target := found[1]
				if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
					continue
				}
				seen++
				file, fragment, _ := strings.Cut(target, "#")
				to := p.name
				if file != "" {
					to = path.Join(path.Dir(p.name), file)
				}
				if _, err := os.Stat(filepath.Join(root, to)); err != nil {
					t.Errorf("%s:%d: there is no %s", p.name, n, to)
				} else if fragment != "" && !byName[to].anchors()[fragment] {
					t.Errorf("%s:%d: %s has no heading that would be #%s", p.name, n, to, fragment)
				}
			}
		})
	}
	if seen < 50 {
		t.Errorf("only %d links were found: what does the test look at?", seen)
	}
}

func TestAnchor_is_GitHubs(t *testing.T) {
	for heading, want := range map[string]string{
		" What is promised":           "what-is-promised",
		" TLS, proxies, cookies":      "tls-proxies-cookies",
		" A cluster of three":         "a-cluster-of-three",
		" `stompcat` in *pipes*, 1.2": "stompcat-in-pipes-12",
	} {
		if got := anchor(heading); got != want {
			t.Errorf("the anchor of %q is %q, want %q", heading, got, want)
		}
	}
}

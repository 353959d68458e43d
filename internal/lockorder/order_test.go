package main

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// orderLine is one lock and those that may be locked under it, in a comment or in a document: "outbox → ticket, ack
// set".
var orderLine = regexp.MustCompile(`^(?://)?\s*([A-Za-z ]*[A-Za-z])\s+→\s+([A-Za-z ,]+)$`)

func TestOrder_is_what_the_session_says(t *testing.T) {
	wantOrder(t, "../../stomp/session.go")
}

func TestOrder_is_what_the_design_says(t *testing.T) {
	wantOrder(t, "../../docs/design.md")
}

func TestOrder_has_no_cycle(t *testing.T) {
	inner := make(map[string][]string)
	for _, pair := range order {
		first, second, _ := strings.Cut(pair, " → ")
		inner[first] = append(inner[first], second)
	}
	var walk func(path []string)
	walk = func(path []string) {
		for _, next := range inner[path[len(path)-1]] {
			if slices.Contains(path, next) {
				t.Fatalf("%s is locked under itself: %s", next, strings.Join(path, " → "))
			}
			walk(append(slices.Clone(path), next))
		}
	}
	for outer := range inner {
		walk([]string{outer})
	}
}

func TestReadOrder(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		want []string
	}{
		"comment": {
			"// a → b\n\n// The order:\n//\n//\toutbox   → ack set, ticket\n//\tinbox → ack set\n//\n//\tClient → inbox\n",
			[]string{"outbox.Outbox → ackset.Set", "outbox.Outbox → outbox.Ticket", "inbox.Inbox → ackset.Set"},
		},
		"document": {
			"```\nopen → closed\n```\n\n```\nreceipts → ticket\n```\n| outbox → ticket | why |\n",
			[]string{"stomp.receipts → outbox.Ticket"},
		},
		"none":    {"A Client → its session.\n", nil},
		"unknown": {"ticket → pocket\n", []string{"outbox.Ticket → unknown lock pocket"}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := readOrder(test.text); !slices.Equal(got, test.want) {
				t.Errorf("read %q, want %q", got, test.want)
			}
		})
	}
}

// wantOrder compares order with what a file says.
func wantOrder(t *testing.T, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	got := readOrder(string(text))
	want := slices.Sorted(slices.Values(order))
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("%s says\n\t%s\norder.go\n\t%s", path, strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// readOrder returns the pairs of the first block of lines that match orderLine and name one of our locks.
func readOrder(text string) (pairs []string) {
	ours := false
	for line := range strings.Lines(text) {
		m := orderLine.FindStringSubmatch(strings.TrimRight(line, "\n"))
		switch {
		case m != nil:
			for inner := range strings.SplitSeq(m[2], ",") {
				outer, inner := strings.TrimSpace(m[1]), strings.TrimSpace(inner)
				pairs = append(pairs, lockName(outer)+" → "+lockName(inner))
				ours = ours || names[outer] != "" || names[inner] != ""
			}
		case ours:
			return pairs
		default:
			pairs = nil
		}
	}
	return pairs
}

// lockName returns the lock that a comment calls by a name.
func lockName(name string) string {
	if lock, ok := names[name]; ok {
		return lock
	}
	return "unknown lock " + name
}

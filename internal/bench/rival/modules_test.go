package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestModules_are_installed_once(t *testing.T) {
	cache := filepath.Join(t.TempDir(), "cache")
	var filled []string
	fill := func(_ context.Context, dir string) error {
		filled = append(filled, dir)
		return os.Mkdir(filepath.Join(dir, "node_modules"), 0o755)
	}
	for _, want := range []struct {
		packageJSON string
		fills       int
	}{{`{"a":1}`, 1}, {`{"a":1}`, 1}, {`{"a":2}`, 2}} {
		at, err := modules(t.Context(), cache, []byte(want.packageJSON), fill)
		if err != nil {
			t.Fatal(err)
		}
		if text, err := os.ReadFile(filepath.Join(at, "package.json")); string(text) != want.packageJSON {
			t.Errorf("the folder for %s holds %s, %v", want.packageJSON, text, err)
		}
		if !there(filepath.Join(at, "node_modules")) || len(filled) != want.fills {
			t.Errorf("after %s there were %d installs, want %d", want.packageJSON, len(filled), want.fills)
		}
	}
	broken := errors.New("no network")
	_, err := modules(t.Context(), cache, []byte(`{}`), func(context.Context, string) error { return broken })
	if left, _ := os.ReadDir(cache); !errors.Is(err, broken) || len(left) != 2 {
		t.Errorf("an install that fails gave %v, and %d folders, want the 2 from before", err, len(left))
	}
}

package foreign

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestModules_installs_once_per_content(t *testing.T) {
	cache := filepath.Join(t.TempDir(), "cache")
	installs := 0
	install := func(_ context.Context, dir string) error {
		installs++
		return os.WriteFile(filepath.Join(dir, "installed"), nil, 0o644)
	}
	first, err := modules(t.Context(), cache, []byte("{}"), install)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"installed", "package.json"} {
		if _, err := os.Stat(filepath.Join(first, name)); err != nil {
			t.Error(err)
		}
	}
	if again, err := modules(t.Context(), cache, []byte("{}"), install); err != nil || again != first || installs != 1 {
		t.Errorf("the second call gave %q, %v after %d installs, want %q after one", again, err, installs, first)
	}
	if other, err := modules(t.Context(), cache, []byte("{ }"), install); err != nil || other == first || installs != 2 {
		t.Errorf("another package.json gave %q, %v after %d installs", other, err, installs)
	}
	holds(t, cache, 2)
}

func TestModules_failure_leaves_nothing(t *testing.T) {
	cache := t.TempDir()
	broken := errors.New("no network")
	_, err := modules(t.Context(), cache, []byte("{}"), func(context.Context, string) error { return broken })
	if !errors.Is(err, broken) {
		t.Errorf("the error is %v, want %v", err, broken)
	}
	holds(t, cache, 0)
}

// Another process has installed the same meanwhile: its folder is used.
func TestModules_is_safe_for_two_at_once(t *testing.T) {
	cache := t.TempDir()
	var theirs string
	ours, err := modules(t.Context(), cache, []byte("{}"), func(ctx context.Context, dir string) (err error) {
		theirs, err = modules(ctx, cache, []byte("{}"), func(context.Context, string) error { return nil })
		return err
	})
	if err != nil || ours != theirs {
		t.Errorf("the folder is %q, %v, want the other's, %q", ours, err, theirs)
	}
	holds(t, cache, 1)
}

// holds checks how many folders the cache has, half-built ones included.
func holds(t *testing.T, cache string, n int) {
	t.Helper()
	entries, err := os.ReadDir(cache)
	if err != nil || len(entries) != n {
		t.Errorf("the cache holds %v (%v), want %d folders", entries, err, n)
	}
}

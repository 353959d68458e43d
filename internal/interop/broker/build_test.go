package broker

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// poms are the poms of each program, with the version that each must be for.
func poms() map[string]map[string]string {
	all := map[string]map[string]string{
		"artemis": {}, "classic": {},
		"vertx":  {"pom-" + VertxVersion + ".xml": VertxVersion},
		"openmq": {"pom-" + OpenMQVersion + ".xml": OpenMQVersion},
		"spring": {SpringTomcat.pom(): newestSpringBoot, SpringJetty.pom(): newestSpringBoot, SpringBoot3.pom(): string(SpringBoot3)},
	}
	for _, version := range ArtemisVersions {
		all["artemis"]["pom-"+version+".xml"] = version
	}
	for _, version := range ClassicVersions {
		all["classic"]["pom-"+version+".xml"] = version
	}
	return all
}

func TestReadSource_has_one_program_and_its_pom(t *testing.T) {
	for name, versions := range poms() {
		for pom, version := range versions {
			src, err := readSource(name, pom)
			if err != nil {
				t.Fatal(err)
			}
			var files []string
			for file := range src {
				files = append(files, file)
			}
			slices.Sort(files)
			if len(files) != 2 || !strings.HasSuffix(files[0], ".java") || files[1] != "pom.xml" {
				t.Errorf("%s is built from %v, want one Java file and pom.xml", name, files)
			}
			property := "server.version"
			if name == "spring" {
				property = "version"
			}
			if got := src.property(property); got != version {
				t.Errorf("%s: %s is one for %s", name, pom, got)
			}
		}
		entries, err := fixtures.ReadDir("fixtures/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if got := len(entries) - 1; got != len(versions) {
			t.Errorf("%s has %d poms, of which %d are used", name, got, len(versions))
		}
	}
	if _, err := readSource("classic", "pom-1.2.3.xml"); err == nil || !strings.Contains(err.Error(), "pom-1.2.3.xml") {
		t.Errorf("%v, want that there is no such pom", err)
	}
}

func TestSource_property_finds_versions(t *testing.T) {
	for _, stack := range []SpringStack{SpringTomcat, SpringJetty, SpringBoot3} {
		src, err := readSource("spring", stack.pom())
		if err != nil {
			t.Fatal(err)
		}
		web := "tomcat.version"
		if stack == SpringJetty {
			web = "jetty.version"
		}
		for _, p := range []string{"version", "spring-framework.version", web} {
			if v := src.property(p); v == "" || strings.Trim(v, "0123456789.") != "" {
				t.Errorf("%s: %s is %q, want a version", stack.pom(), p, v)
			}
		}
	}
}

func TestSource_digest_differs_with_the_content(t *testing.T) {
	base := source{"a": []byte("one"), "b": []byte("two")}
	if base.digest() != (source{"b": []byte("two"), "a": []byte("one")}).digest() {
		t.Error("the same content has two digests")
	}
	for _, other := range []source{
		{"a": []byte("one"), "b": []byte("2")},
		{"a": []byte("one"), "c": []byte("two")},
		{"a": []byte("onetwo"), "b": nil},
		{"a": []byte("one")},
	} {
		if base.digest() == other.digest() {
			t.Errorf("%v has the digest of %v", other, base)
		}
	}
}

// fakeBuild returns a build that makes a file from the source, and counts its calls.
func fakeBuild(builds *atomic.Int32) func(context.Context, string) error {
	return func(_ context.Context, dir string) error {
		builds.Add(1)
		text, err := os.ReadFile(filepath.Join(dir, "in"))
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, "out"), append(text, " built"...), 0o600)
	}
}

func TestBuildCache_builds_once_per_content(t *testing.T) {
	var builds atomic.Int32
	cache := buildCache{dir: filepath.Join(t.TempDir(), "new"), build: fakeBuild(&builds)}
	get := func(text string) string {
		t.Helper()
		dir, err := cache.get(t.Context(), "x", source{"in": []byte(text)})
		if err != nil {
			t.Fatal(err)
		}
		out, err := os.ReadFile(filepath.Join(dir, "out"))
		if err != nil || string(out) != text+" built" {
			t.Errorf("%q, %v, want what was built from %q", out, err, text)
		}
		return dir
	}
	one := get("one")
	if again := get("one"); again != one || builds.Load() != 1 {
		t.Errorf("the same content: %s after %s, built %d times", again, one, builds.Load())
	}
	if two := get("two"); two == one || builds.Load() != 2 {
		t.Errorf("another content: %s after %s, built %d times", two, one, builds.Load())
	}
	onlyFolders(t, cache.dir, 2)
}

func TestBuildCache_failure_leaves_nothing(t *testing.T) {
	broken := errors.New("broken")
	cache := buildCache{dir: t.TempDir(), build: func(context.Context, string) error { return broken }}
	if _, err := cache.get(t.Context(), "x", source{"in": nil}); !errors.Is(err, broken) {
		t.Errorf("%v, want the build's error", err)
	}
	onlyFolders(t, cache.dir, 0)
}

// Two builds of the same content at the same time both succeed and share one folder.
func TestBuildCache_is_safe_for_two_at_once(t *testing.T) {
	var builds atomic.Int32
	var both sync.WaitGroup
	both.Add(2)
	cache := buildCache{dir: t.TempDir(), build: func(ctx context.Context, dir string) error {
		both.Done()
		both.Wait() // both have looked into the cache
		return fakeBuild(&builds)(ctx, dir)
	}}
	folders := make(chan string, 2)
	var callers sync.WaitGroup
	for range 2 {
		callers.Go(func() {
			dir, err := cache.get(t.Context(), "x", source{"in": []byte("in")})
			if err != nil {
				t.Error(err)
			}
			folders <- dir
		})
	}
	callers.Wait()
	if a, b := <-folders, <-folders; a != b || builds.Load() != 2 {
		t.Errorf("%s and %s, built %d times", a, b, builds.Load())
	}
	onlyFolders(t, cache.dir, 1)
}

func onlyFolders(t *testing.T, dir string, n int) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "building-") {
			t.Errorf("%s was left", e.Name())
		}
	}
	if len(entries) != n {
		t.Errorf("%d folders in the cache, want %d", len(entries), n)
	}
}

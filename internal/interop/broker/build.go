package broker

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// fixtures are the Java programs: in fixtures/<name> one source file, and one
// pom.xml for each version.
//
//go:embed fixtures
var fixtures embed.FS

// source is what one program is built from: file names and their text.
type source map[string][]byte

// readSource reads the program name, with the pom of that file name.
func readSource(name, pom string) (source, error) {
	dir := "fixtures/" + name
	entries, err := fixtures.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	src := make(source)
	for _, entry := range entries {
		as := entry.Name()
		switch {
		case as == pom:
			as = "pom.xml"
		case !strings.HasSuffix(as, ".java"):
			continue
		}
		if src[as], err = fixtures.ReadFile(dir + "/" + entry.Name()); err != nil {
			return nil, err
		}
	}
	if src["pom.xml"] == nil {
		return nil, fmt.Errorf("there is no %s/%s", dir, pom)
	}
	return src, nil
}

// property is the value of a property in the pom, such as server.version.
func (s source) property(name string) string {
	_, rest, _ := strings.Cut(string(s["pom.xml"]), "<"+name+">")
	value, _, _ := strings.Cut(rest, "<")
	return value
}

// digest returns a short hash of the content.
func (s source) digest() string {
	var names []string
	for name := range s {
		names = append(names, name)
	}
	slices.Sort(names)
	h := sha256.New()
	for _, name := range names {
		fmt.Fprintf(h, "%s %d\n", name, len(s[name]))
		h.Write(s[name])
	}
	return hex.EncodeToString(h.Sum(nil))[:12]
}

// buildCache keeps built programs, each in a folder named by a hash of its content.
// Several processes may share it: a folder appears complete or not at all.
type buildCache struct {
	dir   string
	build func(ctx context.Context, dir string) error // builds what lies in dir
}

// get returns the folder of the program, built from src if it is not there yet.
func (c buildCache) get(ctx context.Context, name string, src source) (string, error) {
	final := filepath.Join(c.dir, name+"-"+src.digest())
	if _, err := os.Stat(final); err == nil {
		return final, nil
	}
	if err := os.MkdirAll(c.dir, 0o755); err != nil {
		return "", err
	}
	// Beside the final folder: a rename works within one file system only.
	dir, err := os.MkdirTemp(c.dir, "building-"+name+"-*")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir) // finds nothing once it was renamed
	for file, text := range src {
		if err := os.WriteFile(filepath.Join(dir, file), text, 0o644); err != nil {
			return "", err
		}
	}
	if err := c.build(ctx, dir); err != nil {
		return "", err
	}
	if err := os.Rename(dir, final); err != nil {
		// Another process has built the same content meanwhile.
		if _, statErr := os.Stat(final); statErr != nil {
			return "", err
		}
	}
	return final, nil
}

// cacheDir is the folder in the user's cache where servers are kept that this machine has built or downloaded.
func cacheDir() (string, error) {
	dir, err := os.UserCacheDir()
	return filepath.Join(dir, "webstomp-interop"), err
}

// mavenCache is the user's cache of programs that Maven builds.
func mavenCache() (buildCache, error) {
	dir, err := cacheDir()
	return buildCache{dir: dir, build: runMaven}, err
}

// runMaven leaves the program's classes in dir/classes and the libraries in
// dir/lib.
func runMaven(ctx context.Context, dir string) error {
	console := new(tail)
	cmd := exec.Command("mvn", "-q", "-B", "compile", "dependency:copy-dependencies", "-DincludeScope=runtime", "-DoutputDirectory=lib")
	cmd.Dir = dir
	run, err := launch(cmd, console)
	if err != nil {
		return err
	}
	if err = run.finish(ctx); err == nil {
		return nil
	}
	err = fmt.Errorf("building it with Maven: %w", err)
	if strings.Contains(console.String(), "COMPILATION ERROR") {
		return err
	}
	// Everything else that Maven does here is to fetch its plugins and the libraries.
	return &Missing{What: "library of the server", How: "Maven must reach Maven Central once", Err: err}
}

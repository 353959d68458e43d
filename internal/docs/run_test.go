package docs

import (
	"bytes"
	"context"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/webstomp/webstomp/internal/interop/broker/group"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// longest is how long a command may take, with what it has to compile: minutes, where nothing has been and others work.
const longest = 5 * time.Minute

// run runs a line of a page in a shell, and leaves nothing of it behind.
func run(t *testing.T, dir, line string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), longest)
	defer cancel()
	var out bytes.Buffer
	shell := exec.CommandContext(ctx, "bash", "-c", line)
	shell.Dir, shell.Stdout, shell.Stderr = dir, &out, &out
	if err := group.Run(shell, func() {}); err != nil {
		t.Errorf("%s: %v\n%s", line, err, &out)
	}
}

func TestCommands_run(t *testing.T) {
	broker := stomptest.NewBroker(stomptest.WithLogin("guest", "guest"))
	defer broker.Close()
	for text, w := range table {
		if w.how != here && w.how != servers {
			continue
		}
		t.Run(text, func(t *testing.T) {
			if w.how == servers && !realServers() {
				t.Skip("needs a real server: WEBSTOMP_INTEROP=1")
			}
			if w.as != "" {
				text = strings.ReplaceAll(w.as, "{broker}", broker.URL())
			}
			run(t, root, text)
		})
	}
}

func TestCommands_of_CI_are_there(t *testing.T) {
	script := read(files(filepath.Join(root, ".ci"), "", true))
	for text, w := range table {
		if w.how == ci && !strings.Contains(script, text) {
			t.Errorf("nothing in .ci runs\n\t%s", text)
		}
		if w.how == checked && w.why == "" {
			t.Errorf("why is this not run?\n\t%s", text)
		}
	}
}

// elsewhere returns a program of a page that connects to another URL than its own.
func elsewhere(t *testing.T, source, url string) string {
	t.Helper()
	const theirs = "ws://localhost:15674/ws"
	if !strings.Contains(source, theirs) {
		t.Fatalf("the program does not connect to %s", theirs)
	}
	return strings.ReplaceAll(source, theirs, url)
}

// The README's first steps, in the order in which they stand, in the folder of a new module beside the checkout. The
// program says hello until somebody interrupts it.
func TestReadme_installs_and_runs(t *testing.T) {
	broker := stomptest.NewBroker(stomptest.WithLogin("guest", "guest"))
	defer broker.Close()
	beside := t.TempDir()
	service := filepath.Join(beside, "service")
	checkout, err := filepath.Abs(root)
	if err == nil {
		err = os.Mkdir(service, 0o755)
	}
	if err == nil {
		err = os.Symlink(checkout, filepath.Join(beside, "webstomp"))
	}
	if err != nil {
		t.Fatal(err)
	}
	run(t, service, "go mod init example.com/service")
	steps := make(map[int]func()) // by the line of the page
	for _, b := range blocks(t, "go") {
		if b.page == readme && b.isProgram() {
			steps[b.line] = func() {
				source := elsewhere(t, b.text, broker.URL())
				if err := os.WriteFile(filepath.Join(service, "main.go"), []byte(source), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	for _, c := range commands(t) {
		switch {
		case c.page != readme || table[c.text].how != install:
		case c.text == "go run .":
			steps[c.line] = func() {
				build(t, service)
				say(t, filepath.Join(service, "program"), "hello\n")
			}
		default:
			steps[c.line] = func() { run(t, service, c.text) }
		}
	}
	if len(steps) != 5 {
		t.Errorf("%d steps were found, want four commands and a program", len(steps))
	}
	for _, line := range slices.Sorted(maps.Keys(steps)) {
		steps[line]()
	}
}

// build builds main.go of a folder as a program. Where there is time, that is done there, as a reader does. Otherwise it is
// done here, where the packages have been compiled already, and there all that it imports has to be found.
func build(t *testing.T, dir string) {
	t.Helper()
	run(t, dir, `test -z "$(gofmt -l .)"`)
	if realServers() {
		run(t, dir, "go vet . && go build -o program .")
		return
	}
	run(t, dir, "go list -deps .")
	run(t, root, "go build -o "+dir+"/program "+dir+"/main.go")
}

// realServers reports whether this run is the one that may take its time.
func realServers() bool { return os.Getenv("WEBSTOMP_INTEROP") == "1" }

// say runs a program until it has printed what is wanted, interrupts it, and wants it to end well and in silence.
func say(t *testing.T, binary, want string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), longest)
	defer cancel()
	out, errors := &output{want: want, found: make(chan struct{})}, &bytes.Buffer{}
	cmd := exec.CommandContext(ctx, binary)
	cmd.Stdout, cmd.Stderr = out, errors
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-out.found:
	case <-ctx.Done():
	}
	_ = cmd.Process.Signal(os.Interrupt) // an error: it has ended
	if err := cmd.Wait(); err != nil || out.text.String() != want || errors.Len() > 0 {
		t.Errorf("the program ends with %v and prints %q, want %q; on standard error: %q", err, &out.text, want, errors)
	}
}

// output closes found when it has what is wanted.
type output struct {
	text  bytes.Buffer // written by the goroutine of exec.Cmd, and read when that has ended
	want  string
	found chan struct{}
}

func (o *output) Write(p []byte) (int, error) {
	n, err := o.text.Write(p)
	if o.text.String() == o.want {
		close(o.found)
	}
	return n, err
}

// The tests in the pages are tests: they run, and pass.
func TestGo_each_test_passes(t *testing.T) {
	var source strings.Builder
	names := 0
	for _, b := range blocks(t, "go") {
		if strings.HasPrefix(b.text, "func Test") {
			source.WriteString(b.text)
			names++
		}
	}
	if names == 0 {
		t.Fatal("no test was found")
	}
	head := "package recipes\n"
	for _, name := range fragmentImports {
		if strings.Contains(source.String(), name[strings.LastIndex(name, "/")+1:]+".") {
			head += "import \"" + name + "\"\n"
		}
	}
	file := filepath.Join(t.TempDir(), "recipes_test.go")
	if err := os.WriteFile(file, []byte(head+source.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	run(t, root, "go test -vet=off "+file)
}

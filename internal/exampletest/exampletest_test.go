package exampletest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/webstomp/webstomp/stomp/stomptest"
)

func TestMain(m *testing.M) { Main(m, example) }

// example is a program that does what its first argument says.
func example() {
	switch os.Args[1] {
	case "fail":
		fmt.Fprintln(os.Stderr, "no luck")
		os.Exit(1)
	case "wait":
		fmt.Println("waiting")
		time.Sleep(patience)
	case "-url":
		fmt.Println("went well, whatever the URL")
	}
}

func TestStart_tells_how_it_ended(t *testing.T) {
	if r := Start(t, "nothing").Wait(); r != (Result{}) {
		t.Error(r)
	}
	if r := Start(t, "fail").Wait(); r != (Result{Stderr: "no luck\n", Code: 1}) {
		t.Error(r)
	}
	p := Start(t, "wait")
	p.Await("waiting\n")
	p.Signal(syscall.SIGTERM)
	if r := p.Wait(); r != (Result{Stdout: "waiting\n", Code: -1}) {
		t.Error(r)
	}
}

// complaints is a test that counts its errors instead of failing.
type complaints struct {
	*testing.T
	list []string
}

func (c *complaints) Errorf(format string, a ...any) {
	c.list = append(c.list, fmt.Sprintf(format, a...))
}

func TestPrints_and_Fails_notice(t *testing.T) {
	c := &complaints{T: t}
	Prints(c, "hello\n", "nothing")
	Prints(c, "", "fail")
	if len(c.list) != 2 {
		t.Errorf("%d complaints, want 2: %q", len(c.list), c.list)
	}
	c.list = nil
	Fails(c, (*stomptest.Broker).URL)
	if len(c.list) != 2 || !strings.Contains(c.list[0], "where nobody listens: exit code 0") || !strings.Contains(c.list[1], "with a wrong passcode: exit code 0") {
		t.Errorf("complaints: %q", c.list)
	}
}

func TestReadme_lists_every_example(t *testing.T) {
	readme, err := os.ReadFile("../../examples/README.md")
	if err != nil {
		t.Fatal(err)
	}
	programs, err := filepath.Glob("../../examples/*/main.go")
	if err != nil || len(programs) < 16 {
		t.Fatalf("%d examples, %v", len(programs), err)
	}
	for _, program := range programs {
		name := filepath.Base(filepath.Dir(program))
		if !strings.Contains(string(readme), "["+name+"]("+name) {
			t.Errorf("%s is not in it", name)
		}
	}
}

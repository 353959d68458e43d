package soak

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"

	"github.com/webstomp/webstomp/stomp/stomptest"
)

// brokerVariable is the environment variable that makes the test's program a
// broker. In a process of its own it takes nothing from the clients' figures,
// and half of the file descriptors.
const brokerVariable = "WEBSTOMP_SOAK_BROKER"

// serveBroker runs a broker until in ends. It says where it is, and answers each
// line with how many connections it has, and subscriptions to everybody.
func serveBroker(in io.Reader, out io.Writer) (status int) {
	b := stomptest.NewBroker()
	defer b.Close()
	fmt.Fprintln(out, b.URL())
	for lines := bufio.NewScanner(in); lines.Scan(); {
		fmt.Fprintln(out, b.Connections(), b.Subscriptions(everybody))
	}
	return 0
}

// remoteBroker is a broker in another process.
type remoteBroker struct {
	url string
	in  io.WriteCloser
	out *bufio.Reader
}

// startBroker starts one that ends with the test.
func startBroker(t *testing.T) *remoteBroker {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), brokerVariable+"=1")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close() // ends it, and so does our own end, however that comes
		if err := cmd.Wait(); err != nil {
			t.Errorf("the broker ended with %v", err)
		}
	})
	b := &remoteBroker{in: in, out: bufio.NewReader(out)}
	if _, err := fmt.Fscanln(b.out, &b.url); err != nil {
		t.Fatalf("the broker does not say where it is: %v", err)
	}
	return b
}

// counts asks how many connections and subscriptions the broker has.
func (b *remoteBroker) counts(t *testing.T) (connections, subscriptions int) {
	t.Helper()
	_, err := fmt.Fprintln(b.in)
	if err == nil {
		_, err = fmt.Fscanln(b.out, &connections, &subscriptions)
	}
	if err != nil {
		t.Fatalf("the broker does not answer: %v", err)
	}
	return connections, subscriptions
}

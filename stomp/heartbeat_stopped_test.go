//go:build unix

package stomp_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/stomp"
)

// stoppedURL is set in the processes that the tests below stop.
const stoppedURL = "WEBSTOMP_STOPPED_URL"

// Promise 8: a process that was stopped for longer than the server may be silent keeps its session, since heart-beats
// and messages lie in its socket. Real time: a process cannot be stopped in a bubble.
func TestHeartBeat_promise8_own_sleep_is_not_the_server_s(t *testing.T) {
	if url := os.Getenv(stoppedURL); url != "" {
		stopped(t, url, stomp.WithHeartBeat(0, time.Second))
		return
	}
	b := rig.NewBroker(t)
	child := startChild(t, b.URL())
	child.await("ready")
	child.signal(syscall.SIGSTOP)
	<-time.After(3 * time.Second)
	child.signal(syscall.SIGCONT)
	b.Publish("/topic/a", nil, []byte("awake"))
	child.await("epoch 1")
	child.join()
}

// The same with WithPing: the pong lies in its socket.
func TestWithPing_promise8_own_sleep_is_not_the_server_s(t *testing.T) {
	if url := os.Getenv(stoppedURL); url != "" {
		stopped(t, url, stomp.WithHeartBeat(0, 0), stomp.WithPing(time.Second))
		return
	}
	server := rig.NewWebServer(t)
	child := startChild(t, server.URL)
	p := server.AcceptSession(wire.V12)
	p.Receipt(p.Want(wire.Subscribe))
	child.await("ready")
	<-time.After(1300 * time.Millisecond) // the first ping has gone out; nobody reads it
	child.signal(syscall.SIGSTOP)
	p.Discard()
	<-time.After(2 * time.Second)
	rig.OK(t, p.Web.Flush()) // the pong
	child.signal(syscall.SIGCONT)
	p.Send(wire.Message, "awake", "subscription", "x", "destination", "/topic/a", "message-id", "1")
	child.await("epoch 1")
	child.join()
}

// child is this test in a process of its own, with stoppedURL set.
type child struct {
	t     *testing.T
	cmd   *exec.Cmd
	lines *bufio.Scanner
}

func startChild(t *testing.T, url string) *child {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), stoppedURL+"="+url)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	rig.OK(t, err)
	rig.OK(t, cmd.Start())
	return &child{t, cmd, bufio.NewScanner(out)}
}

// await reads the child's next line, which must begin like that.
func (c *child) await(line string) {
	c.t.Helper()
	if !c.lines.Scan() || !strings.HasPrefix(c.lines.Text(), line) {
		c.t.Errorf("the child says %q, want %q", c.lines.Text(), line)
	}
}

func (c *child) signal(s os.Signal) {
	c.t.Helper()
	rig.OK(c.t, c.cmd.Process.Signal(s))
}

func (c *child) join() {
	c.t.Helper()
	for c.lines.Scan() { // what the test framework says
	}
	rig.OK(c.t, c.cmd.Wait())
}

// stopped is the child: it tells in which session a message arrives.
func stopped(t *testing.T, url string, opts ...stomp.ConnectOption) {
	c := rig.Connect(t, url, append(opts, stomp.WithReconnect(rig.QuickBackoff))...)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	messages, err := c.Subscribe(ctx, "/topic/a", stomp.WithID("x"), stomp.WithReceipt())
	rig.OK(t, err)
	fmt.Println("ready")
	f := <-messages
	fmt.Println("epoch", f.Epoch, c.Status().Err)
}

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
	"github.com/webstomp/webstomp/stomp"
)

// stoppedURL is set in the process that TestHeartBeat_promise8_own_sleep_is_not_the_server_s stops.
const stoppedURL = "WEBSTOMP_STOPPED_URL"

// Promise 8: a process that was stopped for longer than the server may be silent keeps its session, since heart-beats and
// messages lie in its socket. Real time: a process cannot be stopped in a bubble.
func TestHeartBeat_promise8_own_sleep_is_not_the_server_s(t *testing.T) {
	if url := os.Getenv(stoppedURL); url != "" {
		stopped(t, url)
		return
	}
	b := rig.NewBroker(t)
	for range 2 {
		child := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
		child.Env = append(os.Environ(), stoppedURL+"="+b.URL())
		child.Stderr = os.Stderr
		out, err := child.StdoutPipe()
		rig.OK(t, err)
		rig.OK(t, child.Start())
		lines := bufio.NewScanner(out)
		if !lines.Scan() || lines.Text() != "ready" {
			t.Fatalf("the child says %q", lines.Text())
		}
		rig.OK(t, child.Process.Signal(syscall.SIGSTOP))
		<-time.After(3 * time.Second)
		rig.OK(t, child.Process.Signal(syscall.SIGCONT))
		b.Publish("/topic/a", nil, []byte("awake"))
		if !lines.Scan() || !strings.HasPrefix(lines.Text(), "epoch 1") {
			t.Errorf("after its sleep the child says %q", lines.Text())
		}
		if err := child.Wait(); err != nil {
			t.Error(err)
		}
	}
}

// stopped is the child: it tells in which session a message arrives.
func stopped(t *testing.T, url string) {
	c := rig.Connect(t, url, stomp.WithHeartBeat(0, time.Second), stomp.WithReconnect(rig.QuickBackoff))
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	messages, err := c.Subscribe(ctx, "/topic/a", stomp.WithReceipt())
	rig.OK(t, err)
	fmt.Println("ready")
	f := <-messages
	fmt.Println("epoch", f.Epoch, c.Status().Err)
}

//go:build !js

package browser

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// example starts examples/browser, and returns the address of its page. It ends with the test.
func example(t *testing.T, args ...string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "browser")
	build := exec.Command("go", "build", "-o", program, "./examples/browser")
	build.Dir = "../.."
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, program, append([]string{"-addr", "127.0.0.1:0"}, args...)...)
	cmd.Dir = "../.." // where it finds the module
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	out := &lockedBuffer{}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }() // joined by the cleanup
	t.Cleanup(func() {
		cancel()
		if <-ended; cmd.ProcessState.ExitCode() != 0 {
			t.Errorf("the example ended with %v: %s", cmd.ProcessState, out)
		}
	})
	address := regexp.MustCompile(`the page is at (http://\S+)`)
	for start := time.Now(); time.Since(start) < 2*time.Minute; time.Sleep(50 * time.Millisecond) {
		if found := address.FindStringSubmatch(out.String()); found != nil {
			return found[1]
		}
		if len(ended) > 0 {
			t.Fatalf("the example ended: %s", out)
		}
	}
	t.Fatalf("the example serves no page: %s", out)
	return ""
}

// lockedBuffer is a bytes.Buffer for a process that writes and a test that reads.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer // guarded by mu
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// picture saves what the page shows in the folder WEBSTOMP_SHOTS; without one it does nothing.
func picture(name string) chromedp.Action[chromedp.Void] {
	return func(ctx context.Context, tab *chromedp.Target) (none chromedp.Void, err error) {
		folder := os.Getenv("WEBSTOMP_SHOTS")
		if folder == "" {
			return none, nil
		}
		png, err := chromedp.CaptureScreenshot()(ctx, tab)
		if err != nil {
			return none, err
		}
		return none, os.WriteFile(filepath.Join(folder, name+".png"), png, 0o644)
	}
}

// comes waits until JavaScript finds something true.
func comes(condition string, args ...any) chromedp.Action[chromedp.Void] {
	poll := chromedp.Poll[bool](fmt.Sprintf(condition, args...), chromedp.WithPollingTimeout(20*time.Second))
	return func(ctx context.Context, tab *chromedp.Target) (none chromedp.Void, err error) {
		_, err = poll(ctx, tab)
		return none, err
	}
}

// shows waits until an element of the page has that text.
func shows(id, text string) chromedp.Action[chromedp.Void] {
	return comes("document.getElementById(%q).textContent === %q", id, text)
}

// lists waits for a line of that kind in the page's list.
func lists(class, text string) chromedp.Action[chromedp.Void] {
	return comes("[...document.querySelectorAll('li.%s')].some(e => e.textContent.includes(%q))", class, text)
}

// say types something and sends it.
func say(text string) chromedp.Action[chromedp.Void] {
	return chromedp.Steps(chromedp.SendKeys(chromedp.CSS("#text"), text), chromedp.Click(chromedp.CSS("#say button")))
}

// step is something to do with the page, or to see in it.
type step struct {
	name string
	do   chromedp.Action[chromedp.Void]
}

// play takes the steps one after the other. The page must write nothing on its console, but where it fails to connect.
func play(t *testing.T, tab context.Context, steps []step) {
	t.Helper()
	for _, step := range steps {
		ctx, cancel := context.WithTimeout(tab, 30*time.Second)
		err := chromedp.Do(ctx, step.do)
		cancel()
		if err == nil {
			continue
		}
		ctx, cancel = context.WithTimeout(tab, 10*time.Second)
		defer cancel()
		shown, _ := chromedp.Run(ctx, chromedp.Text(chromedp.CSS("body")))
		t.Fatalf("%s: %v\nthe page:\n%s", step.name, err, shown)
	}
}

// What a user of the example does: look, talk, cut, and look again.
func TestExample_in_Chromium(t *testing.T) {
	tab := chromium(t)
	play(t, tab, []step{
		{"load", chromedp.Navigate(example(t))},
		{"connect", shows("state", "connected")},
		{"first session", shows("epoch", "1")},
		{"hear from the server", lists("in", "it is ")},
		{"say something", say("hello from the page")},
		{"hear the answer", lists("in", "HELLO FROM THE PAGE")},
		{"picture", picture("1-connected")},
		{"cut", chromedp.Click(chromedp.CSS("#cut"))},
		{"see the outage", lists("note", "attempt 1: ")},
		{"picture of it", picture("2-cut")},
		{"second session", shows("epoch", "2")},
		{"connect again", shows("state", "connected")},
		{"say something else", say("still here")},
		{"hear the answer again", lists("in", "STILL HERE")},
		{"in the new session", lists("in", "session 2")},
		{"picture after it", picture("3-connected-again")},
	})
}

// A broker that the page cannot reach: the program can, for it is not asked for an origin.
func TestExample_in_Chromium_origin_refused(t *testing.T) {
	tab := chromium(t)
	s := newStage(t)
	play(t, tab, []step{
		{"load", chromedp.Navigate(example(t, "-url", "ws"+s.URL[len("http"):]+"/ours"))},
		{"fail", shows("state", "failed")},
		{"say why", lists("error", "does it accept pages from http://127.0.0.1:")},
		{"take no more", comes("document.querySelectorAll('#say :disabled').length === 3")},
		{"picture", picture("4-failed")},
	})
}

// A real broker, which WEBSTOMP_BROKER names, with the login guest: RabbitMQ takes pages of every origin.
func TestExample_in_Chromium_on_a_real_broker(t *testing.T) {
	url := os.Getenv("WEBSTOMP_BROKER")
	if url == "" {
		t.Skip("WEBSTOMP_BROKER names no broker")
	}
	tab := chromium(t)
	play(t, tab, []step{
		{"load", chromedp.Navigate(example(t, "-url", url, "-login", "guest", "-passcode", "guest"))},
		{"connect", shows("state", "connected")},
		{"hear from the server", lists("in", "it is ")},
		{"say something", say("grüsse von der Seite")},
		{"hear the answer", lists("in", "GRÜSSE VON DER SEITE")},
		{"picture", picture("5-broker")},
	})
}

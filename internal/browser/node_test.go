//go:build !js

package browser

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// compiled returns the path of the test program for WebAssembly.
func compiled(t *testing.T) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "test.wasm")
	cmd := exec.Command("go", "test", "-c", "-ldflags=-s -w", "-o", out, ".")
	cmd.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return out
}

// fromGo returns the path of a file of Go's for WebAssembly.
func fromGo(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(strings.TrimSpace(string(out)), "lib", "wasm", name)
}

// passed checks what the test program has printed.
func passed(t *testing.T, text string) {
	t.Helper()
	t.Log(text)
	if !strings.HasSuffix(strings.TrimSpace(text), "PASS") || !strings.Contains(text, "--- PASS: TestBrowser_reconnects/cut") {
		t.Error("the tests did not pass")
	}
}

// webSocketNode returns a Node.js with WebSockets, and the NODE_OPTIONS that it takes for them.
func webSocketNode(t *testing.T) (path, options string) {
	t.Helper()
	path, err := exec.LookPath("node")
	if err != nil {
		t.Skip("there is no Node.js: ", err)
	}
	for _, options := range []string{"", "--experimental-websocket"} { // the latter: versions 20 and 21
		cmd := exec.Command(path, "-e", "process.exit(typeof WebSocket === 'function' ? 0 : 1)")
		cmd.Env = append(os.Environ(), "NODE_OPTIONS="+options)
		if cmd.Run() == nil {
			return path, options
		}
	}
	t.Skip("this Node.js has no WebSocket: it takes version 20.10 or later")
	return "", ""
}

func TestClient_in_Node(t *testing.T) {
	node, options := webSocketNode(t)
	s := newStage(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	// The stack is what go_js_wasm_exec allows.
	cmd := exec.CommandContext(ctx, node, "--stack-size=8192", fromGo(t, "wasm_exec_node.js"), compiled(t), "-test.v", "-test.timeout=100s")
	cmd.Env = append(os.Environ(), "NODE_OPTIONS="+options, "WEBSTOMP_STAGE="+s.URL, "WEBSTOMP_NOBODY="+unused(t))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Error(err)
	}
	passed(t, string(out))
}

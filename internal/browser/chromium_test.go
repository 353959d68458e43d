//go:build !js

package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// chromium returns a tab of a headless Chromium, which ends with the test.
func chromium(t *testing.T) context.Context {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		t.Skip("there is no Chromium: install Debian's package chromium")
	}
	// Root may not use the sandbox; what is loaded is ours.
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.WindowSize(900, 760))
	ctx, cancelAllocator := chromedp.NewExecAllocator(t.Context(), opts...)
	t.Cleanup(cancelAllocator)
	tab, cancelTab := chromedp.NewContext(ctx)
	t.Cleanup(cancelTab)
	if err := chromedp.Do(tab); err != nil {
		t.Fatal("starting Chromium: ", err)
	}
	return tab
}

// testPage runs the test program, and puts what it prints and its exit code where the test finds them.
const testPage = `<!doctype html><meta charset=utf-8><link rel=icon href="data:,"><script src=wasm_exec.js></script><script>
const lines = [], log = console.log
console.log = line => { lines.push(line); log(line) }
const go = new Go()
go.argv = ["test", "-test.v", "-test.timeout=100s"]
go.env = %s
go.exit = code => { window.exitCode = code }
WebAssembly.instantiateStreaming(fetch("test.wasm"), go.importObject)
	.then(p => go.run(p.instance))
	.catch(err => lines.push(String(err)))
	.then(() => { window.output = lines.join("\n") })
</script>`

func TestClient_in_Chromium(t *testing.T) {
	tab := chromium(t)
	s := newStage(t)
	page := newStage(t) // of another origin than the server's
	program := compiled(t)
	env, err := json.Marshal(map[string]string{"WEBSTOMP_STAGE": s.URL, "WEBSTOMP_NOBODY": unused(t), "WEBSTOMP_ORIGIN": page.URL,
		"WEBSTOMP_BROKER": os.Getenv("WEBSTOMP_BROKER")})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintf(w, testPage, env) })
	mux.HandleFunc("/test.wasm", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, program) })
	mux.HandleFunc("/wasm_exec.js", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, fromGo(t, "wasm_exec.js")) })
	page.files = mux
	if err := chromedp.Do(tab, chromedp.Navigate(page.URL+"/")); err != nil {
		t.Fatal(err)
	}
	output, err := chromedp.Run(tab, chromedp.Poll[string]("window.output", chromedp.WithPollingTimeout(110*time.Second)))
	if err != nil {
		t.Fatal(err)
	}
	if code, err := chromedp.Run(tab, chromedp.Evaluate[int]("window.exitCode")); code != 0 || err != nil {
		t.Errorf("exit code %d (%v)", code, err)
	}
	passed(t, output)
}

//go:build !js

package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
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
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.IgnoreCertErrors, chromedp.WindowSize(900, 760))
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
go.argv = ["test", "-test.v", "-test.timeout=100s", "-test.run=%s"]
go.env = %s
go.exit = code => { window.exitCode = code }
WebAssembly.instantiateStreaming(fetch("test.wasm"), go.importObject)
	.then(p => go.run(p.instance))
	.catch(err => lines.push(String(err)))
	.then(() => { window.output = lines.join("\n") })
</script>`

// runPage loads the page of the test program from server, and returns what the program prints. run selects tests.
func runPage(t *testing.T, server *httptest.Server, run string, env map[string]string) string {
	t.Helper()
	tab := chromium(t)
	program := compiled(t)
	env["WEBSTOMP_ORIGIN"] = server.URL
	given, err := json.Marshal(env)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintf(w, testPage, run, given) })
	mux.HandleFunc("/test.wasm", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, program) })
	mux.HandleFunc("/wasm_exec.js", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, fromGo(t, "wasm_exec.js")) })
	server.Config.Handler = mux
	if err := chromedp.Do(tab, chromedp.Navigate(server.URL+"/")); err != nil {
		t.Fatal(err)
	}
	output, err := chromedp.Run(tab, chromedp.Poll[string]("window.output", chromedp.WithPollingTimeout(110*time.Second)))
	if err != nil {
		t.Fatal(err)
	}
	if code, err := chromedp.Run(tab, chromedp.Evaluate[int]("window.exitCode")); code != 0 || err != nil {
		t.Errorf("exit code %d (%v)", code, err)
	}
	return output
}

func TestClient_in_Chromium(t *testing.T) {
	s := newStage(t)
	page := httptest.NewServer(nil) // of another origin than the stage
	t.Cleanup(page.Close)
	passed(t, runPage(t, page, ".", map[string]string{
		"WEBSTOMP_STAGE": s.URL, "WEBSTOMP_NOBODY": unused(t), "WEBSTOMP_BROKER": os.Getenv("WEBSTOMP_BROKER"),
	}))
}

func TestClient_in_Chromium_in_a_page_with_TLS(t *testing.T) {
	page := httptest.NewTLSServer(nil)
	t.Cleanup(page.Close)
	output := runPage(t, page, "with_TLS", map[string]string{})
	t.Log(output)
	if !strings.Contains(output, "--- PASS: TestBrowser_a_page_with_TLS") {
		t.Error("the test did not pass")
	}
}

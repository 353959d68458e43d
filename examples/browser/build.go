package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// program is what the page runs.
type program struct {
	wasm []byte // the package in the folder page
	exec []byte // wasm_exec.js of the Go release that compiled it: the two belong together
}

// build compiles the page's program with the go command.
func build(ctx context.Context) (*program, error) {
	if _, err := exec.LookPath("go"); err != nil {
		return nil, fmt.Errorf("the page's program is compiled when this one starts, and there is no go command to do that: %w", err)
	}
	root, err := goCommand(ctx, "env", "GOROOT")
	if err != nil {
		return nil, err
	}
	script, err := os.ReadFile(filepath.Join(root, "lib", "wasm", "wasm_exec.js"))
	if err != nil {
		return nil, fmt.Errorf("reading Go's script for WebAssembly: %w", err)
	}
	folder, err := os.MkdirTemp("", "webstomp-browser-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	out := filepath.Join(folder, "page.wasm")
	if _, err := goCommand(ctx, "build", "-ldflags=-s -w", "-o", out, "github.com/webstomp/webstomp/examples/browser/page"); err != nil {
		return nil, err
	}
	wasm, err := os.ReadFile(out)
	return &program{wasm: wasm, exec: script}, err
}

// goCommand runs the go command for WebAssembly, and returns what it prints.
func goCommand(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm")
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = fmt.Errorf("%w: %s", err, bytes.TrimSpace(exit.Stderr))
	}
	if err != nil {
		return "", fmt.Errorf("go %s: %w (this example runs inside a checkout of webstomp)", args[0], err)
	}
	return strings.TrimSpace(string(out)), nil
}

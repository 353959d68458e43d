package main

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// contender is a client that can be asked to work.
type contender struct {
	name    string
	command []string
	dir     string // it runs there; "": here
	bare    bool   // it speaks on a bare socket
}

//go:embed worker.mjs package.json
var forNode embed.FS

//go:embed worker.py
var forPython []byte

// pythons are where an interpreter with stomp.py may be: Debian's first, since
// python3-stomp is for that one, whatever others there are.
var pythons = []string{"/usr/bin/python3", "python3"}

// contenders returns the clients that can be had on this machine, ours first,
// and tells why for the rest. Their scripts lie in dir.
func contenders(ctx context.Context, dir string, leftOut func(error)) ([]contender, error) {
	ours, err := os.Executable()
	if err != nil {
		return nil, err
	}
	all := []contender{
		{name: "webstomp, WebSocket", command: []string{ours}},
		{name: "webstomp, TCP", command: []string{ours}, bare: true},
	}
	if js, err := stompJS(ctx, dir); err != nil {
		leftOut(fmt.Errorf("stompjs: %w", err))
	} else {
		all = append(all, js)
	}
	if py, err := stompPy(ctx, dir); err != nil {
		leftOut(fmt.Errorf("stomp.py: %w", err))
	} else {
		all = append(all, py)
	}
	return all, ctx.Err()
}

func stompJS(ctx context.Context, dir string) (contender, error) {
	node, err := exec.LookPath("node")
	if err != nil {
		return contender{}, err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return contender{}, err
	}
	packageJSON, err := forNode.ReadFile("package.json")
	if err != nil {
		return contender{}, err
	}
	installed, err := modules(ctx, filepath.Join(cache, "webstomp-bench"), packageJSON, npm)
	if err != nil {
		return contender{}, err
	}
	// Node looks for what a script imports beside the script.
	at := filepath.Join(dir, "node")
	if err := os.CopyFS(at, forNode); err != nil {
		return contender{}, err
	}
	if err := os.Symlink(filepath.Join(installed, "node_modules"), filepath.Join(at, "node_modules")); err != nil {
		return contender{}, err
	}
	const version = "JSON.parse(fs.readFileSync('node_modules/@stomp/stompjs/package.json')).version + ', Node ' + process.versions.node"
	name, err := output(ctx, at, node, "-p", version)
	if err != nil {
		return contender{}, err
	}
	return contender{name: "stompjs " + name + ", WebSocket", command: []string{node, "worker.mjs"}, dir: at}, nil
}

func stompPy(ctx context.Context, dir string) (contender, error) {
	script := filepath.Join(dir, "worker.py")
	if err := os.WriteFile(script, forPython, 0o644); err != nil {
		return contender{}, err
	}
	var failures []error
	for _, python := range pythons {
		// It must not run where a folder stomp lies: Python would take that for it.
		version, err := output(ctx, dir, python, "-c", "import platform, stomp; print('.'.join(map(str, stomp.__version__)) + ', Python ' + platform.python_version())")
		if err == nil {
			return contender{name: "stomp.py " + version + ", TCP", command: []string{python, script}, dir: dir, bare: true}, nil
		}
		failures = append(failures, err)
	}
	return contender{}, errors.Join(failures...)
}

// output runs a short command in dir and returns what it prints.
func output(ctx context.Context, dir, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s: %w\n%s", name, err, out)
	}
	return strings.TrimSpace(string(out)), nil
}

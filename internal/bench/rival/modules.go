package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
)

// modules returns a folder under cache with the node_modules of a package.json.
// Its name goes by the file's content. The first call for it has install fill
// it, out of sight: it appears complete or not at all.
func modules(ctx context.Context, cache string, packageJSON []byte, install func(ctx context.Context, dir string) error) (string, error) {
	at := filepath.Join(cache, fmt.Sprintf("stompjs-%.8x", sha256.Sum256(packageJSON)))
	if there(at) {
		return at, nil
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	fresh, err := os.MkdirTemp(cache, "new-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(fresh) // nothing, once it has its name
	if err := os.WriteFile(filepath.Join(fresh, "package.json"), packageJSON, 0o644); err != nil {
		return "", err
	}
	if err := install(ctx, fresh); err != nil {
		return "", err
	}
	if err := os.Rename(fresh, at); err != nil && !there(at) { // another process may have been faster
		return "", err
	}
	return at, nil
}

func there(dir string) bool {
	_, err := os.Stat(dir)
	return err == nil
}

// npm installs what the package.json in dir asks for.
func npm(ctx context.Context, dir string) error {
	_, err := output(ctx, dir, "npm", "install", "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund")
	return err
}

package foreign

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// modules returns a folder under cache that has the node_modules of a package.json.
// The first call fills it with install; several processes may do so at the same
// time.
func modules(ctx context.Context, cache string, packageJSON []byte, install func(ctx context.Context, dir string) error) (string, error) {
	sum := sha256.Sum256(packageJSON)
	dir := filepath.Join(cache, fmt.Sprintf("stompjs-%x", sum[:8]))
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	building, err := os.MkdirTemp(cache, "building-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(building) // does nothing once it was renamed
	if err := os.WriteFile(filepath.Join(building, "package.json"), packageJSON, 0o644); err != nil {
		return "", err
	}
	if err := install(ctx, building); err != nil {
		return "", err
	}
	// The folder appears complete or not at all. If another process was faster, its
	// folder is as good.
	if err := os.Rename(building, dir); err != nil {
		if _, statErr := os.Stat(dir); statErr != nil {
			return "", err
		}
	}
	return dir, nil
}

// npm installs the modules of the package.json in dir.
func npm(ctx context.Context, dir string) error {
	cmd := exec.CommandContext(ctx, "npm", "install", "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund")
	cmd.Dir = dir
	group(cmd)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("npm install: %w\n%s", err, out)
	}
	return nil
}

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"sensor/vmtests/debian"
)

const initPackage = "sensor/vmtests/init"

// buildInit returns init for an architecture. The go tool sees by itself that an earlier one is still good.
func buildInit(ctx context.Context, cacheDir, arch string) ([]byte, error) {
	path := filepath.Join(cacheDir, "init-"+arch)
	unlock, err := debian.Lock(path + ".lock")
	if err != nil {
		return nil, err
	}
	defer unlock()
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", path, initPackage)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch, "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build init (inside the project's tree only): %w: %s", err, out)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read init: %w", err)
	}
	return b, nil
}

// SPDX-License-Identifier: Apache-2.0

package debian

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"sensor/vmtests"
)

// Cache keeps kernel images below Dir between runs. Several processes may use it at once.
type Cache struct {
	Dir string
	Log io.Writer // progress, and the pins that have moved
}

// Image is a kernel image on disk.
type Image struct {
	Path    string
	Package string
	Version string
	Moved   bool // the pinned version has left the archive, this one took its place
}

// DefaultDir returns the cache directory: $SENSOR_VM_CACHE, else the user's cache directory.
func DefaultDir() (string, error) {
	if dir := os.Getenv("SENSOR_VM_CACHE"); dir != "" {
		return filepath.Abs(dir)
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find cache directory: %w", err)
	}
	return filepath.Join(dir, "sensor", "kernels"), nil
}

// Kernel returns the image of a pinned kernel, out of the cache or the archive.
func (c Cache) Kernel(ctx context.Context, k vmtests.Kernel) (Image, error) {
	img, err := c.kernel(ctx, k)
	if err != nil {
		return Image{}, fmt.Errorf("get kernel %s/%s: %w", k.Series, k.Arch, err)
	}
	if img.Moved {
		fmt.Fprintf(c.Log, "vmrun: kernel %s/%s: pinned %s has left the archive, running %s\n", k.Series, k.Arch, k.Version, img.Version)
	}
	return img, nil
}

func (c Cache) kernel(ctx context.Context, k vmtests.Kernel) (Image, error) {
	pinned := pkg{k.Package, k.Version, k.SHA256}
	if img, ok := c.cached(pinned, k.Arch); ok {
		return img, nil
	}
	unlock, err := Lock(filepath.Join(c.Dir, "lock"))
	if err != nil {
		return Image{}, err
	}
	defer unlock()
	if img, ok := c.cached(pinned, k.Arch); ok { // another process was quicker
		return img, nil
	}
	if m, ok := c.moved(k); ok {
		if img, ok := c.cached(m, k.Arch); ok {
			img.Moved = true
			return img, nil
		}
	}
	return c.fetch(ctx, k, pinned)
}

func (c Cache) fetch(ctx context.Context, k vmtests.Kernel, pinned pkg) (Image, error) {
	fmt.Fprintf(c.Log, "vmrun: fetching kernel %s/%s\n", k.Series, k.Arch)
	mirror, err := FindMirror("/")
	if err != nil {
		return Image{}, err
	}
	tmp, err := os.MkdirTemp(c.Dir, "apt-") // the lists are large and soon stale: not kept
	if err != nil {
		return Image{}, fmt.Errorf("make directory: %w", err)
	}
	defer os.RemoveAll(tmp)
	a, err := newApt(tmp, mirror, k.Suite, k.Arch, c.Log)
	if err != nil {
		return Image{}, err
	}
	if err := a.update(ctx); err != nil {
		return Image{}, err
	}
	offered, err := a.packages(ctx, k.Current)
	if err != nil {
		return Image{}, err
	}
	p, err := choose(ctx, offered, pinned)
	if err != nil {
		return Image{}, err
	}
	deb, err := a.download(ctx, p.name, p.version)
	if err != nil {
		return Image{}, err
	}
	if err := checkSum(deb, p.sha256); err != nil {
		return Image{}, err
	}
	if err := extractImage(ctx, deb, c.path(p, k.Arch)); err != nil {
		return Image{}, err
	}
	img := Image{Path: c.path(p, k.Arch), Package: p.name, Version: p.version, Moved: p != pinned}
	if img.Moved {
		if err := c.remember(k, p); err != nil {
			return Image{}, err
		}
	}
	return img, nil
}

// choose returns the pinned package if the suite still offers it, else the highest version.
func choose(ctx context.Context, offered []pkg, pinned pkg) (pkg, error) {
	var best pkg
	for _, p := range offered {
		if p.name == pinned.name && p.version == pinned.version {
			return pinned, nil // with our checksum, not the archive's
		}
		if best.name == "" || newer(ctx, p.version, best.version) {
			best = p
		}
	}
	if best.name == "" {
		return pkg{}, errors.New("the suite has no such package any more")
	}
	return best, nil
}

func (c Cache) path(p pkg, arch string) string {
	return filepath.Join(c.Dir, p.name+"_"+p.version+"_"+arch, "vmlinuz")
}

func (c Cache) cached(p pkg, arch string) (Image, bool) {
	img := Image{Path: c.path(p, arch), Package: p.name, Version: p.version}
	_, err := os.Stat(img.Path)
	return img, err == nil
}

// movedPin remembers where a pin has moved, so that the next run needs no network. Another pin makes it void.
type movedPin struct{ Pinned, Package, Version string }

func (c Cache) movedPath(k vmtests.Kernel) string {
	return filepath.Join(c.Dir, "moved-"+k.Series+"-"+k.Arch+".json")
}

func (c Cache) moved(k vmtests.Kernel) (pkg, bool) {
	var m movedPin
	b, err := os.ReadFile(c.movedPath(k))
	if err != nil || json.Unmarshal(b, &m) != nil || m.Pinned != k.Version {
		return pkg{}, false
	}
	return pkg{name: m.Package, version: m.Version}, true
}

func (c Cache) remember(k vmtests.Kernel, p pkg) error {
	b, err := json.Marshal(movedPin{k.Version, p.name, p.version})
	if err == nil {
		err = os.WriteFile(c.movedPath(k), b, 0o644)
	}
	if err != nil {
		return fmt.Errorf("remember moved pin: %w", err)
	}
	return nil
}

// Lock waits for a lock file's lock; directories are made as needed.
func Lock(path string) (unlock func() error, err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("lock cache: %w", err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("lock cache: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock cache: %w", err)
	}
	return f.Close, nil
}

func checkSum(path, want string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("check package: %w", err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return fmt.Errorf("check package: %w", err)
	}
	if got := fmt.Sprintf("%x", h.Sum(nil)); got != want {
		return fmt.Errorf("check package %s: sha256 is %s, want %s", filepath.Base(path), got, want)
	}
	return nil
}

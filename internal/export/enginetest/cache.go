// SPDX-License-Identifier: Apache-2.0

package enginetest

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// home is an engine on disk, and the Java that it runs on.
type home struct {
	dir  string
	java string // its directory
}

// cacheDir is where engines are kept. Root's is below /var: the user that an engine runs as may not enter root's home.
func cacheDir() (string, error) {
	if os.Geteuid() == 0 {
		return "/var/cache/sensor-enginetest", nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find cache directory: %w", err)
	}
	return filepath.Join(dir, "sensor-enginetest"), nil
}

// install returns the engine from the cache, or fetches it.
func (p product) install() (home, error) {
	java, err := findJava("/usr/lib/jvm", p.java[0], p.java[1])
	if err != nil {
		return home{}, err
	}
	cache, err := cacheDir()
	if err != nil {
		return home{}, err
	}
	dir, err := p.installIn(cache, fetch)
	return home{dir, java}, err
}

// installIn returns the engine's directory. Of several test binaries that want it one fetches, and the others wait.
func (p product) installIn(cache string, fetch func([]artifact, string) (string, error)) (string, error) {
	dir := filepath.Join(cache, fmt.Sprintf("%s-%s-%d", p.name, p.version, p.revision))
	if exists(dir) {
		return dir, nil
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", fmt.Errorf("make cache directory: %w", err)
	}
	unlock, err := lock(dir + ".lock")
	if err != nil {
		return "", err
	}
	defer unlock()
	if exists(dir) {
		return dir, nil
	}
	if err := p.fill(dir, fetch); err != nil {
		return "", fmt.Errorf("install %s: %w", p.name, err)
	}
	return dir, nil
}

// fill makes the engine's directory whole or not at all. The caller holds its lock.
func (p product) fill(dir string, fetch func([]artifact, string) (string, error)) error {
	work := dir + ".part"
	if err := os.RemoveAll(work); err != nil { // of one that was killed
		return err
	}
	defer os.RemoveAll(work)
	made := filepath.Join(work, "home")
	if err := os.MkdirAll(made, 0o755); err != nil {
		return err
	}
	lib, err := fetch(p.artifacts, work)
	if err != nil {
		return err
	}
	if err := p.lay(lib, made); err != nil {
		return err
	}
	return os.Rename(made, dir)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// lock waits for a file's lock. The file stays.
func lock(path string) (unlock func() error, err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("lock cache: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock cache: %w", err)
	}
	return f.Close, nil
}

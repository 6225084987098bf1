// SPDX-License-Identifier: Apache-2.0

package enginetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Engine is a search engine that runs. It takes requests without credentials; see AdminUser.
type Engine struct {
	Name    string // Elasticsearch or OpenSearch, whatever the version
	Version string
	URL     string // of its only node, without a slash at the end

	product product
	home    home
	dir     string // its configuration, data and logs
	port    int
	janitor *janitor
	process *process // nil while it is stopped
}

const (
	startLimit = 3 * time.Minute
	userID     = 65534 // nobody: the engines refuse to run as root
)

func startEngine(p product, h home) (*Engine, error) {
	dir, err := os.MkdirTemp("", "sensor-"+p.name+"-")
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", p.name, err)
	}
	j, err := startJanitor(dir)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", p.name, err), os.RemoveAll(dir))
	}
	port, err := freePort()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", p.name, err)
	}
	e := &Engine{
		Name: p.name, Version: p.version, URL: "http://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(port)),
		product: p, home: h, dir: dir, port: port, janitor: j,
	}
	if err := p.writeConfig(dir, port); err != nil {
		return nil, err
	}
	if os.Geteuid() == 0 {
		if err := giveAway(dir); err != nil {
			return nil, fmt.Errorf("start %s: %w", p.name, err)
		}
	}
	if err := e.run(); err != nil {
		return nil, err
	}
	return e, nil
}

// giveAway makes a tree the engine's.
func giveAway(dir string) error {
	return filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, userID, userID)
	})
}

// freePort returns a port that nothing listens on, from below those that connections get by themselves: it stays free while the
// engine is stopped.
func freePort() (int, error) {
	for range 100 {
		port := 15000 + rand.IntN(15000)
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			return port, l.Close()
		}
	}
	return 0, errors.New("find free port: none in a hundred tries")
}

// run starts the engine's program and waits until it answers.
func (e *Engine) run() error {
	args, env := e.product.command(e.home.java, e.home.dir, e.dir)
	p, err := startProcess(command{
		path: filepath.Join(e.home.java, "bin", "java"),
		args: args,
		env:  append(env, "PATH=/usr/bin:/bin", "HOME="+e.dir, "JAVA_HOME="+e.home.java),
		dir:  e.home.dir,
		log:  filepath.Join(e.dir, "output"),
	})
	if err != nil {
		return fmt.Errorf("start %s: %w", e.Name, err)
	}
	if err := e.janitor.watch(p.group()); err != nil {
		return errors.Join(fmt.Errorf("start %s: %w", e.Name, err), p.kill())
	}
	if err := e.wait(p); err != nil {
		err = fmt.Errorf("start %s: %w\n%s", e.Name, err, lastLines(filepath.Join(e.dir, "output"), 40))
		return errors.Join(err, p.kill())
	}
	e.process = p
	return nil
}

// wait returns when the engine takes requests for data.
func (e *Engine) wait(p *process) error {
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	var last error
	for {
		if last = e.healthy(ctx); last == nil {
			return nil
		}
		select {
		case <-p.ended:
			return fmt.Errorf("it has ended: %w", p.err)
		case <-ctx.Done():
			return fmt.Errorf("it does not answer within %s: %w", startLimit, last)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (e *Engine) healthy(ctx context.Context) error {
	status, _, err := e.request(ctx, http.MethodGet, "/_cluster/health?wait_for_status=yellow&timeout=5s", nil)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("health: status %d", status)
	}
	return err
}

// Stop kills the engine, as a crash would: what it has answered for is on its disk. If the test leaves it stopped it is started
// again, for the tests that come after.
func (e *Engine) Stop(t testing.TB) {
	t.Helper()
	if e.process == nil {
		return
	}
	err := errors.Join(e.janitor.watch(0), e.process.kill())
	e.process = nil
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Restart(t) })
}

// Restart starts the engine after Stop, with its data and its port. It does nothing if it runs.
func (e *Engine) Restart(t testing.TB) {
	t.Helper()
	if e.process != nil {
		return
	}
	if err := e.run(); err != nil {
		t.Fatal(err)
	}
}

// lastLines is the end of a file.
func lastLines(path string, n int) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

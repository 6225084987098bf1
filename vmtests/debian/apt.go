// SPDX-License-Identifier: Apache-2.0

package debian

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"time"
)

// apt runs apt-get and apt-cache on one suite and architecture, with lists, cache and sources of its own below dir.
type apt struct {
	dir  string
	arch string
	log  io.Writer
}

const aptConf = `
Dir::Etc::SourceList "%[1]s/sources.list";
Dir::Etc::SourceParts "-";
Dir::State "%[1]s";
Dir::State::Lists "%[1]s/lists";
Dir::State::Status "/dev/null";
Dir::Cache "%[1]s";
Dir::Cache::Archives "%[1]s/archives";
APT::Architecture "%[2]s";
APT::Architectures { "%[2]s"; };
APT::Sandbox::User "root";
Acquire::Retries "5";
Acquire::Languages "none";
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
`

func newApt(dir string, m Mirror, suite, arch string, log io.Writer) (*apt, error) {
	for _, d := range []string{"lists/partial", "archives/partial"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			return nil, fmt.Errorf("prepare apt: %w", err)
		}
	}
	options := "arch=" + arch + " target=Packages"
	if m.SignedBy != "" {
		options += " signed-by=" + m.SignedBy
	}
	for name, text := range map[string]string{
		"sources.list": fmt.Sprintf("deb [%s] %s %s main\n", options, m.URI, suite),
		"apt.conf":     fmt.Sprintf(aptConf, dir, arch),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return nil, fmt.Errorf("prepare apt: %w", err)
		}
	}
	return &apt{dir: dir, arch: arch, log: log}, nil
}

func (a *apt) update(ctx context.Context) error {
	return a.retry(ctx, "update package lists", func() error {
		// Without any-error a list that could not be fetched is only a warning.
		_, err := a.run(ctx, a.dir, "apt-get", "-qq", "--error-on=any", "update")
		return err
	})
}

// download fetches the package and returns the path of its .deb.
func (a *apt) download(ctx context.Context, name, version string) (string, error) {
	dir, err := os.MkdirTemp(a.dir, "download-")
	if err != nil {
		return "", fmt.Errorf("download %s: %w", name, err)
	}
	err = a.retry(ctx, "download "+name, func() error {
		_, err := a.run(ctx, dir, "apt-get", "-qq", "download", name+":"+a.arch+"="+version)
		return err
	})
	if err != nil {
		return "", err
	}
	debs, _ := filepath.Glob(filepath.Join(dir, "*.deb"))
	if len(debs) != 1 {
		return "", fmt.Errorf("download %s: %d files came, want 1", name, len(debs))
	}
	return debs[0], nil
}

// retry tries three times, for networks that fail for a moment. apt's own retries cover less: not a name server's hiccup.
func (a *apt) retry(ctx context.Context, what string, f func() error) error {
	const tries = 3
	for i := 1; ; i++ {
		err := f()
		if err == nil {
			return nil
		}
		if i == tries || ctx.Err() != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		fmt.Fprintf(a.log, "vmrun: %s: try %d of %d: %v\n", what, i, tries, err)
		select {
		case <-ctx.Done():
		case <-time.After(time.Duration(i) * 3 * time.Second):
		}
	}
}

// pkg is one package as the suite's list describes it.
type pkg struct{ name, version, sha256 string }

// packages returns every version of the packages that fit a glob.
func (a *apt) packages(ctx context.Context, glob string) ([]pkg, error) {
	prefix, _, _ := strings.Cut(glob, "*")
	prefix, _, _ = strings.Cut(prefix, "[")
	names, err := a.run(ctx, a.dir, "apt-cache", "pkgnames", prefix)
	if err != nil {
		return nil, fmt.Errorf("list packages: %w", err)
	}
	show := []string{"show"}
	for name := range strings.FieldsSeq(names) {
		if ok, _ := path.Match(glob, name); ok {
			show = append(show, name)
		}
	}
	if len(show) == 1 {
		return nil, nil
	}
	text, err := a.run(ctx, a.dir, "apt-cache", show...)
	if err != nil {
		return nil, fmt.Errorf("list packages: %w", err)
	}
	return parsePackages(text), nil
}

func parsePackages(text string) []pkg {
	var pkgs []pkg
	for stanza := range strings.SplitSeq(text, "\n\n") {
		var p pkg
		for line := range strings.Lines(stanza) {
			key, value, _ := strings.Cut(strings.TrimRight(line, "\n"), ": ")
			switch key {
			case "Package":
				p.name = value
			case "Version":
				p.version = value
			case "SHA256":
				p.sha256 = value
			}
		}
		if p.name != "" {
			pkgs = append(pkgs, p)
		}
	}
	return pkgs
}

// newer compares versions by Debian's rules.
func newer(ctx context.Context, a, b string) bool {
	return exec.CommandContext(ctx, "dpkg", "--compare-versions", a, "gt", b).Run() == nil
}

func (a *apt) run(ctx context.Context, dir, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, append([]string{"-c", filepath.Join(a.dir, "apt.conf")}, args...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", name, err, strings.TrimSpace(stderr.String()))
	}
	return string(out), nil
}

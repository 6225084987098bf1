// SPDX-License-Identifier: Apache-2.0

// Package debian gets kernel images out of Debian's archive into a cache, without touching the machine's own apt state.
package debian

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Mirror is where the machine gets Debian from.
type Mirror struct {
	URI      string
	SignedBy string // empty: apt's trusted keys
}

// FindMirror returns the mirror of Debian's main archive out of apt's sources below root ("/").
func FindMirror(root string) (Mirror, error) {
	suites, err := archiveSuites(filepath.Join(root, "etc/os-release"))
	if err != nil {
		return Mirror{}, err
	}
	etc := filepath.Join(root, "etc/apt")
	deb822, _ := filepath.Glob(filepath.Join(etc, "sources.list.d/*.sources"))
	oneLine, _ := filepath.Glob(filepath.Join(etc, "sources.list.d/*.list"))
	files := slices.Concat(deb822, []string{filepath.Join(etc, "sources.list")}, oneLine)
	for _, name := range files {
		text, err := os.ReadFile(name)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return Mirror{}, fmt.Errorf("find mirror: %w", err)
		}
		parse := parseOneLine
		if strings.HasSuffix(name, ".sources") {
			parse = parseDeb822
		}
		for _, s := range parse(string(text)) {
			if slices.Contains(s.components, "main") && slices.ContainsFunc(s.suites, func(suite string) bool { return slices.Contains(suites, suite) }) {
				return s.mirror, nil
			}
		}
	}
	return Mirror{}, fmt.Errorf("find mirror: no source of %s main in %s", suites[0], etc)
}

// archiveSuites returns the names by which sources may call this release. Security and third-party archives use others.
func archiveSuites(osRelease string) ([]string, error) {
	f, err := os.Open(osRelease)
	if err != nil {
		return nil, fmt.Errorf("find mirror: %w", err)
	}
	defer f.Close()
	var id, codename string
	sc := bufio.NewScanner(f)
	for sc.Scan() {
		key, value, _ := strings.Cut(sc.Text(), "=")
		switch value = strings.Trim(value, `"`); key {
		case "ID":
			id = value
		case "VERSION_CODENAME":
			codename = value
		}
	}
	if err := sc.Err(); err != nil {
		return nil, fmt.Errorf("find mirror: %w", err)
	}
	if id != "debian" || codename == "" {
		return nil, fmt.Errorf("find mirror: this machine is %q, not Debian; name a kernel image by its path instead", id)
	}
	return []string{codename, "oldstable", "stable", "testing", "sid", "unstable"}, nil
}

type source struct {
	mirror     Mirror
	suites     []string
	components []string
}

func parseDeb822(text string) []source {
	var sources []source
	for stanza := range strings.SplitSeq(text, "\n\n") {
		fields := map[string][]string{}
		key := ""
		for line := range strings.Lines(stanza) {
			switch {
			case strings.HasPrefix(line, "#"):
				continue
			case strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t"):
			default:
				var rest string
				key, rest, _ = strings.Cut(line, ":")
				key, line = strings.ToLower(key), rest
			}
			fields[key] = append(fields[key], strings.Fields(line)...)
		}
		if !slices.Contains(fields["types"], "deb") || len(fields["uris"]) == 0 || slices.Contains(fields["enabled"], "no") {
			continue
		}
		s := source{mirror: Mirror{URI: fields["uris"][0]}, suites: fields["suites"], components: fields["components"]}
		// A key in the file itself has no path that another source could name; apt's own keys know Debian too.
		if k := fields["signed-by"]; len(k) > 0 && strings.HasPrefix(k[0], "/") {
			s.mirror.SignedBy = k[0]
		}
		sources = append(sources, s)
	}
	return sources
}

func parseOneLine(text string) []source {
	var sources []source
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		rest, ok := strings.CutPrefix(strings.TrimSpace(line), "deb ")
		if !ok {
			continue
		}
		var s source
		if options, after, ok := strings.Cut(rest, "]"); ok {
			rest = after
			for opt := range strings.FieldsSeq(strings.Trim(options, " [")) {
				if k, ok := strings.CutPrefix(opt, "signed-by="); ok {
					s.mirror.SignedBy = k
				}
			}
		}
		f := strings.Fields(rest)
		if len(f) < 3 {
			continue
		}
		s.mirror.URI, s.suites, s.components = f[0], f[1:2], f[2:]
		sources = append(sources, s)
	}
	return sources
}

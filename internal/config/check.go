// SPDX-License-Identifier: Apache-2.0

package config

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"
)

// Check reports values that are well-formed but cannot be served: out of range, unknown, contradictory. Load and Parse
// call it; a caller that changes a Config afterwards, by flags say, calls it again.
func (s Schema) Check(c Config) error { return join(s.check(c)) }

func (s Schema) check(c Config) []*Error {
	var k checker
	k.sources(c.Sources, s.Sources)
	k.kinds(c.Kinds, s.Kinds)
	k.paths(c.Filters.Paths)
	k.env(c.Process.Env)
	between(&k, "file.summary_interval", c.File.SummaryInterval, time.Second, 24*time.Hour)
	k.twice("audit.rules", c.Audit.Rules)
	for i, file := range c.Audit.Rules {
		k.file(fmt.Sprintf("audit.rules[%d]", i), file)
	}
	between(&k, "sockdiag.interval", c.SockDiag.Interval, 100*time.Millisecond, time.Hour)
	k.inotify(c.Inotify, s.Hashes)
	k.output(c.Output)
	k.spool(c.Spool)
	k.ownSpool(c)
	k.retention(c.Retention)
	k.metrics(c.Metrics)
	k.limits(c.Limits)
	k.short("host.id", c.Host.ID)
	k.short("host.name", c.Host.Name)
	k.short("agent.id", c.Agent.ID)
	between(&k, "shutdown.grace", c.Shutdown.Grace, 0, time.Hour)
	return k.faults
}

// checker gathers the faults of one configuration.
type checker struct{ faults []*Error }

func (k *checker) report(key, format string, args ...any) {
	k.faults = append(k.faults, &Error{Key: key, Reason: fmt.Sprintf(format, args...)})
}

func (k *checker) sources(sources, known []string) {
	if len(sources) == 0 {
		k.report("sources", "no source (want at least one of %s)", list(known))
	}
	k.twice("sources", sources)
	for i, name := range sources {
		if !slices.Contains(known, name) {
			k.report(fmt.Sprintf("sources[%d]", i), "%s", unknown("source", name, known))
		}
	}
}

func (k *checker) kinds(kinds map[string]Kind, known []KindDefault) {
	names := make([]string, len(known))
	for i, d := range known {
		names[i] = d.Name
	}
	for _, name := range slices.Sorted(maps.Keys(kinds)) {
		if !slices.Contains(names, name) {
			k.report("kinds", "%s", unknown("kind", name, names))
		} else if kinds[name].Required && !kinds[name].Enabled {
			k.report(child("kinds", name), "a required kind cannot be disabled (required: true, enabled: false)")
		}
	}
}

func (k *checker) paths(p Paths) {
	const allow, deny = "filters.paths.allow", "filters.paths.deny"
	k.absolute(allow, p.Allow)
	k.absolute(deny, p.Deny)
	for i, denied := range p.Deny {
		if slices.Contains(p.Allow, denied) {
			k.report(fmt.Sprintf("%s[%d]", deny, i), "%s is in %s too", quote(denied), allow)
		}
	}
}

// absolute holds paths to the form that they have in events, where they are compared as text.
func (k *checker) absolute(key string, paths []string) {
	k.twice(key, paths)
	for i, text := range paths {
		at := fmt.Sprintf("%s[%d]", key, i)
		switch {
		case !path.IsAbs(text):
			k.report(at, "%s is not an absolute path", quote(text))
		case slices.Contains(strings.Split(text, "/"), ".."):
			k.report(at, "%s holds .., which no path of an event does", quote(text))
		case path.Clean(text) != text:
			k.report(at, "%s is longer than it has to be (want %s)", quote(text), quote(path.Clean(text)))
		}
	}
}

func (k *checker) inotify(c Inotify, hashes []string) {
	k.absolute("inotify.paths", c.Paths)
	k.twice("inotify.hashes", c.Hashes)
	for i, name := range c.Hashes {
		if !slices.Contains(hashes, name) {
			k.report(fmt.Sprintf("inotify.hashes[%d]", i), "%s", unknown("hash", name, hashes))
		}
	}
	between(k, "inotify.max_file_size", c.MaxFileSize, 0, 1024*GiB)
	between(k, "inotify.rate", c.Rate, MiB, 64*GiB)
	if c.Baseline != "" {
		k.file("inotify.baseline", c.Baseline)
	}
}

// file holds the name of a file to one that means the same from every directory.
func (k *checker) file(key, name string) {
	if !path.IsAbs(name) {
		k.report(key, "%s is not an absolute path", quote(name))
	}
}

func (k *checker) env(names []string) {
	k.twice("process.env", names)
	for i, name := range names {
		if name == "" || strings.Contains(name, "=") {
			k.report(fmt.Sprintf("process.env[%d]", i), "%s is not the name of a variable", quote(name))
		}
	}
}

// maxDataset leaves room in a data set's 100 bytes for the longest category.
const maxDataset = 100 - len(".process")

func (k *checker) dataStream(d DataStream) {
	k.streamName("output.data_stream.namespace", d.Namespace, 100)
	k.streamName("output.data_stream.dataset_prefix", d.DatasetPrefix, maxDataset)
}

// streamName holds a part of a data stream's name to the rules of Elasticsearch.
func (k *checker) streamName(key, name string, maxBytes int) {
	const forbidden = `\/*?"<>| ,#:-%`
	switch {
	case name == "":
		k.report(key, "the name is empty")
	case len(name) > maxBytes:
		k.report(key, "%s is %d bytes long (at most %d)", quote(name), len(name), maxBytes)
	case name != strings.ToLower(name):
		k.report(key, "%s is not lower case", quote(name))
	case strings.ContainsAny(name, forbidden):
		i := strings.IndexAny(name, forbidden)
		k.report(key, "%s holds %q, which the name of a data stream cannot", quote(name), name[i])
	}
}

func (k *checker) limits(l Limits) {
	between(k, "limits.process_table", l.ProcessTable, MiB, 64*GiB)
	k.ring("limits.rings.critical", l.Rings.Critical)
	k.ring("limits.rings.bulk", l.Rings.Bulk)
	between(k, "limits.sockets", l.Sockets, 1, 1<<24)
	between(k, "limits.files", l.Files, 1, 1<<24)
	between(k, "limits.queue.events", l.Queue.Events, 1, 1<<24)
	between(k, "limits.queue.bytes", l.Queue.Bytes, MiB, 64*GiB)
}

const (
	pageSize = 4 * KiB
	maxRing  = GiB
)

func (k *checker) ring(key string, size Size) {
	if size < pageSize || size > maxRing || size&(size-1) != 0 {
		k.report(key, "%v cannot be a ring's size (want a power of two and multiple of the page size, %v to %v)",
			size, pageSize, maxRing)
	}
}

func (k *checker) short(key, text string) {
	const maxBytes = 255
	if len(text) > maxBytes {
		k.report(key, "%s is %d bytes long (at most %d)", quote(text), len(text), maxBytes)
	}
}

func (k *checker) twice(key string, names []string) {
	seen := make(map[string]bool, len(names))
	for i, name := range names {
		if seen[name] && name != "" { // an empty name is a fault by itself
			k.report(fmt.Sprintf("%s[%d]", key, i), "%s is listed twice", quote(name))
		}
		seen[name] = true
	}
}

// between reports a value outside low to high, both included.
func between[T cmp.Ordered](k *checker, key string, value, low, high T) {
	if value < low || value > high {
		k.report(key, "%v is out of range (want %v to %v)", value, low, high)
	}
}

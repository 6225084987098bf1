// SPDX-License-Identifier: Apache-2.0

package config

import (
	"path"
	"strings"
	"time"
)

// Spool configures what is kept until the search engine has it.
type Spool struct {
	Path     string        `yaml:"path"`      // directory; "": in memory alone; default /var/lib/sensor/spool
	MaxBytes Size          `yaml:"max_bytes"` // default 1 GiB
	MaxAge   time.Duration `yaml:"max_age"`   // default 168 h
	Sync     Sync          `yaml:"sync"`      // default: interval
	Full     Full          `yaml:"full"`      // default: oldest
}

func defaultSpool() Spool {
	return Spool{Path: "/var/lib/sensor/spool", MaxBytes: GiB, MaxAge: 7 * day, Sync: SyncInterval, Full: FullOldest}
}

// Sync is when what is spooled is forced to the disk.
type Sync string

// The policies.
const (
	SyncNever    Sync = "never"    // when the kernel likes
	SyncInterval Sync = "interval" // once a second
	SyncBatch    Sync = "batch"    // before a batch counts as taken
)

// UnmarshalText accepts never, interval and batch.
func (s *Sync) UnmarshalText(text []byte) error {
	return choose(s, text, "sync policy", SyncNever, SyncInterval, SyncBatch)
}

// Full is what goes when the spool is full.
type Full string

// What goes. Critical kinds go last in both.
const (
	FullOldest Full = "oldest"
	FullNewest Full = "newest"
)

// UnmarshalText accepts oldest and newest.
func (f *Full) UnmarshalText(text []byte) error {
	return choose(f, text, "choice of what goes", FullOldest, FullNewest)
}

func (k *checker) spool(s Spool) {
	if s.Path != "" {
		k.file("spool.path", s.Path)
		if path.Clean(s.Path) == "/" {
			k.report("spool.path", "a directory of its own is needed")
		}
	}
	between(k, "spool.max_bytes", s.MaxBytes, 8*MiB, 16*1024*GiB)
	between(k, "spool.max_age", s.MaxAge, time.Minute, 10*366*day)
}

// ownSpool keeps other files out of the spool's directory.
func (k *checker) ownSpool(c Config) {
	if c.Spool.Path == "" {
		return
	}
	for _, file := range []struct{ key, name string }{
		{"output.elasticsearch.dead_letter", c.Output.Elasticsearch.DeadLetter},
		{"inotify.baseline", c.Inotify.Baseline},
	} {
		name, spool := path.Clean(file.name), path.Clean(c.Spool.Path)
		if name == spool || strings.HasPrefix(name, spool+"/") {
			k.report(file.key, "%s is in the directory of the spool, which is for the spool alone", quote(file.name))
		}
	}
}

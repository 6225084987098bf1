// SPDX-License-Identifier: Apache-2.0

// Package config reads the sensor's configuration: one typed structure, every key with a default, read strictly.
//
// A file is checked as a whole. Each fault is an [*Error] with file, line, column and key path, and all of them are
// returned at once, joined; a configuration is returned only if there is none. The package knows no probes: a [Schema]
// brings the kinds and sources that exist.
package config

import (
	"slices"
	"time"
)

// Config is the whole configuration of a sensor. docs/config.example.yaml shows every key with its default.
type Config struct {
	Sources   []string        `yaml:"sources"` // order of preference; default: all known sources
	Kinds     map[string]Kind `yaml:"kinds"`   // by kind; holds every known kind
	Filters   Filters         `yaml:"filters"`
	Process   Process         `yaml:"process"`
	File      File            `yaml:"file"`
	Audit     Audit           `yaml:"audit"`
	SockDiag  SockDiag        `yaml:"sockdiag"`
	Inotify   Inotify         `yaml:"inotify"`
	Privacy   Privacy         `yaml:"privacy"`
	Output    Output          `yaml:"output"`
	Spool     Spool           `yaml:"spool"`
	Retention Retention       `yaml:"retention"`
	Metrics   Metrics         `yaml:"metrics"`
	Limits    Limits          `yaml:"limits"`
	Host      Host            `yaml:"host"`
	Agent     Agent           `yaml:"agent"`
	Shutdown  Shutdown        `yaml:"shutdown"`
}

// Kind says whether one kind of event is wanted.
type Kind struct {
	Enabled  bool `yaml:"enabled"`  // default: the kind's own
	Required bool `yaml:"required"` // the sensor fails rather than run without it; default: the kind's own
}

// Filters keep events out.
type Filters struct {
	Paths Paths `yaml:"paths"`
}

// Paths says of which files no events are reported: those at or below a denied path, unless they are at or below an
// allowed one that is longer. All are absolute and as short as they can be.
type Paths struct {
	Allow []string `yaml:"allow"` // default: none
	Deny  []string `yaml:"deny"`  // default: none
}

// Process configures what is reported about processes.
type Process struct {
	Env []string `yaml:"env"` // environment variables reported on exec; default LD_PRELOAD, LD_LIBRARY_PATH
}

// File configures what is reported about files.
type File struct {
	SummaryInterval time.Duration `yaml:"summary_interval"` // of a file that is being written; default 60 s
	Counts          bool          `yaml:"counts"`           // summaries say how many bytes and writes; default true
}

// Audit configures the source that reads the kernel's audit records.
type Audit struct {
	Rules  []string `yaml:"rules"`  // files of rules as auditctl has them, loaded beside the sensor's own; default: none
	Beside bool     `yaml:"beside"` // rules are also added where another program reads audit, whose log then has their events
	Raw    bool     `yaml:"raw"`    // events also have the records' own fields, as auditd.*
}

// SockDiag configures the source that asks the kernel which sockets there are.
type SockDiag struct {
	Interval time.Duration `yaml:"interval"` // between two questions; default 1 s
}

// Inotify configures the source that watches files and their content.
type Inotify struct {
	Paths       []string `yaml:"paths"`         // files and directories; default: none
	Recursive   bool     `yaml:"recursive"`     // also what is below; default true
	Hashes      []string `yaml:"hashes"`        // of the content; default sha256
	MaxFileSize Size     `yaml:"max_file_size"` // no hash of larger files; default 100 MiB
	Rate        Size     `yaml:"rate"`          // how much is hashed in a second at most; default 50 MiB
	Baseline    string   `yaml:"baseline"`      // file that keeps the state between two runs; default /var/lib/sensor/baseline
}

// Privacy configures what is kept out of events.
type Privacy struct {
	Redact Redaction `yaml:"redact"` // default: default
}

// Limits bounds the sensor's memory.
type Limits struct {
	ProcessTable Size  `yaml:"process_table"` // default 32 MiB
	Rings        Rings `yaml:"rings"`
	Sockets      int   `yaml:"sockets"` // connections remembered until they end; default 65536
	Files        int   `yaml:"files"`   // files being written that are remembered; default 65536
	Queue        Queue `yaml:"queue"`
}

// Rings are the sizes of the BPF ring buffers: powers of two, multiples of the page size.
type Rings struct {
	Critical Size `yaml:"critical"` // exec, fork, exit, identity; default 8 MiB
	Bulk     Size `yaml:"bulk"`     // network, files; default 8 MiB
}

// Queue bounds the events that wait for the output; whichever limit is met first counts.
type Queue struct {
	Events int  `yaml:"events"` // default 8192
	Bytes  Size `yaml:"bytes"`  // default 32 MiB
}

// Host overrides what events say of the host.
type Host struct {
	ID   string `yaml:"id"`   // default "": the host's machine-id
	Name string `yaml:"name"` // default "": the host's name
}

// Agent identifies this sensor in its events.
type Agent struct {
	ID string `yaml:"id"` // default "": made by the sensor
}

// Shutdown configures the way out.
type Shutdown struct {
	Grace time.Duration `yaml:"grace"` // how long an output that takes no events is waited for; default 5 s
}

// KindDefault is one known kind with the defaults of its switches.
type KindDefault struct {
	Name              string
	Enabled, Required bool
}

// Schema is what a configuration may name: the kinds and sources of this build.
type Schema struct {
	Kinds   []KindDefault
	Sources []string // in the default order of preference
	Hashes  []string // that a source can compute
}

// Default returns the configuration of an empty file. The caller owns it.
func (s Schema) Default() Config {
	kinds := make(map[string]Kind, len(s.Kinds))
	for _, k := range s.Kinds {
		kinds[k.Name] = Kind{Enabled: k.Enabled, Required: k.Required}
	}
	return Config{
		Sources:  slices.Clone(s.Sources),
		Kinds:    kinds,
		Filters:  Filters{Paths: Paths{Allow: []string{}, Deny: []string{}}},
		File:     File{SummaryInterval: time.Minute, Counts: true},
		Audit:    Audit{Rules: []string{}},
		SockDiag: SockDiag{Interval: time.Second},
		Inotify: Inotify{
			Paths: []string{}, Recursive: true, Hashes: []string{"sha256"},
			MaxFileSize: 100 * MiB, Rate: 50 * MiB, Baseline: "/var/lib/sensor/baseline",
		},
		Process:   Process{Env: []string{"LD_PRELOAD", "LD_LIBRARY_PATH"}},
		Privacy:   Privacy{Redact: RedactDefault},
		Output:    defaultOutput(),
		Spool:     defaultSpool(),
		Retention: defaultRetention(),
		Metrics:   Metrics{Interval: time.Minute},
		Limits: Limits{
			ProcessTable: 32 * MiB,
			Rings:        Rings{Critical: 8 * MiB, Bulk: 8 * MiB},
			Sockets:      65536,
			Files:        65536,
			Queue:        Queue{Events: 8192, Bytes: 32 * MiB},
		},
		Shutdown: Shutdown{Grace: 5 * time.Second},
	}
}

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"log/slog"
	"time"

	"sensor/internal/config"
	"sensor/internal/events"
	"sensor/internal/fallback/audit"
	"sensor/internal/fallback/inotify"
	"sensor/internal/fallback/procconn"
	"sensor/internal/fallback/sockdiag"
	"sensor/internal/probes"
	"sensor/internal/process/snapshot"
)

// sourceParts are what sources are made of.
type sourceParts struct {
	log      *slog.Logger
	ledger   *events.Ledger
	bootID   string
	settings config.Config
	// diagnosis makes sources that try all they can and are never run.
	diagnosis bool
}

// A sourceRow is a source by its name in the configuration.
type sourceRow struct {
	name string
	make func(sourceParts) events.Source
}

// sourceTable lists all sources, in the default order of preference.
func sourceTable() []sourceRow {
	return []sourceRow{
		{probes.Name, newProbes},
		{audit.Name, newAudit},
		{procconn.Name, newProcconn},
		{sockdiag.Name, newSockdiag},
		{inotify.Name, newInotify},
	}
}

// makeSources makes the configured sources, in their order. They have touched nothing yet.
func makeSources(parts sourceParts) []events.Source {
	var sources []events.Source
	for _, name := range parts.settings.Sources {
		for _, row := range sourceTable() {
			if row.name == name {
				sources = append(sources, row.make(parts))
			}
		}
	}
	return sources
}

func newProbes(parts sourceParts) events.Source {
	settings := parts.settings
	options := probes.Options{
		Log:          parts.log,
		Ledger:       parts.ledger,
		IDs:          events.NewIDs(parts.bootID, probes.Name),
		Env:          settings.Process.Env,
		CriticalRing: uint32(settings.Limits.Rings.Critical),
		BulkRing:     uint32(settings.Limits.Rings.Bulk),
		Sockets:      uint32(settings.Limits.Sockets),
		Files:        uint32(settings.Limits.Files),
		FileCounts:   settings.File.Counts,
		Paths:        newPathFilter(settings.Filters.Paths),

		SummaryInterval: settings.File.SummaryInterval,
		Proc: func(self uint32, wall func(boot uint64) time.Time) (probes.Proc, error) {
			return snapshot.New(snapshot.Options{Self: self, Wall: wall})
		},
	}
	if parts.diagnosis {
		options.EveryVariant = true
		options.CriticalRing, options.BulkRing, options.Sockets, options.Files = 1<<20, 1<<20, 1, 1
	}
	return probes.New(options)
}

func newAudit(parts sourceParts) events.Source {
	return audit.New(audit.Options{
		Log:       parts.log,
		Ledger:    parts.ledger,
		IDs:       events.NewIDs(parts.bootID, audit.Name),
		Rules:     parts.settings.Audit.Rules,
		Beside:    parts.settings.Audit.Beside,
		Raw:       parts.settings.Audit.Raw,
		Diagnosis: parts.diagnosis,
		Proc: func(self uint32, wall func(boot uint64) time.Time) (audit.Proc, error) {
			return snapshot.New(snapshot.Options{Self: self, Wall: wall})
		},
	})
}

func newProcconn(parts sourceParts) events.Source {
	return procconn.New(procconn.Options{
		Log:    parts.log,
		Ledger: parts.ledger,
		IDs:    events.NewIDs(parts.bootID, procconn.Name),
		Proc: func(wall func(boot uint64) time.Time) (procconn.Proc, error) {
			return snapshot.New(snapshot.Options{Wall: wall})
		},
	})
}

func newSockdiag(parts sourceParts) events.Source {
	return sockdiag.New(sockdiag.Options{
		Log:      parts.log,
		Ledger:   parts.ledger,
		IDs:      events.NewIDs(parts.bootID, sockdiag.Name),
		Interval: parts.settings.SockDiag.Interval,
		Sockets:  parts.settings.Limits.Sockets,
		Proc:     func() (sockdiag.Proc, error) { return snapshot.New(snapshot.Options{}) },
	})
}

func newInotify(parts sourceParts) events.Source {
	settings := parts.settings.Inotify
	options := inotify.Options{
		Log:         parts.log,
		Ledger:      parts.ledger,
		IDs:         events.NewIDs(parts.bootID, inotify.Name),
		Paths:       settings.Paths,
		Recursive:   settings.Recursive,
		Hashes:      settings.Hashes,
		MaxFileSize: int64(settings.MaxFileSize),
		Rate:        int64(settings.Rate),
		Baseline:    settings.Baseline,
		Diagnosis:   parts.diagnosis,
	}
	options.Ignored = ownFiles(parts.settings)
	return inotify.New(options)
}

// ownFiles are the files that the sensor writes events to, and the directories of such files: told of, they would never end.
func ownFiles(settings config.Config) []string {
	if settings.Output.To == config.ToElasticsearch {
		dead := settings.Output.Elasticsearch.DeadLetter
		files := []string{dead, dead + ".1"}
		if settings.Spool.Path != "" {
			files = append(files, settings.Spool.Path)
		}
		return files
	}
	if path, isFile := settings.Output.To.File(); isFile {
		return []string{path}
	}
	return nil
}

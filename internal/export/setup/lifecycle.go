// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"sensor/internal/export/engine"
)

// Lifecycle says how long data are kept, and how.
type Lifecycle struct {
	By By

	// By phases. An index that is written to gives way to a new one when one of the two is reached; zero is never.
	RolloverSize int64 // bytes of a primary shard
	RolloverAge  time.Duration

	// When the phases begin, counted from then. Zero: there is no such phase. Frozen needs the repository.
	Warm, Cold, Frozen, Delete time.Duration

	Repository string // of snapshots; "": none
}

// By is what the engine keeps data with for as long as they are wanted.
type By string

// What there is.
const (
	ByPhases     By = "phases"      // a policy with phases: ILM, or ISM in OpenSearch
	ByDataStream By = "data_stream" // the data stream's own lifecycle, which knows Delete alone
	ByNothing    By = "none"        // data stay until somebody deletes them
)

const day = 24 * time.Hour

// dataStreamSize is when an index gives way to a new one if data streams keep the data themselves, in bytes.
const dataStreamSize = 50 << 30

// check finds what no policy can have. The sensor's configuration is held to the same rules, and to limits beside them.
func (l Lifecycle) check() error {
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	switch l.By {
	case ByPhases, ByDataStream, ByNothing:
	default:
		fail("lifecycle %q: want %s, %s or %s", l.By, ByPhases, ByDataStream, ByNothing)
	}
	if l.RolloverSize < 0 || l.RolloverSize%(1<<20) != 0 {
		fail("rollover size %d: want whole MiB", l.RolloverSize)
	}
	if l.By == ByPhases && l.RolloverSize == 0 && l.RolloverAge == 0 {
		fail("rollover: want a size or an age, or no phase ever begins")
	}
	var before string
	var last time.Duration
	for _, phase := range []struct {
		name  string
		begin time.Duration
	}{{"rollover age", l.RolloverAge}, {"warm", l.Warm}, {"cold", l.Cold}, {"frozen", l.Frozen}, {"delete", l.Delete}} {
		if phase.begin < 0 || phase.begin%time.Second != 0 {
			fail("%s %v: want whole seconds, or 0", phase.name, phase.begin)
			continue
		}
		if l.By != ByPhases || phase.begin == 0 || phase.name == "rollover age" || phase.name == "frozen" && l.Repository == "" {
			continue
		}
		if phase.begin <= last {
			fail("%s after %s: want more than %s, which is %s", phase.name, ageText(phase.begin), before, ageText(last))
		}
		before, last = phase.name, phase.begin
	}
	if strings.ContainsAny(l.Repository, " ,\"*\\<|>/?#") {
		fail("repository %q: no name of a repository", l.Repository)
	}
	return errors.Join(errs...)
}

// lifecycle adds the policy, if there is to be one, and says what of the lifecycle the engine does not have.
func (p *Planned) lifecycle(n names) {
	l, t := p.Options.Lifecycle, p.Target
	switch {
	case l.By == ByPhases && !t.Policies && t.Retention:
		p.note("lifecycle: this engine has no policies; its data streams keep the data themselves, with a deletion alone")
	case l.By == ByDataStream && !t.Retention && t.Policies:
		p.note("lifecycle: this engine has no data stream lifecycle; a policy does it, with a rollover and a deletion alone")
		p.Options.Lifecycle.Warm, p.Options.Lifecycle.Cold, p.Options.Lifecycle.Frozen = 0, 0, 0
		if l.RolloverSize == 0 && l.RolloverAge == 0 {
			p.Options.Lifecycle.RolloverSize = dataStreamSize
		}
	case l.By != ByNothing && !t.Policies && !t.Retention:
		p.note("lifecycle: this engine has none: data stay until somebody deletes them")
	}
	if !p.byPolicy() {
		return
	}
	l = p.Options.Lifecycle
	if t.Product == engine.OpenSearch {
		if l.Frozen != 0 && l.Repository != "" {
			p.note("lifecycle: OpenSearch has no frozen phase; the snapshot is made when the cold one begins")
		}
		p.add(KindStates, n.lifecycle(), states(n, l))
		return
	}
	if l.Frozen != 0 && l.Repository == "" {
		p.note("lifecycle: no frozen phase, for no snapshot repository is named")
	}
	p.add(KindPhases, n.lifecycle(), phases(l))
}

// byPolicy tells whether a policy keeps the data, with ILM or ISM.
func (p *Planned) byPolicy() bool {
	by := p.Options.Lifecycle.By
	return p.Target.Policies && (by == ByPhases || by == ByDataStream && !p.Target.Retention)
}

// byRetention tells whether the data streams keep the data themselves.
func (p *Planned) byRetention() bool {
	by := p.Options.Lifecycle.By
	return p.Target.Retention && (by == ByDataStream || by == ByPhases && !p.Target.Policies)
}

// retention is the lifecycle of a data stream. When an index gives way to a new one is the engine's own business.
func retention(l Lifecycle) object {
	if l.Delete == 0 {
		return object{}
	}
	return object{"data_retention": ageText(l.Delete)}
}

// ageText is a time of whole seconds as the engines write it: 7d, 12h, 30m or 10s.
func ageText(age time.Duration) string {
	for _, unit := range []struct {
		name string
		is   time.Duration
	}{{"d", day}, {"h", time.Hour}, {"m", time.Minute}} {
		if age != 0 && age%unit.is == 0 {
			return strconv.FormatInt(int64(age/unit.is), 10) + unit.name
		}
	}
	return strconv.FormatInt(int64(age/time.Second), 10) + "s"
}

// sizeText is a number of bytes as the engines write it, whose gb is a GiB.
func sizeText(bytes int64) string {
	if bytes%(1<<30) == 0 {
		return strconv.FormatInt(bytes>>30, 10) + "gb"
	}
	return strconv.FormatInt(bytes>>20, 10) + "mb"
}

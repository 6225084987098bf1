// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"fmt"
	"slices"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"

	"sensor/internal/events"
)

// A familyRow is one BPF object: what its programs are, and how its maps and
// variables are set before it is loaded.
type familyRow struct {
	name      string
	load      func() (*ebpf.CollectionSpec, error)
	programs  func() []program
	configure func(*ebpf.CollectionSpec, setup) map[string]any // returns the variables to set
}

// A setup is what configuring a family can depend on.
type setup struct {
	Options
	want  []events.Kind
	cpus  int
	hold  bool // programs can keep preemption off
	cache *btf.Cache
}

func (s setup) wants(kinds ...events.Kind) bool {
	return slices.ContainsFunc(kinds, func(k events.Kind) bool { return slices.Contains(s.want, k) })
}

// familyRows is the table of families. That of the processes is the first and is
// always made: it has the maps that all share.
func familyRows() []familyRow {
	return []familyRow{
		{"process", loadProcess, processTable, configureProcess},
		{"network", loadNetwork, networkTable, configureNetwork},
		{"file", loadFile, fileTable, configureFile},
	}
}

// serves reports whether a program of the family serves one of the kinds.
func (r familyRow) serves(kinds []events.Kind) bool {
	own := map[string]bool{}
	for _, p := range r.programs() {
		own[p.name] = true
	}
	for _, row := range kindRows() {
		if !slices.Contains(kinds, row.kind) {
			continue
		}
		for _, v := range row.variants {
			for _, step := range v.programs {
				if own[alternatives(step)[0]] {
					return true
				}
			}
		}
	}
	return false
}

// wakeBytes is how much of a ring of that size may wait before the reader is woken.
func wakeBytes(ring uint32) uint32 { return min(ring/8, 256<<10) }

func configureProcess(spec *ebpf.CollectionSpec, s setup) map[string]any {
	spec.Maps[processMapScratch].MaxEntries = uint32(s.cpus) + 1
	spec.Maps[processMapCritical].MaxEntries = s.CriticalRing
	return map[string]any{
		processVarIterSlot:      uint32(s.cpus),
		processVarCaptureEnv:    len(s.Env) > 0,
		processVarCriticalBytes: s.CriticalRing,
		processVarWakeBytes:     wakeBytes(s.CriticalRing),
		processVarHoldCpu:       s.hold,
	}
}

func configureNetwork(spec *ebpf.CollectionSpec, s setup) map[string]any {
	spec.Maps[networkMapBulk].MaxEntries = s.BulkRing
	spec.Maps[networkMapSockets].MaxEntries = s.Sockets
	if !allocates(s.cache) {
		spec.Maps[networkMapSockets].Flags &^= unix.BPF_F_NO_PREALLOC
	}
	if !s.wants(events.KindListen) {
		spec.Maps[networkMapListening].MaxEntries = 1
	}
	if !s.wants(events.KindUnixConnect, events.KindVsockConnect) {
		spec.Maps[networkMapLocalConnecting].MaxEntries = 1
	}
	return map[string]any{
		networkVarWakeBytes: wakeBytes(s.BulkRing),
		networkVarHoldCpu:   s.hold,
	}
}

func configureFile(spec *ebpf.CollectionSpec, s setup) map[string]any {
	spec.Maps[fileMapScratch].MaxEntries = uint32(s.cpus)
	spec.Maps[fileMapBulk].MaxEntries = s.BulkRing
	spec.Maps[fileMapWrites].MaxEntries = s.Files
	if !allocates(s.cache) {
		spec.Maps[fileMapWrites].Flags &^= unix.BPF_F_NO_PREALLOC
	}
	spec.Maps[fileMapFilterings].MaxEntries = uint32(s.cpus)
	spec.Maps[fileMapFilters].MaxEntries = uint32(max(1, len(s.Paths)))
	reported, listed := s.Paths["/"]
	return map[string]any{
		fileVarFiltersListed: uint32(len(s.Paths)),
		fileVarRootDenied:    listed && !reported,
		fileVarWakeBytes:     wakeBytes(s.BulkRing),
		fileVarHoldCpu:       s.hold,
		fileVarCountWrites:   s.FileCounts,
	}
}

// makeFamilies makes those that serve a wanted kind.
func (s *Source) makeFamilies(want []events.Kind) error {
	cpus, err := ebpf.PossibleCPU()
	if err != nil {
		return fmt.Errorf("count CPUs: %w", err)
	}
	with := setup{Options: s.options, want: want, cpus: cpus, cache: btf.NewCache()}
	for i, row := range familyRows() {
		if i > 0 && !row.serves(want) {
			continue
		}
		spec, err := row.load()
		if err != nil {
			return fmt.Errorf("read object %s: %w", row.name, err)
		}
		if i == 0 {
			with.hold = canHoldCPU(spec, with.cache)
		}
		if err := preset(spec, row.configure(spec, with)); err != nil {
			return fmt.Errorf("configure %s: %w", row.name, err)
		}
		f, err := newFamily(spec, with.cache, s.families)
		if err != nil {
			return fmt.Errorf("make family %s: %w", row.name, err)
		}
		s.families = append(s.families, f)
	}
	return nil
}

// preset sets variables of an object that is not loaded yet.
func preset(spec *ebpf.CollectionSpec, values map[string]any) error {
	for name, value := range values {
		if err := spec.Variables[name].Set(value); err != nil {
			return fmt.Errorf("set %s: %w", name, err)
		}
	}
	return nil
}

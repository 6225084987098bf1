// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"
)

// A family is one BPF object. Its maps are made once; its programs are loaded
// one by one, so that one which the kernel rejects costs only the kinds that
// need it.
type family struct {
	spec     *ebpf.CollectionSpec
	shared   *ebpf.Collection // the maps and variables of all the programs
	cache    *btf.Cache
	programs map[string]*loadedProgram
}

type loadedProgram struct {
	*ebpf.Program
	link link.Link
}

// newFamily makes the maps of the object, which take their sizes from the spec.
// Shared maps that an earlier family has are its.
func newFamily(spec *ebpf.CollectionSpec, cache *btf.Cache, earlier []*family) (*family, error) {
	only := spec.Copy()
	only.Programs = nil
	shared := map[string]*ebpf.Map{}
	for _, name := range sharedMaps() {
		for _, with := range earlier {
			if _, ok := spec.Maps[name]; ok && with.shared.Maps[name] != nil {
				only.Maps[name].MaxEntries = with.spec.Maps[name].MaxEntries
				shared[name] = with.shared.Maps[name]
				break
			}
		}
	}
	c, err := ebpf.NewCollectionWithOptions(only, ebpf.CollectionOptions{MapReplacements: shared, Cache: cache})
	if err != nil {
		return nil, fmt.Errorf("create maps: %w", err)
	}
	for name := range shared {
		spec.Maps[name].MaxEntries = only.Maps[name].MaxEntries
	}
	return &family{spec: spec, shared: c, cache: cache, programs: map[string]*loadedProgram{}}, nil
}

// sharedMaps are those of headers/record.h and bulk.h: one ring of each class,
// and one set of counters, for all families.
func sharedMaps() []string {
	return []string{processMapCritical, processMapCounts, networkMapBulk, networkMapSequences}
}

// attach loads the program and attaches it to its hook. A program that several
// kinds share is attached once.
func (f *family) attach(p program) error {
	if f.programs[p.name] != nil {
		return nil
	}
	kernel, err := f.cache.Kernel()
	if err != nil {
		return fmt.Errorf("read kernel BTF: %w", err)
	}
	if err := p.checkPrototype(kernel); err != nil {
		return fmt.Errorf("check %s: %w", p.name, err)
	}
	only, err := f.load(p.name)
	if err != nil {
		return err
	}
	loaded := &loadedProgram{Program: only}
	switch p.typ {
	case "iter":
		loaded.link, err = link.AttachIter(link.IterOptions{Program: loaded.Program})
	case "tracepoint":
		group, name, _ := strings.Cut(p.hook, "/")
		err = withTracefs(func() (err error) {
			loaded.link, err = link.Tracepoint(group, name, loaded.Program, nil)
			if errors.Is(err, os.ErrNotExist) { // and not tracefs itself
				return fmt.Errorf("%w: %w", errNoHook, err)
			}
			return err
		})
	case "cgroup":
		err = withCgroupRoot(func(path string) (err error) {
			loaded.link, err = link.AttachCgroup(link.CgroupOptions{Path: path, Attach: f.spec.Programs[p.name].AttachType, Program: loaded.Program})
			return err
		})
	case "fentry", "fexit":
		loaded.link, err = link.AttachTracing(link.TracingOptions{Program: loaded.Program})
	default:
		loaded.link, err = link.AttachTracing(link.TracingOptions{Program: loaded.Program, AttachType: ebpf.AttachTraceRawTp})
	}
	if err != nil {
		loaded.Close()
		return fmt.Errorf("attach %s: %w", p.name, err)
	}
	f.programs[p.name] = loaded
	return nil
}

// load loads one program of the object, with the maps that all its programs share.
func (f *family) load(name string) (*ebpf.Program, error) {
	only := *f.spec // not Copy, which copies all the programs for each of them
	only.Programs = map[string]*ebpf.ProgramSpec{name: f.spec.Programs[name].Copy()}
	c, err := ebpf.NewCollectionWithOptions(&only, ebpf.CollectionOptions{MapReplacements: f.shared.Maps, Cache: f.cache})
	if err != nil {
		return nil, fmt.Errorf("load %s: %w", name, err)
	}
	defer c.Close()
	return c.DetachProgram(name), nil
}

// run runs a program that has no hook, once, in this thread.
func (f *family) run(name string) error {
	p, err := f.load(name)
	if err != nil {
		return err
	}
	defer p.Close()
	if _, err := p.Run(&ebpf.RunOptions{}); err != nil {
		return fmt.Errorf("run %s: %w", name, err)
	}
	return nil
}

// remove takes one program from its hook and unloads it.
func (f *family) remove(name string) error {
	p := f.programs[name]
	delete(f.programs, name)
	return errors.Join(p.link.Close(), p.Close())
}

// detach takes the programs from their hooks. They can still be asked for their
// statistics. All at once: the kernel lets each wait for a grace period.
func (f *family) detach() error {
	var wait sync.WaitGroup
	var mu sync.Mutex
	var errs []error
	for _, p := range f.programs {
		if p.link == nil {
			continue
		}
		wait.Go(func() {
			err := p.link.Close()
			p.link = nil
			mu.Lock()
			defer mu.Unlock()
			errs = append(errs, err)
		})
	}
	wait.Wait()
	return errors.Join(errs...)
}

func (f *family) close() error {
	errs := []error{f.detach()}
	for _, p := range f.programs {
		errs = append(errs, p.Close())
	}
	f.shared.Close()
	return errors.Join(errs...)
}

// iterate runs an attached iterator once and gives all that it wrote.
func (f *family) iterate(name string) ([]byte, error) {
	iter, ok := f.programs[name].link.(*link.Iter)
	if !ok {
		return nil, fmt.Errorf("run %s: not an iterator", name)
	}
	r, err := iter.Open()
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return b, nil
}

// canHoldCPU reports whether the kernel loads the programs with preemption
// turned off inside, which they need since Linux 7.0. Before 6.10 there is no
// way to, and before 6.15 not around a call of a global function.
func canHoldCPU(spec *ebpf.CollectionSpec, cache *btf.Cache) bool {
	const simplest = processProgProcessFork
	only := spec.Copy()
	only.Programs = map[string]*ebpf.ProgramSpec{simplest: only.Programs[simplest]}
	only.Maps[processMapCritical].MaxEntries = uint32(os.Getpagesize())
	only.Maps[processMapScratch].MaxEntries = 1
	if only.Variables[processVarHoldCpu].Set(true) != nil {
		return false
	}
	c, err := ebpf.NewCollectionWithOptions(only, ebpf.CollectionOptions{Cache: cache})
	if err != nil {
		return false
	}
	c.Close()
	return true
}

// allocates reports whether programs on tracepoints may use maps that take
// memory as they grow. Before Linux 6.1 (34dd3bad1a6f) the kernel warns of it in its log.
func allocates(cache *btf.Cache) bool {
	kernel, err := cache.Kernel()
	if err != nil {
		return false
	}
	var allocator *btf.Struct
	return kernel.TypeByName("bpf_mem_alloc", &allocator) == nil
}

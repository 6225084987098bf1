// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"sensor/internal/compare"
	"sensor/internal/probes"
)

// A meter measures what the sources take while both watch.
type meter struct {
	log      *slog.Logger
	counting io.Closer // of the run time of programs; nil if the kernel cannot
	kauditd  int       // pid of the kernel's thread; 0 if unknown
	first    readings
	last     readings
}

// readings are counters at a moment.
type readings struct {
	bpf     time.Duration
	runs    uint64
	kauditd time.Duration
	daemon  time.Duration // the CPU time of the audit daemon whose log is compared
}

func newMeter(log *slog.Logger) *meter {
	m := &meter{log: log, kauditd: kernelThread("kauditd")}
	var err error
	if m.counting, err = probes.CountRunTime(); err != nil {
		m.counting = nil
		log.Info("the time that programs run is not measured", "error", err)
	}
	return m
}

func (m *meter) close() {
	if m.counting != nil {
		m.counting.Close()
	}
}

func (m *meter) begin(s *session) { m.first = m.read(s) }
func (m *meter) end(s *session)   { m.last = m.read(s) }

func (m *meter) read(s *session) (r readings) {
	var errs []error
	if m.counting != nil {
		var err error
		r.bpf, r.runs, err = probes.RunTime(s.observers[compare.A].pid())
		errs = append(errs, err)
	}
	if m.kauditd != 0 {
		var err error
		r.kauditd, err = threadTime(m.kauditd)
		errs = append(errs, err)
	}
	if s.AuditLog != "" && s.audit.daemon != 0 {
		r.daemon, _ = cpuTime(int(s.audit.daemon)) // it may have ended
	}
	if err := errors.Join(errs...); err != nil {
		m.log.Warn("measuring what the sources take", "error", err)
	}
	return r
}

// measured is what each side has taken, once the observers have ended.
func (m *meter) measured(s *session) (a, b compare.Measured) {
	a = s.observers[compare.A].measured()
	if m.counting != nil {
		a.Kernel = append(a.Kernel, compare.KernelTime{
			Name: "bpf", Time: m.last.bpf - m.first.bpf, Runs: m.last.runs - m.first.runs,
			Note: "run time of the programs, as the kernel counts it; counting adds some 50 ns to each run",
		})
	}
	if s.observers[compare.B] != nil {
		b = s.observers[compare.B].measured()
	} else {
		b.CPU = max(0, m.last.daemon-m.first.daemon)
	}
	if m.kauditd != 0 {
		b.Kernel = append(b.Kernel, compare.KernelTime{
			Name: "kauditd", Time: m.last.kauditd - m.first.kauditd,
			Note: "CPU time of the kernel's thread that sends records; what it takes system calls to make them is not counted by the kernel",
		})
	}
	return a, b
}

// kernelThread finds a thread of the kernel by its name; 0 if there is none.
func kernelThread(name string) int {
	paths, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range paths {
		stat, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(stat), "("+name+") ") {
			continue
		}
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		const state, ppid, kthreadd = 3, 4, "2"
		if len(fields) > ppid-state && fields[ppid-state] == kthreadd {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			return pid
		}
	}
	return 0
}

// threadTime is for how long a thread has been on a CPU.
func threadTime(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/schedstat", pid))
	if err != nil {
		return 0, err
	}
	first, _, _ := strings.Cut(string(text), " ")
	ns, err := strconv.ParseInt(first, 10, 64)
	return time.Duration(ns), err
}

// taxState says which sources are there.
type taxState int

const (
	none taxState = iota
	onlyA
	onlyB
	both
	taxStates
)

// tax is what a system call takes that no source is interested in.
type tax struct {
	took [taxStates]time.Duration // 0 if it was not measured
	pids []uint32                 // of those that measured
	err  error                    // the first
}

const (
	taxCall   = "getppid"
	taxBatch  = 500 // calls between two looks at the clock
	taxPeriod = 200 * time.Millisecond
)

// probe measures in a process of its own: one that is older than the audit
// system's first use pays no tax. Of several measurements the lowest is the least disturbed.
func (t *tax) probe(ctx context.Context, state taxState) (pid uint32) {
	cmd := exec.CommandContext(ctx, "/proc/self/exe", "compare", "--tax-probe")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	out, err := cmd.Output()
	if cmd.Process != nil {
		pid = uint32(cmd.Process.Pid)
		t.pids = append(t.pids, pid)
	}
	var ns float64
	if err == nil {
		ns, err = strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
	}
	if err != nil {
		t.err = errors.Join(t.err, fmt.Errorf("measure system calls: %w", err))
		return pid
	}
	took := max(1, time.Duration(ns+0.5))
	if t.took[state] == 0 || took < t.took[state] {
		t.took[state] = took
	}
	return pid
}

func (t *tax) result() []compare.Tax {
	if t.took[none] == 0 {
		return nil
	}
	return []compare.Tax{{Call: taxCall, None: t.took[none], A: t.took[onlyA], B: t.took[onlyB], Both: t.took[both]}}
}

// probeTax writes the median of what one call takes in ns.
func probeTax(out io.Writer) error {
	runtime.LockOSThread()
	var batches []time.Duration
	for end := time.Now().Add(taxPeriod); ; {
		before := time.Now()
		if before.After(end) {
			break
		}
		for range taxBatch {
			unix.Getppid()
		}
		batches = append(batches, time.Since(before))
	}
	slices.Sort(batches)
	_, err := fmt.Fprintf(out, "%.2f\n", float64(batches[len(batches)/2])/taxBatch)
	return err
}

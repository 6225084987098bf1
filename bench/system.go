// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"sensor/internal/events"
)

// A system watches the host while a load runs.
type system interface {
	name() string
	start() error
	// settle returns when the system has dealt with the load, so that its CPU time is complete.
	settle() error
	pids() []int
	stop() error
	// lost is how many events were lost, once it has stopped.
	lost() float64
}

// none watches nothing.
type none struct{}

func (none) name() string  { return "none" }
func (none) start() error  { return nil }
func (none) settle() error { return nil }
func (none) pids() []int   { return nil }
func (none) stop() error   { return nil }
func (none) lost() float64 { return 0 }

// ours is the sensor, writing JSON to a file.
type ours struct {
	kinds, binary, dir string
	config             string // what differs from the defaults; may be empty
	cmd                *exec.Cmd
	balance            events.Balance // of the last run
}

func (o *ours) name() string { return strings.TrimSpace("sensor: " + o.kinds + " " + o.config) }

func (o *ours) start() error {
	output := filepath.Join(o.dir, "events.ndjson")
	if err := os.RemoveAll(output); err != nil {
		return err
	}
	config := filepath.Join(o.dir, "sensor.yaml")
	if err := os.WriteFile(config, []byte(o.config), 0o600); err != nil {
		return err
	}
	o.cmd = exec.Command(o.binary, "-c", config, "--kinds", o.kinds, "--output", "file:"+output, "--stats", o.stats())
	log, err := o.cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := o.cmd.Start(); err != nil {
		return err
	}
	var said bytes.Buffer
	for lines := bufio.NewScanner(log); lines.Scan(); {
		said.WriteString(lines.Text() + "\n")
		if strings.Contains(lines.Text(), "msg=ready") {
			return nil
		}
	}
	return fmt.Errorf("the sensor did not become ready:\n%s", &said)
}

func (o *ours) settle() error { return quiet(o.pids()) }
func (o *ours) pids() []int   { return []int{o.cmd.Process.Pid} }

func (o *ours) stop() error {
	if o.cmd == nil || o.cmd.Process == nil {
		return nil
	}
	if err := errors.Join(o.cmd.Process.Signal(syscall.SIGTERM), o.cmd.Wait()); err != nil {
		return err
	}
	b, err := os.ReadFile(o.stats())
	if err != nil {
		return err
	}
	o.balance = events.Balance{}
	return json.Unmarshal(b, &o.balance)
}

func (o *ours) stats() string { return filepath.Join(o.dir, "stats.json") }
func (o *ours) lost() float64 { return float64(o.balance.Lost()) }

// auditd is Debian's, with one rule. It and its rule are gone after stop.
type auditd struct {
	rule    []string // auditctl's arguments
	dir     string
	cmd     *exec.Cmd
	records [2]float64 // lost before and after
}

// syscalls is a rule for some system calls, separated by commas.
func syscalls(names string) []string {
	return []string{"-a", "always,exit", "-F", "arch=b64", "-S", names}
}

func (a *auditd) name() string { return "auditd: " + strings.Join(a.rule, " ") }

func (a *auditd) start() error {
	if running, err := exec.Command("pidof", "auditd").Output(); err == nil {
		return fmt.Errorf("auditd runs already (pid %s): stop it first", bytes.TrimSpace(running))
	}
	config := fmt.Sprintf("log_file = %s/audit.log\nlog_format = RAW\nlog_group = root\nflush = INCREMENTAL_ASYNC\nfreq = 50\nmax_log_file = 1000\nnum_logs = 2\nspace_left = 75\nadmin_space_left = 50\n", a.dir)
	if err := os.WriteFile(filepath.Join(a.dir, "auditd.conf"), []byte(config), 0o640); err != nil {
		return err
	}
	a.cmd = exec.Command("auditd", "-n", "-s", "nochange", "-c", a.dir)
	if err := a.cmd.Start(); err != nil {
		return fmt.Errorf("start auditd (Debian: apt-get install auditd): %w", err)
	}
	deadline := time.Now().Add(10 * time.Second)
	for !bytes.Contains(auditctl("-s"), fmt.Appendf(nil, "pid %d\n", a.cmd.Process.Pid)) {
		if time.Now().After(deadline) {
			return errors.New("auditd did not take the audit socket")
		}
		time.Sleep(10 * time.Millisecond)
	}
	for _, args := range [][]string{{"-b", "8192"}, {"-e", "1"}, append(slices.Clone(a.rule), "-k", "bench")} {
		if out, err := exec.Command("auditctl", args...).CombinedOutput(); err != nil {
			return fmt.Errorf("run auditctl %v: %w: %s", args, err, out)
		}
	}
	a.records[0] = auditLost()
	return nil
}

// auditLost is how many records the kernel has ever lost.
func auditLost() float64 {
	var lost float64
	if _, rest, ok := strings.Cut(string(auditctl("-s")), "\nlost "); ok {
		fmt.Sscan(rest, &lost)
	}
	return lost
}

func auditctl(args ...string) []byte {
	out, _ := exec.Command("auditctl", args...).Output()
	return out
}

func (a *auditd) settle() error { return quiet(a.pids()) }

// pids has the kernel's thread too: it is what sends the records.
func (a *auditd) pids() []int {
	pids := []int{a.cmd.Process.Pid}
	if out, err := exec.Command("pidof", "kauditd").Output(); err == nil {
		if pid, err := strconv.Atoi(strings.TrimSpace(string(out))); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

func (a *auditd) stop() error {
	if a.cmd == nil || a.cmd.Process == nil {
		return nil
	}
	a.records[1] = auditLost()
	exec.Command("auditctl", "-D", "-k", "bench").Run()
	exec.Command("auditctl", "-e", "0").Run()
	err := errors.Join(a.cmd.Process.Signal(syscall.SIGTERM), a.cmd.Wait())
	exec.Command("auditctl", "-b", "64").Run()
	return err
}

func (a *auditd) lost() float64 { return a.records[1] - a.records[0] }

// quiet waits until the processes have used no CPU for a while.
func quiet(pids []int) error {
	const still = 500 * time.Millisecond
	for before := -1.0; ; time.Sleep(still) {
		now, err := cpuOf(pids)
		if err != nil {
			return err
		}
		if now-before < float64(still)/100 { // under a percent
			return nil
		}
		before = now
	}
}

// cpuOf sums the CPU time of the processes in ns, from schedstat of each thread.
func cpuOf(pids []int) (float64, error) {
	var sum float64
	for _, pid := range pids {
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
		if err != nil {
			return 0, err
		}
		for _, path := range threads {
			b, err := os.ReadFile(path)
			if err != nil {
				continue // a thread that has ended
			}
			ns, _, _ := strings.Cut(string(b), " ")
			n, err := strconv.ParseFloat(ns, 64)
			if err != nil {
				return 0, fmt.Errorf("read %s: %w", path, err)
			}
			sum += n
		}
	}
	return sum, nil
}

// rssOf sums the resident memory of the processes in KiB.
func rssOf(pids []int) (float64, error) {
	var sum float64
	for _, pid := range pids {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			return 0, err
		}
		for line := range strings.Lines(string(b)) {
			if value, ok := strings.CutPrefix(line, "VmRSS:"); ok {
				n, err := strconv.ParseFloat(strings.Fields(value)[0], 64)
				if err != nil {
					return 0, fmt.Errorf("read status of %d: %w", pid, err)
				}
				sum += n
			}
		}
	}
	return sum, nil
}

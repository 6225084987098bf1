// SPDX-License-Identifier: Apache-2.0

// Command bench measures what watching a host costs: the same load without a
// sensor, with ours, and with Debian's auditd, interleaved round by round, and
// gives medians and ratios. Machines are noisy; a ratio of two medians from the
// same rounds is what can be compared. Run it as root: go run ./bench, or for the
// writes alone: go run ./bench -execs 0 -connects 0
//
// What is written lies in $TMPDIR.
package main

import (
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

func main() {
	rounds := flag.Int("rounds", 5, "how often each system is measured")
	execs := flag.Int("execs", 5000, "how many processes a round starts; 0 leaves them out")
	connects := flag.Int("connects", 20_000, "how many connections a round makes and accepts; 0 leaves them out")
	writes := flag.Int("writes", 1_000_000, "how many writes a round makes, of 64 bytes to 1,000 open files; 0 leaves them out")
	calls := flag.Int("calls", 5_000_000, "how many getppid calls a round makes")
	flag.Parse()
	log.SetFlags(0)
	if err := bench(*rounds, *execs, *connects, *writes, *calls); err != nil {
		log.Fatalf("bench: %v", err)
	}
}

// A load is done n times in each round, under each of the systems.
type load struct {
	name    string // what load.c calls it
	n       int
	unit    int      // how many of them CPU time is told for
	systems []system // the first is the base of the ratios
}

// A result is one round of one system.
type result struct {
	wallNS    float64 // for each exec, connection or write
	getppidNS float64 // wall, for each call
	cpuNS     float64 // of the system's own processes, likewise
	rss       float64 // KiB, after the load
	lost      float64 // events, or records
}

func bench(rounds, execs, connects, writes, calls int) (err error) {
	dir, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	binary := filepath.Join(dir, "load")
	if out, err := exec.Command("cc", "-O2", "-static", "-o", binary, "bench/load/load.c").CombinedOutput(); err != nil {
		return fmt.Errorf("compile load: %w: %s", err, out)
	}
	sensor := filepath.Join(dir, "sensor")
	build := exec.Command("go", "build", "-trimpath", "-o", sensor, "./cmd/sensor")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build sensor: %w: %s", err, out)
	}
	const files = "file_create,file_write,file_rename,file_delete"
	watched := filepath.Join(dir, "written")
	if err := os.Mkdir(watched, 0o700); err != nil {
		return err
	}
	for _, l := range []load{
		{"exec", execs, 1, []system{
			none{},
			&ours{kinds: "exec,fork,exit", binary: sensor, dir: dir},
			&ours{kinds: "exec", binary: sensor, dir: dir},
			&auditd{rule: syscalls("execve,execveat"), dir: dir},
		}},
		{"connect", connects, 1, []system{
			none{},
			&ours{kinds: "connect,accept,close", binary: sensor, dir: dir},
			&auditd{rule: syscalls("connect,accept,accept4"), dir: dir},
		}},
		{"write", writes, 1000, []system{
			none{},
			&ours{kinds: files, binary: sensor, dir: dir},
			&ours{kinds: files, config: "file: {counts: false}", binary: sensor, dir: dir},
			&auditd{rule: []string{"-w", watched, "-p", "wa"}, dir: dir},
		}},
	} {
		if l.n == 0 {
			continue
		}
		results := map[string][]result{}
		for round := range rounds {
			for _, s := range l.systems {
				log.Printf("%s, round %d of %d: %s", l.name, round+1, rounds, s.name())
				r, err := measure(s, binary, watched, l, calls)
				if err != nil {
					return fmt.Errorf("measure %s: %w", s.name(), err)
				}
				results[s.name()] = append(results[s.name()], r)
			}
		}
		report(l, results)
	}
	return nil
}

func measure(s system, binary, dir string, l load, calls int) (r result, err error) {
	if err := s.start(); err != nil {
		return r, errors.Join(err, s.stop())
	}
	defer func() {
		err = errors.Join(err, s.stop())
		r.lost = s.lost()
	}()
	before, err := cpuOf(s.pids())
	if err != nil {
		return r, err
	}
	ns, err := run(binary, dir, l.name, l.n)
	if err != nil {
		return r, err
	}
	r.wallNS = ns / float64(l.n)
	if err := s.settle(); err != nil {
		return r, err
	}
	after, err := cpuOf(s.pids())
	if err != nil {
		return r, err
	}
	r.cpuNS = (after - before) / float64(l.n)
	if r.rss, err = rssOf(s.pids()); err != nil {
		return r, err
	}
	ns, err = run(binary, dir, "getppid", calls)
	r.getppidNS = ns / float64(calls)
	return r, err
}

// run runs the load in the directory and gives the nanoseconds that it took by its own clock.
func run(binary, dir, what string, n int) (float64, error) {
	load := exec.Command(binary, what, strconv.Itoa(n))
	load.Dir = dir
	out, err := load.Output()
	if err != nil {
		return 0, fmt.Errorf("run load %s: %w", what, err)
	}
	return strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
}

func report(l load, results map[string][]result) {
	base := results[l.systems[0].name()]
	per, digits := l.name, 1
	if l.unit > 1 {
		per = fmt.Sprintf("%d %ss", l.unit, l.name)
		digits = 3
	}
	fmt.Printf("\n| system | %s wall us | ratio | CPU us per %s | getppid ns | ratio | RSS MB | lost |\n", l.name, per)
	fmt.Println("| --- | --- | --- | --- | --- | --- | --- | --- |")
	for _, s := range l.systems {
		all := results[s.name()]
		wall := func(r result) float64 { return r.wallNS }
		getppid := func(r result) float64 { return r.getppidNS }
		lost := 0.0 // in all rounds
		for _, r := range all {
			lost += r.lost
		}
		fmt.Printf("| %s | %.*f | %.2f | %.1f | %.0f | %.2f | %.0f | %.0f |\n", s.name(), digits, median(all, wall)/1e3, median(all, wall)/median(base, wall),
			median(all, func(r result) float64 { return r.cpuNS })/1e3*float64(l.unit),
			median(all, getppid), median(all, getppid)/median(base, getppid),
			median(all, func(r result) float64 { return r.rss })/1024, lost)
	}
}

func median(results []result, value func(result) float64) float64 {
	var values []float64
	for _, r := range results {
		values = append(values, value(r))
	}
	slices.Sort(values)
	return values[len(values)/2]
}

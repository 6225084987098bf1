// SPDX-License-Identifier: Apache-2.0

// Command bench measures what watching a host costs: the same load without a
// sensor, with ours, and with Debian's auditd, interleaved round by round, and
// gives medians and ratios. Machines are noisy; a ratio of two medians from the
// same rounds is what can be compared. Run it as root: go run ./bench
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
	execs := flag.Int("execs", 5000, "how many processes a round starts")
	calls := flag.Int("calls", 5_000_000, "how many getppid calls a round makes")
	flag.Parse()
	log.SetFlags(0)
	if err := bench(*rounds, *execs, *calls); err != nil {
		log.Fatalf("bench: %v", err)
	}
}

// A result is one round of one system.
type result struct {
	execNS    float64 // wall, for each exec
	getppidNS float64 // wall, for each call
	cpuNS     float64 // of the system's own processes, for each exec
	rss       float64 // KiB, after the load
}

func bench(rounds, execs, calls int) (err error) {
	dir, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	load := filepath.Join(dir, "load")
	if out, err := exec.Command("cc", "-O2", "-static", "-o", load, "bench/load/load.c").CombinedOutput(); err != nil {
		return fmt.Errorf("compile load: %w: %s", err, out)
	}
	sensor := filepath.Join(dir, "sensor")
	build := exec.Command("go", "build", "-trimpath", "-o", sensor, "./cmd/sensor")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build sensor: %w: %s", err, out)
	}
	systems := []system{
		none{},
		&ours{label: "sensor: exec, fork, exit", binary: sensor, dir: dir},
		&ours{label: "sensor: exec", binary: sensor, dir: dir, args: []string{"--kinds", "exec"}},
		&auditd{dir: dir},
	}
	results := map[string][]result{}
	for round := range rounds {
		for _, s := range systems {
			log.Printf("round %d of %d: %s", round+1, rounds, s.name())
			r, err := measure(s, load, execs, calls)
			if err != nil {
				return fmt.Errorf("measure %s: %w", s.name(), err)
			}
			results[s.name()] = append(results[s.name()], r)
		}
	}
	report(systems, results)
	return nil
}

func measure(s system, load string, execs, calls int) (r result, err error) {
	if err := s.start(); err != nil {
		return r, errors.Join(err, s.stop())
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	before, err := cpuOf(s.pids())
	if err != nil {
		return r, err
	}
	ns, err := run(load, "exec", execs)
	if err != nil {
		return r, err
	}
	r.execNS = ns / float64(execs)
	if err := s.settle(); err != nil {
		return r, err
	}
	after, err := cpuOf(s.pids())
	if err != nil {
		return r, err
	}
	r.cpuNS = (after - before) / float64(execs)
	if r.rss, err = rssOf(s.pids()); err != nil {
		return r, err
	}
	ns, err = run(load, "getppid", calls)
	r.getppidNS = ns / float64(calls)
	return r, err
}

// run runs the load and gives the nanoseconds that it took by its own clock.
func run(load, what string, n int) (float64, error) {
	out, err := exec.Command(load, what, strconv.Itoa(n)).Output()
	if err != nil {
		return 0, fmt.Errorf("run load %s: %w", what, err)
	}
	return strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
}

func report(systems []system, results map[string][]result) {
	base := results[systems[0].name()]
	fmt.Println("| system | exec wall us | ratio | CPU us per exec | getppid ns | ratio | RSS MB |")
	fmt.Println("| --- | --- | --- | --- | --- | --- | --- |")
	for _, s := range systems {
		all := results[s.name()]
		execWall := func(r result) float64 { return r.execNS }
		getppid := func(r result) float64 { return r.getppidNS }
		fmt.Printf("| %s | %.0f | %.2f | %.1f | %.0f | %.2f | %.0f |\n", s.name(),
			median(all, execWall)/1e3, median(all, execWall)/median(base, execWall),
			median(all, func(r result) float64 { return r.cpuNS })/1e3,
			median(all, getppid), median(all, getppid)/median(base, getppid),
			median(all, func(r result) float64 { return r.rss })/1024)
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

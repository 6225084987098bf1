// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"sensor/internal/compare"
	"sensor/internal/events"
)

// An observer is a sensor of one source, as a process of its own: what two
// sources take cannot be told apart in one. It writes to files, which take what
// the comparison is too slow for, and which have no names: nothing of them is left
// whoever ends how.
type observer struct {
	source string
	cmd    *exec.Cmd
	output *journal
	stats  *os.File
	log    *observerLog
	ended  chan struct{}
	err    error         // how it has ended
	begun  time.Duration // the CPU time it had taken when it was ready
}

// Descriptors of an observer.
const (
	outputPath = "/proc/self/fd/3"
	statsPath  = "/proc/self/fd/4"
	configPath = "/proc/self/fd/5"
)

// startObserver starts a sensor of one source. The calling goroutine must be locked to
// its thread: the observer ends when the thread does. config is nil, or an open file.
func startObserver(source string, kinds []events.Kind, config *os.File, log io.Writer) (*observer, error) {
	o := &observer{source: source, ended: make(chan struct{}), log: &observerLog{source: source, to: log, ready: make(chan struct{})}}
	output, err := unnamedFile()
	if err != nil {
		return nil, err
	}
	o.output = newJournal(output)
	if o.stats, err = unnamedFile(); err != nil {
		return nil, errors.Join(err, o.close())
	}
	args := []string{"run", "--source", source, "--kinds", strings.Join(names(kinds), ","), "--format", "json", "--output", "file:" + outputPath, "--stats", statsPath,
		"--metrics", nowhere} // two cannot listen in one place
	files := []*os.File{output, o.stats}
	if config != nil {
		args = append(args, "-c", configPath)
		files = append(files, config)
	}
	o.cmd = exec.Command("/proc/self/exe", args...)
	o.cmd.ExtraFiles = files
	o.cmd.Stderr = o.log
	// A group of its own, so that the terminal's interrupt is for us to handle. SIGTERM lets it take back its rules.
	o.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	if err := o.cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start the source %s: %w", source, err), o.close())
	}
	go func() {
		o.err = o.cmd.Wait()
		close(o.ended)
	}()
	return o, nil
}

func names(kinds []events.Kind) []string {
	var names []string
	for _, k := range kinds {
		names = append(names, k.String())
	}
	return names
}

// unnamedFile makes a file that goes with its last descriptor.
func unnamedFile() (*os.File, error) {
	f, err := os.CreateTemp("", "sensor-compare-")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func (o *observer) close() error {
	errs := []error{o.output.file.Close()}
	if o.stats != nil {
		errs = append(errs, o.stats.Close())
	}
	return errors.Join(errs...)
}

func (o *observer) pid() int { return o.cmd.Process.Pid }

// wait waits until it is ready. The error says why it never will be.
func (o *observer) wait(ctx context.Context) error {
	select {
	case <-o.log.ready:
	case <-o.ended:
		return o.failure()
	case <-ctx.Done():
		return fmt.Errorf("wait for the source %s: %w", o.source, ctx.Err())
	}
	// From here on count its own work, and not that it has loaded programs.
	o.begun, _ = cpuTime(o.pid())
	os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", o.pid()), []byte("5"), 0) // the most memory until now; it stays in where this cannot be
	return nil
}

// failure says why it has ended by itself.
func (o *observer) failure() error {
	why := o.err
	if last := o.log.last; last != "" {
		why = errors.New(strings.TrimPrefix(last, "sensor: "))
	}
	if why == nil {
		why = errors.New("it has ended early")
	}
	err := fmt.Errorf("source %s: %w", o.source, why)
	if code := o.cmd.ProcessState.ExitCode(); code == exitUnserved || code == exitUsage {
		return exit(code, err)
	}
	return err
}

// stop has it end, and waits until it has told everything.
func (o *observer) stop() error {
	select {
	case <-o.ended:
		return o.failure()
	default:
	}
	o.cmd.Process.Signal(syscall.SIGTERM)
	<-o.ended
	if o.err != nil {
		return o.failure()
	}
	return nil
}

// kill ends it on the way out, whatever it does.
func (o *observer) kill() {
	o.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-o.ended:
	case <-time.After(20 * time.Second): // it has to take back its rules
		o.cmd.Process.Kill()
		<-o.ended
	}
	o.close()
}

// measured is what it has taken, once it has ended.
func (o *observer) measured() compare.Measured {
	usage, ok := o.cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return compare.Measured{}
	}
	m := compare.Measured{
		CPU:    max(0, time.Duration(usage.Utime.Nano()+usage.Stime.Nano())-o.begun),
		Memory: uint64(usage.Maxrss) << 10,
	}
	text, err := io.ReadAll(io.NewSectionReader(o.stats, 0, 1<<24))
	var balance events.Balance
	if err == nil && json.Unmarshal(text, &balance) == nil {
		m.Balance = &balance
	}
	return m
}

// cpuTime is what a process has taken so far.
func cpuTime(pid int) (time.Duration, error) {
	var t unix.Timespec
	const cpuclockSched = 2
	if err := unix.ClockGettime(int32(^pid<<3|cpuclockSched), &t); err != nil {
		return 0, err
	}
	return time.Duration(t.Nano()), nil
}

// observerLog passes on what an observer complains about.
type observerLog struct {
	source string
	to     io.Writer
	ready  chan struct{} // closed when it is
	rest   []byte
	last   string // what it said last that was no mere information
}

// Write implements io.Writer for the one goroutine that copies.
func (l *observerLog) Write(b []byte) (int, error) {
	l.rest = append(l.rest, b...)
	for {
		line, rest, found := bytes.Cut(l.rest, []byte("\n"))
		if !found {
			return len(b), nil
		}
		l.line(string(line))
		l.rest = rest
	}
}

func (l *observerLog) line(line string) {
	switch {
	case strings.HasSuffix(line, "level=INFO msg=ready"):
		close(l.ready)
	case strings.Contains(line, " level=INFO ") || strings.Contains(line, " level=DEBUG "):
	case strings.Contains(line, " level="):
		fmt.Fprintf(l.to, "%s source=%s\n", line, l.source)
	default:
		l.last = line
	}
}

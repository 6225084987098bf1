// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/features"

	"sensor/internal/events"
	"sensor/vmtests/acts"
)

var onlyActs = flag.String("acts", "", "only the acts whose names match this `regexp`")

// vmActs are run on every kernel: one or two for each program and each way through it.
const vmActs = `^net-(connect|connect-v6|connect-mapped|connect-refused|connect-nonblock|connect-no-route|connect-mptcp|accept|accept-fork` +
	`|close-bytes|close-child|udp-connect|udp-send|udp-send-v6|udp-raw|udp-ping|passed-accept|uring|not-accepted|bind|listen)$` +
	`|^file-(create-open|create-creat|create-openat2|create-temporary|create-truncate|create-truncate-handle|create-mknod|create-mkdir|create-symlink|create-link|create-names` +
	`|write|write-pwrite|write-writev|write-pwritev2|write-direct|write-splice|write-sendfile|write-copy|write-clone|write-fallocate|write-truncate|write-ftruncate` +
	`|write-mmap|write-mmap-later|write-aio|write-many|write-fork|write-passed|write-dup|write-exit|write-deleted|write-older|rename-at|rename-exchange|rename-replace` +
	`|rename-directory|delete|delete-rmdir|delete-open|path-chroot|path-tmpfs|path-bind|path-overlay|path-tree|path-cut|path-not-utf8` +
	`|attributes-chmod|attributes-chown|attributes-setxattr|attributes-removexattr|uring-write|uring-silent|uring-unlinkat|compat|not-read|not-written|not-named|not-renamed|not-storage|not-memory)$`

// An actRun is an act that ran under a sensor.
type actRun struct {
	acts.Result
	older      bool
	begin, end time.Time
}

// An actsRun is what a sensor saw of acts.
type actsRun struct {
	ready   time.Time
	runs    map[string]actRun
	lines   []line // the documents of all, in order
	balance events.Balance
	last    map[int]map[string]any // the documents of the act that was asked for last, by line
}

// runActs runs the acts, one after the other, under a sensor with these arguments.
func runActs(t *testing.T, list []acts.Act, args ...string) *actsRun {
	t.Helper()
	older := map[string]*acts.Running{}
	for _, act := range list {
		if act.Older {
			older[act.Name] = acts.Start(t, act.Name)
		}
	}
	s := start(t, args...)
	all := &actsRun{ready: time.Now(), runs: map[string]actRun{}}
	for _, act := range list {
		r := actRun{older: act.Older, begin: time.Now()}
		if running, ok := older[act.Name]; ok {
			r.Result = running.Finish()
		} else {
			r.Result = acts.Run(t, act.Name)
		}
		r.end = time.Now()
		all.runs[act.Name] = r
	}
	all.balance = s.stop()
	text, err := os.ReadFile(s.output)
	if err != nil {
		t.Fatal(err)
	}
	all.lines = split(t, text)
	return all
}

// of gives what an act said and the documents of its time. It is cheap for acts
// in the order in which they ran: their times overlap, and decoding is dear.
func (a *actsRun) of(t *testing.T, name string) (acts.Result, []map[string]any) {
	t.Helper()
	r := a.runs[name]
	var docs []map[string]any
	now := map[int]map[string]any{}
	for i, l := range a.lines {
		if !(r.older && l.at.Before(a.ready) || l.at.After(r.begin.Add(-clocks)) && l.at.Before(r.end.Add(clocks))) {
			continue
		}
		if now[i] = a.last[i]; now[i] == nil {
			now[i] = documents(t, l.text)[0]
		}
		docs = append(docs, now[i])
	}
	a.last = now
	return r.Result, docs
}

// TestActs runs every act under one sensor and compares what the acts say they
// did with what the sensor saw.
func TestActs(t *testing.T) {
	needsPrograms(t)
	if *onlyActs == "" && row() != "host" {
		*onlyActs = vmActs
	}
	list := actsLike(t, *onlyActs)
	host := diagnose()
	host.Kinds = byPrograms(host)
	if !slices.ContainsFunc(host.Kinds, func(a attempt) bool { return a.Kind == "file_write" && a.Works }) {
		t.Log("no files: TestPlan knows the rows")
		list = slices.DeleteFunc(list, func(act acts.Act) bool { return strings.HasPrefix(act.Name, "file-") })
	}
	// Room for a slow machine: from half a ring on long arguments are cut.
	all := runActs(t, list, "--source", "ebpf",
		"--kinds", "exec,fork,exit,already_running,exec_failed,connect,accept,close,bind,listen,unix_connect,unix_accept,vsock_connect,vsock_accept,"+
			"file_create,file_write,file_rename,file_delete,file_attributes",
		"-c", configFile(t, "limits: {rings: {critical: 64MiB, bulk: 64MiB}, queue: {events: 65536, bytes: 512MiB}}"))
	skipped := uint64(0) // programs, by a kernel that preempts them: at most that many acts can lack something
	for _, n := range all.balance.Dropped[events.ReasonRecursion.String()] {
		skipped += n
	}
	if n := lost(all.balance); n != 0 {
		t.Errorf("%d events were lost: %v", n, all.balance.Dropped)
	}
	blind := blindHere(t, host)
	for _, act := range list {
		t.Run(act.Name, func(t *testing.T) {
			r, docs := all.of(t, act.Name)
			if r.Skip != "" {
				t.Skip(r.Skip)
			}
			switch err := checkAct(r, docs, blind); {
			case err != nil && preemptible() && skipped > 0:
				skipped--
				t.Logf("the kernel skipped a program: %v", err)
			case err != nil:
				t.Error(err)
			}
			if !servesFailedExecs(t) {
				return
			}
			for _, err := range acts.CheckFailed(r, docs) {
				t.Error(err)
			}
		})
	}
}

// actsLike lists the acts whose names match.
func actsLike(t *testing.T, names string) []acts.Act {
	t.Helper()
	pattern := regexp.MustCompile(names)
	return slices.DeleteFunc(acts.List(t), func(act acts.Act) bool { return !pattern.MatchString(act.Name) })
}

// clocks is how far the test's clock and that of the events may be apart, and more.
const clocks = 100 * time.Millisecond

// A line is a document that is not decoded yet, with its @timestamp.
type line struct {
	at   time.Time
	text []byte
}

// split cuts documents apart. Their @timestamp comes first in each.
func split(t *testing.T, text []byte) []line {
	t.Helper()
	const prefix = `{"@timestamp":"`
	var list []line
	for text := range bytes.Lines(text) {
		rest, ok := bytes.CutPrefix(text, []byte(prefix))
		stamp, _, _ := bytes.Cut(rest, []byte(`"`))
		at, err := time.Parse(time.RFC3339Nano, string(stamp))
		if !ok || err != nil {
			t.Fatalf("no @timestamp at the beginning of %.100s", text)
		}
		list = append(list, line{at, text})
	}
	return list
}

// servesFailedExecs is false before Linux 5.11, the only kernels without the helper.
func servesFailedExecs(t *testing.T) bool {
	t.Helper()
	err := features.HaveProgramHelper(ebpf.TracePoint, asm.FnGetCurrentTaskBtf)
	if err != nil && !errors.Is(err, ebpf.ErrNotSupported) {
		t.Fatal(err)
	}
	return err == nil
}

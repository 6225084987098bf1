// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/elastic/go-libaudit/v2"
	"github.com/elastic/go-libaudit/v2/auparse"
	"golang.org/x/sys/unix"

	"sensor/internal/fallback/audit/audittest"
	"sensor/internal/fallback/audit/netlink"
	"sensor/internal/fallback/audit/rules"
)

// parseActs has the directory for the acts of TestParseActs.
const parseActs = "SENSOR_TEST_PARSE_ACTS"

// parseLogin is the login uid of those acts, by which the rules know them.
const parseLogin = "1500"

// TestParseKernel writes down what this kernel sends while acts are done, as
// auditd does, and wants it parsed without a fault and every act told. With
// -update a virtual machine leaves the log in /out.
func TestParseKernel(t *testing.T) {
	control := audittest.Lock(t)
	stream, err := netlink.OpenStream(16 << 20)
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	dir := t.TempDir()
	text := "-a always,exit -F arch=b64 -F auid=" + parseLogin + " -F key=acts -S execve -S exit_group" +
		" -S connect -S accept4 -S bind -S listen -S setresuid -S setresgid -S setsid\n" +
		"-a always,exit -F arch=b64 -F auid=" + parseLogin + " -F key=acts -F dir=" + dir +
		" -S openat -S renameat -S linkat -S symlinkat -S unlinkat -S mkdirat -S fchmodat -S fchownat -S ftruncate\n"
	file := filepath.Join(t.TempDir(), "acts.rules")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	set, err := rules.Read([]string{file})
	if err != nil {
		t.Fatal(err)
	}
	enable := func(enabled uint32) {
		t.Helper()
		status := libaudit.AuditStatus{
			Mask:         libaudit.AuditStatusEnabled | libaudit.AuditStatusBacklogLimit,
			Enabled:      enabled,
			BacklogLimit: 8192,
		}
		if err := control.Set(status); err != nil {
			t.Fatal(err)
		}
	}
	enable(1)
	if err := stream.Own(true); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := stream.Own(false); err != nil {
			t.Error(err)
		}
	}()
	for _, rule := range set.Rules {
		if err := control.Add(rule.Wire()); err != nil {
			t.Fatal(err)
		}
	}
	acts := exec.Command("/proc/self/exe", "-test.run=^TestParseActs$")
	acts.Dir = dir
	acts.Env = append(os.Environ(), parseActs+"="+dir)
	if out, err := acts.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, rule := range set.Rules {
		if err := control.Delete(rule.Listed()); err != nil {
			t.Fatal(err)
		}
	}
	enable(0) // which is told last
	log := record(t, stream, "audit_enabled=0")

	log = renamed(log, dir, "/srv/acts")
	if exe, err := os.Executable(); err == nil {
		log = renamed(log, exe, "/usr/bin/acts")
	}
	if *update && row() != "host" {
		if err := os.WriteFile("/out/kernel-"+row()+".log", log, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	told(t, log)
}

// record writes down what comes until a record has the given text.
func record(t *testing.T, stream *netlink.Stream, last string) []byte {
	t.Helper()
	var log bytes.Buffer
	for end := time.Now().Add(patience); time.Now().Before(end); {
		messages, err := stream.Receive(time.Second)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range messages {
			kind := auparse.AuditMessageType(m.Type)
			text := strings.TrimRight(string(m.Data), "\x00\n ")
			if kind == auparse.AUDIT_EOE || !strings.HasPrefix(text, "audit(") { // auditd does not write it either
				continue
			}
			fmt.Fprintf(&log, "type=%s msg=%s\n", kind, text)
			if strings.Contains(text, last) {
				return log.Bytes()
			}
		}
	}
	t.Fatalf("no record with %s came; there were:\n%s", last, log.Bytes())
	return nil
}

// renamed has another path in place of one, also where it is in hexadecimal digits.
func renamed(log []byte, from, to string) []byte {
	upper := func(s string) []byte { return []byte(strings.ToUpper(hex.EncodeToString([]byte(s)))) }
	log = bytes.ReplaceAll(log, []byte(from), []byte(to))
	return bytes.ReplaceAll(log, upper(from), upper(to))
}

// told wants the acts in what is made of the log, and no fault in it.
func told(t *testing.T, log []byte) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kernel.log")
	if err := os.WriteFile(path, log, 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, said := parseLogs(t, path)
	if code != 0 || strings.Contains(said, "level=WARN") || strings.Contains(said, "level=ERROR") {
		t.Errorf("code %d: %s", code, said)
	}
	counts := map[string]int{}
	for _, doc := range documentsOf(t, out) {
		event := doc["event"].(map[string]any)
		what := fmt.Sprint(event["action"], " ", event["outcome"])
		if file, ok := doc["file"].(map[string]any); ok {
			what += " " + fmt.Sprint(file["name"])
		}
		if failure, ok := doc["error"].(map[string]any); ok {
			what += " " + fmt.Sprint(failure["code"])
		}
		counts[what]++
	}
	for what, least := range map[string]int{
		"exec success":                              2,
		"exec failure ENOENT":                       1,
		"end success":                               4,
		"session_id_change success":                 1,
		"changed-login-id-to success":               1,
		"bound-socket success":                      1,
		"listen-for-connections success":            1,
		"connection_attempted success":              1,
		"connection_accepted success":               1,
		"connection_attempted failure ECONNREFUSED": 1,
		"creation success created":                  1,
		"creation success two words":                1,
		"creation success linked":                   1,
		"creation success pointing":                 1,
		"creation success directory":                1,
		"rename success renamed":                    1,
		"attributes_modified success renamed":       2,
		"deletion success renamed":                  1,
		"deletion success directory":                1,
		"uid_change success":                        1,
		"gid_change success":                        1,
	} {
		if counts[what] < least {
			t.Errorf("%d of %q, want %d", counts[what], what, least)
		}
	}
	if t.Failed() {
		t.Logf("told: %v; the log:\n%s", counts, log)
	}
}

// TestParseActs does the acts, in a process of its own.
func TestParseActs(t *testing.T) {
	dir := os.Getenv(parseActs)
	if dir == "" {
		return
	}
	os.Unsetenv(parseActs)
	runtime.LockOSThread() // whose login it is
	must(os.WriteFile("/proc/thread-self/loginuid", []byte(parseLogin), 0))

	must(exec.Command("/proc/self/exe", "-test.run=^$", "two words").Run())
	leader := exec.Command("/proc/self/exe", "-test.run=^$")
	leader.SysProcAttr = &unix.SysProcAttr{Setsid: true}
	must(leader.Run())
	if err := unix.Exec(filepath.Join(dir, "missing"), []string{"missing", "--password=hunter2"}, nil); !errors.Is(err, unix.ENOENT) {
		must(fmt.Errorf("exec of what is missing: %w", err))
	}

	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	must(err)
	call(listener.Addr().(*net.TCPAddr).Port, nil)
	peer, err := listener.Accept()
	must(err)
	must(peer.Close())
	must(listener.Close())
	call(listener.Addr().(*net.TCPAddr).Port, unix.ECONNREFUSED)

	in := func(name string) string { return filepath.Join(dir, name) }
	for _, name := range []string{"created", "two words"} {
		fd, err := unix.Openat(unix.AT_FDCWD, in(name), unix.O_CREAT|unix.O_WRONLY|unix.O_CLOEXEC, 0o600)
		must(err)
		must(unix.Ftruncate(fd, 1))
		must(unix.Close(fd))
	}
	must(unix.Renameat(unix.AT_FDCWD, in("created"), unix.AT_FDCWD, in("renamed")))
	must(unix.Linkat(unix.AT_FDCWD, in("renamed"), unix.AT_FDCWD, in("linked"), 0))
	must(unix.Symlinkat("renamed", unix.AT_FDCWD, in("pointing")))
	must(unix.Mkdirat(unix.AT_FDCWD, in("directory"), 0o700))
	must(unix.Fchmodat(unix.AT_FDCWD, in("renamed"), 0o640, 0))
	must(unix.Fchownat(unix.AT_FDCWD, in("renamed"), 1, 1, 0))
	for _, name := range []string{"renamed", "linked", "pointing", "two words"} {
		must(unix.Unlinkat(unix.AT_FDCWD, in(name), 0))
	}
	must(unix.Unlinkat(unix.AT_FDCWD, in("directory"), unix.AT_REMOVEDIR))

	// The thread alone: the process is at its end.
	raw := func(number, id uintptr) {
		if _, _, errno := unix.RawSyscall(number, id, id, id); errno != 0 {
			must(errno)
		}
	}
	raw(unix.SYS_SETRESGID, 65534)
	raw(unix.SYS_SETRESUID, 65534)
	unix.Exit(0)
}

// call connects to a port of this host, with this outcome.
func call(port int, want error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	must(err)
	if err := unix.Connect(fd, &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}); !errors.Is(err, want) {
		must(fmt.Errorf("connect: %w", err))
	}
	must(unix.Close(fd))
}

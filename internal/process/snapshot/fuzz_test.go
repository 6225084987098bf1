// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"strings"
	"testing"

	"sensor/internal/events"
)

func FuzzParseStatus(f *testing.F) {
	f.Add(fullStatus)
	f.Add(statusOf(7))
	f.Add("Tgid:\t7\nUid:\t1\t2\t3\t4\t5\nGid:\t1\t2\t3\t4\nGroups:\t \nNSpid:\t\n")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := parseStatus(text)
		if err != nil && (s.tgid != 0 || s.credentials.Known) {
			t.Errorf("parseStatus(%q): both %+v and %v", text, s, err)
		}
		if len(s.credentials.Groups) > maxGroups {
			t.Errorf("parseStatus(%q): %d groups", text, len(s.credentials.Groups))
		}
		if err == nil && !s.credentials.Known {
			t.Errorf("parseStatus(%q): neither credentials nor an error", text)
		}
	})
}

func FuzzPathOf(f *testing.F) {
	f.Add("/jail/bin/sh (deleted)", "/jail")
	f.Add("/", "/")
	f.Add("memfd", "/jail (deleted)")
	f.Fuzz(func(t *testing.T, target, root string) {
		p := pathOf(target, root)
		if !strings.Contains(target+"/", p.Name) {
			t.Errorf("pathOf(%q, %q) = %+v: a name from nowhere", target, root, p)
		}
		if !p.Detached && p.Name != "" && p.Name[0] != '/' {
			t.Errorf("pathOf(%q, %q) = %+v: not absolute", target, root, p)
		}
		if p.Name == "" && strings.HasPrefix(target, "/") {
			t.Errorf("pathOf(%q, %q) lost the name", target, root)
		}
	})
}

func FuzzPackArgs(f *testing.F) {
	f.Add([]byte("ls\x00-l\x00"), 0)
	f.Add([]byte("title"), maxArgs)
	f.Fuzz(func(t *testing.T, raw []byte, pad int) {
		if pad > 0 && pad <= 2*maxArgs {
			raw = append(raw, make([]byte, pad)...)
		}
		n := len(raw)
		packed := packArgs(raw)
		args := argsOf(packed)
		if len(packed) > maxArgs+1 || args.Cut && n <= maxArgs || !args.Cut && n > maxArgs && packed != "" {
			t.Errorf("%d bytes: packed %d, cut %v", n, len(packed), args.Cut)
		}
		strung := 0
		for range args.All() {
			strung++
		}
		if args.Cut {
			strung = 0 // nobody knows how many there were
		}
		if strung != args.Len() {
			t.Errorf("%q: %d strings, Len says %d", packed, strung, args.Len())
		}
	})
}

func FuzzParseBootOffset(f *testing.F) {
	f.Add("monotonic           0         0\nboottime       -86400 500000000\n")
	f.Add("boottime 4294967295 2147483647")
	f.Fuzz(func(t *testing.T, text string) {
		offset, err := parseBootOffset(text)
		if err != nil && offset != 0 {
			t.Errorf("parseBootOffset(%q): both %d and %v", text, offset, err)
		}
		if const200years := int64(200 * 365 * 24 * 3600 * 1e9); offset > const200years || offset < -const200years {
			t.Errorf("parseBootOffset(%q) = %d", text, offset)
		}
	})
}

func FuzzParseNamespace(f *testing.F) {
	f.Add("mnt:[4026531841]")
	f.Fuzz(func(t *testing.T, link string) {
		if n := ParseNamespace(link); n != 0 && !strings.Contains(link, ":[") {
			t.Errorf("ParseNamespace(%q) = %d", link, n)
		}
	})
}

// Whatever the files hold: a process or an error, never both and never a panic.
func FuzzProcess(f *testing.F) {
	f.Add(shell().String(), fullStatus, "0::/a\n", "sh\x00", "1000")
	f.Add("7 (sh)", "Tgid:\t7\n", "0::", "", "-1")
	f.Add(") 7 (sh", "", "", "", "")
	f.Add("7 (sh) ", "\n:\n", "::::", "\x00", "\n")
	fake := fullFake(f)
	r := fake.reader()
	f.Fuzz(func(t *testing.T, stat, status, cgroup, cmdline, loginuid string) {
		for name, content := range map[string]string{"stat": stat, "status": status, "cgroup": cgroup, "cmdline": cmdline, "loginuid": loginuid} {
			fake.file("7/"+name, content)
		}
		p, err := r.Process(7)
		if (p == nil) == (err == nil) {
			t.Errorf("Process = %+v, %v", p, err)
		}
		if p != nil && (p.PID != 7 || p.StartKey%tick != 0 || len(p.Args.Packed) > maxArgs+1) {
			t.Errorf("Process = %+v", p)
		}
		if packed, ok := r.Cmdline(7, shellStart); ok == (packed == "") {
			t.Errorf("Cmdline = %q, %v", packed, ok)
		}
		if err := r.All(func(*events.Process) bool { return true }); (err == nil) != (p != nil) && !strings.Contains(err.Error(), "1 of") {
			t.Errorf("All: %v", err)
		}
	})
}

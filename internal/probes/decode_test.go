// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"unsafe"

	"sensor/internal/events"
)

var testEnv = []string{"LD_PRELOAD", "LD_LIBRARY_PATH"}

// TestDecodeGolden holds the event of a full record of each kind to testdata/KIND.json.
func TestDecodeGolden(t *testing.T) {
	for _, kind := range kindsOf("process") {
		t.Run(kind.String(), func(t *testing.T) {
			e, h, err := decodeProcess(fullRecord(kind).encode(), testClock, testEnv)
			if err != nil {
				t.Fatal(err)
			}
			if want := (header{sequence: 42, kind: kind, slot: 7}); h != want {
				t.Errorf("header %+v, want %+v", h, want)
			}
			checkGolden(t, kind.String(), e)
		})
	}
}

// checkGolden holds an event to testdata/NAME.json.
func checkGolden(t *testing.T, name string, e *events.Event) {
	t.Helper()
	got, err := json.MarshalIndent(struct {
		*events.Event
		ID      any             `json:",omitempty"` // the source sets it
		Network *events.Network `json:",omitempty"`
		Local   *events.Local   `json:",omitempty"`
	}{Event: e, Network: e.Network, Local: e.Local}, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	golden := filepath.Join("testdata", name+".json")
	if *update {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("the event differs from %s (go test -update writes it anew, git diff shows how):\n%s", golden, got)
	}
}

// mustFail checks that there is an error and no event beside it.
func mustFail(t *testing.T, decode decoder, name string, raw []byte) {
	t.Helper()
	e, _, err := decode(raw, testClock, testEnv)
	if err == nil {
		t.Errorf("%s: no error", name)
	}
	if e != nil {
		t.Errorf("%s: an event beside the error %v", name, err)
	}
}

// No part of a record is a record, whatever its header says of its length.
func TestDecodeTruncated(t *testing.T) {
	for _, kind := range kindsOf("process") {
		raw := fullRecord(kind).encode()
		for n := range raw {
			mustFail(t, decodeProcess, "cut", raw[:n:n])
			if n >= lengthOffset+4 {
				honest := bytes.Clone(raw[:n])
				*(*uint32)(unsafe.Pointer(&honest[lengthOffset])) = uint32(n)
				mustFail(t, decodeProcess, "cut, with its length set right", honest)
			}
		}
	}
}

func TestDecodeWrongRecord(t *testing.T) {
	exec := fullRecord(events.KindExec)
	length := uint32(len(exec.encode()))
	tests := map[string]func(in *processInput){
		"length 0":                   func(in *processInput) { in.Header.Length = 0 },
		"length of the fixed part":   func(in *processInput) { in.Header.Length = uint32(recordSize) },
		"length one less":            func(in *processInput) { in.Header.Length-- },
		"length one more":            func(in *processInput) { in.Header.Length++ },
		"largest length":             func(in *processInput) { in.Header.Length = math.MaxUint32 },
		"first tail beyond the end":  func(in *processInput) { in.Tails[0] = length },
		"last tail beyond the end":   func(in *processInput) { in.Tails[len(in.Tails)-1]++ },
		"largest tail":               func(in *processInput) { in.Tails[processTailTAIL_ARGS] = math.MaxUint32 },
		"tails whose sum overflows":  func(in *processInput) { in.Tails[6], in.Tails[7] = 1<<31, 1<<31 },
		"all tails largest":          func(in *processInput) { in.Tails = [8]uint32(slices.Repeat([]uint32{math.MaxUint32}, 8)) },
		"bytes after the last tail":  func(in *processInput) { in.Tails[len(in.Tails)-1]-- },
		"no tail, but bytes of them": func(in *processInput) { in.Tails = [8]uint32{} },
		"no kind":                    func(in *processInput) { in.Header.Kind = 0 },
		"kind of user space":         func(in *processInput) { in.Header.Kind = uint16(events.KindEventsLost) },
		"kind that is one in a byte": func(in *processInput) { in.Header.Kind = 256 + uint16(events.KindExec) },
		"kind that is none":          func(in *processInput) { in.Header.Kind = uint16(processKindKINDS_MAX) },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			in := fullRecord(events.KindExec)
			for i, tail := range in.tails {
				in.Tails[i] = uint32(len(tail))
			}
			in.Header.Length = length
			change(&in)
			mustFail(t, decodeProcess, name, in.encodeAsItIs())
		})
	}
}

func TestPathOf(t *testing.T) {
	const known, cut, detached, deleted = uint8(processPathMarkPATH_KNOWN), uint8(processPathMarkPATH_CUT), uint8(processPathMarkPATH_DETACHED), uint8(processPathMarkPATH_DELETED)
	tests := map[string]struct {
		components string
		marks      uint8
		want       events.Path
	}{
		"unknown":              {"", 0, events.Path{}},
		"unknown, with bytes":  {"sh\x00bin\x00", cut | detached | deleted, events.Path{}},
		"the root":             {"", known, events.Path{Name: "/"}},
		"one component":        {"bin\x00", known, events.Path{Name: "/bin"}},
		"several":              {"sh\x00bin\x00usr\x00", known, events.Path{Name: "/usr/bin/sh"}},
		"cut":                  {"sh\x00bin\x00", known | cut, events.Path{Name: "/bin/sh", Cut: true}},
		"cut at once":          {"", known | cut, events.Path{Name: "/", Cut: true}},
		"detached":             {"memfd:x\x00", known | detached, events.Path{Name: "/memfd:x", Detached: true}},
		"deleted":              {"sh\x00", known | deleted, events.Path{Name: "/sh", Deleted: true}},
		"all marks":            {"sh\x00", known | cut | detached | deleted, events.Path{Name: "/sh", Cut: true, Detached: true, Deleted: true}},
		"newline, not UTF-8":   {"a\nb\x00\xff\x00", known, events.Path{Name: "/\xff/a\nb"}},
		"empty component":      {"\x00", known, events.Path{Name: "/"}},
		"without its last NUL": {"sh\x00bin", known, events.Path{Name: "/bin/sh", Cut: true}},
		"one without a NUL":    {"sh", known, events.Path{Name: "/sh", Cut: true}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := pathOf([]byte(test.components), test.marks); got != test.want {
				t.Errorf("pathOf(%q, %#x) = %+v, want %+v", test.components, test.marks, got, test.want)
			}
		})
	}
}

func TestSelectEnv(t *testing.T) {
	tests := map[string]struct {
		packed string
		names  []string
		want   string
	}{
		"nothing asked for":        {"A=1\x00", nil, ""},
		"nothing there":            {"", []string{"A"}, ""},
		"one of several":           {"A=1\x00B=2\x00C=3\x00", []string{"B"}, "B=2\x00"},
		"order of the environment": {"B=2\x00A=1\x00", []string{"A", "B"}, "B=2\x00A=1\x00"},
		"empty value":              {"A=\x00", []string{"A"}, "A=\x00"},
		"value with =":             {"A=b=c\x00", []string{"A"}, "A=b=c\x00"},
		"twice":                    {"A=1\x00A=2\x00", []string{"A"}, "A=1\x00A=2\x00"},
		"longer name":              {"AB=1\x00", []string{"A"}, ""},
		"shorter name":             {"A=1\x00", []string{"AB"}, ""},
		"no =":                     {"A\x00", []string{"A"}, ""},
		"name as a value":          {"B=A=1\x00", []string{"A"}, ""},
		"other case":               {"a=1\x00", []string{"A"}, ""},
		"empty variables":          {"\x00\x00A=1\x00\x00", []string{"A"}, "A=1\x00"},
		"cut":                      {"B=2\x00A=1", []string{"A"}, "A=1\x00"},
		"not UTF-8":                {"A=\xff\n\x00", []string{"A"}, "A=\xff\n\x00"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := selectEnv([]byte(test.packed), test.names); got != test.want {
				t.Errorf("selectEnv(%q, %q) = %q, want %q", test.packed, test.names, got, test.want)
			}
		})
	}
}

func TestDecodeDetails(t *testing.T) {
	exec := func(change func(in *processInput)) *events.Process {
		t.Helper()
		in := fullRecord(events.KindExec)
		change(&in)
		e, _, err := decodeProcess(in.encode(), testClock, testEnv)
		if err != nil {
			t.Fatal(err)
		}
		return e.Process
	}
	flags := func(flags processFlag) func(in *processInput) {
		return func(in *processInput) { in.Flags = uint32(flags) }
	}
	tests := map[string]struct {
		change func(in *processInput)
		get    func(p *events.Process) any
		want   any
	}{
		"arguments cut":          {flags(processFlagFLAG_ARGS_CUT), func(p *events.Process) any { return p.Args.Cut }, true},
		"arguments unreadable":   {flags(processFlagFLAG_ARGS_FAULT), func(p *events.Process) any { return p.Args.Cut }, true},
		"arguments whole":        {flags(^(processFlagFLAG_ARGS_CUT | processFlagFLAG_ARGS_FAULT)), func(p *events.Process) any { return p.Args.Cut }, false},
		"environment cut":        {flags(processFlagFLAG_ENV_CUT), func(p *events.Process) any { return p.Env.Cut }, true},
		"environment unreadable": {flags(processFlagFLAG_ENV_FAULT), func(p *events.Process) any { return p.Env.Cut }, true},
		"environment whole":      {flags(^(processFlagFLAG_ENV_CUT | processFlagFLAG_ENV_FAULT)), func(p *events.Process) any { return p.Env.Cut }, false},
		"groups cut":             {flags(processFlagFLAG_GROUPS_CUT), func(p *events.Process) any { return p.Credentials.GroupsCut }, true},
		"groups whole":           {flags(^processFlagFLAG_GROUPS_CUT), func(p *events.Process) any { return p.Credentials.GroupsCut }, false},
		"kernel thread":          {flags(processFlagFLAG_KTHREAD), func(p *events.Process) any { return [2]bool{p.KernelThread, p.NoMemory} }, [2]bool{true, false}},
		"no memory":              {flags(processFlagFLAG_NO_MM), func(p *events.Process) any { return [2]bool{p.KernelThread, p.NoMemory} }, [2]bool{false, true}},
		"no terminal":            {flags(0), func(p *events.Process) any { return p.Interactive() }, false},
		"name of the thread where there is no executable": {func(in *processInput) { in.ExecutableMarks = 0 },
			func(p *events.Process) any { return p.Name + " " + p.Executable.Name }, "curl-thread "},
		"thread name of 16 bytes": {func(in *processInput) { in.Header.Comm = comm("0123456789abcdef") },
			func(p *events.Process) any { return p.ThreadName }, "0123456789abcdef"},
		"thread name with bytes behind": {func(in *processInput) { in.Header.Comm = comm("a\x00bc") },
			func(p *events.Process) any { return p.ThreadName }, "a"},
		"thread name, not UTF-8": {func(in *processInput) { in.Header.Comm = comm("caf\xc3") },
			func(p *events.Process) any { return p.ThreadName }, "caf\xc3"},
		"no script":        {func(in *processInput) { in.tails[processTailTAIL_INTERPRETER] = nil }, func(p *events.Process) any { return p.Script }, false},
		"no groups":        {func(in *processInput) { in.tails[processTailTAIL_GROUPS] = nil }, func(p *events.Process) any { return p.Credentials.Groups == nil }, true},
		"no cgroup":        {func(in *processInput) { in.CgroupMarks, in.Header.CgroupId = 0, 0 }, func(p *events.Process) any { return p.Cgroup }, events.Cgroup{}},
		"root cgroup":      {func(in *processInput) { in.tails[processTailTAIL_CGROUP] = nil }, func(p *events.Process) any { return p.Cgroup.Path }, "/"},
		"nobody logged in": {func(in *processInput) { in.Loginuid = math.MaxUint32 }, func(p *events.Process) any { return p.Credentials.LoginUID }, events.Unset},
		"arguments that end in the middle": {func(in *processInput) { in.tails[processTailTAIL_ARGS] = []byte("a\x00b"); in.Argc = 9 },
			func(p *events.Process) any { return p.Args }, events.Args{Packed: "a\x00b", Count: 9}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := test.get(exec(test.change)); !reflect.DeepEqual(got, test.want) {
				t.Errorf("%v, want %v", got, test.want)
			}
		})
	}
}

func BenchmarkDecodeProcess(b *testing.B) {
	for _, kind := range kindsOf("process") {
		b.Run(kind.String(), func(b *testing.B) { benchmarkDecode(b, fullRecord(kind).encode()) })
	}
	long := fullRecord(events.KindExec)
	long.tails[processTailTAIL_ARGS] = bytes.Repeat([]byte("argument of some length\x00"), 64<<10/24)
	long.tails[processTailTAIL_ENV] = bytes.Repeat([]byte("VARIABLE=of some length\x00"), 4<<10/24)
	b.Run("exec_64KiB_args_4KiB_env", func(b *testing.B) { benchmarkDecode(b, long.encode()) })
}

func benchmarkDecode(b *testing.B, raw []byte) {
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := decodeProcess(raw, testClock, testEnv); err != nil {
			b.Fatal(err)
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"unsafe"

	"sensor/internal/events"
)

// The places that source.go reads before it knows the family are those of the generated type.
func TestHeaderOffsets(t *testing.T) {
	var r processRecord
	at := unsafe.Offsetof(r.Header)
	if at != 0 {
		t.Errorf("the header is at %d", at)
	}
	if got := at + unsafe.Offsetof(r.Header.Length); got != lengthOffset || unsafe.Sizeof(r.Header.Length) != 4 {
		t.Errorf("length is %d bytes at %d, want 4 at %d", unsafe.Sizeof(r.Header.Length), got, lengthOffset)
	}
	if got := at + unsafe.Offsetof(r.Header.Kind); got != kindOffset || unsafe.Sizeof(r.Header.Kind) != 2 {
		t.Errorf("kind is %d bytes at %d, want 2 at %d", unsafe.Sizeof(r.Header.Kind), got, kindOffset)
	}
	if got := at + unsafe.Offsetof(r.Header.Time); got != 0 || unsafe.Sizeof(r.Header.Time) != 8 {
		t.Errorf("time is %d bytes at %d, want 8 at 0", unsafe.Sizeof(r.Header.Time), got)
	}
	if size := unsafe.Sizeof(r); size%8 != 0 {
		t.Errorf("a record's fixed part is %d bytes, which is no multiple of 8", size)
	}
}

// What all families share, and only one of them describes to Go, is the same in each.
func TestSharedLayout(t *testing.T) {
	var process processRecord
	var network networkRecord
	var file fileRecord
	for name, at := range map[string]uintptr{
		"network": unsafe.Offsetof(network.Header), "local": unsafe.Offsetof(networkLocalRecord{}.Header), "file": unsafe.Offsetof(file.Header),
	} {
		if at != 0 {
			t.Errorf("the header of a %s record is at %d", name, at)
		}
	}
	for name, types := range map[string][2]reflect.Type{
		"headers":               {reflect.TypeOf(process.Header), reflect.TypeOf(network.Header)},
		"headers of files":      {reflect.TypeOf(network.Header), reflect.TypeOf(file.Header)},
		"headers of written":    {reflect.TypeOf(file.Header), reflect.TypeOf(fileWritten{}.Header)},
		"counters":              {reflect.TypeFor[processCounters](), reflect.TypeFor[networkCounters]()},
		"counters of the files": {reflect.TypeFor[processCounters](), reflect.TypeFor[fileCounters]()},
	} {
		if !types[0].ConvertibleTo(types[1]) {
			t.Errorf("the %s differ: %v, %v", name, types[0], types[1])
		}
	}
	if size := unsafe.Sizeof(file); size%8 != 0 {
		t.Errorf("a file record's fixed part is %d bytes, which is no multiple of 8", size)
	}
	if size := unsafe.Sizeof(network); size%8 != 0 {
		t.Errorf("a network record is %d bytes, which is no multiple of 8", size)
	}
}

// The generated constants KIND_* have the values and, in lower case, the names
// of events.Kind. They are generated with one family; each includes the same header.
func TestGeneratedKinds(t *testing.T) {
	files, err := filepath.Glob("*_bpfel.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("generated files %q, %v", files, err)
	}
	found := map[events.Kind]bool{}
	room := false
	for _, file := range files {
		for name, value := range generatedConstants(t, file, "KIND_") {
			kind := events.Kind(value)
			if uint64(kind) != value || kind >= events.KindCount {
				t.Errorf("%s: KIND_%s = %d is no kind", file, name, value)
				continue
			}
			found[kind] = true
			if want := strings.ToUpper(kind.String()); kind != events.KindNone && name != want {
				t.Errorf("%s: KIND_%s = %d, which is %s", file, name, value, kind)
			}
		}
		for _, value := range generatedConstants(t, file, "KINDS_") { // MAX: how many the counters have room for
			room = true
			if value < uint64(events.KindCount) {
				t.Errorf("%s: room for %d kinds, there are %d", file, value, events.KindCount)
			}
		}
	}
	if !room {
		t.Error("nothing says for how many kinds the counters have room")
	}
	for _, kind := range events.Kinds() {
		if want := kind < events.KindUIDChange; found[kind] != want { // the others are in no record
			t.Errorf("KIND_%s is there: %v", strings.ToUpper(kind.String()), found[kind])
		}
	}
}

// generatedConstants gives the constants of a file whose names hold the mark, by
// what follows it, with their values.
func generatedConstants(t *testing.T, file, mark string) map[string]uint64 {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	constants := map[string]uint64{}
	ast.Inspect(parsed, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Names) != 1 || len(spec.Values) != 1 {
			return true
		}
		_, name, found := strings.Cut(spec.Names[0].Name, mark)
		literal, number := spec.Values[0].(*ast.BasicLit)
		if !found || !number {
			return true
		}
		value, err := strconv.ParseUint(literal.Value, 0, 64)
		if err != nil {
			t.Errorf("%s: %v", spec.Names[0].Name, err)
		}
		constants[name] = value
		return true
	})
	return constants
}

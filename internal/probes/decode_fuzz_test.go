// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
	"unsafe"

	"sensor/internal/events"
)

// FuzzDecodeProcess checks that any bytes give an event or an error, never both
// and never a panic, and that the event is the bytes' and stays so when they change.
func FuzzDecodeProcess(f *testing.F) {
	for _, kind := range kindsOf("process") {
		in := fullRecord(kind)
		f.Add(in.encode(), "LD_PRELOAD")
		in.Flags = ^uint32(0)
		in.ExecutableMarks, in.WorkingDirectoryMarks, in.CgroupMarks = 0xff, 0xff, 0xff
		in.tails[processTailTAIL_EXECUTABLE] = []byte("without\x00NUL")
		in.tails[processTailTAIL_CGROUP] = []byte("\x00\x00\xff")
		in.tails[processTailTAIL_GROUPS] = []byte{1, 2, 3, 4, 5}
		in.tails[processTailTAIL_ARGS] = []byte("a\x00\x00\xffb")
		f.Add(in.encode(), "")
		in.tails = [processTailTAILS_MAX][]byte{}
		f.Add(in.encode(), "PATH")
		f.Add(in.encode()[:recordSize-1], "PATH")
	}
	f.Add([]byte(nil), "")
	f.Fuzz(func(t *testing.T, raw []byte, variable string) {
		checkProcess(t, raw, variable)
		if len(raw) >= recordSize { // most inputs fail at their length alone
			*(*uint32)(unsafe.Pointer(&raw[lengthOffset])) = uint32(len(raw))
			checkProcess(t, raw, variable)
		}
	})
}

func checkProcess(t *testing.T, raw []byte, variable string) {
	t.Helper()
	env := []string{variable, "PATH"}
	if e, h := checkDecode(t, decodeProcess, raw, env); e != nil {
		checkEvent(t, raw, e, h, env)
	}
}

// checkDecode checks what holds for every decoder. The event is nil if there is an error instead.
func checkDecode(t *testing.T, decode decoder, raw []byte, env []string) (*events.Event, header) {
	t.Helper()
	buffer := bytes.Clone(raw)
	e, h, err := decode(buffer, testClock, env)
	if !bytes.Equal(buffer, raw) {
		t.Fatal("the decoder has changed the record")
	}
	if (e == nil) == (err == nil) {
		t.Fatalf("event %v, error %v: want one of them", e, err)
	}
	if err != nil {
		if msg := err.Error(); msg == "" || strings.ContainsAny(msg, "\n\r") {
			t.Fatalf("error %q", msg)
		}
		return nil, h
	}
	again, _, err := decode(raw, testClock, env)
	if err != nil {
		t.Fatalf("again: %v", err)
	}
	for i := range buffer {
		buffer[i] ^= 0xff
	}
	if !reflect.DeepEqual(e, again) {
		t.Fatalf("the event changed with the record's memory:\n%+v\n%+v", e, again)
	}
	return e, h
}

// checkEvent compares an event with the record that it came from.
func checkEvent(t *testing.T, raw []byte, e *events.Event, h header, env []string) {
	t.Helper()
	r, _, err := record[processRecord](raw)
	if err != nil {
		t.Fatal(err)
	}
	p := e.Process
	if e.Kind != h.kind || e.Kind.Traits().Name == "" || e.Kind.Traits().Internal {
		t.Errorf("kind %v, header %+v", e.Kind, h)
	}
	if p == nil || p.PID != r.Header.Tgid || p.StartKey != r.Header.Start || !p.Credentials.Known {
		t.Fatalf("process %+v", p)
	}
	if got := e.End != nil; got != (e.Kind == events.KindExit) {
		t.Errorf("%v has an end: %v", e.Kind, got)
	}
	if got := e.Attempt != nil; got != (e.Kind == events.KindExecFailed) {
		t.Errorf("%v has an attempt: %v", e.Kind, got)
	}
	for _, path := range []string{p.Executable.Name, p.WorkingDirectory.Name, p.Cgroup.Path} {
		if path != "" && path[0] != '/' || strings.Contains(path, "\x00") {
			t.Errorf("path %q", path)
		}
	}
	for _, name := range []string{p.Name, p.ThreadName, p.Filename.Name} {
		if strings.Contains(name, "\x00") {
			t.Errorf("name %q", name)
		}
	}
	want := ""
	if e.Kind == events.KindExec {
		want = string(tail(raw, &r, processTailTAIL_ARGS))
	}
	if p.Args.Packed != want {
		t.Errorf("arguments %q, want %q", p.Args.Packed, want)
	}
	for variable := range p.Env.All() {
		name, _, ok := strings.Cut(variable, "=")
		if !ok || !bytes.Contains(tail(raw, &r, processTailTAIL_ENV), []byte(variable)) {
			t.Errorf("variable %q", variable)
		}
		if !strings.HasPrefix(variable, env[0]+"=") && name != env[1] {
			t.Errorf("variable %q, asked for %q", variable, env)
		}
	}
	if got, want := len(p.Credentials.Groups), len(tail(raw, &r, processTailTAIL_GROUPS))/4; got != want {
		t.Errorf("%d groups, want %d", got, want)
	}
}

// tail is one of the record's tails.
func tail(raw []byte, r *processRecord, which processTail) []byte {
	at := uint32(recordSize)
	for _, n := range r.Tails[:which] {
		at += n
	}
	return raw[at : at+r.Tails[which]]
}

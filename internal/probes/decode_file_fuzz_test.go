// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"strings"
	"testing"
	"unsafe"

	"sensor/internal/events"
)

// FuzzDecodeFile is FuzzDecodeProcess for the file family.
func FuzzDecodeFile(f *testing.F) {
	for _, kind := range kindsOf("file") {
		in := fullFile(kind)
		f.Add(in.encode())
		in.Flags, in.PathMarks, in.OriginalMarks = ^uint16(0), 0xff, 0xff
		in.Bytes, in.Count, in.Stat.Device, in.Stat.Modified = ^uint64(0), ^uint64(0), ^uint32(0), -1
		in.tails[fileTailTAIL_PATH] = []byte("without\x00NUL")
		in.tails[fileTailTAIL_ORIGINAL] = []byte("\x00\x00\xff")
		in.tails[fileTailTAIL_TARGET] = []byte("a\x00\x00\xffb")
		f.Add(in.encode())
		in.tails[fileTailTAIL_PATH], in.tails[fileTailTAIL_ORIGINAL] = []byte("y\x00"), []byte("z\x00")
		in.tails[fileTailTAIL_BASE], in.tails[fileTailTAIL_ORIGINAL_BASE] = []byte("base\x00"), nil
		in.tails[fileTailTAIL_SAID], in.tails[fileTailTAIL_ORIGINAL_SAID] = []byte("x/y\x00"), []byte("/z")
		f.Add(in.encode())
		in.Flags, in.BaseMarks, in.OriginalBaseMarks = 0, uint8(processPathMarkPATH_KNOWN), uint8(processPathMarkPATH_KNOWN)
		f.Add(in.encode())
		in.Flags, in.PathMarks = uint16(fileFlagFLAG_NAMED), 0
		f.Add(in.encode())
		in.Stat.Mode = 0
		in.tails = [fileTailTAILS][]byte{}
		f.Add(in.encode())
		f.Add(in.encode()[:fileSize-1])
	}
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, raw []byte) {
		checkFile(t, raw)
		if len(raw) >= fileSize { // most inputs fail at their length alone
			*(*uint32)(unsafe.Pointer(&raw[lengthOffset])) = uint32(len(raw))
			checkFile(t, raw)
		}
	})
}

func checkFile(t *testing.T, raw []byte) {
	t.Helper()
	e, h := checkDecode(t, decodeFile, raw, nil)
	if e == nil {
		return
	}
	r, _, err := record[fileRecord](raw)
	if err != nil {
		t.Fatal(err)
	}
	if e.Kind != h.kind || e.Kind.Traits().Category != "file" || e.File == nil || e.Outcome != events.OutcomeSuccess {
		t.Fatalf("kind %v, outcome %v, file %+v", e.Kind, e.Outcome, e.File)
	}
	if e.Network != nil || e.Local != nil || e.End != nil || e.Attempt != nil || e.Loss != nil {
		t.Errorf("sections of other kinds: %+v", e)
	}
	if p := e.Process; p == nil || p.PID != r.Header.Tgid || p.StartKey != r.Header.Start || strings.Contains(p.Name, "\x00") {
		t.Errorf("process %+v", p)
	}
	file := e.File
	for _, path := range []string{file.Path.Name, file.Original.Name} {
		if path != "" && path[0] != '/' || strings.Contains(path, "\x00") {
			t.Errorf("path %q", path)
		}
	}
	if strings.Contains(file.Target, "\x00") {
		t.Errorf("target %q", file.Target)
	}
	if (file.Type != events.FileTypeUnknown) != file.Known || !file.Known && file.Inode|uint64(file.Mode) != 0 {
		t.Errorf("type %v, known %v, inode %d", file.Type, file.Known, file.Inode)
	}
	if file.Mode > 0o7777 {
		t.Errorf("mode %o", file.Mode)
	}
	if (file.Summary || file.Writes != events.Writes{}) && e.Kind != events.KindFileWrite {
		t.Errorf("%v has writes: %+v", e.Kind, file.Writes)
	}
	if (file.Exchanged || file.Replaced) && e.Kind != events.KindFileRename {
		t.Errorf("%v replaces or exchanges", e.Kind)
	}
}

// SPDX-License-Identifier: Apache-2.0

package privacy

import (
	"testing"
	"unsafe"
)

func FuzzArgs(f *testing.F) {
	for _, examples := range [][]string{maskedArgs(), maskedScripts(), keptArgs(), maskedEnv(), keptEnv()} {
		for _, example := range examples {
			in, _ := packExample(example)
			f.Add(in)
			f.Add("sh\x00-c\x00" + in[:len(in)-1])
		}
	}
	r := New()
	f.Fuzz(func(t *testing.T, in string) {
		checkInvariants(t, r.Args, r.args, in)
		checkInvariants(t, r.Env, r.env, in)
	})
}

// checkInvariants checks what holds for any input. all is f without the pre-scan.
func checkInvariants(t *testing.T, f, all redact, in string) {
	t.Helper()
	got, masked := f(in)
	if masked == (got == in) {
		t.Errorf("%q: got %q, %v", in, got, masked)
	}
	if !masked && unsafe.StringData(got) != unsafe.StringData(in) {
		t.Errorf("%q: not the same string", in)
	}
	if items(got) != items(in) || isCut(got) != isCut(in) {
		t.Errorf("%q: %d items became %d", in, items(in), items(got))
	}
	if want, _ := all(in); got != want {
		t.Errorf("%q: the pre-scan gives %q, without it %q", in, got, want)
	}
}

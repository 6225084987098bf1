// SPDX-License-Identifier: Apache-2.0

package privacy

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"sensor/internal/events"
)

// redact is Args or Env.
type redact func(packed string) (string, bool)

// checkMasked checks an example, which must have a secret.
func checkMasked(t *testing.T, f redact, example string) {
	t.Helper()
	in, want := packExample(example)
	got, masked := f(in)
	if got != want || !masked {
		t.Errorf("%q: got %q, %v; want %q", in, got, masked, want)
	}
	if items(got) != items(in) {
		t.Errorf("%q: %d items became %d", in, items(in), items(got))
	}
	if again, masked := f(got); again != got || masked {
		t.Errorf("%q: masked again to %q, %v", got, again, masked)
	}
}

// checkKept checks an example without secrets.
func checkKept(t *testing.T, f redact, example string) {
	t.Helper()
	in, _ := packExample(example)
	got, masked := f(in)
	if got != in || masked || unsafe.StringData(got) != unsafe.StringData(in) {
		t.Errorf("%q: got %q, %v; want the same string", in, got, masked)
	}
	if n := testing.AllocsPerRun(10, func() { f(in) }); n != 0 {
		t.Errorf("%q: %v allocations", in, n)
	}
}

// items counts the items of a packed string.
func items(packed string) int {
	n := strings.Count(packed, "\x00")
	if isCut(packed) {
		n++
	}
	return n
}

func TestArgsMasked(t *testing.T) {
	for _, example := range maskedArgs() {
		checkMasked(t, New().Args, example)
	}
}

func TestArgsMaskedInScript(t *testing.T) {
	for _, script := range maskedScripts() {
		checkMasked(t, New().Args, "sh␀-c␀"+script)
		checkMasked(t, New().Args, "sudo␀-u␀x␀bash␀-exc␀"+script+"␀x")
		checkMasked(t, New().Env, "CMD="+script)
	}
}

func TestArgsKept(t *testing.T) {
	for _, example := range keptArgs() {
		checkKept(t, New().Args, example)
	}
}

func TestEnv(t *testing.T) {
	for _, example := range maskedEnv() {
		checkMasked(t, New().Env, example)
	}
	for _, example := range keptEnv() {
		checkKept(t, New().Env, example)
	}
}

// A vector that is cut may end in the middle of a secret.
func TestCut(t *testing.T) {
	for in, want := range map[string]string{
		"mysql\x00-pV":                        "mysql\x00-p[redacted]",
		"x\x00--password=V":                   "x\x00--password=[redacted]",
		"x\x00http://user:V":                  "x\x00http://user:[redacted]",
		"x\x00http://user:V/W":                "x\x00http://user:[redacted]",
		"x\x00{\"password\":\"V":              "x\x00{\"password\":\"[redacted]",
		"x\x00{\\\"password\\\":\\\"V":        "x\x00{\\\"password\\\":\\\"[redacted]",
		"sh\x00-c\x00mysql -p'V W":            "sh\x00-c\x00mysql -p[redacted]",
		"sh\x00-c\x00curl -H 'Cookie: a=b; c": "sh\x00-c\x00curl -H 'Cookie: [redacted]",
		"x\x00http://host:80":                 "x\x00http://host:80",
		"x\x00http://host":                    "x\x00http://host",
		"x\x00http://host:80\x00--token":      "x\x00http://host:80\x00--token",
	} {
		got, masked := New().Args(in)
		if got != want || masked != (in != want) {
			t.Errorf("%q: got %q, %v; want %q", in, got, masked, want)
		}
	}
}

func TestOptionRows(t *testing.T) {
	for _, row := range optionTable() {
		for _, name := range row.names {
			checkMasked(t, New().Args, "tool␀--"+name+"=⟨V⟩␀x")
			checkMasked(t, New().Args, "tool␀--"+name+"␀⟨V⟩␀x")
			checkMasked(t, New().Args, "tool␀--"+strings.ReplaceAll(name, "-", "_")+"␀⟨V⟩␀x")
		}
	}
	for _, name := range passOptionTable() {
		checkMasked(t, New().Args, "openssl␀"+name+"␀pass:⟨V⟩")
		checkKept(t, New().Args, "openssl␀"+name+"␀env:V")
	}
}

// valueExamples has a value for each part.
func valueExamples() map[part]string {
	return map[part]string{whole: "⟨V⟩", afterColon: "user:⟨V⟩", afterPercent: "user%⟨V⟩", script: "mysql -p⟨V⟩"}
}

func TestProgramRows(t *testing.T) {
	for _, p := range programTable() {
		for _, name := range p.names {
			name = strings.ReplaceAll(name, "*", "-x")
			for _, o := range p.options {
				value := valueExamples()[o.value]
				separator := ""
				if strings.HasPrefix(o.name, "--") {
					separator = "="
				}
				if o.value != script || separator != "" {
					checkMasked(t, New().Args, name+"␀"+o.name+separator+value+"␀x")
				}
				if !o.attached {
					checkMasked(t, New().Args, "/bin/"+name+"␀"+o.name+"␀"+value+"␀x")
				}
				for _, flag := range p.flags {
					if separator == "" && !o.attached {
						checkMasked(t, New().Args, name+"␀-"+string(flag)+o.name[1:]+"␀"+value+"␀x")
					}
				}
			}
		}
	}
}

func TestCarrierRows(t *testing.T) {
	for _, p := range slices.Concat(carrierTable(), programTable()) {
		if p.carrier == nil {
			continue
		}
		for _, name := range p.names {
			words := append([]string{name}, p.carrier.after[:min(1, len(p.carrier.after))]...)
			for _, letter := range p.carrier.valued {
				words = append(words, "-"+string(letter), "mysql")
			}
			for range p.carrier.operands {
				words = append(words, "mysql")
			}
			checkMasked(t, New().Args, strings.Join(words, "␀")+"␀curl␀-pV␀-u␀a:⟨V⟩")
		}
	}
}

func TestNameRows(t *testing.T) {
	table := newNameTable()
	for _, word := range table.words {
		checkMasked(t, New().Env, "A_"+strings.ToUpper(word)+"_B=⟨V⟩")
		checkMasked(t, New().Args, "x␀--my-"+word+"=⟨V⟩␀-Da."+word+"=⟨V⟩")
		checkKept(t, New().Args, "x␀--"+word+"-x=V")
	}
	for _, part := range table.parts {
		checkMasked(t, New().Env, "A"+strings.ToUpper(strings.ReplaceAll(part, "-", "_"))+"B=⟨V⟩")
	}
	for _, ending := range table.endings {
		checkMasked(t, New().Args, "x␀--my"+ending+"=⟨V⟩")
	}
	for _, name := range table.whole {
		checkMasked(t, New().Env, strings.ToUpper(strings.ReplaceAll(name, "-", "_"))+"=⟨V⟩")
	}
	for _, name := range slices.Concat(table.words, table.parameters) {
		checkMasked(t, New().Args, "x␀http://h/?a=b&X-"+name+"=⟨V⟩&c=d")
	}
}

func TestHeaderRows(t *testing.T) {
	for _, name := range headerTable() {
		checkMasked(t, New().Args, "x␀"+name+": ⟨V⟩")
		checkMasked(t, New().Args, "x␀{\""+strings.ToUpper(name)+"\": \"⟨V⟩\"}")
		for _, scheme := range schemeTable() {
			checkMasked(t, New().Args, "x␀"+name+": "+scheme+" ⟨V⟩")
		}
	}
}

func TestConcurrentUse(t *testing.T) {
	r := New()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for _, example := range maskedArgs() {
				checkMasked(t, r.Args, example)
			}
		})
	}
	wg.Wait()
}

// What programs have told the audit system is masked, too.
func TestAuditRecords(t *testing.T) {
	a := &events.Audit{Type: "user_cmd", Data: []events.AuditField{
		{Name: "cmd", Value: "mysql -u root --password=hunter2 db"}, {Name: "data", Value: "kept"}, {Name: "cwd", Value: "/"},
	}}
	typed := &events.Audit{Type: "tty", Data: []events.AuditField{{Name: "data", Value: "hunter2\r"}}}
	r := New()
	r.Enrich(&events.Event{Audit: a})
	r.Enrich(&events.Event{Audit: typed})
	got := fmt.Sprint(a.Data, typed.Data)
	if want := "[{cmd mysql -u root --password=[redacted] db} {data kept} {cwd /}] [{data [redacted]}]"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"bufio"
	"bytes"
	"fmt"
	"maps"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/rlimit"
	"golang.org/x/sys/unix"
)

const costFile = "testdata/verifier.txt"

// row names the kernel that the tests run on as vmtests/rows.txt does, or host.
func row() string {
	if row := os.Getenv("SENSOR_VM_ROW"); row != "" {
		return row
	}
	return "host"
}

// kernelKey names the kernel in the file of costs, "" for one that is not in
// it: rows with the same kernel cost the same.
func kernelKey() string {
	switch series := os.Getenv("SENSOR_VM"); {
	case series == "":
		return "host"
	case strings.Contains(series, "/"):
		return ""
	case runtime.GOARCH != "amd64":
		return series + "-" + runtime.GOARCH
	default:
		return series
	}
}

// TestVerifierCost compares how many instructions the verifier processes for
// each program with what it took before. The limit is a million; a program that
// comes near it, or grows on one kernel alone, is to be noticed before users do.
func TestVerifierCost(t *testing.T) {
	const margin = 1.25
	needsPrograms(t)
	costs := readCosts(t)
	objects := objects(t)
	if err := rlimit.RemoveMemlock(); err != nil {
		t.Fatal(err)
	}
	cache := btf.NewCache()
	fresh := map[string]int{}
	for _, p := range programs() {
		t.Run(p.name, func(t *testing.T) {
			cost, err := verifierCost(objectOf(objects, p.name), p.name, cache)
			key := kernelKey() + " " + p.name
			if *update {
				fresh[key] = cost
				return
			}
			want, listed := costs[key]
			switch {
			case err != nil && (listed && want == 0 || !listed && !expected(t, p)):
				return // does not load there, as docs/hooks.md says
			case err != nil:
				t.Fatal(err)
			case kernelKey() == "" || row() == "host" && want == 0: // any kernel
				if cost > 500_000 {
					t.Errorf("%d instructions", cost)
				}
			case !listed:
				t.Errorf("%d instructions, %s has no %s", cost, costFile, key)
			case float64(cost) > float64(want)*margin:
				t.Errorf("%d instructions, %s has %d", cost, costFile, want)
			}
		})
	}
	if *update {
		writeCosts(t, costs, fresh)
	}
}

// verifierCost loads the program as the kernel's own statistics count it. 0 with an error if it does not load.
func verifierCost(spec *ebpf.CollectionSpec, name string, cache *btf.Cache) (int, error) {
	only := spec.Copy()
	only.Programs = map[string]*ebpf.ProgramSpec{name: spec.Programs[name].Copy()}
	for _, m := range only.Maps {
		if m.Type == ebpf.RingBuf {
			m.MaxEntries = 1 << 16
		}
		m.Flags &^= unix.BPF_F_NO_PREALLOC // as the loader does where the kernel warns of it; it costs the verifier nothing
	}
	c, err := ebpf.NewCollectionWithOptions(only, ebpf.CollectionOptions{
		Cache:    cache,
		Programs: ebpf.ProgramOptions{LogLevel: ebpf.LogLevelStats},
	})
	if err != nil {
		return 0, err
	}
	defer c.Close()
	processed := regexp.MustCompile(`processed (\d+) insns`).FindStringSubmatch(c.Programs[name].VerifierLog)
	if processed == nil {
		return 0, fmt.Errorf("the verifier's log has no count: %q", c.Programs[name].VerifierLog)
	}
	return strconv.Atoi(processed[1])
}

// readCosts gives instructions by kernel and program.
func readCosts(t *testing.T) map[string]int {
	t.Helper()
	text, err := os.ReadFile(costFile)
	if err != nil && !*update {
		t.Fatal(err)
	}
	costs := map[string]int{}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "#") {
			continue
		}
		fields := strings.Fields(lines.Text())
		cost, err := strconv.Atoi(fields[2])
		if err != nil {
			t.Fatalf("%s: %v", costFile, err)
		}
		costs[fields[0]+" "+fields[1]] = cost
	}
	return costs
}

// writeCosts puts the fresh costs of this kernel in place of its old ones.
func writeCosts(t *testing.T, costs, fresh map[string]int) {
	t.Helper()
	maps.DeleteFunc(costs, func(key string, _ int) bool { return strings.HasPrefix(key, kernelKey()+" ") })
	path := costFile
	if row() != "host" { // from a VM only its own kernel is brought back
		path, costs = "/out/verifier.txt", map[string]int{}
	}
	maps.Copy(costs, fresh)
	var b bytes.Buffer
	b.WriteString("# Instructions that the verifier processes: kernel, program, count. 0: the program does not load there.\n")
	for _, key := range slices.Sorted(maps.Keys(costs)) {
		fmt.Fprintln(&b, key, costs[key])
	}
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestPrototypes looks up in this kernel's BTF what each program expects of its hook.
func TestPrototypes(t *testing.T) {
	needsPrograms(t)
	kernel, err := btf.NewCache().Kernel()
	if err != nil {
		t.Fatal(err)
	}
	known := programsByName()
	for _, p := range programs() {
		err := p.checkPrototype(kernel)
		if err == nil || !expected(t, p) {
			continue
		}
		// Of alternatives one is enough.
		if !slices.ContainsFunc(alternativesTo(p.name), func(name string) bool { return known[name].checkPrototype(kernel) == nil }) {
			t.Errorf("%s: %v", p.name, err)
		}
	}
	wrong := program{name: "wrong", hook: "sched_process_exec", args: []string{"struct task_struct *", "struct linux_binprm *"}}
	if err := wrong.checkPrototype(kernel); err == nil {
		t.Error("a wrong prototype passes")
	}
}

// alternativesTo are the programs of which a variant needs one, if this one is among them.
func alternativesTo(name string) []string {
	for _, row := range kindRows() {
		for _, v := range row.variants {
			for _, step := range v.programs {
				names := slices.DeleteFunc(alternatives(step), func(name string) bool { return name == "" })
				if len(names) > 1 && slices.Contains(names, name) {
					return names
				}
			}
		}
	}
	return nil
}

// expected reports whether docs/hooks.md says that this kernel has the program's
// hook, and that no alternative is meant for it: the one that came later is.
func expected(t *testing.T, p program) bool {
	t.Helper()
	known := programsByName()
	for _, other := range alternativesTo(p.name) {
		if since := known[other].since; runs(t, since) && newer(t, since, p.since) {
			return false
		}
	}
	return runs(t, p.since)
}

// runs reports whether this kernel is of that version or newer.
func runs(t *testing.T, version string) bool {
	t.Helper()
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		t.Fatal(err)
	}
	return !newer(t, version, unix.ByteSliceToString(name.Release[:]))
}

// newer reports whether the first Linux version is newer than the second.
func newer(t *testing.T, a, b string) bool {
	t.Helper()
	return slices.Compare(numbers(t, a), numbers(t, b)) > 0
}

// numbers are the first two numbers of a Linux version.
func numbers(t *testing.T, version string) []int {
	t.Helper()
	var n [2]int
	if _, err := fmt.Sscanf(version, "%d.%d", &n[0], &n[1]); err != nil {
		t.Fatalf("version %q: %v", version, err)
	}
	return n[:]
}

func TestVersions(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want bool
	}{
		{"5.12", "5.8", true}, {"5.8", "5.12", false}, {"5.8", "5.8", false}, {"6.1", "5.10.0-28-amd64", true}, {"5.15", "7.0-rc2+", false},
	} {
		if got := newer(t, test.a, test.b); got != test.want {
			t.Errorf("%s is newer than %s: %v", test.a, test.b, got)
		}
	}
	if got := alternativesTo("truncated"); !slices.Equal(got, []string{"truncated", "truncated_5_10"}) {
		t.Errorf("alternatives %q", got)
	}
	if got := alternativesTo("open_exit"); got != nil { // it may be missing, but has none
		t.Errorf("alternatives %q", got)
	}
}

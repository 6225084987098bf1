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
			case err != nil && listed && want == 0:
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
	for _, p := range programs() {
		if err := p.checkPrototype(kernel); err != nil {
			t.Errorf("%s: %v", p.name, err)
		}
	}
	wrong := program{name: "wrong", hook: "sched_process_exec", args: []string{"struct task_struct *", "struct linux_binprm *"}}
	if err := wrong.checkPrototype(kernel); err == nil {
		t.Error("a wrong prototype passes")
	}
}

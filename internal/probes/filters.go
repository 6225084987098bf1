// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"fmt"
	"strings"

	"github.com/cilium/ebpf"
)

// Verdicts on a listed path: enum verdict in headers/file_filter.h.
const (
	verdictDeny  uint32 = 1
	verdictAllow uint32 = 2
)

// pathNumber is the number by which the programs know a path: its components'
// FNV-1a hashes, hashed together from the root on.
func pathNumber(path string) uint64 {
	const basis, prime = 0xcbf29ce484222325, 0x100000001b3
	number := uint64(basis)
	for component := range strings.SplitSeq(strings.Trim(path, "/"), "/") {
		hash := uint64(basis)
		for i := range len(component) {
			hash = (hash ^ uint64(component[i])) * prime
		}
		number = (number ^ hash) * prime
	}
	return number
}

// fillFilters enters the listed paths, by path whether it is reported, but for /,
// which is a variable of the programs.
func fillFilters(m *ebpf.Map, paths map[string]bool) error {
	for path, reported := range paths {
		if path == "/" {
			continue
		}
		verdict := verdictDeny
		if reported {
			verdict = verdictAllow
		}
		if err := m.Put(pathNumber(path), verdict); err != nil {
			return fmt.Errorf("enter filter of %s: %w", path, err)
		}
	}
	return nil
}

// SPDX-License-Identifier: Apache-2.0

// Package vmtests is the data of the VM tests: the kernels and the rows of the matrix.
package vmtests

import (
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"path"
	"strings"
)

//go:embed kernels.txt
var kernelList string

// Kernel is one pinned kernel package. Series and Arch name it.
type Kernel struct {
	Series  string // "6.12"
	Arch    string // as Debian and Go both call it: "amd64"
	Suite   string
	Package string
	Version string
	SHA256  string // of the .deb, lower-case hex
	Accel   string // QEMU's -accel
	Current string // glob for Package, for a pin that has left the archive
}

// Kernels returns the list in its order.
func Kernels() ([]Kernel, error) { return ParseKernels(kernelList) }

// FindKernel returns the kernel of a series for an architecture. The error names the series that exist.
func FindKernel(kernels []Kernel, series, arch string) (Kernel, error) {
	var known []string
	for _, k := range kernels {
		if k.Series == series && k.Arch == arch {
			return k, nil
		}
		known = append(known, k.Series+"/"+k.Arch)
	}
	return Kernel{}, fmt.Errorf("find kernel %s/%s: not one of %s", series, arch, strings.Join(known, ", "))
}

// ParseKernels reads the format of kernels.txt. All errors come at once, each with its line.
func ParseKernels(text string) ([]Kernel, error) {
	var kernels []Kernel
	var errs []error
	for n, fields := range records(text) {
		k, err := parseKernel(fields)
		if err == nil {
			if _, dup := FindKernel(kernels, k.Series, k.Arch); dup == nil {
				err = fmt.Errorf("%s/%s is listed twice", k.Series, k.Arch)
			}
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("parse kernel list, line %d: %w", n, err))
			continue
		}
		kernels = append(kernels, k)
	}
	return kernels, errors.Join(errs...)
}

func parseKernel(f []string) (Kernel, error) {
	if len(f) != 8 {
		return Kernel{}, fmt.Errorf("%d fields, want 8", len(f))
	}
	k := Kernel{Series: f[0], Arch: f[1], Suite: f[2], Package: f[3], Version: f[4], SHA256: f[5], Accel: f[6], Current: f[7]}
	if k.Arch != "amd64" && k.Arch != "arm64" {
		return k, fmt.Errorf("unknown architecture %q", k.Arch)
	}
	if sum, err := hex.DecodeString(k.SHA256); err != nil || len(sum) != 32 || k.SHA256 != strings.ToLower(k.SHA256) {
		return k, fmt.Errorf("bad sha256 %q", k.SHA256)
	}
	if !strings.HasPrefix(k.Accel, "tcg") {
		return k, fmt.Errorf("accelerator %q is not tcg", k.Accel)
	}
	if ok, err := path.Match(k.Current, k.Package); err != nil || !ok {
		return k, fmt.Errorf("package %q does not fit %q", k.Package, k.Current)
	}
	return k, nil
}

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"sensor/vmtests"
	"sensor/vmtests/debian"
	"sensor/vmtests/guest"
	"sensor/vmtests/vm"
)

const hostname = "sensor-vm"

// runOne runs o.command in a VM. Output goes to stdout as it comes, progress to log. The label names the kernel that ran.
func runOne(ctx context.Context, o *options, stdout, log io.Writer) (res *vm.Result, label string, err error) {
	binary := o.command[0]
	arch, err := vm.BinaryArch(binary)
	if err != nil {
		return nil, "", err
	}
	if o.arch != "" && o.arch != arch {
		return nil, "", fmt.Errorf("run %s: built for %s, row %s is for %s", binary, arch, o.row, o.arch)
	}
	cacheDir, err := debian.DefaultDir()
	if err != nil {
		return nil, "", err
	}
	machine, label, err := o.machine(ctx, arch, cacheDir, log)
	if err != nil {
		return nil, "", err
	}
	init, err := buildInit(ctx, cacheDir, arch)
	if err != nil {
		return nil, "", err
	}
	tree, err := o.tree(arch, init)
	if err != nil {
		return nil, "", err
	}
	spec := vm.Spec{
		Machine: *machine,
		Tree:    tree,
		Config: guest.Config{
			Mark:     "::vm-" + rand.Text()[:10] + " ",
			Command:  append([]string{guestBinary(binary)}, o.command[1:]...),
			Env:      o.environ(),
			Dir:      o.dir,
			Hostname: hostname,
			CgroupV1: o.cgroup == "v1",
			HideBTF:  o.noBTF,
			Out:      o.out != "",
		},
		Timeout: o.timeout,
	}
	res, err = vm.Run(ctx, spec, stdout)
	if err != nil {
		return nil, label, err
	}
	if o.out != "" && res.Ended {
		err = vm.Unpack(res.Archive, o.out)
	}
	return res, label, err
}

func (o *options) machine(ctx context.Context, arch, cacheDir string, log io.Writer) (m *vm.Machine, label string, err error) {
	m = &vm.Machine{Arch: arch, Accel: "tcg", CPUs: o.cpus, Memory: o.memory, Append: o.append}
	if o.isImage() {
		m.Image, label = o.kernel, filepath.Base(o.kernel)
		if _, err := os.Stat(m.Image); err != nil {
			return nil, "", fmt.Errorf("find kernel: %w", err)
		}
	} else {
		k, img, err := pinned(ctx, o.kernel, arch, debian.Cache{Dir: cacheDir, Log: log})
		if err != nil {
			return nil, "", err
		}
		m.Image, m.Accel, label = img.Path, k.Accel, img.Version
		if img.Moved {
			label += " (moved)"
		}
	}
	m.Accel = cmp.Or(o.accel, m.Accel)
	return m, label, nil
}

func pinned(ctx context.Context, series, arch string, cache debian.Cache) (vmtests.Kernel, debian.Image, error) {
	kernels, err := vmtests.Kernels()
	if err != nil {
		return vmtests.Kernel{}, debian.Image{}, err
	}
	k, err := vmtests.FindKernel(kernels, series, arch)
	if err != nil {
		return vmtests.Kernel{}, debian.Image{}, err
	}
	img, err := cache.Kernel(ctx, k)
	return k, img, err
}

// tree packs what the command needs. The directory it runs in has the same path as on the host, with its testdata, as go test promises to tests.
func (o *options) tree(arch string, init []byte) (*vm.Tree, error) {
	t := vm.NewTree()
	vm.Skeleton(t, hostname)
	t.File("/init", 0o755, init)
	t.Dir(o.dir, 0o755)
	testdata := filepath.Join(o.dir, "testdata")
	if _, err := os.Stat(testdata); err == nil {
		if err := t.Copy(testdata, testdata); err != nil {
			return nil, err
		}
	} else if !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("find testdata: %w", err)
	}
	if err := t.Copy(o.command[0], guestBinary(o.command[0])); err != nil {
		return nil, err
	}
	for _, f := range o.files {
		src, dst, _ := strings.Cut(f, ":")
		src = strings.ReplaceAll(src, "{arch}", arch)
		if !path.IsAbs(dst) {
			dst = path.Join(o.dir, dst)
		}
		if err := t.Copy(src, dst); err != nil {
			return nil, err
		}
	}
	return t, nil
}

func guestBinary(binary string) string { return path.Join("/usr/local/bin", filepath.Base(binary)) }

// SPDX-License-Identifier: Apache-2.0

package main

import (
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

// runOne runs o.command in a VM. Output goes to stdout as it comes, progress to log.
func runOne(ctx context.Context, o *options, stdout, log io.Writer) (*vm.Result, error) {
	binary := o.command[0]
	arch, err := vm.BinaryArch(binary)
	if err != nil {
		return nil, err
	}
	cacheDir, err := debian.DefaultDir()
	if err != nil {
		return nil, err
	}
	machine, err := o.machine(ctx, arch, cacheDir, log)
	if err != nil {
		return nil, err
	}
	init, err := buildInit(ctx, cacheDir, arch)
	if err != nil {
		return nil, err
	}
	tree, err := o.tree(init)
	if err != nil {
		return nil, err
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
	res, err := vm.Run(ctx, spec, stdout)
	if err != nil {
		return nil, err
	}
	if o.out != "" && res.Ended {
		err = vm.Unpack(res.Archive, o.out)
	}
	return res, err
}

func (o *options) machine(ctx context.Context, arch, cacheDir string, log io.Writer) (*vm.Machine, error) {
	m := &vm.Machine{Arch: arch, Accel: "tcg", CPUs: o.cpus, Memory: o.memory, Append: o.append}
	if strings.Contains(o.kernel, "/") {
		m.Image = o.kernel
		if _, err := os.Stat(m.Image); err != nil {
			return nil, fmt.Errorf("find kernel: %w", err)
		}
	} else {
		kernels, err := vmtests.Kernels()
		if err != nil {
			return nil, err
		}
		k, err := vmtests.FindKernel(kernels, o.kernel, arch)
		if err != nil {
			return nil, err
		}
		cache := debian.Cache{Dir: cacheDir, Log: log}
		img, err := cache.Kernel(ctx, k)
		if err != nil {
			return nil, err
		}
		m.Image, m.Accel = img.Path, k.Accel
	}
	if o.accel != "" {
		m.Accel = o.accel
	}
	return m, nil
}

// tree packs what the command needs. The directory it runs in has the same path as on the host, with its testdata, as go test promises to tests.
func (o *options) tree(init []byte) (*vm.Tree, error) {
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

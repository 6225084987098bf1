// SPDX-License-Identifier: Apache-2.0

// Command vmrun runs a static test binary in a VM with a kernel of one's choice:
//
//	vmrun -kernel 6.12 [flags] [--] BINARY [ARG...]
//	go test -exec "vmrun -kernel 6.12 --" ./internal/probes
//	vmrun matrix [-row NAME]... PACKAGE... [-- TEST-ARG...]
//	vmrun fetch
//
// It exits with the binary's code; 124 says that time ran out, 125 that the VM died, 2 that vmrun was called wrongly.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"sensor/vmtests"
	"sensor/vmtests/debian"
	"sensor/vmtests/guest"
)

const (
	codeUsage   = 2
	codeTimeout = guest.TimeoutCode
	codeDied    = 125
)

func main() {
	// go test ends its -exec program with SIGQUIT when time is up.
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGQUIT)
	defer stop()
	code, err := dispatch(ctx, os.Args[1:])
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "vmrun:", err)
	}
	os.Exit(code)
}

func dispatch(ctx context.Context, args []string) (int, error) {
	if len(args) > 0 {
		switch args[0] {
		case "matrix":
			return matrix(ctx, args[1:])
		case "fetch":
			return fetch(ctx)
		}
	}
	o, err := parseOptions(args)
	if err != nil {
		return codeUsage, err
	}
	if o.dir, err = os.Getwd(); err != nil {
		return codeUsage, err
	}
	res, _, err := runOne(ctx, o, os.Stdout, os.Stderr)
	if err != nil {
		return codeDied, err
	}
	report(os.Stderr, o, res)
	return exitCode(res), nil
}

// fetch fills the cache with every kernel of the list.
func fetch(ctx context.Context) (int, error) {
	kernels, err := vmtests.Kernels()
	if err != nil {
		return codeUsage, err
	}
	dir, err := debian.DefaultDir()
	if err != nil {
		return codeUsage, err
	}
	cache := debian.Cache{Dir: dir, Log: os.Stderr}
	var errs []error
	for _, k := range kernels {
		if _, err := cache.Kernel(ctx, k); err != nil {
			errs = append(errs, err)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return codeDied, err
	}
	return 0, nil
}

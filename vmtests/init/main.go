// SPDX-License-Identifier: Apache-2.0

// Command init is process 1 of a test VM: it prepares the system, runs one command, reports on the console and powers off.
//
// It imports nothing that looks at /proc when it starts, for /proc is not there yet; the command starts when it is.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"sensor/vmtests/guest"
)

func main() {
	if os.Getpid() != 1 {
		fmt.Fprintln(os.Stderr, "init: only runs as process 1 of a test VM")
		os.Exit(2)
	}
	if err := run(); err != nil {
		// No end marker: the runner shows this line and fails.
		fmt.Fprintln(os.Stderr, "init:", err)
	}
	unix.Sync()
	err := unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
	fmt.Fprintln(os.Stderr, "init: power off:", err)
}

func run() error {
	cfg, err := readConfig()
	if err != nil {
		return err
	}
	if err := enterRoot(); err != nil {
		return err
	}
	if err := mountAll(cfg); err != nil {
		return err
	}
	if err := rawConsole(os.Stdout); err != nil {
		return err
	}
	if err := setUp(cfg); err != nil {
		return err
	}
	kernel, err := openKernelLog()
	if err != nil {
		return err
	}
	rep := &reporter{mark: cfg.Mark, w: os.Stdout}
	rep.line(guest.Begin)
	code, err := runCommand(cfg, rep)
	if err != nil {
		return err
	}
	if code != 0 {
		lines, err := kernel.last(40)
		if err != nil {
			return err
		}
		for _, l := range lines {
			rep.line(guest.Kernel + l)
		}
	}
	if cfg.Out {
		if err := rep.handOut(guest.OutDir); err != nil {
			return err
		}
	}
	rep.line(guest.End + fmt.Sprint(code))
	return nil
}

func readConfig() (*guest.Config, error) {
	b, err := os.ReadFile(guest.ConfigPath)
	if err != nil {
		return nil, fmt.Errorf("read config: %w", err)
	}
	cfg := new(guest.Config)
	if err := json.Unmarshal(b, cfg); err != nil {
		return nil, fmt.Errorf("decode config: %w", err)
	}
	if len(cfg.Command) == 0 || strings.TrimSpace(cfg.Mark) == "" {
		return nil, fmt.Errorf("decode config: no command or no mark")
	}
	return cfg, nil
}

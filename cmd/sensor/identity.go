// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"sensor/internal/config"
	"sensor/internal/events"
	"sensor/internal/events/ecs"
	"sensor/internal/process"
)

// identity is who this sensor is, and where.
type identity struct {
	bootID string
	host   ecs.Host
}

func identify(settings config.Config) (identity, error) {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return identity{}, fmt.Errorf("read boot id: %w", err)
	}
	id, _ := os.ReadFile("/etc/machine-id")
	return identity{bootID: strings.TrimSpace(string(boot)), host: ecs.Host{ID: strings.TrimSpace(string(id))}}, nil
}

func (i identity) enrichers(settings config.Config) []events.Enricher {
	return []events.Enricher{process.NewTable(i.host.ID, i.bootID, int(settings.Limits.ProcessTable))}
}

func (i identity) document(settings config.Config) ecs.Options {
	return ecs.Options{
		AgentVersion:  version,
		Namespace:     settings.Output.DataStream.Namespace,
		DatasetPrefix: settings.Output.DataStream.DatasetPrefix,
		Host:          i.host,
	}
}

func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

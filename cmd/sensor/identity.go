// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"sensor/internal/config"
	"sensor/internal/enrich/host"
	"sensor/internal/enrich/users"
	"sensor/internal/events"
	"sensor/internal/events/ecs"
	"sensor/internal/privacy"
)

// identify reads who this host is. What is merely missing is logged: also the
// machine-id, which minimal images lack. The boot's id then stands for it, good
// until the next boot.
func identify(log *slog.Logger, settings config.Config) (host.Host, error) {
	h, err := host.Read(host.Options{ID: settings.Host.ID, Name: settings.Host.Name})
	if errors.Is(err, host.ErrNoID) && h.BootID != "" {
		h.ID = strings.ReplaceAll(h.BootID, "-", "")
		log.Warn("the host has no machine-id: host.id is the id of this boot; configure host.id to keep it", "host.id", h.ID)
		return h, nil
	}
	if h.ID == "" || h.BootID == "" {
		return h, fmt.Errorf("identify host: %w", err)
	}
	if err != nil {
		log.Warn("the host is not fully described", "error", err)
	}
	return h, nil
}

// enrichers complete events before the process table shares their processes
// with later events: names, and secrets before anything keeps them.
func enrichers(settings config.Config) []events.Enricher {
	list := []events.Enricher{users.New(host.Root())}
	if settings.Privacy.Redact != config.RedactOff {
		list = append(list, privacy.New())
	}
	return list
}

// everyDocument is what all documents of this sensor say.
func everyDocument(h host.Host, settings config.Config) ecs.Options {
	return ecs.Options{
		AgentID:       cmp.Or(settings.Agent.ID, h.AgentID()),
		AgentVersion:  version,
		Namespace:     settings.Output.DataStream.Namespace,
		DatasetPrefix: settings.Output.DataStream.DatasetPrefix,
		Host: ecs.Host{
			ID: h.ID, Name: h.Name, Hostname: h.Hostname, Architecture: h.Architecture,
			IP: h.IP, MAC: h.MAC, OS: ecs.OS(h.OS),
		},
	}
}

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"

	"sensor/internal/config"
	"sensor/internal/events"
	"sensor/internal/fallback/inotify"
)

type configCommand struct {
	Check configCheckCommand `cmd:"" help:"Check a configuration file and say all that is wrong with it."`
}

type configCheckCommand struct {
	File string `arg:"" help:"The file to check."`
}

func (c configCheckCommand) Run(std streams) error {
	if _, err := schema().Load(c.File); err != nil {
		return exit(exitUsage, err)
	}
	_, err := fmt.Fprintf(std.out, "%s: no fault found\n", c.File)
	return err
}

// schema is what a configuration of this build may name.
func schema() config.Schema {
	s := config.Schema{Hashes: inotify.Hashes()}
	for _, row := range sourceTable() {
		s.Sources = append(s.Sources, row.name)
	}
	for _, kind := range events.Kinds() {
		traits := kind.Traits()
		if !traits.Internal {
			s.Kinds = append(s.Kinds, config.KindDefault{Name: traits.Name, Enabled: traits.Default})
		}
	}
	return s
}

// nowhere is the address of --metrics that is none.
const nowhere = "none"

// settings reads the configuration and puts the command line over it.
func (c runCommand) settings() (config.Config, error) {
	s := schema()
	settings := s.Default()
	if c.Config != "" {
		var err error
		if settings, err = s.Load(c.Config); err != nil {
			return settings, err
		}
	}
	if c.Source != "auto" {
		settings.Sources = []string{c.Source}
	}
	if len(c.Kinds) > 0 {
		for name, kind := range settings.Kinds {
			kind.Enabled = false
			settings.Kinds[name] = kind
		}
		for _, name := range c.Kinds {
			kind := settings.Kinds[name] // an unknown one is for Check to find
			kind.Enabled = true
			if k, ok := events.KindByName(name); ok && k.Traits().Companion {
				kind.Required = true // or no source would be opened for it
			}
			settings.Kinds[name] = kind
		}
	}
	if c.Output != "" {
		settings.Output.To = c.Output
	}
	switch c.Metrics {
	case "":
	case nowhere:
		settings.Metrics.Listen = ""
	default:
		settings.Metrics.Listen = c.Metrics
	}
	if c.Format != "" {
		settings.Output.Format = c.Format
	}
	if err := s.Check(settings); err != nil {
		return settings, fmt.Errorf("check command line: %w", err)
	}
	return settings, nil
}

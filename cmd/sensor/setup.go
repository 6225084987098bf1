// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"sensor/internal/config"
	"sensor/internal/export/engine"
	"sensor/internal/export/setup"
)

// setupTimeout is for all that setup asks.
const setupTimeout = 5 * time.Minute

type setupCommand struct {
	Config     string   `short:"c" placeholder:"FILE" help:"Configuration file: where the search engine is, the names of the data streams, and for how long they are kept."`
	Hosts      []string `placeholder:"URL,..." help:"The search engine, instead of the configured one."`
	Print      bool     `xor:"what" help:"Print what would be installed, as requests; install nothing."`
	DryRun     bool     `xor:"what" help:"Show how that differs from what is installed; install nothing."`
	Dashboards bool     `xor:"what" help:"Print dashboards, to be imported into Kibana or OpenSearch Dashboards (Saved Objects)."`
	Engine     string   `placeholder:"NAME-VERSION" help:"Print for elasticsearch-9.1, elasticsearch-serverless or opensearch-2.19, say, without asking one."`
	Force      bool     `help:"Replace also what somebody else has made under the same name, or a newer sensor."`
}

// Run installs what the search engine has to know before events come.
func (c setupCommand) Run(ctx context.Context, std streams) error {
	settings, err := c.settings()
	if err != nil {
		return exit(exitUsage, err)
	}
	if c.Dashboards {
		_, err := std.out.Write(setup.Dashboards(settings.Output.DataStream.DatasetPrefix))
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, setupTimeout)
	defer cancel()
	log := slog.New(slog.NewTextHandler(std.log, nil))
	var client *engine.Client
	var target setup.Target
	if c.Engine != "" {
		target, err = namedTarget(c.Engine)
		if err != nil {
			return exit(exitUsage, err)
		}
	} else {
		if client, err = newClient(log, settings.Output.Elasticsearch); err != nil {
			return exit(exitUsage, err)
		}
		info, err := client.Info(ctx)
		if err != nil {
			return err
		}
		if target, err = setup.Look(ctx, client, info); err != nil {
			return err
		}
	}
	planned, err := setup.Plan(target, setup.Options{
		DatasetPrefix: settings.Output.DataStream.DatasetPrefix,
		Namespace:     settings.Output.DataStream.Namespace,
		Lifecycle:     lifecycle(settings.Retention),
	})
	if err != nil {
		return exit(exitUsage, err)
	}
	if c.Print {
		return planned.Print(std.out)
	}
	comparison, err := setup.Compare(ctx, client, planned)
	if err != nil {
		return err
	}
	if c.DryRun {
		return comparison.Write(std.out, c.Force)
	}
	return comparison.Apply(ctx, client, std.out, c.Force)
}

func (c setupCommand) settings() (config.Config, error) {
	settings, err := runCommand{Config: c.Config, Source: "auto"}.settings()
	if err != nil {
		return settings, err
	}
	if len(c.Hosts) > 0 {
		settings.Output.Elasticsearch.Hosts = c.Hosts
		if err := schema().Check(settings); err != nil {
			return settings, fmt.Errorf("check command line: %w", err)
		}
	}
	switch {
	case c.Engine != "" && !c.Print:
		return settings, errors.New("check command line: --engine goes with --print")
	case c.Engine == "" && !c.Dashboards && len(settings.Output.Elasticsearch.Hosts) == 0:
		return settings, errors.New("check command line: no search engine: give --hosts, -c with output.elasticsearch.hosts, or --print with --engine")
	}
	return settings, nil
}

// namedTarget is a whole engine of the product and version.
func namedTarget(name string) (setup.Target, error) {
	product, version, _ := strings.Cut(name, "-")
	info := engine.Info{Product: engine.Product(product), Version: version}
	if version == "serverless" {
		info = engine.Info{Product: engine.Product(product), Serverless: true}
	}
	target, err := setup.NewTarget(info)
	if err != nil {
		return target, fmt.Errorf("check command line: --engine: %w", err)
	}
	return target, nil
}

func lifecycle(r config.Retention) setup.Lifecycle {
	return setup.Lifecycle{
		By:           setup.By(r.By),
		RolloverSize: int64(r.Rollover.Bytes), RolloverAge: r.Rollover.Age,
		Warm: r.Warm, Cold: r.Cold, Frozen: r.Frozen, Delete: r.Delete,
		Repository: r.Repository,
	}
}

// newClient makes a client of the configured engine. Secrets that no file holds are in the environment.
func newClient(log *slog.Logger, settings config.Elasticsearch) (*engine.Client, error) {
	options := engine.Options{
		Hosts:        settings.Hosts,
		APIKeyFile:   settings.APIKeyFile,
		Username:     settings.Username,
		PasswordFile: settings.PasswordFile,
		CAFile:       settings.CAFile, CertificateFile: settings.CertificateFile, KeyFile: settings.KeyFile,
		Timeout:   settings.Timeout,
		UserAgent: "sensor/" + version,
		Log:       log,
	}
	if settings.Username == "" && settings.APIKeyFile == "" {
		options.APIKey = os.Getenv("SENSOR_API_KEY")
	}
	if settings.Username != "" && settings.PasswordFile == "" {
		options.Password = os.Getenv("SENSOR_PASSWORD")
	}
	return engine.New(options)
}

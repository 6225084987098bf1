// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"sensor/internal/config"
	"sensor/internal/events"
	"sensor/internal/metrics"
	"sensor/internal/pipeline"
	"sensor/internal/process"
)

type runCommand struct {
	Config   string             `short:"c" placeholder:"FILE" help:"Configuration file."`
	Source   string             `default:"auto" help:"Source to use; auto takes the first that serves each kind."`
	Kinds    []string           `placeholder:"KIND,..." help:"Kinds to report instead of the configured ones."`
	Output   config.Destination `placeholder:"stdout|file:PATH|elasticsearch" help:"Where events go."`
	Format   config.Format      `placeholder:"auto|json|text" help:"How events are written."`
	Metrics  string             `placeholder:"ADDR" help:"Serve numbers about the sensor there, at /metrics: localhost:9478. none: nowhere."`
	Duration time.Duration      `help:"End after this long."`
	Stats    string             `placeholder:"FILE" help:"Write the ledger there at the end, as JSON."`
}

// Run reports events until ctx ends, then drains and accounts.
func (c runCommand) Run(ctx context.Context, std streams) error {
	settings, err := c.settings()
	if err != nil {
		return exit(exitUsage, err)
	}
	log := slog.New(slog.NewTextHandler(std.log, nil))
	if c.Duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.Duration)
		defer cancel()
	}
	ledger := &events.Ledger{}
	var stats stats
	err = report(ctx, log, settings, ledger, &stats)
	stats.Balance = ledger.Read()
	if c.Stats != "" {
		err = errors.Join(err, writeStats(c.Stats, stats))
	}
	balance := stats.Balance
	if evicted := stats.ProcessTable.Evicted; evicted > 0 {
		log.Warn("the process table was too small: some events lack their parents; raise limits.process_table", "evicted", evicted)
	}
	if lost := balance.Lost(); lost > 0 {
		log.Warn("events were lost", "count", lost, "dropped", balance.Dropped)
	}
	if fault := balance.Check(); fault != nil {
		log.Error("the accounts do not add up; this is a defect of the sensor", "error", fault)
	}
	if errors.Is(err, syscall.EPIPE) {
		return exit(exitPipe, err)
	}
	return err
}

// stats are what --stats writes: the ledger, and what is known of processes.
type stats struct {
	events.Balance
	ProcessTable process.Stats     `json:"process_table"`
	Unattributed map[string]uint64 `json:"unattributed"` // by kind: delivered without a process, because none is known
}

// report runs the pipeline from the kernel to the output.
func report(ctx context.Context, log *slog.Logger, settings config.Config, ledger *events.Ledger, stats *stats) (err error) {
	about, err := identify(log, settings)
	if err != nil {
		return err
	}
	own, err := thisProcess()
	if err != nil {
		log.Warn("the sensor's own connections are reported, too", "error", err)
	}
	table := process.NewTable(about.ID, about.BootID, int(settings.Limits.ProcessTable))
	options := pipeline.Options{
		Log:         log,
		Ledger:      ledger,
		IDs:         events.NewIDs(about.BootID, "sensor"),
		Enrichers:   append(enrichers(settings), table),
		Wanted:      wanted(settings, own),
		Required:    requiredKinds(settings),
		QueueEvents: settings.Limits.Queue.Events,
		QueueBytes:  int64(settings.Limits.Queue.Bytes),
		Grace:       settings.Shutdown.Grace,
	}
	var reader *metrics.Reader
	if writesJSON(settings.Output) && settings.Metrics.Interval > 0 {
		options.Report, options.ReportEvery = func() *events.Event { return reader.Event() }, settings.Metrics.Interval
	}
	p := pipeline.New(options)
	sink, err := openOutput(outputParts{log, settings, about, ledger, p.Lost})
	if err != nil {
		return err
	}
	stopServing := func() {}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), settings.Shutdown.Grace)
		defer cancel()
		err = errors.Join(err, sink.Close(closing))
		stopServing()
	}()
	reader = metrics.NewReader(numbers(p, table, ledger, sink), log)
	if stopServing, err = serveMetrics(ctx, log, settings.Metrics, reader); err != nil {
		return err
	}

	sources := makeSources(sourceParts{log: log, ledger: ledger, bootID: about.BootID, settings: settings})
	plan, err := pipeline.Open(sources, wishes(settings))
	defer func() { err = errors.Join(err, plan.Close()) }()
	if err != nil {
		return err
	}
	if err := announce(log, settings, plan); err != nil {
		return err
	}
	debug.FreeOSMemory() // the kernel's types, which loading has read: half of all memory
	log.Info("ready")
	err = p.Run(ctx, plan, sink)
	stats.ProcessTable, stats.Unattributed = table.Stats(), table.Unattributed()
	return err
}

// wishes lists the kinds to ask the sources for: the wanted ones and those that
// the process table lives on.
func wishes(settings config.Config) pipeline.Wish {
	wish := pipeline.Wish{Kinds: []events.Kind{events.KindExec, events.KindFork, events.KindExit, events.KindAlreadyRunning}}
	for _, kind := range events.Kinds() {
		setting := settings.Kinds[kind.String()]
		switch {
		case !setting.Enabled || slices.Contains(wish.Kinds, kind):
		case kind == events.KindFileIntegrity && len(settings.Inotify.Paths) > 0:
			wish.Kinds = append(wish.Kinds, kind)
		case kind.Traits().Companion && !setting.Required:
			wish.Companions = append(wish.Companions, kind)
		default:
			wish.Kinds = append(wish.Kinds, kind)
		}
	}
	return wish
}

func requiredKinds(settings config.Config) []events.Kind {
	return slices.DeleteFunc(events.Kinds(), func(k events.Kind) bool { return !settings.Kinds[k.String()].Required })
}

// wanted decides which events are reported: those of the enabled kinds and of the
// paths that are not left out, but neither what the kernel does with its own threads
// nor the sensor's own flows.
func wanted(settings config.Config, own self) func(*events.Event) bool {
	var enabled [events.KindCount]bool
	for _, kind := range events.Kinds() {
		enabled[kind] = settings.Kinds[kind.String()].Enabled || kind.Traits().Internal
	}
	paths := newPathFilter(settings.Filters.Paths)
	return func(e *events.Event) bool {
		if e.File != nil && !paths.keeps(e.File) {
			return false
		}
		if e.Process != nil && e.Kind.Traits().Category == "process" && (e.Process.KernelThread || e.Process.NoMemory) {
			return false
		}
		if e.Network != nil && own.is(e.Process) {
			return false
		}
		return enabled[e.Kind]
	}
}

// announce says in plain words what serves each kind, and what is missing.
func announce(log *slog.Logger, settings config.Config, plan *pipeline.Plan) error {
	if len(plan.Served) == 0 {
		if lacking := missingCapabilities(); len(lacking) > 0 {
			return exit(exitUnserved, fmt.Errorf("observe this host: run as root, or with the capabilities that are missing: %s", strings.Join(lacking, ", ")))
		}
		return exit(exitUnserved, fmt.Errorf("observe this host: no source serves any kind: %w", errors.Join(plan.Reasons...)))
	}
	var missing []error
	for _, kind := range events.Kinds() {
		setting := settings.Kinds[kind.String()]
		if !setting.Enabled || plan.Served[kind] != nil || kind.Traits().Companion && !setting.Required {
			continue
		}
		log.Warn("kind is not available", "kind", kind)
		if setting.Required {
			missing = append(missing, fmt.Errorf("no source serves the required kind %s", kind))
		}
	}
	for _, source := range plan.Sources {
		planner, ok := source.(events.Planner)
		if !ok {
			continue
		}
		for _, service := range planner.Plan() {
			if service.Err == nil && settings.Kinds[service.Kind.String()].Enabled {
				log.Info("serving", "kind", service.Kind, "source", source.Name(), "variant", service.Variant, "hooks", service.Hooks)
			}
		}
	}
	for _, reason := range plan.Reasons {
		log.Warn("source is incomplete", "error", reason)
	}
	if err := errors.Join(missing...); err != nil {
		return exit(exitUnserved, err)
	}
	return nil
}

func writeStats(path string, stats stats) error {
	b, err := json.MarshalIndent(stats, "", "  ")
	if err != nil {
		return fmt.Errorf("write stats: %w", err)
	}
	if err := os.WriteFile(path, append(b, '\n'), 0o600); err != nil {
		return fmt.Errorf("write stats: %w", err)
	}
	return nil
}

func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

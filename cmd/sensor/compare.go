// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/goccy/go-yaml"

	"sensor/internal/compare"
	"sensor/internal/compare/view"
	"sensor/internal/events"
	"sensor/internal/fallback/audit"
	"sensor/internal/fallback/audit/rules"
	"sensor/internal/probes"
)

type compareCommand struct {
	Command     []string      `arg:"" optional:"" help:"What to run meanwhile, behind --. Without it the host is watched until --duration has passed, or until interrupted."`
	Config      string        `short:"c" placeholder:"FILE" help:"Configuration file, for both."`
	Kinds       []string      `placeholder:"KIND,..." help:"Kinds to compare instead of the configured ones that both sources can serve."`
	Duration    time.Duration `help:"End after this long."`
	JSON        bool          `help:"Write the report as JSON; what COMMAND writes goes to stderr."`
	HTML        string        `placeholder:"FILE" help:"Write the report there too, as a page."`
	AuditLog    string        `placeholder:"FILE" help:"Compare with this log, which the audit daemon writes, instead of the audit source."`
	LeastEvents float64       `placeholder:"R" help:"Fail if a smaller part of the events agrees; from 0 to 1."`
	LeastFields float64       `placeholder:"R" help:"Fail if a smaller part of the values of fields that both have agrees; from 0 to 1."`
	Beside      bool          `help:"Add audit rules also if another audit daemon reads the records. They will be in its log."`
	Examples    int           `default:"3" placeholder:"N" help:"How many examples of each difference to keep."`
	Tax         bool          `default:"true" negatable:"" help:"Measure what a system call takes with and without each source; takes seconds."`
	TaxProbe    bool          `hidden:""`
}

// Run has both sources watch, pairs what they tell, and reports.
func (c compareCommand) Run(ctx context.Context, std streams) error {
	if c.TaxProbe {
		return probeTax(std.out)
	}
	kinds, err := c.check()
	if err != nil {
		return exit(exitUsage, err)
	}
	var page *os.File
	if c.HTML != "" {
		if page, err = os.OpenFile(c.HTML, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600); err != nil {
			return exit(exitUsage, fmt.Errorf("open the page: %w", err))
		}
		defer page.Close()
	}
	runtime.LockOSThread() // the sources end when the thread does that has started them
	defer runtime.UnlockOSThread()
	report, err := c.compare(ctx, std, kinds)
	if report == nil {
		return err
	}
	errs := []error{err}
	if page != nil {
		errs = append(errs, view.HTML(page, report), page.Close())
	}
	write := view.Text
	if c.JSON {
		write = view.JSON
	}
	errs = append(errs, write(std.out, report))
	if len(report.Faults) > 0 {
		errs = append(errs, errors.New("compare: the accounts do not add up, see the faults in the report"))
	}
	if err := errors.Join(errs...); err != nil {
		if errors.Is(err, syscall.EPIPE) {
			return exit(exitPipe, err)
		}
		return err
	}
	if err := report.Check(c.LeastEvents, c.LeastFields); err != nil {
		return exit(exitDisagree, err)
	}
	return nil
}

// check checks the command line, and gives the kinds to compare.
func (c compareCommand) check() ([]events.Kind, error) {
	settings, err := runCommand{Config: c.Config, Source: "auto", Kinds: c.Kinds}.settings()
	if err != nil {
		return nil, err
	}
	for _, least := range []float64{c.LeastEvents, c.LeastFields} {
		if !(least >= 0 && least <= 1) {
			return nil, fmt.Errorf("check command line: %g is not from 0 to 1", least)
		}
	}
	if c.Examples < 1 {
		return nil, fmt.Errorf("check command line: %d examples are too few", c.Examples)
	}
	if len(c.Command) > 0 {
		if _, err := exec.LookPath(c.Command[0]); err != nil {
			return nil, fmt.Errorf("check command line: %w", err)
		}
	}
	if c.AuditLog != "" {
		f, err := os.Open(c.AuditLog)
		if err != nil {
			return nil, fmt.Errorf("open the audit log: %w", err)
		}
		f.Close()
	}
	var kinds []events.Kind
	for _, k := range events.Kinds() {
		if settings.Kinds[k.String()].Enabled && (len(c.Kinds) > 0 || c.common(k)) {
			kinds = append(kinds, k)
		}
	}
	if len(kinds) == 0 {
		return nil, errors.New("check command line: of the configured kinds both sources tell none")
	}
	return kinds, nil
}

// common reports whether both sides can tell a kind.
func (c compareCommand) common(k events.Kind) bool {
	if k == events.KindAlreadyRunning {
		return c.AuditLog == ""
	}
	return slices.Contains(rules.Serves(), k) && !k.Traits().Companion
}

// compare watches and gives the report. With an error there may be a report of
// the time before.
func (c compareCommand) compare(ctx context.Context, std streams, kinds []events.Kind) (*compare.Report, error) {
	log := slog.New(slog.NewTextHandler(std.log, nil))
	before, err := c.auditState(log, kinds)
	if err != nil {
		return nil, exit(exitUnserved, err)
	}
	config, err := c.observerConfig()
	if err != nil {
		return nil, err
	}
	if config != nil {
		defer config.Close()
	}
	var tax tax
	if c.Tax && c.AuditLog == "" {
		tax.probe(ctx, none)
	}
	meter := newMeter(log)
	defer meter.close()

	// Audit is the first to begin and to end: so each is there alone once, for the tax.
	var sides [2]*observer
	for _, side := range []compare.Side{compare.B, compare.A} {
		if side == compare.B && c.AuditLog != "" {
			continue
		}
		o, err := startObserver(sourceOf[side], kinds, config, std.log)
		if err != nil {
			return nil, err
		}
		defer o.kill()
		if err := o.wait(ctx); err != nil {
			return nil, err
		}
		sides[side] = o
		if c.Tax && c.AuditLog == "" {
			tax.probe(ctx, [2]taxState{both, onlyB}[side])
		}
	}
	s := &session{compareCommand: c, std: std, log: log, kinds: kinds, audit: before, tax: &tax, meter: meter, observers: sides}
	return s.watch(ctx)
}

// sourceOf are the sources by side.
var sourceOf = [2]string{compare.A: probes.Name, compare.B: audit.Name}

// observerConfig is the configuration of the observers; nil if there is none.
func (c compareCommand) observerConfig() (*os.File, error) {
	if !c.Beside {
		if c.Config == "" {
			return nil, nil
		}
		return os.Open(c.Config)
	}
	settings := map[string]any{}
	if c.Config != "" {
		text, err := os.ReadFile(c.Config)
		if err == nil {
			err = yaml.Unmarshal(text, &settings)
		}
		if err != nil {
			return nil, fmt.Errorf("read config: %w", err)
		}
	}
	section, ok := settings["audit"].(map[string]any)
	if !ok {
		section = map[string]any{}
		settings["audit"] = section
	}
	section["beside"] = true
	text, err := yaml.Marshal(settings)
	if err != nil {
		return nil, fmt.Errorf("write config: %w", err)
	}
	f, err := unnamedFile()
	if err != nil {
		return nil, err
	}
	if _, err := f.Write(text); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// run runs COMMAND until it or ctx ends; without one it waits for ctx.
func (c compareCommand) run(ctx context.Context, std streams) (*compare.Command, error) {
	if len(c.Command) == 0 {
		<-ctx.Done()
		return nil, nil
	}
	cmd := exec.CommandContext(ctx, c.Command[0], c.Command[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, std.out, std.log
	if c.JSON {
		cmd.Stdout = std.log
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	err := cmd.Run()
	if cmd.ProcessState == nil {
		return nil, fmt.Errorf("run the command: %w", err)
	}
	status := cmd.ProcessState.Sys().(syscall.WaitStatus)
	code := status.ExitStatus()
	if status.Signaled() {
		code = 128 + int(status.Signal())
	}
	return &compare.Command{Args: c.Command, ExitCode: code}, nil
}

// servedKinds reads from a stream which kinds it has. What it has read on the way it gives back.
func servedKinds(ctx context.Context, o *observer) (kinds []events.Kind, read [][]byte, err error) {
	for ctx.Err() == nil {
		line, err := o.output.next()
		if errors.Is(err, io.EOF) {
			select {
			case <-o.ended:
				return nil, nil, o.failure()
			case <-ctx.Done():
			case <-time.After(feedPause):
			}
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		read = append(read, slices.Clone(line))
		var doc struct {
			Event  struct{ Action string }
			Sensor struct{ Serving map[string]string }
		}
		if json.Unmarshal(line, &doc) != nil || doc.Event.Action != events.KindServing.Traits().Action {
			continue
		}
		kinds = []events.Kind{}
		for name, by := range doc.Sensor.Serving {
			source, _, _ := strings.Cut(by, "/")
			if k, ok := events.KindByName(name); ok && source == o.source {
				kinds = append(kinds, k)
			}
		}
		return kinds, read, nil
	}
	return nil, nil, ctx.Err()
}

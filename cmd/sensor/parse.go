// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strconv"
	"syscall"
	"time"

	"github.com/elastic/go-libaudit/v2/auparse"

	"sensor/internal/config"
	"sensor/internal/enrich/host"
	"sensor/internal/enrich/users"
	"sensor/internal/events"
	"sensor/internal/events/ecs"
	"sensor/internal/events/text"
	"sensor/internal/export/stream"
	"sensor/internal/fallback/audit/decode"
	auditlog "sensor/internal/fallback/audit/log"
	"sensor/internal/privacy"
	"sensor/internal/process"
)

type parseCommand struct {
	Logs   []string      `arg:"" optional:"" default:"-" name:"file" help:"Logs of the audit daemon, oldest first; - is standard input."`
	Config string        `short:"c" placeholder:"FILE" help:"Configuration file: kinds, filters, names. Without it all kinds are reported."`
	Kinds  []string      `placeholder:"KIND,..." help:"Kinds to report."`
	Format config.Format `placeholder:"auto|json|text" help:"How events are written."`
	Raw    bool          `help:"Add the records' own fields, as auditd.*."`
	Host   string        `placeholder:"NAME" help:"The host of lines that have no node=."`
	Local  bool          `help:"The logs are this host's own: say all that is known of it, and name its users."`
}

// Run turns logs into events. Garbage in them is reported and no error.
func (c parseCommand) Run(ctx context.Context, std streams) error {
	settings, err := c.settings()
	if err != nil {
		return exit(exitUsage, err)
	}
	log := slog.New(slog.NewTextHandler(std.log, nil))
	p, err := newParser(log, settings, c.Local, std.out)
	if err != nil {
		return err
	}
	reader := auditlog.NewReader()
	var errs []error
	for _, name := range c.Logs {
		err := p.read(ctx, reader, name)
		if ctx.Err() != nil {
			break
		}
		errs = append(errs, err)
		if p.failed {
			break
		}
	}
	if !p.failed {
		errs = append(errs, reader.Flush(p.take))
	}
	if !p.failed {
		errs = append(errs, p.out.Flush())
	}
	err = errors.Join(errs...)
	p.summarize(log, reader.Stats())
	if errors.Is(err, syscall.EPIPE) {
		return exit(exitPipe, err)
	}
	return err
}

func (c parseCommand) settings() (config.Config, error) {
	command := runCommand{Config: c.Config, Source: "auto", Kinds: c.Kinds, Format: c.Format, Output: config.Stdout}
	if c.Config == "" && len(c.Kinds) == 0 {
		for _, kind := range events.Kinds() {
			if !kind.Traits().Internal {
				command.Kinds = append(command.Kinds, kind.String())
			}
		}
	}
	settings, err := command.settings()
	settings.Audit.Raw = settings.Audit.Raw || c.Raw
	settings.Host.Name = cmp.Or(c.Host, settings.Host.Name)
	return settings, err
}

// mostHosts bounds how many hosts of a common log are told apart.
const mostHosts = 64

// parser turns audit events into events. It is for one goroutine.
type parser struct {
	settings  config.Config
	json      bool
	local     *host.Host // who this host is, if the logs are its own
	hosts     map[string]*loggedHost
	decoder   *decode.Decoder
	enrichers []events.Enricher
	keep      func(*events.Event) bool

	out        *bufio.Writer
	failed     bool // out takes nothing any more
	line       []byte
	identity   []byte
	sequence   uint64
	told       [events.KindCount]uint64
	incomplete uint64
	obscure    uint64 // complete, and yet the decoder did not understand all of it
	examples   []string
}

// loggedHost is a host that a log is of.
type loggedHost struct {
	table  *process.Table
	append stream.Encode
}

func newParser(log *slog.Logger, settings config.Config, local bool, out io.Writer) (*parser, error) {
	p := &parser{
		settings: settings,
		hosts:    map[string]*loggedHost{},
		keep:     wanted(settings, self{}),
		out:      bufio.NewWriterSize(out, 64<<10),
	}
	p.json = settings.Output.Format == config.FormatJSON
	if settings.Output.Format == config.FormatAuto {
		file, ok := out.(*os.File)
		p.json = !ok || !isTerminal(file)
	}
	if local {
		h, err := identify(log, settings)
		if err != nil {
			return nil, err
		}
		p.local = &h
		p.enrichers = append(p.enrichers, users.New(host.Root()))
	}
	if p.settings.Agent.ID == "" { // whoever the logs are of, they are read here
		here, err := host.Read(host.Options{})
		if err != nil {
			log.Warn("the host is not fully described", "error", err)
		}
		if here.ID != "" {
			p.settings.Agent.ID = here.AgentID()
		}
	}
	if settings.Privacy.Redact != config.RedactOff {
		p.enrichers = append(p.enrichers, privacy.New())
	}
	p.decoder = decode.New(decode.Options{Raw: settings.Audit.Raw, Wants: func(kind events.Kind) bool {
		switch kind {
		case events.KindExec, events.KindFork, events.KindExit: // the process table lives on them
			return true
		}
		return settings.Kinds[kind.String()].Enabled
	}})
	return p, nil
}

// read reads one log. What it has so far is written before it waits for more.
func (p *parser) read(ctx context.Context, reader *auditlog.Reader, name string) error {
	in, err := openLog(name)
	if err != nil {
		return err
	}
	defer in.Close()
	stop := context.AfterFunc(ctx, func() { in.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	return reader.Read(name, polite{ctx, in, p.out}, p.take)
}

// openLog opens a log. Standard input is opened anew where it may block, so that
// the sensor can be told to end.
func openLog(name string) (*os.File, error) {
	if name != "-" {
		return os.Open(name)
	}
	if info, err := os.Stdin.Stat(); err == nil && !info.Mode().IsRegular() {
		if in, err := os.OpenFile("/proc/self/fd/0", os.O_RDONLY|syscall.O_NONBLOCK, 0); err == nil {
			return in, nil
		}
	}
	return os.Stdin, nil
}

// polite is a log that has all that was made of it written before it is read on.
type polite struct {
	ctx context.Context
	in  io.Reader
	out *bufio.Writer
}

func (p polite) Read(b []byte) (int, error) {
	p.out.Flush() // a writer keeps its error for the next write
	if p.ctx.Err() != nil {
		return 0, io.EOF
	}
	return p.in.Read(b)
}

// take reports what the records of one audit event tell.
func (p *parser) take(logged auditlog.Event) error {
	h := p.host(logged.Node)
	if logged.Records[0].RecordType == auparse.AUDIT_SYSTEM_BOOT { // no process has outlived that
		h.table = p.newTable(len(p.hosts))
	}
	if !logged.Complete {
		p.incomplete++
	}
	list, err := p.decoder.Decode(logged.Records)
	if err != nil && logged.Complete {
		p.obscure++
		if len(p.examples) < 3 {
			p.examples = append(p.examples, fmt.Sprintf("serial %d: %v", logged.Records[0].Sequence, err))
		}
	}
	if len(list) == 0 {
		return nil
	}
	p.identify(logged)
	names := auditlog.NamesOf(logged.Records)
	for i, e := range list {
		e.ID = p.id(list[:i], e.Kind)
		e.Provider = "audit"
		for _, enricher := range p.enrichers {
			enricher.Enrich(e)
		}
		names.Enrich(e)
		h.table.Enrich(e)
		if !p.keep(e) {
			continue
		}
		p.sequence++
		e.Sequence = p.sequence
		p.told[e.Kind]++
		p.line = append(h.append(p.line[:0], e), '\n')
		if _, err := p.out.Write(p.line); err != nil {
			p.failed = true
			return fmt.Errorf("write events: %w", err)
		}
	}
	return nil
}

// identify keeps what tells an audit event from all others: the host, and the
// records, whose time and serial stand in their text. What auditd adds is no part
// of it, so the ids of events are the same whenever, and in whatever format of
// log, they are read.
func (p *parser) identify(logged auditlog.Event) {
	b := append(p.identity[:0], p.settings.Host.ID...)
	b = append(append(b, 0), logged.Node...)
	for _, m := range logged.Records {
		b = strconv.AppendUint(append(b, 0), uint64(m.RecordType), 10)
		b = append(append(b, ' '), m.RawData...)
	}
	p.identity = b
}

// id is that of the next event of this kind behind those that are there already.
// Which kinds are reported makes no difference.
func (p *parser) id(before []*events.Event, kind events.Kind) events.ID {
	n := 0
	for _, e := range before {
		if e.Kind == kind {
			n++
		}
	}
	end := len(p.identity)
	b := strconv.AppendInt(append(append(p.identity, 0), kind.String()...), int64(n), 10)
	p.identity = b[:end]
	return events.IDOf(b)
}

// host finds what is kept for a host. Too many share one, which has no name.
func (p *parser) host(node string) *loggedHost {
	h := p.hosts[node]
	if h != nil {
		return h
	}
	about := host.Host{Name: node, Hostname: node}
	switch {
	case p.local != nil:
		about = *p.local
	case len(p.hosts) >= mostHosts:
		const others = "\x00" // no line has it
		if h = p.hosts[others]; h != nil {
			return h
		}
		node, about = others, host.Host{}
	case node == "" || node == p.settings.Host.Name:
		about = host.Host{ID: p.settings.Host.ID, Name: p.settings.Host.Name, Hostname: p.settings.Host.Name}
	}
	h = &loggedHost{table: p.newTable(len(p.hosts)), append: text.Append}
	if p.json {
		h.append = ecs.NewEncoder(everyDocument(about, p.settings)).Append
	}
	p.hosts[node] = h
	return h
}

// newTable makes the process table of a host: the first has the whole limit,
// for hardly ever is there another.
func (p *parser) newTable(others int) *process.Table {
	limit := int(p.settings.Limits.ProcessTable)
	if others > 1 {
		limit /= mostHosts
	}
	return process.NewTable("", "", limit)
}

// summarize says on the log what was read and what was wrong with it.
func (p *parser) summarize(log *slog.Logger, stats auditlog.Stats) {
	kinds := map[string]uint64{}
	for kind, n := range p.told {
		if n > 0 {
			kinds[events.Kind(kind).String()] = n
		}
	}
	log.Info("parsed", "lines", stats.Lines, "records", stats.Records, "events", p.sequence, "kinds", kinds)
	for _, garbage := range stats.Garbage() {
		var places []string
		for _, place := range garbage.First {
			places = append(places, place.String())
		}
		log.Warn("garbage in the log", "reason", garbage.Reason, "lines", garbage.Count, "first", places)
	}
	if p.obscure > 0 {
		log.Warn("events with records that are not understood", "count", p.obscure, "first", p.examples)
	}
	if p.incomplete > 0 {
		log.Warn("events that lack records", "count", p.incomplete)
	}
	if stats.Missing > 0 {
		log.Warn("serials that the log leaves out", "count", stats.Missing)
	}
}

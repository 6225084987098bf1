// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"log/slog"
	"os"

	"sensor/internal/config"
	"sensor/internal/enrich/host"
	"sensor/internal/events"
	"sensor/internal/events/ecs"
	"sensor/internal/events/text"
	"sensor/internal/export/elasticsearch"
	"sensor/internal/export/spool"
	"sensor/internal/export/stream"
	"sensor/internal/metrics"
)

// outputParts are what an output is made of.
type outputParts struct {
	log      *slog.Logger
	settings config.Config
	host     host.Host
	ledger   *events.Ledger
	lost     func(events.Loss)
}

// openOutput opens what the configuration names.
func openOutput(p outputParts) (events.Sink, error) {
	if p.settings.Output.To == config.ToElasticsearch {
		return openElasticsearch(p)
	}
	if len(p.settings.Output.Elasticsearch.Hosts) > 0 {
		p.log.Warn("output.elasticsearch has hosts, but events go elsewhere", "output.to", p.settings.Output.To)
	}
	encode := stream.Encode(text.Append)
	if writesJSON(p.settings.Output) {
		encode = ecs.NewEncoder(everyDocument(p.host, p.settings)).Append
	}
	if path, ok := p.settings.Output.To.File(); ok {
		rotate := p.settings.Output.Rotate
		return stream.File(path, encode, stream.Rotation{Bytes: int64(rotate.Bytes), Age: rotate.Age, Keep: rotate.Keep}, p.log)
	}
	return stream.Stdout(encode), nil
}

// writesJSON reports whether events are written as documents.
func writesJSON(output config.Output) bool {
	return output.Format == config.FormatJSON || output.Format == config.FormatAuto && (output.To != config.Stdout || !isTerminal(os.Stdout))
}

// delivery is the sink for a search engine with the spool before it.
type delivery struct {
	*elasticsearch.Sink
	spool *spool.Spool
}

var _ events.Deferring = (*delivery)(nil)

func openElasticsearch(p outputParts) (events.Sink, error) {
	settings := p.settings.Output.Elasticsearch
	client, err := newClient(p.log, settings)
	if err != nil {
		return nil, exit(exitUsage, err)
	}
	store, err := spool.Open(spool.Options{
		Dir:      p.settings.Spool.Path,
		MaxBytes: int64(p.settings.Spool.MaxBytes), MaxAge: p.settings.Spool.MaxAge,
		Sync: spool.Sync(p.settings.Spool.Sync), Full: spool.Full(p.settings.Spool.Full),
		Log: p.log, Ledger: p.ledger, Lost: p.lost,
	})
	if err != nil {
		return nil, err
	}
	every := everyDocument(p.host, p.settings)
	sink := elasticsearch.New(elasticsearch.Options{
		Client: client, Spool: store,
		Encode:     ecs.NewEncoder(every).Append,
		DataStream: every.DataStream,
		Ledger:     p.ledger, Lost: p.lost, Log: p.log,
		Workers: settings.Workers, BulkEvents: settings.Bulk.Events, BulkBytes: int(settings.Bulk.Bytes), Linger: settings.Bulk.Linger,
		DeadLetter: settings.DeadLetter,
	})
	return &delivery{sink, store}, nil
}

// Close delivers what it can until ctx ends. The rest stays in the spool.
func (d *delivery) Close(ctx context.Context) error {
	return errors.Join(d.Sink.Close(ctx), d.spool.Close())
}

func (d *delivery) spoolNumbers() events.SpoolMetrics {
	s := d.spool.Stats()
	return events.SpoolMetrics{Events: int(s.Entries), Bytes: s.Bytes, Oldest: s.Oldest, OnDisk: s.OnDisk, Damaged: s.Damaged}
}

func (d *delivery) bulkNumbers() events.BulkMetrics {
	s := d.Stats()
	return events.BulkMetrics{
		Requests: metrics.ByStatus(s.Requests), Bytes: s.SentBytes, Latency: s.Latency,
		Retries: s.Retried, Rejected: s.Rejected, Duplicates: s.Duplicate,
		DeadLetterFailures: s.DeadLetterFailure, LastSuccess: s.LastSuccess,
	}
}

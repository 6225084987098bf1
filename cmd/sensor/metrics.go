// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"time"

	"sensor/internal/config"
	"sensor/internal/events"
	"sensor/internal/metrics"
	"sensor/internal/pipeline"
	"sensor/internal/process"
)

// numbers are what the sensor tells of itself.
func numbers(p *pipeline.Pipeline, table *process.Table, ledger *events.Ledger, sink events.Sink) *metrics.Sources {
	n := &metrics.Sources{
		Version: version, Start: time.Now(), Ledger: ledger,
		Queue: func() (m events.QueueMetrics) {
			m.Events, m.Bytes = p.Queue()
			return m
		},
		Table: func() (m events.TableMetrics) {
			p.Between(func() {
				s := table.Stats()
				m = events.TableMetrics{Processes: s.Processes, Bytes: int64(s.Bytes), Evicted: s.Evicted, Unknown: s.Unknown}
			})
			return m
		},
		Serving: p.Serving,
	}
	if d, ok := sink.(*delivery); ok {
		n.Spool, n.Bulk = d.spoolNumbers, d.bulkNumbers
	}
	return n
}

// serveMetrics serves /metrics if the configuration says where, until it is stopped.
func serveMetrics(ctx context.Context, log *slog.Logger, settings config.Metrics, reader *metrics.Reader) (stop func(), err error) {
	if settings.Listen == "" {
		return func() {}, nil
	}
	listener, err := net.Listen("tcp", settings.Address())
	if err != nil {
		return func() {}, fmt.Errorf("serve metrics: %w", err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // until the output is closed
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := reader.Serve(ctx, listener); err != nil {
			log.Error("metrics are served no longer", "error", err)
		}
	}()
	return func() {
		cancel()
		<-ended
	}, nil
}

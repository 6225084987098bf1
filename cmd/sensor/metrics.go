// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"net"

	"sensor/internal/config"
	"sensor/internal/metrics"
)

// serveMetrics serves /metrics if the configuration says where, until it is stopped.
func serveMetrics(ctx context.Context, settings config.Metrics, reader *metrics.Reader) (stop func() error, err error) {
	if settings.Listen == "" {
		return func() error { return nil }, nil
	}
	listener, err := net.Listen("tcp", settings.Address())
	if err != nil {
		return nil, exit(exitUsage, fmt.Errorf("serve metrics: %w", err))
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // until the end's last numbers are there
	ended := make(chan error, 1)
	go func() { ended <- reader.Serve(ctx, listener) }()
	return func() error {
		cancel()
		return <-ended
	}, nil
}

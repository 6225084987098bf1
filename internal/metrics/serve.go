// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// What one who connects can take from the sensor: everybody on the host may.
const (
	mostConnections = 16
	pace            = 100 * time.Millisecond // from one answer to the next
	patience        = 5 * time.Second        // for a connection as a whole: its one request, and the answer
)

// Serve answers GET /metrics on the listener until ctx ends, and closes it. It
// returns an error only if the listener fails.
func (r *Reader) Serve(ctx context.Context, listener net.Listener) error {
	handler, err := r.handler()
	if err != nil {
		listener.Close()
		return fmt.Errorf("serve metrics: %w", err)
	}
	if a, ok := listener.Addr().(*net.TCPAddr); ok && a.IP.IsLoopback() {
		handler = forThisHost(handler)
	}
	server := &http.Server{
		Handler:        handler,
		MaxHeaderBytes: 8 << 10,
		ErrorLog:       slog.NewLogLogger(r.log.Handler(), slog.LevelWarn),
	}
	server.SetKeepAlivesEnabled(false) // who waits for nothing would hold a place
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(newLimited(listener, mostConnections, patience)) }()
	select {
	case err := <-ended:
		server.Close()
		return fmt.Errorf("serve metrics: %w", err)
	case <-ctx.Done():
	}
	finishing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if server.Shutdown(finishing) != nil {
		server.Close()
	}
	<-ended
	return nil
}

// handler answers GET and HEAD of /metrics.
func (r *Reader) handler() (http.Handler, error) {
	registry := prometheus.NewRegistry()
	if err := registry.Register(&collector{r, newFamilies()}); err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		ErrorLog:           slog.NewLogLogger(r.log.Handler(), slog.LevelError),
		DisableCompression: true, // it costs more than the numbers do
	}))
	return paced(mux), nil
}

// paced answers one request at a time, with a pause between two: whoever asks
// without end does not keep the sensor from its work.
func paced(next http.Handler) http.Handler {
	turn := make(chan struct{}, 1)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case turn <- struct{}{}:
		case <-r.Context().Done():
			return
		}
		defer time.AfterFunc(pace, func() { <-turn })
		next.ServeHTTP(w, r)
	})
}

// SPDX-License-Identifier: Apache-2.0

package config

import (
	"net"
	"time"
)

// Metrics configures what the sensor tells of itself.
type Metrics struct {
	Listen   string        `yaml:"listen"`   // address of /metrics; default: none
	Interval time.Duration `yaml:"interval"` // between two metric events; 0: none; default 60 s
}

// Address is where to listen: of a port alone, on this host's loopback.
func (m Metrics) Address() string {
	host, port, err := net.SplitHostPort(m.Listen)
	if err == nil && host == "" { // also [], which would be everywhere
		return net.JoinHostPort("localhost", port)
	}
	return m.Listen
}

func (k *checker) metrics(m Metrics) {
	if m.Listen != "" {
		if _, port, err := net.SplitHostPort(m.Listen); err != nil || port == "" {
			k.report("metrics.listen", "%s is not an address (want e.g. localhost:9478, or :9478 for the same)", quote(m.Listen))
		}
	}
	if m.Interval != 0 {
		between(k, "metrics.interval", m.Interval, time.Second, 24*time.Hour)
	}
}

// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"strings"
)

// parseHosts reads the endpoints' URLs. What is wrong with one is told without showing it: it may hold a password.
func parseHosts(list []string) ([]*url.URL, error) {
	if len(list) == 0 {
		return nil, errors.New("no host is given")
	}
	hosts := make([]*url.URL, len(list))
	for i, text := range list {
		u, err := url.Parse(text)
		switch {
		case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
			return nil, fmt.Errorf("host %d of %d is no URL such as https://engine.example:9200", i+1, len(list))
		case u.User != nil:
			return nil, fmt.Errorf("host %d of %d (%s) has a user in its URL: give name and password as settings of their own", i+1, len(list), u.Host)
		case u.RawQuery != "" || u.Fragment != "":
			return nil, fmt.Errorf("host %d of %d (%s) has more than a path in its URL", i+1, len(list), u.Host)
		}
		hosts[i] = &url.URL{Scheme: u.Scheme, Host: u.Host, Path: strings.TrimRight(u.Path, "/")}
	}
	return hosts, nil
}

// warnClear tells of endpoints that secrets would reach in the clear.
func warnClear(log *slog.Logger, hosts []*url.URL) {
	for _, host := range hosts {
		addr, err := netip.ParseAddr(host.Hostname())
		if host.Scheme == "http" && host.Hostname() != "localhost" && !(err == nil && addr.IsLoopback()) {
			log.Warn("credentials are sent to the search engine in the clear; use https", "host", host.Host)
		}
	}
}

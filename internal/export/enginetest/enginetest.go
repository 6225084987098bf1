// SPDX-License-Identifier: Apache-2.0

// Package enginetest starts real search engines for tests, and puts a proxy in front of them that fails as the test says.
// Only tests may import it.
//
// The engines come from Maven and are kept in a cache directory. Each runs with one node on a loopback address, as a user
// without privileges, and is shared by all tests of a test binary. It ends with that binary, however that ends, and leaves
// nothing behind.
package enginetest

import (
	"sync"
	"testing"
)

// The engines that tests run on.
const (
	Elasticsearch = "elasticsearch" // 8
	OpenSearch    = "opensearch"    // 2
)

// Their next versions, which want a Java of 21 or later. Debian 12 has none: they are for the few tests that look for differences.
const (
	Elasticsearch9 = "elasticsearch-9"
	OpenSearch3    = "opensearch-3"
)

// shared is the engines of this test binary. Tests have no other place that outlives one of them.
var shared = map[string]*share{
	Elasticsearch:  {product: elasticsearch8()},
	OpenSearch:     {product: opensearch2()},
	Elasticsearch9: {product: elasticsearch9()},
	OpenSearch3:    {product: opensearch3()},
}

type share struct {
	product product

	installed sync.Once
	home      home
	missing   error // why the engine cannot be had

	started sync.Once
	engine  *Engine
	failed  error // why it does not run
}

// install fetches the engine unless it is there.
func (s *share) install() error {
	s.installed.Do(func() { s.home, s.missing = s.product.install() })
	return s.missing
}

func (s *share) start() (*Engine, error) {
	s.started.Do(func() { s.engine, s.failed = startEngine(s.product, s.home) })
	return s.engine, s.failed
}

// Start returns the engine of that name. If it cannot be had on this host the test is skipped and says why; if neither Elasticsearch nor
// OpenSearch can be had, it fails.
func Start(t testing.TB, name string) *Engine {
	t.Helper()
	s := shared[name]
	if s == nil {
		t.Fatalf("there is no engine %q", name)
	}
	if err := s.install(); err != nil {
		for _, other := range []string{Elasticsearch, OpenSearch} {
			if shared[other].install() == nil {
				t.Skipf("%s %s cannot be had: %v", name, s.product.version, err)
			}
		}
		t.Fatalf("no engine can be had: %v", err)
	}
	e, err := s.start()
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// All runs f as a subtest on Elasticsearch and on OpenSearch.
func All(t *testing.T, f func(t *testing.T, e *Engine)) {
	t.Helper()
	on(t, f, Elasticsearch, OpenSearch)
}

// Every runs f as a subtest also on the next versions.
func Every(t *testing.T, f func(t *testing.T, e *Engine)) {
	t.Helper()
	on(t, f, Elasticsearch, OpenSearch, Elasticsearch9, OpenSearch3)
}

func on(t *testing.T, f func(t *testing.T, e *Engine), names ...string) {
	t.Helper()
	for _, name := range names {
		t.Run(name, func(t *testing.T) { f(t, Start(t, name)) })
	}
}

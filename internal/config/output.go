// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"net"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"
)

// Output configures where events go and how they look.
type Output struct {
	To            Destination   `yaml:"to"`     // default: stdout
	Format        Format        `yaml:"format"` // default: auto
	Rotate        Rotate        `yaml:"rotate"`
	DataStream    DataStream    `yaml:"data_stream"`
	Elasticsearch Elasticsearch `yaml:"elasticsearch"`
}

// Rotate says when a file of events gives way to a new one. Whatever comes first counts; nothing does by default.
type Rotate struct {
	Bytes Size          `yaml:"bytes"` // default 0: however large
	Age   time.Duration `yaml:"age"`   // default 0: however old
	Keep  int           `yaml:"keep"`  // how many old ones stay; default 5
}

// DataStream names the Elasticsearch data streams of the events: logs-PREFIX.CATEGORY-NAMESPACE.
type DataStream struct {
	Namespace     string `yaml:"namespace"`      // default: default
	DatasetPrefix string `yaml:"dataset_prefix"` // default: sensor
}

// Elasticsearch says how to reach the search engine: Elasticsearch or OpenSearch. Secrets are in files or in the
// environment, never here.
type Elasticsearch struct {
	Hosts           []string      `yaml:"hosts"`            // URLs; default: none
	APIKeyFile      string        `yaml:"api_key_file"`     // default "": $SENSOR_API_KEY
	Username        string        `yaml:"username"`         // default: none
	PasswordFile    string        `yaml:"password_file"`    // default "": $SENSOR_PASSWORD
	CAFile          string        `yaml:"ca_file"`          // default "": the host's own
	CertificateFile string        `yaml:"certificate_file"` // of the client; default: none
	KeyFile         string        `yaml:"key_file"`         // of that certificate
	Workers         int           `yaml:"workers"`          // requests at a time; default 2
	Bulk            Bulk          `yaml:"bulk"`
	Timeout         time.Duration `yaml:"timeout"`     // of one request; default 90 s
	DeadLetter      string        `yaml:"dead_letter"` // file of what the engine refuses; default /var/lib/sensor/rejected.ndjson
}

// Bulk bounds one request; whichever limit is met first counts.
type Bulk struct {
	Events int           `yaml:"events"` // default 2048
	Bytes  Size          `yaml:"bytes"`  // before compression; default 5 MiB
	Linger time.Duration `yaml:"linger"` // how long it waits to be filled; default 1 s
}

// Spool configures what is kept until the search engine has it.
type Spool struct {
	Path     string        `yaml:"path"`      // directory; "": in memory alone; default /var/lib/sensor/spool
	MaxBytes Size          `yaml:"max_bytes"` // default 1 GiB
	MaxAge   time.Duration `yaml:"max_age"`   // default 168 h
	Sync     Sync          `yaml:"sync"`      // default: interval
	Full     Full          `yaml:"full"`      // default: oldest
}

// Keep says for how long the search engine keeps events, and how: `sensor setup` installs it. An age of 0 leaves its
// phase out.
type Keep struct {
	By         Keeper        `yaml:"by"` // default: phases
	Rollover   Rollover      `yaml:"rollover"`
	Warm       time.Duration `yaml:"warm"`       // since the rollover; default 7 d
	Cold       time.Duration `yaml:"cold"`       // default 30 d
	Frozen     time.Duration `yaml:"frozen"`     // default 60 d; needs the repository
	Delete     time.Duration `yaml:"delete"`     // default 90 d
	Repository string        `yaml:"repository"` // of snapshots; default: none
}

// Rollover says when an index gives way to a new one; whichever is met first counts.
type Rollover struct {
	Bytes Size          `yaml:"bytes"` // of a primary shard; default 50 GiB
	Age   time.Duration `yaml:"age"`   // default 7 d
}

// Keeper is who in the search engine keeps events for their time.
type Keeper string

// The keepers.
const (
	KeepByPhases     Keeper = "phases"      // index lifecycle management, or index state management in OpenSearch
	KeepByDataStream Keeper = "data_stream" // the lifecycle of data streams, which knows keep.delete alone
	KeepForEver      Keeper = "none"
)

// UnmarshalText accepts phases, data_stream and none.
func (k *Keeper) UnmarshalText(text []byte) error {
	return choose(k, text, "keeper", KeepByPhases, KeepByDataStream, KeepForEver)
}

const day = 24 * time.Hour

// Metrics configures what the sensor tells of itself.
type Metrics struct {
	Listen   string        `yaml:"listen"`   // address of /metrics; default: none
	Interval time.Duration `yaml:"interval"` // between two metric events; 0: none; default 60 s
}

func defaultOutput() Output {
	return Output{
		To:         Stdout,
		Format:     FormatAuto,
		Rotate:     Rotate{Keep: 5},
		DataStream: DataStream{Namespace: "default", DatasetPrefix: "sensor"},
		Elasticsearch: Elasticsearch{
			Hosts: []string{}, Workers: 2,
			Bulk:    Bulk{Events: 2048, Bytes: 5 * MiB, Linger: time.Second},
			Timeout: 90 * time.Second, DeadLetter: "/var/lib/sensor/rejected.ndjson",
		},
	}
}

// Sync is when what is spooled is forced to the disk.
type Sync string

// The policies.
const (
	SyncNever    Sync = "never"    // when the kernel likes
	SyncInterval Sync = "interval" // once a second
	SyncBatch    Sync = "batch"    // before a batch counts as taken
)

// UnmarshalText accepts never, interval and batch.
func (s *Sync) UnmarshalText(text []byte) error {
	return choose(s, text, "sync policy", SyncNever, SyncInterval, SyncBatch)
}

// Full is what goes when the spool is full.
type Full string

// What goes. Critical kinds go last in both.
const (
	FullOldest Full = "oldest"
	FullNewest Full = "newest"
)

// UnmarshalText accepts oldest and newest.
func (f *Full) UnmarshalText(text []byte) error {
	return choose(f, text, "choice of what goes", FullOldest, FullNewest)
}

// Address is where to listen: of a port alone, on this host's loopback.
func (m Metrics) Address() string {
	if port, ok := strings.CutPrefix(m.Listen, ":"); ok {
		return net.JoinHostPort("localhost", port)
	}
	return m.Listen
}

func (k *checker) output(o Output) {
	k.dataStream(o.DataStream)
	between(k, "output.rotate.bytes", o.Rotate.Bytes, 0, 1024*GiB)
	between(k, "output.rotate.age", o.Rotate.Age, 0, 366*day)
	between(k, "output.rotate.keep", o.Rotate.Keep, 1, 10_000)
	if o.Rotate.Bytes != 0 && o.Rotate.Bytes < 4*KiB {
		k.report("output.rotate.bytes", "%v is less than one event may take (want 0 or at least 4KiB)", o.Rotate.Bytes)
	}
	if o.Rotate.Age != 0 && o.Rotate.Age < time.Second {
		k.report("output.rotate.age", "%v is too short (want 0s or at least 1s)", o.Rotate.Age)
	}
	k.elasticsearch(o.Elasticsearch)
	if o.To == ToElasticsearch {
		if len(o.Elasticsearch.Hosts) == 0 {
			k.report("output.elasticsearch.hosts", "no host (output.to is %s)", ToElasticsearch)
		}
		if o.Format == FormatText {
			k.report("output.format", "%s is not for %s", FormatText, ToElasticsearch)
		}
	}
}

func (k *checker) elasticsearch(e Elasticsearch) {
	const at = "output.elasticsearch."
	k.twice(at+"hosts", e.Hosts)
	for i, host := range e.Hosts {
		k.endpoint(fmt.Sprintf("%shosts[%d]", at, i), host)
	}
	for _, file := range []struct{ key, name string }{
		{"api_key_file", e.APIKeyFile}, {"password_file", e.PasswordFile}, {"ca_file", e.CAFile},
		{"certificate_file", e.CertificateFile}, {"key_file", e.KeyFile}, {"dead_letter", e.DeadLetter},
	} {
		if file.name != "" {
			k.file(at+file.key, file.name)
		}
	}
	if e.DeadLetter == "" {
		k.report(at+"dead_letter", "the name is empty")
	}
	if (e.CertificateFile == "") != (e.KeyFile == "") {
		k.report(at+"certificate_file", "certificate_file and key_file go together")
	}
	if e.PasswordFile != "" && e.Username == "" {
		k.report(at+"username", "a password without a name")
	}
	if e.APIKeyFile != "" && e.Username != "" {
		k.report(at+"username", "either a name and a password or an API key")
	}
	between(k, at+"workers", e.Workers, 1, 64)
	between(k, at+"bulk.events", e.Bulk.Events, 1, 1<<16)
	between(k, at+"bulk.bytes", e.Bulk.Bytes, 64*KiB, 100*MiB)
	between(k, at+"bulk.linger", e.Bulk.Linger, 0, time.Minute)
	between(k, at+"timeout", e.Timeout, time.Second, time.Hour)
}

// endpoint holds a host to a URL without secrets.
func (k *checker) endpoint(key, text string) {
	u, err := url.Parse(text)
	switch {
	case err != nil: // its text may hold a password
		k.report(key, "not a URL (want e.g. https://host:9200)")
	case u.User != nil:
		k.report(key, "a name or a password in a URL would be seen by others; use username and password_file")
	case !slices.Contains([]string{"http", "https"}, u.Scheme) || u.Hostname() == "":
		k.report(key, "%s is not the URL of a host (want e.g. https://host:9200)", quote(text))
	case u.RawQuery != "" || u.Fragment != "":
		k.report(key, "%s has more than a host and a path", quote(text))
	}
}

func (k *checker) spool(s Spool) {
	if s.Path != "" {
		k.file("spool.path", s.Path)
		if path.Clean(s.Path) == "/" {
			k.report("spool.path", "a directory of its own is needed")
		}
	}
	between(k, "spool.max_bytes", s.MaxBytes, 8*MiB, 16*1024*GiB)
	between(k, "spool.max_age", s.MaxAge, time.Minute, 10*366*day)
}

func (k *checker) keep(c Keep) {
	for _, age := range []struct {
		key string
		age time.Duration
	}{{"rollover.age", c.Rollover.Age}, {"warm", c.Warm}, {"cold", c.Cold}, {"frozen", c.Frozen}, {"delete", c.Delete}} {
		between(k, "keep."+age.key, age.age, 0, 100*366*day)
		if age.age%time.Second != 0 {
			k.report("keep."+age.key, "%v is not whole seconds", age.age)
		}
	}
	between(k, "keep.rollover.bytes", c.Rollover.Bytes, 0, 1024*GiB)
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

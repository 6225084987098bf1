// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"net/url"
	"slices"
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
	k.hosts(at+"hosts", e.Hosts)
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

// hosts holds each to a URL without secrets. What is wrong may hold one, and is not shown.
func (k *checker) hosts(key string, hosts []string) {
	seen := map[string]bool{}
	for i, text := range hosts {
		at := fmt.Sprintf("%s[%d]", key, i)
		u, err := url.Parse(text)
		switch {
		case err != nil, !slices.Contains([]string{"http", "https"}, u.Scheme) || u.Hostname() == "":
			k.report(at, "not the URL of a host (want e.g. https://host:9200)")
		case u.User != nil:
			k.report(at, "a name or a password in a URL would be seen by others; use username and password_file")
		case u.RawQuery != "" || u.Fragment != "":
			k.report(at, "there is more than a host and a path")
		case seen[text]:
			k.report(at, "%s is listed twice", quote(text))
		}
		seen[text] = true
	}
}

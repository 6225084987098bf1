// SPDX-License-Identifier: Apache-2.0

package config

import (
	"strings"
	"time"
)

const day = 24 * time.Hour

// Retention says for how long the search engine keeps events, and how: `sensor setup` installs it. An age of 0 leaves its
// phase out.
type Retention struct {
	By         Lifecycle     `yaml:"by"` // default: phases
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

// Lifecycle is who in the search engine keeps events for their time.
type Lifecycle string

// The lifecycles.
const (
	LifecyclePhases     Lifecycle = "phases"      // index lifecycle management, or index state management in OpenSearch
	LifecycleDataStream Lifecycle = "data_stream" // the lifecycle of data streams, which knows retention.delete alone
	LifecycleNone       Lifecycle = "none"
)

// UnmarshalText accepts phases, data_stream and none.
func (l *Lifecycle) UnmarshalText(text []byte) error {
	return choose(l, text, "lifecycle", LifecyclePhases, LifecycleDataStream, LifecycleNone)
}

func defaultRetention() Retention {
	return Retention{
		By: LifecyclePhases, Rollover: Rollover{Bytes: 50 * GiB, Age: 7 * day},
		Warm: 7 * day, Cold: 30 * day, Frozen: 60 * day, Delete: 90 * day,
	}
}

func (k *checker) retention(c Retention) {
	for _, age := range []struct {
		key string
		age time.Duration
	}{{"rollover.age", c.Rollover.Age}, {"warm", c.Warm}, {"cold", c.Cold}, {"frozen", c.Frozen}, {"delete", c.Delete}} {
		between(k, "retention."+age.key, age.age, 0, 100*366*day)
		if age.age%time.Second != 0 {
			k.report("retention."+age.key, "%v is not whole seconds", age.age)
		}
	}
	between(k, "retention.rollover.bytes", c.Rollover.Bytes, 0, 1024*GiB)
	if c.Rollover.Bytes%MiB != 0 {
		k.report("retention.rollover.bytes", "%v is not whole MiB", c.Rollover.Bytes)
	}
	if strings.ContainsAny(c.Repository, " ,\"*\\<|>/?#") {
		k.report("retention.repository", "%s is not the name of a repository", quote(c.Repository))
	}
	if c.By == LifecyclePhases {
		k.phases(c)
	}
}

// phases begin one after the other, and after a rollover.
func (k *checker) phases(c Retention) {
	if c.Rollover.Bytes == 0 && c.Rollover.Age == 0 {
		k.report("retention.rollover", "without bytes and age no phase ever begins")
	}
	if c.Repository == "" {
		c.Frozen = 0 // it is left out
	}
	var before string
	var last time.Duration
	for _, phase := range []struct {
		key   string
		begin time.Duration
	}{{"warm", c.Warm}, {"cold", c.Cold}, {"frozen", c.Frozen}, {"delete", c.Delete}} {
		if phase.begin <= 0 {
			continue
		}
		if phase.begin <= last {
			k.report("retention."+phase.key, "%v is not later than %s, which is %v", phase.begin, before, last)
		}
		before, last = phase.key, phase.begin
	}
}

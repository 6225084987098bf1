// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"
	"testing"
	"time"

	"sensor/internal/config"
	"sensor/internal/export/setup"
)

// TestRetentionOnce: what the configuration takes, setup takes, and what setup refuses, the configuration has refused with
// file and line. The limits of ages and sizes are the configuration's alone.
func TestRetentionOnce(t *testing.T) {
	const day = 24 * time.Hour
	target, err := namedTarget("elasticsearch-9.1")
	if err != nil {
		t.Fatal(err)
	}
	phases := []config.Lifecycle{config.LifecyclePhases}
	all := []config.Lifecycle{config.LifecyclePhases, config.LifecycleDataStream, config.LifecycleNone}
	for name, test := range map[string]struct {
		change  func(*config.Retention)
		refused []config.Lifecycle
	}{
		"the default":                 {func(*config.Retention) {}, nil},
		"no phase":                    {func(r *config.Retention) { r.Warm, r.Cold, r.Frozen, r.Delete = 0, 0, 0, 0 }, nil},
		"warm before the rollover":    {func(r *config.Retention) { r.Warm = time.Second }, nil},
		"cold with warm":              {func(r *config.Retention) { r.Cold = r.Warm }, phases},
		"delete before cold":          {func(r *config.Retention) { r.Delete = 20 * day }, phases},
		"delete before a cold of 0":   {func(r *config.Retention) { r.Cold, r.Frozen, r.Delete = 0, 0, 20*day }, nil},
		"frozen early, no repository": {func(r *config.Retention) { r.Frozen = day }, nil},
		"frozen early":                {func(r *config.Retention) { r.Frozen, r.Repository = day, "backup" }, phases},
		"no rollover":                 {func(r *config.Retention) { r.Rollover = config.Rollover{} }, phases},
		"rollover by size alone":      {func(r *config.Retention) { r.Rollover.Age = 0 }, nil},
		"half a MiB":                  {func(r *config.Retention) { r.Rollover.Bytes = config.MiB / 2 }, all},
		"half a second of rollover":   {func(r *config.Retention) { r.Rollover.Age = time.Second / 2 }, all},
		"half a second of warm":       {func(r *config.Retention) { r.Warm = time.Second / 2 }, all},
		"a negative age":              {func(r *config.Retention) { r.Delete = -day }, all},
		"a name of a repository":      {func(r *config.Retention) { r.Repository = "back-up_1.a" }, nil},
		"no name of a repository":     {func(r *config.Retention) { r.Repository = "a/b" }, all},
	} {
		for _, by := range all {
			t.Run(name+" by "+string(by), func(t *testing.T) {
				settings := schema().Default()
				settings.Retention.By = by
				test.change(&settings.Retention)
				_, fault := setup.Plan(target, setup.Options{DatasetPrefix: "sensor", Lifecycle: lifecycle(settings.Retention)})
				want := slices.Contains(test.refused, by)
				if err := schema().Check(settings); (err != nil) != want || (fault != nil) != want {
					t.Errorf("want a refusal: %t; configuration: %v; setup: %v", want, err, fault)
				}
			})
		}
	}
}

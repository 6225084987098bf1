// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"fmt"

	"sensor/internal/export/engine"
)

// Target is the engine that resources are made for, and what it has.
type Target struct {
	engine.Info

	Policies  bool // keeps data by phases: ILM, or ISM in OpenSearch
	Retention bool // keeps data by data stream lifecycle
	LogsDB    bool // index.mode: logsdb

	// Types of fields.
	Wildcard      bool
	MatchOnlyText bool
}

// NewTarget says what a whole distribution of the product and version has. [Look] takes away what an
// engine lacks of it. It fails for versions that are not supported.
func NewTarget(info engine.Info) (Target, error) {
	t := Target{Info: info, Wildcard: true, MatchOnlyText: true, Policies: !info.Serverless}
	switch {
	case info.Product == engine.Elasticsearch && info.AtLeast(8, 0):
		t.Retention = info.AtLeast(8, 14)
		t.LogsDB = info.AtLeast(8, 17)
	case info.Product == engine.OpenSearch && info.AtLeast(2, 15):
	default:
		return t, fmt.Errorf("engine is %s: want elasticsearch 8.0 or opensearch 2.15, or later", info)
	}
	return t, nil
}

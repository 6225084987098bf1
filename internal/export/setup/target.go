// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"fmt"
	"strconv"
	"strings"
)

// The products.
const (
	Elasticsearch = "elasticsearch"
	OpenSearch    = "opensearch"
	Serverless    = "serverless" // Elastic's, which has no versions
)

// Target is the engine that resources are made for, and what it has.
type Target struct {
	Product string
	Version string

	Policies  bool // keeps data by phases: ILM, or ISM in OpenSearch
	Retention bool // keeps data by data stream lifecycle
	LogsDB    bool // index.mode: logsdb
	Wildcard  bool // the type of fields
}

// NewTarget says what a whole distribution of the product and version has. [Look] takes away what an
// engine lacks of it. It fails for versions that are not supported.
func NewTarget(product, version string) (Target, error) {
	t := Target{Product: product, Version: version}
	if product == Serverless {
		t.Retention, t.LogsDB, t.Wildcard = true, true, true
		return t, nil
	}
	major, minor, err := parseVersion(version)
	if err != nil {
		return t, err
	}
	since := func(wantMajor, wantMinor int) bool {
		return major > wantMajor || major == wantMajor && minor >= wantMinor
	}
	switch product {
	case Elasticsearch:
		if !since(8, 0) {
			return t, fmt.Errorf("%s %s: want 8.0 or later", product, version)
		}
		t.Policies, t.Wildcard = true, true
		t.Retention = since(8, 14)
		t.LogsDB = since(8, 17)
	case OpenSearch:
		if !since(2, 15) {
			return t, fmt.Errorf("%s %s: want 2.15 or later", product, version)
		}
		t.Policies, t.Wildcard = true, true
	default:
		return t, fmt.Errorf("product %q: want %s, %s or %s", product, Elasticsearch, OpenSearch, Serverless)
	}
	return t, nil
}

func parseVersion(version string) (major, minor int, err error) {
	parts := strings.SplitN(version, ".", 3)
	if len(parts) >= 2 {
		major, err = strconv.Atoi(parts[0])
		if err == nil {
			minor, err = strconv.Atoi(parts[1])
		}
	}
	if len(parts) < 2 || err != nil {
		return 0, 0, fmt.Errorf("version %q: want one such as 8.14.1", version)
	}
	return major, minor, nil
}

// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// Product is the engine's make.
type Product string

// The products that are known.
const (
	ProductUnknown Product = ""
	Elasticsearch  Product = "elasticsearch"
	OpenSearch     Product = "opensearch"
)

// Info is what an engine says of itself.
type Info struct {
	Product    Product
	Version    string // 8.14.3; "" if the credentials do not let us ask
	Serverless bool   // Elastic Cloud Serverless: its version says nothing
	Cluster    string // its name
}

func (i Info) String() string {
	product := string(i.Product)
	if product == "" {
		product = "unknown engine"
	}
	switch {
	case i.Serverless:
		return product + " serverless"
	case i.Version == "":
		return product + " of an unknown version"
	}
	return product + " " + i.Version
}

// AtLeast reports whether the engine has this version or a later one. Serverless has all; an unknown version has none.
func (i Info) AtLeast(major, minor int) bool {
	if i.Serverless {
		return true
	}
	first, rest, _ := strings.Cut(i.Version, ".")
	second, _, _ := strings.Cut(rest, ".")
	gotMajor, err := strconv.Atoi(first)
	if err != nil {
		return false
	}
	gotMinor, err := strconv.Atoi(second)
	return err == nil && (gotMajor > major || gotMajor == major && gotMinor >= minor)
}

// mostInfo bounds what an engine can say of itself.
const mostInfo = 1 << 20

// Info asks the engine what it is. Where the credentials do not let us ask (403), the answer still tells the product.
// err is an [*AnswerError] if the engine answers otherwise.
func (c *Client) Info(ctx context.Context) (Info, error) {
	response, err := c.DoWithin(ctx, mostInfo, http.MethodGet, "/", nil, nil)
	if err != nil {
		return Info{}, fmt.Errorf("ask what the search engine is: %w", err)
	}
	switch response.Status {
	case http.StatusOK:
		info, err := parseInfo(response)
		if err != nil {
			return Info{}, fmt.Errorf("ask what the search engine is: ask %s: %w", response.Host, err)
		}
		return info, nil
	case http.StatusForbidden:
		if isElastic(response) {
			return Info{Product: Elasticsearch}, nil
		}
		return c.infoOfSecurity(ctx)
	}
	return Info{}, fmt.Errorf("ask what the search engine is: %w", NewAnswerError(response))
}

// isElastic: every answer of Elasticsearch has this header since 7.14.
func isElastic(response *Response) bool {
	return strings.EqualFold(response.Header.Get("X-Elastic-Product"), "elasticsearch")
}

// infoOfSecurity asks OpenSearch's security plug-in for its health, which anybody may know.
func (c *Client) infoOfSecurity(ctx context.Context) (Info, error) {
	response, err := c.DoWithin(ctx, mostInfo, http.MethodGet, "/_plugins/_security/health", nil, nil)
	if err != nil {
		return Info{}, fmt.Errorf("ask what the search engine is: %w", err)
	}
	var health struct {
		Status string `json:"status"`
	}
	if response.Status == http.StatusOK && json.Unmarshal(response.Body, &health) == nil && health.Status != "" {
		return Info{Product: OpenSearch}, nil
	}
	return Info{}, nil
}

func parseInfo(response *Response) (Info, error) {
	var root struct {
		Cluster string `json:"cluster_name"`
		Tagline string `json:"tagline"`
		Version struct {
			Number       string `json:"number"`
			Distribution string `json:"distribution"`
			Flavor       string `json:"build_flavor"`
		} `json:"version"`
	}
	if err := json.Unmarshal(response.Body, &root); err != nil {
		return Info{}, fmt.Errorf("the answer is not that of a search engine: %w", err)
	}
	info := Info{Version: response.Redact(root.Version.Number), Cluster: response.Redact(root.Cluster), Serverless: root.Version.Flavor == "serverless"}
	switch {
	// The tag line stays where OpenSearch calls itself 7.10.2 for old clients.
	case root.Version.Distribution == "opensearch", strings.Contains(root.Tagline, "OpenSearch"):
		info.Product = OpenSearch
	case isElastic(response), root.Tagline == "You Know, for Search":
		info.Product = Elasticsearch
	}
	if info.Version == "" {
		return Info{}, fmt.Errorf("the answer is not that of a search engine: it names no version")
	}
	return info, nil
}

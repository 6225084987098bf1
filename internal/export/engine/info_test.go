// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestInfo(t *testing.T) {
	const elastic = `{"name":"n","cluster_name":"c","version":{"number":%q,"build_flavor":%q},"tagline":"You Know, for Search"}`
	const forbidden = `{"error":{"type":"security_exception","reason":"no permissions for [cluster:monitor/main]"},"status":403}`
	for name, test := range map[string]struct {
		status  int
		header  bool // X-Elastic-Product
		body    string
		health  string // of OpenSearch's security plug-in
		want    Info
		text    string
		wantErr string
	}{
		"Elasticsearch 8":  {200, true, fmt.Sprintf(elastic, "8.14.3", "default"), "", Info{Elasticsearch, "8.14.3", false, "c"}, "elasticsearch 8.14.3", ""},
		"Elasticsearch 9":  {200, true, fmt.Sprintf(elastic, "9.1.0", "default"), "", Info{Elasticsearch, "9.1.0", false, "c"}, "elasticsearch 9.1.0", ""},
		"header was cut":   {200, false, fmt.Sprintf(elastic, "8.14.3", "default"), "", Info{Elasticsearch, "8.14.3", false, "c"}, "elasticsearch 8.14.3", ""},
		"serverless":       {200, true, fmt.Sprintf(elastic, "8.11.0", "serverless"), "", Info{Elasticsearch, "8.11.0", true, "c"}, "elasticsearch serverless", ""},
		"OpenSearch 2":     {200, false, `{"cluster_name":"c","version":{"distribution":"opensearch","number":"2.19.1"},"tagline":"The OpenSearch Project: https://opensearch.org/"}`, "", Info{OpenSearch, "2.19.1", false, "c"}, "opensearch 2.19.1", ""},
		"OpenSearch 3":     {200, false, `{"cluster_name":"c","version":{"distribution":"opensearch","number":"3.0.0-beta1"}}`, "", Info{OpenSearch, "3.0.0-beta1", false, "c"}, "opensearch 3.0.0-beta1", ""},
		"OpenSearch, aged": {200, false, `{"cluster_name":"c","version":{"number":"7.10.2"},"tagline":"The OpenSearch Project: https://opensearch.org/"}`, "", Info{OpenSearch, "7.10.2", false, "c"}, "opensearch 7.10.2", ""},
		"something else":   {200, false, `{"version":{"number":"1.0"}}`, "", Info{"", "1.0", false, ""}, "unknown engine 1.0", ""},

		"Elasticsearch, forbidden": {403, true, forbidden, "", Info{Product: Elasticsearch}, "elasticsearch of an unknown version", ""},
		"OpenSearch, forbidden":    {403, false, forbidden, `{"message":null,"mode":"strict","status":"UP"}`, Info{Product: OpenSearch}, "opensearch of an unknown version", ""},
		"somebody, forbidden":      {403, false, "<html>", "<html>", Info{}, "unknown engine of an unknown version", ""},

		"unauthorized": {401, true, `{"error":{"type":"security_exception","reason":"unable to authenticate"},"status":401}`, "", Info{}, "", "401 Unauthorized: security_exception: unable to authenticate"},
		"unavailable":  {503, false, `OpenSearch Security not initialized.`, "", Info{}, "", "503 Service Unavailable"},
		"page":         {200, false, "<html>", "", Info{}, "", "not that of a search engine"},
		"other JSON":   {200, false, `{"status":"ok"}`, "", Info{}, "", "it names no version"},
		"null":         {200, false, `null`, "", Info{}, "", "it names no version"},
	} {
		t.Run(name, func(t *testing.T) {
			server := serve(t, func(w http.ResponseWriter, r *http.Request) {
				switch r.URL.Path {
				case "/":
					if test.header {
						w.Header().Set("X-Elastic-Product", "Elasticsearch")
					}
					w.WriteHeader(test.status)
					io.WriteString(w, test.body)
				case "/_plugins/_security/health":
					io.WriteString(w, test.health)
				}
			})
			c, _ := open(t, Options{Hosts: []string{server.URL}, APIKey: secret})
			info, err := c.Info(t.Context())
			if test.wantErr != "" {
				var answer *AnswerError
				if err == nil || !strings.Contains(err.Error(), test.wantErr) || !strings.Contains(err.Error(), server.URL) || test.status != 200 && (!errors.As(err, &answer) || answer.Status != test.status) {
					t.Errorf("got %v, %v", info, err)
				}
				return
			}
			if err != nil || info != test.want || info.String() != test.text {
				t.Errorf("got %+v (%s), %v; want %+v", info, info, err, test.want)
			}
		})
	}
}

func TestAtLeast(t *testing.T) {
	for _, test := range []struct {
		info         Info
		major, minor int
		want         bool
	}{
		{Info{Version: "8.14.3"}, 8, 14, true}, {Info{Version: "8.14.3"}, 8, 15, false}, {Info{Version: "8.14.3"}, 9, 0, false}, {Info{Version: "8.14.3"}, 7, 99, true},
		{Info{Version: "9.0"}, 8, 17, true}, {Info{Version: "10.0.0"}, 9, 9, true}, {Info{Version: "3.0.0-beta1"}, 3, 0, true},
		{Info{}, 0, 0, false}, {Info{Version: "8"}, 8, 0, false}, {Info{Version: "x.y"}, 0, 0, false}, {Info{Version: "8.11.0", Serverless: true}, 9, 3, true},
	} {
		if got := test.info.AtLeast(test.major, test.minor); got != test.want {
			t.Errorf("%s at least %d.%d: got %v", test.info, test.major, test.minor, got)
		}
	}
}

// What an answer has in it is told only as far as it is an engine's.
func TestAnswerError(t *testing.T) {
	long := strings.Repeat("x", 1000)
	for body, want := range map[string]string{
		`{"error":{"type":"a","reason":"b"},"status":400}`: "400 Bad Request: a: b",
		`{"error":{"type":"a"}}`:                           "400 Bad Request: a",
		`{"error":"b"}`:                                    "400 Bad Request: b",
		`{"error":[1]}`:                                    "400 Bad Request",
		`{"error":{"type":"a","reason":"b","caused_by":{"type":"c","reason":"d","caused_by":{"type":"e"}}}}`: "400 Bad Request: a: b: d: e",
		`{"error":{"type":"a","caused_by":{"reason":"b"}}}`:                                                  "400 Bad Request: a: b",
		`{"error":"b\n\tc"}`:                             "400 Bad Request: b c",
		`{"error":"x` + strings.Repeat("é", 1000) + `"}`: "400 Bad Request: x" + strings.Repeat("é", 255) + "...",
		`{"error":{"reason":"` + long + `"}}`:            "400 Bad Request: " + long[:512] + "...",
		`{}`:                                             "400 Bad Request",
		`null`:                                           "400 Bad Request",
		`<html>` + long:                                  "400 Bad Request",
		``:                                               "400 Bad Request",
	} {
		err := NewAnswerError(&Response{Host: "http://a", Status: 400, Body: []byte(body)})
		if got := err.Error(); got != "ask http://a: it answers "+want {
			t.Errorf("%.60s: got %q", body, got)
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// Whoever answers with the credentials in it, in whatever form, does not have them told.
func TestEchoedSecret(t *testing.T) {
	leavesNothing(t)
	const word = `pass "word"/1`
	encode := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	for name, test := range map[string]struct {
		options Options
		forms   []string
	}{
		"encoded key": {Options{APIKey: encode("id:" + word)}, []string{"ApiKey " + encode("id:"+word), encode("id:" + word), "id:" + word, word, encode(word)}},
		"key with id": {Options{APIKey: "id:word"}, []string{encode("id:word"), "id:word", encode("word")}},
		"opaque key":  {Options{APIKey: "not_base64!"}, []string{"ApiKey not_base64!", "not_base64!"}},
		"user":        {Options{Username: "u", Password: word}, []string{"Basic " + encode("u:"+word), encode("u:" + word), word, encode(word)}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, form := range test.forms {
				text, err := json.Marshal("before " + form + " after")
				if err != nil {
					t.Fatal(err)
				}
				cause := fmt.Sprintf(`{"type":%s,"reason":%s}`, text, text)
				server := serve(t, func(w http.ResponseWriter, r *http.Request) {
					w.WriteHeader(http.StatusBadRequest)
					fmt.Fprintf(w, `{"error":{"type":%s,"reason":%s,"caused_by":%s}}`, text, text, cause)
				})
				test.options.Hosts = []string{server.URL}
				c, _ := open(t, test.options)
				response := asks(t, c)
				told := NewAnswerError(response).Error()
				for _, told := range []string{told, response.Redact(form)} {
					if strings.Contains(told, strings.TrimRight(form, "=")) || !strings.Contains(told, "***") {
						t.Errorf("%q is told: %s", form, told)
					}
				}
				if !strings.Contains(told, "before *** after") && !strings.Contains(told, "before ***= after") && !strings.Contains(told, "before ***== after") {
					t.Errorf("got %s", told)
				}
			}
		})
	}
}

// What is no HTTP is quoted by net/http.
func TestEchoedLine(t *testing.T) {
	leavesNothing(t)
	address := serveRaw(t, func(conn net.Conn) {
		if _, err := http.ReadRequest(bufio.NewReader(conn)); err != nil {
			t.Error(err)
		}
		io.WriteString(conn, "ApiKey "+secret+"\r\n\r\n")
	})
	c, _ := open(t, Options{Hosts: []string{"http://" + address}, APIKey: secret})
	fails(t, c, "***")
}

// An engine that calls itself by our secret does not have it shown.
func TestEchoedName(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"cluster_name":%q,"version":{"number":%q}}`, r.Header.Get("Authorization"), r.Header.Get("Authorization"))
	})
	c, _ := open(t, Options{Hosts: []string{server.URL}, APIKey: secret})
	info, err := c.Info(t.Context())
	if err != nil || info.Cluster != "***" || info.Version != "***" {
		t.Errorf("got %+v, %v", info, err)
	}
}

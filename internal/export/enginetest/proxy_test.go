// SPDX-License-Identifier: Apache-2.0

package enginetest

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// backend is an engine that remembers the ids that it was given.
type backend struct {
	*httptest.Server
	ids     chan string
	headers chan http.Header
}

func newBackend(t *testing.T) *backend {
	b := &backend{ids: make(chan string, 100), headers: make(chan http.Header, 100)}
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		body, err := plain(r.Header.Get("Content-Encoding"), body)
		if err != nil {
			t.Error(err)
		}
		actions, err := parseActions(body, "x")
		if err != nil {
			t.Error(err)
		}
		b.headers <- r.Header
		var items []string
		for _, a := range actions {
			b.ids <- a.ID
			items = append(items, fmt.Sprintf(`{"create":{"_id":%q,"status":201}}`, a.ID))
		}
		w.Header().Set("X-Elastic-Product", "Elasticsearch")
		fmt.Fprintf(w, `{"errors":false,"items":[%s]}`, strings.Join(items, ","))
	}))
	t.Cleanup(b.Server.Close)
	return b
}

// got returns the ids since the last call.
func (b *backend) got() []string {
	var list []string
	for {
		select {
		case id := <-b.ids:
			list = append(list, id)
		default:
			return list
		}
	}
}

func bulkBody(ids ...string) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	for _, id := range ids {
		fmt.Fprintf(z, `{"create":{"_id":%q}}`+"\n{}\n", id)
	}
	_ = z.Close()
	return b.Bytes()
}

// send posts a compressed bulk request with four documents and returns the answer.
func send(ctx context.Context, client *http.Client, url string, header ...string) (*http.Response, string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/logs-x/_bulk", bytes.NewReader(bulkBody("1", "2", "3", "4")))
	if err != nil {
		return nil, "", err
	}
	r.Header.Set("Content-Encoding", "gzip")
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	response, err := client.Do(r)
	if err != nil {
		return nil, "", err
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	return response, string(b), err
}

// fresh takes a new connection for each request: Go repeats, or fails, what meets the end of a used one.
var fresh = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

var all = []string{"1", "2", "3", "4"}

func TestFaults(t *testing.T) {
	b := newBackend(t)
	p := NewProxy(t, b.URL+"/")
	isReset := func(err error) bool { return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, io.EOF) }
	for _, tc := range []struct {
		name   string
		fault  Fault
		status int              // 0: there is an error
		err    func(error) bool // that it has to be
		body   string           // in the answer
		taken  []string         // by the engine
	}{
		{"reset", Reset(), 0, isReset, "", nil},
		{"lost answer", LoseAnswer(), 0, isReset, "", all},
		{"cut answer", CutAnswer(), 200, func(err error) bool { return errors.Is(err, io.ErrUnexpectedEOF) }, `{"errors":false,`, all},
		{"slow", Slow(time.Millisecond), 200, nil, `"errors":false`, all},
		{"503", Status(503), 503, nil, `unavailable_shards_exception`, nil},
		{"413", TooLarge(10), 413, nil, ``, nil},
		{"not too large", TooLarge(1000), 200, nil, `"errors":false`, all},
		{"garbage", Garbage(), 200, nil, `<html>`, nil},
		{"half", RejectEverySecond(429), 200, nil, `"errors":true`, []string{"2", "4"}},
		{"none", Reject(503, func(int, Action) bool { return true }), 200, nil, `"errors":true`, nil},
		{"one", Reject(400, func(_ int, a Action) bool { return a.ID == "3" }), 200, nil, `document_parsing_exception`, []string{"1", "2", "4"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p.FailNext(1, tc.fault)
			response, body, err := send(t.Context(), fresh, p.URL)
			switch {
			case tc.status == 0 && (err == nil || !tc.err(err)):
				t.Errorf("error is %v", err)
			case tc.status != 0 && tc.err == nil && err != nil:
				t.Error(err)
			case tc.status != 0 && (response == nil || response.StatusCode != tc.status):
				t.Errorf("answer is %+v", response)
			case tc.err != nil && !tc.err(err):
				t.Errorf("error is %v", err)
			case !strings.Contains(body, tc.body):
				t.Errorf("answer is %s, want %s in it", body, tc.body)
			}
			if got := b.got(); !slices.Equal(got, tc.taken) {
				t.Errorf("the engine took %v, want %v", got, tc.taken)
			}
			if _, body, err := send(t.Context(), fresh, p.URL); err != nil || !strings.Contains(body, `"errors":false`) || !slices.Equal(b.got(), all) {
				t.Errorf("after it: %v %s", err, body)
			}
		})
	}
}

func TestRejectedItemsKeepTheirPlaces(t *testing.T) {
	p := NewProxy(t, newBackend(t).URL)
	p.Fail(RejectEverySecond(429))
	_, body, err := send(t.Context(), fresh, p.URL)
	if err != nil {
		t.Fatal(err)
	}
	var answer struct {
		Items []map[string]struct {
			Index  string `json:"_index"`
			ID     string `json:"_id"`
			Status int
			Error  struct{ Type string }
		}
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil || len(answer.Items) != 4 {
		t.Fatalf("%v: %s", err, body)
	}
	for i, item := range answer.Items {
		got := item["create"]
		if want := []int{429, 201}[i%2]; got.ID != all[i] || got.Status != want || want == 429 && (got.Index != "logs-x" || got.Error.Type != "es_rejected_execution_exception") {
			t.Errorf("item %d is %+v", i, got)
		}
	}
}

func TestHang(t *testing.T) {
	b := newBackend(t)
	p := NewProxy(t, b.URL)
	p.Fail(Hang())
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		_, _, err := send(ctx, fresh, p.URL)
		done <- err
	}()
	p.Await(t, func(c Counts) bool { return c.Faults == 1 })
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if got := b.got(); got != nil {
		t.Errorf("the engine took %v", got)
	}
	go func() {
		_, _, err := send(t.Context(), fresh, p.URL)
		done <- err
	}()
	p.Await(t, func(c Counts) bool { return c.Faults == 2 })
	p.Down(t)
	if err := <-done; err == nil {
		t.Error("the connection was not ended")
	}
}

func TestDownAndUp(t *testing.T) {
	p := NewProxy(t, newBackend(t).URL)
	if _, _, err := send(t.Context(), fresh, p.URL); err != nil {
		t.Fatal(err)
	}
	p.Down(t)
	p.Down(t)
	if _, _, err := send(t.Context(), fresh, p.URL); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("error is %v", err)
	}
	p.Up(t)
	p.Up(t)
	if _, _, err := send(t.Context(), fresh, p.URL); err != nil {
		t.Error(err)
	}
}

func TestFaultsAreScripted(t *testing.T) {
	p := NewProxy(t, newBackend(t).URL)
	get := func(path string) int {
		t.Helper()
		response, err := http.Post(p.URL+path, "application/json", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		return response.StatusCode
	}
	p.FailNext(2, Status(503))
	p.FailNext(1, RetryAfter(429, "7"))
	p.Fail(Status(500))
	var got []int
	for range 5 {
		got = append(got, get("/x"), get("/_bulk"))
	}
	if want := []int{200, 503, 200, 503, 200, 429, 200, 500, 200, 500}; !slices.Equal(got, want) {
		t.Errorf("statuses %v, want %v", got, want)
	}
	p.Match(func(r *http.Request) bool { return r.URL.Path == "/x" })
	if got := []int{get("/x"), get("/_bulk")}; !slices.Equal(got, []int{500, 200}) {
		t.Errorf("statuses %v", got)
	}
	p.Heal()
	if got := get("/x"); got != 200 {
		t.Errorf("status %v", got)
	}
	if c := p.Counts(); c.Requests != 13 || c.Bulks != 6 || c.Faults != 6 || c.Refused != 0 || c.Connections == 0 {
		t.Errorf("counts %+v", c)
	}
}

func TestCredentials(t *testing.T) {
	b := newBackend(t)
	p := NewProxy(t, b.URL)
	ask := func(header ...string) int {
		t.Helper()
		response, _, err := send(t.Context(), fresh, p.URL, header...)
		if err != nil {
			t.Fatal(err)
		}
		return response.StatusCode
	}
	if ask("Authorization", "Basic x") != 200 || (<-b.headers).Get("Authorization") != "Basic x" {
		t.Error("unchecked credentials do not reach the engine")
	}
	p.Authorize(APIKey("id:key"), Basic("u", "p"))
	if got := []int{ask(), ask("Authorization", APIKey("id:other")), ask("Authorization", APIKey("id:key"))}; !slices.Equal(got, []int{401, 401, 200}) {
		t.Errorf("statuses %v", got)
	}
	if got := (<-b.headers).Get("Authorization"); got != "" {
		t.Errorf("the engine saw %q", got)
	}
	if ask("Authorization", "Basic dTpw") != 200 {
		t.Error("a user is refused")
	}
	if c := p.Counts(); c.Refused != 2 || c.Actions != 20 {
		t.Errorf("counts %+v", c)
	}
}

// certified is a client that trusts an authority and may have a certificate of its own.
func certified(t *testing.T, p *TLSProxy, with bool) *http.Client {
	t.Helper()
	ca, err := os.ReadFile(p.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	config := &tls.Config{RootCAs: x509.NewCertPool()}
	if !config.RootCAs.AppendCertsFromPEM(ca) {
		t.Fatal("no authority in its file")
	}
	if with {
		own, err := tls.LoadX509KeyPair(p.CertificateFile, p.KeyFile)
		if err != nil {
			t.Fatal(err)
		}
		config.Certificates = []tls.Certificate{own}
	}
	transport := &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}
	return &http.Client{Transport: transport}
}

func TestTLS(t *testing.T) {
	b := newBackend(t)
	p := NewTLSProxy(t, b.URL, false)
	client := certified(t, p, false)
	for _, tc := range []struct {
		certificate Certificate
		err         string
	}{{Good, ""}, {WrongName, "192.0.2.1"}, {Expired, "expired"}, {UnknownAuthority, "unknown authority"}, {Good, ""}} {
		p.Use(t, tc.certificate)
		_, _, err := send(t.Context(), client, p.URL)
		if tc.err == "" && err != nil || tc.err != "" && (err == nil || !strings.Contains(err.Error(), tc.err)) {
			t.Errorf("certificate %d: error is %v", tc.certificate, err)
		}
	}
	if _, _, err := send(t.Context(), fresh, p.URL); err == nil {
		t.Error("a client without the authority connects")
	}
	p.FailNext(1, CutAnswer())
	if _, _, err := send(t.Context(), client, p.URL); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("error is %v", err)
	}
	p.FailNext(1, Reset())
	if _, _, err := send(t.Context(), certified(t, p, false), p.URL); err == nil {
		t.Error("no error after a reset")
	}
	want := NewTLSProxy(t, b.URL, true)
	if _, _, err := send(t.Context(), certified(t, want, false), want.URL); err == nil {
		t.Error("a client without certificate connects")
	}
	if _, _, err := send(t.Context(), certified(t, want, true), want.URL); err != nil {
		t.Error(err)
	}
	for _, file := range []string{p.CAFile, p.CertificateFile, p.KeyFile} {
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", file, info.Mode(), err)
		}
	}
}

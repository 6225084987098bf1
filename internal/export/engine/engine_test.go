// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

func TestDo(t *testing.T) {
	leavesNothing(t)
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		if r.Method != http.MethodPut || r.URL.Path != "/prefix/of/it/_x" || r.URL.RawQuery != "a=b" || string(body) != "body" || r.ContentLength != 4 ||
			r.Header.Get("Content-Type") != "text/x" || r.Header.Get("User-Agent") != "sensor/test" {
			t.Errorf("got %s %s with %v and %q", r.Method, r.URL, r.Header, body)
		}
		w.Header().Set("X-Name", "value")
		w.WriteHeader(418)
		io.WriteString(w, "answer")
	})
	c, _ := open(t, Options{Hosts: []string{server.URL + "/prefix/of/it/"}})
	header := http.Header{"Content-Type": {"text/x"}}
	for range 3 {
		response, err := c.Do(t.Context(), http.MethodPut, "/_x?a=b", header, []byte("body"))
		if err != nil {
			t.Fatal(err)
		}
		if response.Status != 418 || response.Header.Get("X-Name") != "value" || string(response.Body) != "answer" || response.Host != server.URL {
			t.Errorf("got %+v", response)
		}
	}
	if len(header) != 1 {
		t.Errorf("the caller's header has changed: %v", header)
	}
}

// counted serves and counts the connections that are open, and those that ever were.
func counted(t *testing.T, handler http.HandlerFunc) (server *httptest.Server, open, all *atomic.Int32) {
	t.Helper()
	open, all = new(atomic.Int32), new(atomic.Int32)
	server = httptest.NewUnstartedServer(handler)
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			open.Add(1)
			all.Add(1)
		case http.StateClosed:
			open.Add(-1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	return server, open, all
}

// Connections are kept, a hundred requests take one, until the client is closed, or has new credentials.
func TestKeepAlive(t *testing.T) {
	server, connections, all := counted(t, func(http.ResponseWriter, *http.Request) {})
	path := file(t, "key", []byte(secret+"1"))
	c, _ := open(t, Options{Hosts: []string{server.URL}, APIKeyFile: path})
	for range 100 {
		asks(t, c)
	}
	if n := all.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
	replace(t, path, []byte(secret+"2"))
	if !c.Renew() {
		t.Error("the key has changed")
	}
	await(t, "the connection ends", func() bool { return connections.Load() == 0 })
	asks(t, c)
	c.Close()
	await(t, "the connection ends", func() bool { return connections.Load() == 0 })
}

// An engine that ends a connection just when it is used again has not failed.
func TestStaleConnection(t *testing.T) {
	leavesNothing(t)
	address := serveRaw(t, func(conn net.Conn) {
		r := bufio.NewReader(conn)
		request, err := http.ReadRequest(r)
		if err != nil {
			t.Error(err)
			return
		}
		if body, err := io.ReadAll(request.Body); err != nil || string(body) != "body" {
			t.Errorf("got %q, %v", body, err)
		}
		io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		r.ReadByte() // the next request
	})
	c, _ := open(t, Options{Hosts: []string{"http://" + address}})
	for range 10 {
		if _, err := c.Do(t.Context(), http.MethodPost, "/_bulk", nil, []byte("body")); err != nil {
			t.Error(err)
		}
	}
}

// Whoever fails is not asked while others answer.
func TestEndpoints(t *testing.T) {
	leavesNothing(t)
	var asked [2]atomic.Int32
	first := serve(t, func(http.ResponseWriter, *http.Request) { asked[0].Add(1) })
	second := serve(t, func(http.ResponseWriter, *http.Request) { asked[1].Add(1) })
	var hungUp atomic.Int32
	hung := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		hungUp.Add(1)
		panic(http.ErrAbortHandler)
	})
	closed := "http://" + closedAddress(t)
	c, _ := open(t, Options{Hosts: []string{closed, first.URL, hung.URL, second.URL}})
	begin := time.Now()
	for range 100 {
		asks(t, c)
	}
	if n := hungUp.Load(); n > 2 && time.Since(begin) < 3*restFirst {
		t.Errorf("one that hangs up was asked %d times", n)
	}
	if a, b := asked[0].Load(), asked[1].Load(); a+b != 100 || a < 40 || b < 40 {
		t.Errorf("asked %d and %d times", a, b)
	}
	first.Close()
	second.Close()
	err := fails(t, c, closed, first.URL, hung.URL, second.URL, "nobody listens there", "it hung up")
	var one *Error
	if !errors.As(err, &one) || !errors.Is(err, syscall.ECONNREFUSED) || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %q", err)
	}
}

func TestTimeout(t *testing.T) {
	leavesNothing(t)
	release := make(chan struct{})
	var slow atomic.Int32
	hangs := serve(t, func(w http.ResponseWriter, r *http.Request) {
		slow.Add(1)
		io.WriteString(w, strings.Repeat("x", int(slow.Load()%2)*10_000)) // every other time it hangs in the middle of its answer
		w.(http.Flusher).Flush()
		<-release
	})
	defer close(release)
	answers := serve(t, func(http.ResponseWriter, *http.Request) {})
	c, _ := open(t, Options{Hosts: []string{hangs.URL}, Timeout: 50 * time.Millisecond})
	for range 2 {
		if err := fails(t, c, hangs.URL, "no answer within 50ms"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	}
	both, _ := open(t, Options{Hosts: []string{hangs.URL, answers.URL}, Timeout: 50 * time.Millisecond})
	if response := asks(t, both); response.Host != answers.URL {
		t.Errorf("got %+v", response)
	}

	patient, _ := open(t, Options{Hosts: []string{hangs.URL, answers.URL}, Timeout: time.Hour})
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("enough")
	before := slow.Load()
	go func() {
		for slow.Load() == before {
			time.Sleep(time.Millisecond)
		}
		cancel(cause)
	}()
	if _, err := patient.Do(ctx, http.MethodGet, "/", nil, nil); !errors.Is(err, cause) || strings.Contains(err.Error(), answers.URL) {
		t.Errorf("got %v", err)
	}
}

// Nobody reads the body any more when Do has returned, also when the answer came before it was sent.
func TestBodyIsFree(t *testing.T) {
	leavesNothing(t)
	server := serve(t, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusRequestEntityTooLarge) })
	c, _ := open(t, Options{Hosts: []string{server.URL}})
	body, next := make([]byte, 8<<20), make([]byte, 8<<20)
	for range 50 {
		response, err := c.Do(t.Context(), http.MethodPost, "/_bulk", nil, body)
		if err == nil && response.Status != http.StatusRequestEntityTooLarge {
			t.Errorf("got %+v", response)
		}
		copy(body, next) // the race detector looks on
	}
}

func TestCutAnswer(t *testing.T) {
	leavesNothing(t)
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "100")
		io.WriteString(w, "half")
	})
	c, _ := open(t, Options{Hosts: []string{server.URL}})
	if err := fails(t, c, server.URL, "it hung up"); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v", err)
	}
}

// An answer that never ends does not fill the memory.
func TestHugeAnswer(t *testing.T) {
	leavesNothing(t)
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := w.Write(make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	w.Close()
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		for {
			if _, err := w.Write(packed.Bytes()); err != nil {
				return
			}
		}
	})
	c, _ := open(t, Options{Hosts: []string{server.URL}})
	if err := fails(t, c, server.URL); !errors.Is(err, ErrAnswerTooLarge) {
		t.Errorf("got %v", err)
	}
	if _, err := c.Info(t.Context()); !errors.Is(err, ErrAnswerTooLarge) {
		t.Errorf("got %v", err)
	}
}

// The bound is that of the request, in bytes that are unpacked.
func TestAnswerWithin(t *testing.T) {
	leavesNothing(t)
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		packed := gzip.NewWriter(w)
		packed.Write(make([]byte, 1000))
		packed.Close()
	})
	c, _ := open(t, Options{Hosts: []string{server.URL}})
	if response, err := c.DoWithin(t.Context(), 1000, http.MethodGet, "/", nil, nil); err != nil || len(response.Body) != 1000 {
		t.Errorf("got %v, %v", response, err)
	}
	if response, err := c.DoWithin(t.Context(), 999, http.MethodGet, "/", nil, nil); !errors.Is(err, ErrAnswerTooLarge) {
		t.Errorf("got %v, %v", response, err)
	}
}

// A redirection is an answer like others: credentials go where they are meant to.
func TestRedirection(t *testing.T) {
	other := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("the other was asked") })
	server := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL, http.StatusFound) })
	c, _ := open(t, Options{Hosts: []string{server.URL}, APIKey: secret})
	if response := asks(t, c); response.Status != http.StatusFound {
		t.Errorf("got %+v", response)
	}
}

func TestHosts(t *testing.T) {
	for text, want := range map[string]string{
		"https://x.es.eu.cloud.example.io:443": "https://x.es.eu.cloud.example.io:443",
		"http://[::1]:9200":                    "http://[::1]:9200",
		"https://a/":                           "https://a",
		"https://a/b/c//":                      "https://a/b/c",
	} {
		hosts, err := parseHosts([]string{text})
		if err != nil || len(hosts) != 1 || hosts[0].String() != want {
			t.Errorf("%s: got %v, %v", text, hosts, err)
		}
	}
	for _, text := range []string{
		"", "a:9200", "ftp://a", "https://", "https://:9200", "https:a", "/path", "https://a?" + secret, "https://a#" + secret,
		"https://user:" + secret + "@a", "https://" + secret + "@a", "https://user:" + secret, "https://us er:" + secret + "@a",
		"https://user:%zz" + secret + "@a", "http://[::1:" + secret, secret,
	} {
		if hosts, err := parseHosts([]string{"https://a", text}); err == nil {
			t.Errorf("%q: got %v", text, hosts)
		} else if noSecret(t, err.Error()); !strings.Contains(err.Error(), "host 2 of 2") {
			t.Errorf("%q: got %v", text, err)
		}
	}
	if _, err := New(Options{}); err == nil {
		t.Error("no host is enough")
	}
}

// Each endpoint of which a fault is told is named; the rest of its URL is not.
func TestErrorsNameTheHost(t *testing.T) {
	c, _ := open(t, Options{Hosts: []string{"http://" + closedAddress(t) + "/path/" + url.PathEscape("x y")}, APIKey: secret})
	fails(t, c, c.endpoints.list[0].url.Host+": nobody listens there")
}

// TestWhy: what needs more than this host to happen.
func TestWhy(t *testing.T) {
	for want, err := range map[string]error{
		"its name cannot be resolved": &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "engine.example", IsNotFound: true}},
		"no connection in time":       &net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded},
		"":                            errors.New("something else"),
	} {
		if got := why(err); got != want {
			t.Errorf("%v: got %q, want %q", err, got, want)
		}
	}
}

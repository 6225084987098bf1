// SPDX-License-Identifier: Apache-2.0

package enginetest

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// Proxy stands in front of an engine and fails as the test says.
type Proxy struct {
	URL string

	target  string
	client  *http.Client
	address string
	config  *tls.Config   // nil: no TLS
	closing chan struct{} // lets hanging requests go
	handled sync.WaitGroup

	mu            sync.Mutex
	ended         bool
	server        *http.Server // nil while nothing listens
	served        chan error
	authorization []string // accepted values of the header; none: all
	faults        []scripted
	match         func(*http.Request) bool
	counts        Counts
	changed       chan struct{} // closed when counts change
}

type scripted struct {
	left  int // requests that it is still for; below 0: all
	fault Fault
}

// Counts is what a proxy has seen.
type Counts struct {
	Connections int // accepted
	Requests    int // all, with those that failed
	Bulks       int // requests to _bulk
	Actions     int // documents in them that arrived whole
	Faults      int // requests that a fault has answered, or not answered
	Refused     int // requests with wrong credentials
}

// NewProxy starts a proxy in front of a URL. It ends with the test.
func NewProxy(t testing.TB, target string) *Proxy {
	t.Helper()
	return newProxy(t, target, nil)
}

func newProxy(t testing.TB, target string, config *tls.Config) *Proxy {
	t.Helper()
	transport := &http.Transport{DisableCompression: true}
	p := &Proxy{
		target: strings.TrimSuffix(target, "/"), client: &http.Client{Transport: transport}, config: config,
		closing: make(chan struct{}), changed: make(chan struct{}), address: "127.0.0.1:0",
		match: isBulk,
	}
	p.Up(t)
	p.URL = "http://" + p.address
	if config != nil {
		p.URL = "https://" + p.address
	}
	t.Cleanup(func() {
		close(p.closing)
		p.Down(t)
		p.mu.Lock()
		p.ended = true
		p.mu.Unlock()
		p.handled.Wait()
		transport.CloseIdleConnections()
	})
	return p
}

func isBulk(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/_bulk") }

// Up lets the proxy listen, at the address that it had before.
func (p *Proxy) Up(t testing.TB) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.server != nil {
		return
	}
	l, err := net.Listen("tcp", p.address)
	if err != nil {
		t.Fatal(err)
	}
	p.address = l.Addr().String()
	server := &http.Server{
		Handler:   p,
		TLSConfig: p.config,
		ConnState: func(_ net.Conn, state http.ConnState) {
			if state == http.StateNew {
				p.count(func(c *Counts) { c.Connections++ })
			}
		},
		ErrorLog: silent(), // of clients that do not like our certificate
	}
	served := make(chan error, 1)
	go func() {
		if p.config != nil {
			served <- server.ServeTLS(l, "", "")
		} else {
			served <- server.Serve(l)
		}
	}()
	p.server, p.served = server, served
}

// Down ends all connections; from then on the proxy's port refuses them.
func (p *Proxy) Down(t testing.TB) {
	t.Helper()
	p.mu.Lock()
	server, served := p.server, p.served
	p.server = nil
	p.mu.Unlock()
	if server == nil {
		return
	}
	err := server.Close()
	if end := <-served; !errors.Is(end, http.ErrServerClosed) {
		err = errors.Join(err, end)
	}
	if err != nil {
		t.Error(err)
	}
}

// Fail lets every bulk request fail until Heal.
func (p *Proxy) Fail(f Fault) { p.FailNext(-1, f) }

// FailNext lets the next n bulk requests fail; n below 0: until Heal. Faults that are said while another one still has requests to come
// wait for their turn.
func (p *Proxy) FailNext(n int, f Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = append(p.faults, scripted{n, f})
}

// Heal forgets all faults. Requests that hang go on hanging.
func (p *Proxy) Heal() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = nil
}

// Match says which requests fail, instead of those to _bulk.
func (p *Proxy) Match(match func(*http.Request) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.match = match
}

// Authorize lets only requests through that have one of the values of the header Authorization; without any all, and the engine
// decides. The engine does not see the header if the proxy checks it.
func (p *Proxy) Authorize(values ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.authorization = values
}

// Counts returns what the proxy has seen until now.
func (p *Proxy) Counts() Counts {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.counts
}

// Await returns when the proxy has seen enough, or fails the test after two minutes.
func (p *Proxy) Await(t testing.TB, enough func(Counts) bool) {
	t.Helper()
	timeout := time.After(requestLimit)
	for {
		p.mu.Lock()
		counts, changed := p.counts, p.changed
		p.mu.Unlock()
		if enough(counts) {
			return
		}
		select {
		case <-changed:
		case <-timeout:
			t.Fatalf("the proxy has seen only %+v", counts)
		}
	}
}

func (p *Proxy) count(add func(*Counts)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	add(&p.counts)
	close(p.changed)
	p.changed = make(chan struct{})
}

// admit says whether the request's credentials are good, and whether it was the proxy that looked at them.
func (p *Proxy) admit(r *http.Request) (good, checked bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, value := range p.authorization {
		if r.Header.Get("Authorization") == value {
			return true, true
		}
	}
	return len(p.authorization) == 0, len(p.authorization) > 0
}

// takeFault returns the fault for a request, nil for none.
func (p *Proxy) takeFault(r *http.Request) Fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.faults) == 0 || !p.match(r) {
		return nil
	}
	f := p.faults[0].fault
	if p.faults[0].left > 0 {
		p.faults[0].left--
	}
	if p.faults[0].left == 0 {
		p.faults = p.faults[1:]
	}
	return f
}

// ServeHTTP handles one request.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !p.enter() {
		return
	}
	defer p.handled.Done()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client has gone
	}
	x := &Exchange{Request: r, Body: body, proxy: p, writer: w}
	good, checked := p.admit(r)
	if checked {
		r.Header.Del("Authorization")
	}
	fault := p.takeFault(r)
	p.count(func(c *Counts) {
		c.Requests++
		if isBulk(r) {
			c.Bulks++
			c.Actions += len(x.Actions())
		}
		if !good {
			c.Refused++
		}
		if fault != nil {
			c.Faults++
		}
	})
	switch {
	case !good:
		x.Answer(http.StatusUnauthorized, nil, errorBody(http.StatusUnauthorized))
	case fault != nil:
		fault(x)
	default:
		x.Pass()
	}
}

// enter counts a handler, of which none begins once the test has ended.
func (p *Proxy) enter() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.ended {
		p.handled.Add(1)
	}
	return !p.ended
}

// wait lets time pass, less if the client or the test goes away.
func (p *Proxy) wait(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	case <-p.closing:
	}
}

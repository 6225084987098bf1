// SPDX-License-Identifier: Apache-2.0

// Package engine speaks with a search engine, Elasticsearch or OpenSearch, over HTTP: several endpoints of which those
// that fail rest, TLS, credentials that may change while the sensor runs, and errors that say which host, what and why.
//
// elastic-transport-go was looked at and not taken: while all endpoints are down its pool asks again one that has just
// failed instead of the others, and one that has often failed is asked last for ever, for its failures are forgotten
// only if it answers before its rest has ended. Its credentials and certificates cannot change, and it costs 0.9 MB.
package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
	"time"
)

// Options of a client. Secrets are never logged and are in no error.
type Options struct {
	Hosts []string // URLs of the endpoints, each with its own path prefix if it has one; at least one

	APIKey             string // as the engine gives it, encoded or as id:key
	APIKeyFile         string // holds it
	Username, Password string
	PasswordFile       string // holds Password

	CAFile                   string // PEM; "": the system's authorities
	CertificateFile, KeyFile string // PEM of the client certificate

	Timeout   time.Duration // of one request to one endpoint, answer included; 0: 90 s
	UserAgent string
	Log       *slog.Logger
}

// Client speaks with one engine. It is safe for concurrent use.
//
// Files that Options names are read again once a minute, and at once when a request fails in a way that a new file
// might mend.
type Client struct {
	options   Options
	endpoints *endpoints
	access    atomic.Pointer[access]
	lastRead  atomic.Int64 // UnixNano
}

// Response is what the engine answered.
type Response struct {
	Host   string // URL of the endpoint that answered
	Status int
	Header http.Header
	Body   []byte

	secrets secrets // that the request had
}

const (
	defaultTimeout = 90 * time.Second
	// mostAnswer bounds what [Client.Do] reads of an answer: whoever answers may be anybody.
	mostAnswer = 64 << 20
	// readAgainAfter is how long the content of a file is taken for what it still is.
	readAgainAfter = time.Minute
)

// ErrAnswerTooLarge says that an answer has more bytes than it may.
var ErrAnswerTooLarge = errors.New("the answer is too large")

// New makes a client. It reads the files but makes no connection.
func New(o Options) (*Client, error) {
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	hosts, err := parseHosts(o.Hosts)
	if err != nil {
		return nil, fmt.Errorf("connect to the search engine: %w", err)
	}
	first, err := readAccess(o)
	if err != nil {
		return nil, fmt.Errorf("connect to the search engine: %w", err)
	}
	if first.authorization != "" {
		warnClear(o.Log, hosts)
	}
	c := &Client{options: o, endpoints: newEndpoints(hosts)}
	c.access.Store(first)
	c.lastRead.Store(time.Now().UnixNano())
	return c, nil
}

// Do is [Client.DoWithin] for answers of up to 64 MiB.
func (c *Client) Do(ctx context.Context, method, path string, header http.Header, body []byte) (*Response, error) {
	return c.DoWithin(ctx, mostAnswer, method, path, header, body)
}

// DoWithin asks one endpoint after the other until one answers, whatever it answers, with up to so many bytes, unpacked. So
// an engine may get the request more than once. header and body may be nil; body is not used any more when DoWithin returns.
// err has an [*Error] for each endpoint that was asked.
func (c *Client) DoWithin(ctx context.Context, most int64, method, path string, header http.Header, body []byte) (*Response, error) {
	if time.Since(time.Unix(0, c.lastRead.Load())) > readAgainAfter {
		c.Renew()
	}
	var errs []error
	renewed := false
	for _, endpoint := range c.endpoints.order() {
		response, err := c.ask(ctx, endpoint, most, method, path, header, body)
		if stale := new(staleError); errors.As(err, &stale) {
			c.access.Load().transport.CloseIdleConnections()
			response, err = c.ask(ctx, endpoint, most, method, path, header, body)
		}
		denied := err == nil && (response.Status == http.StatusUnauthorized || response.Status == http.StatusForbidden)
		if !renewed && ctx.Err() == nil && (err != nil || denied) && c.Renew() {
			renewed = true
			response, err = c.ask(ctx, endpoint, most, method, path, header, body)
		}
		if err != nil && ctx.Err() != nil {
			return nil, err
		}
		c.endpoints.note(endpoint, err == nil)
		if err == nil {
			return response, nil
		}
		errs = append(errs, err)
	}
	return nil, joined(errs)
}

// ask asks one endpoint.
func (c *Client) ask(ctx context.Context, to *endpoint, most int64, method, path string, header http.Header, body []byte) (*Response, error) {
	timed, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	kept := false
	timed = httptrace.WithClientTrace(timed, &httptrace.ClientTrace{GotConn: func(got httptrace.GotConnInfo) { kept = got.Reused }})
	request, err := http.NewRequestWithContext(timed, method, to.url.String()+path, nil)
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	maps.Copy(request.Header, header)
	request.Header.Set("User-Agent", c.options.UserAgent)
	access := c.access.Load()
	if access.authorization != "" {
		request.Header.Set("Authorization", access.authorization)
	}
	if body != nil {
		sent := newSending(body)
		request.Body, request.ContentLength = sent, int64(len(body))
		// An answer may come before all is sent. Nothing may change body until nobody reads it.
		defer func() { cancel(); <-sent.closed }()
	}
	response, err := access.transport.RoundTrip(request)
	if err != nil {
		if kept && timed.Err() == nil {
			err = &staleError{err}
		}
		return nil, c.fault(ctx, timed, to.address(), access.secrets.redactError(err))
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, most+1))
	if err == nil && int64(len(answer)) > most {
		err = ErrAnswerTooLarge
	}
	if err != nil {
		return nil, c.fault(ctx, timed, to.address(), access.secrets.redactError(err))
	}
	return &Response{Host: to.address(), Status: response.StatusCode, Header: response.Header, Body: answer, secrets: access.secrets}, nil
}

// staleError says that a connection that was kept gave no answer. The engine may have ended it at that very moment.
type staleError struct{ error }

func (e *staleError) Unwrap() error { return e.error }

// sending is a request's body that tells when nobody reads it any more.
type sending struct {
	bytes.Reader
	once   sync.Once
	closed chan struct{}
}

func newSending(body []byte) *sending {
	s := &sending{closed: make(chan struct{})}
	s.Reset(body)
	return s
}

// Close implements [io.Closer].
func (s *sending) Close() error {
	s.once.Do(func() { close(s.closed) })
	return nil
}

// Close gives up the connections that are kept. No request may be under way.
func (c *Client) Close() { c.access.Load().transport.CloseIdleConnections() }

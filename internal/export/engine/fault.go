// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
)

// Error says that an endpoint gave no answer.
type Error struct {
	Host string // its URL without path
	Why  string // in plain words; "" if there are none
	Err  error
}

func (e *Error) Error() string {
	if e.Why == "" {
		return fmt.Sprintf("ask %s: %v", e.Host, e.Err)
	}
	return fmt.Sprintf("ask %s: %s: %v", e.Host, e.Why, e.Err)
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// fault names the cause of a failed request. asked is the caller's own context, timed that of the request.
func (c *Client) fault(asked, timed context.Context, host string, err error) error {
	if asked.Err() != nil {
		return &Error{Host: host, Err: context.Cause(asked)}
	}
	if timed.Err() != nil {
		return &Error{Host: host, Why: "no answer within " + c.options.Timeout.String(), Err: timed.Err()}
	}
	return &Error{Host: host, Why: why(err), Err: err}
}

// why says in plain words what an operator can do something about.
func why(err error) string {
	var authority x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var remote *net.OpError
	var record tls.RecordHeaderError
	var lookup *net.DNSError
	var timeout net.Error
	switch {
	case errors.As(err, &authority):
		return "the authority that signed its certificate is not known here"
	case errors.As(err, &name):
		return "its certificate is for another name"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "its certificate is not valid now"
	case errors.As(err, &invalid):
		return "its certificate is not valid"
	case errors.As(err, &remote) && remote.Op == "remote error":
		return "it refuses our side of TLS, such as the client certificate"
	case errors.As(err, &record), strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return "it does not speak TLS; is it http instead of https?"
	case errors.As(err, &lookup):
		return "its name cannot be resolved"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nobody listens there"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "no connection in time"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "it hung up"
	}
	return ""
}

// joined is one error of several, on one line.
func joined(errs []error) error {
	err := errs[0]
	for _, next := range errs[1:] {
		err = fmt.Errorf("%w; %w", err, next)
	}
	return err
}

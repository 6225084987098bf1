// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"encoding/base64"
	"slices"
	"strings"
)

// secrets are the forms in which whoever answers may give our credentials back, as proxies do that show a request's
// header: the longest first.
type secrets []string

// secretsOf an Authorization header: all of it, what is encoded in it, and the password or key in that.
func secretsOf(authorization string) secrets {
	_, encoded, _ := strings.Cut(authorization, " ")
	encoded = strings.TrimRight(encoded, "=")
	list := secrets{authorization, encoded}
	if plain, err := base64.RawStdEncoding.DecodeString(encoded); err == nil {
		_, word, _ := strings.Cut(string(plain), ":")
		list = append(list, string(plain), word, base64.RawStdEncoding.EncodeToString([]byte(word)))
	}
	list = slices.DeleteFunc(list, func(s string) bool { return s == "" })
	slices.SortFunc(list, func(a, b string) int { return len(b) - len(a) })
	return list
}

func (s secrets) redact(text string) string {
	for _, secret := range s {
		text = strings.ReplaceAll(text, secret, "***")
	}
	return text
}

// redactError is for errors that quote the answer, as net/http's do if it is no HTTP.
func (s secrets) redactError(err error) error {
	if text := s.redact(err.Error()); text != err.Error() {
		return &redactedError{text, err}
	}
	return err
}

type redactedError struct {
	text string
	err  error
}

func (e *redactedError) Error() string { return e.text }

func (e *redactedError) Unwrap() error { return e.err }

// Redact gives a text of the answer without the credentials that the request had. Whatever is logged or kept of an answer
// goes through it.
func (r *Response) Redact(text string) string { return r.secrets.redact(text) }

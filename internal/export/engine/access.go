// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

// access is what gives access: the credentials, and a transport with the certificates.
type access struct {
	authorization string
	secrets       secrets
	transport     *http.Transport
	content       [sha256.Size]byte // of all files that it was made of
}

// Renew reads the files with credentials and certificates, and reports whether there is new access now. [Client.Do] calls
// it when all of a request is refused. What cannot be used is told and leaves the old as it is: it may be half written.
func (c *Client) Renew() bool {
	c.lastRead.Store(time.Now().UnixNano())
	old := c.access.Load()
	renewed, err := readAccess(c.options)
	if err != nil {
		c.options.Log.Warn("credentials or certificates cannot be read again; the old ones are used", "error", err)
		return false
	}
	if renewed.content == old.content {
		return false
	}
	if c.access.CompareAndSwap(old, renewed) {
		old.transport.CloseIdleConnections()
		c.options.Log.Info("credentials or certificates have changed")
	}
	return true
}

func readAccess(o Options) (*access, error) {
	files := make(map[string]string)
	sum := sha256.New()
	for _, path := range []string{o.APIKeyFile, o.PasswordFile, o.CAFile, o.CertificateFile, o.KeyFile} {
		if path == "" {
			continue
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		files[path] = string(b)
		fmt.Fprintf(sum, "%d:%s", len(b), b)
	}
	a := &access{content: [sha256.Size]byte(sum.Sum(nil))}
	var err error
	if a.authorization, err = authorization(o, files); err != nil {
		return nil, err
	}
	a.secrets = secretsOf(a.authorization)
	config, err := tlsConfig(o, files)
	if err != nil {
		return nil, err
	}
	a.transport = newTransport(config)
	return a, nil
}

// authorization makes the header. Its errors show no value.
func authorization(o Options, files map[string]string) (string, error) {
	key, password := o.APIKey, o.Password
	if o.APIKeyFile != "" {
		key = strings.TrimSpace(files[o.APIKeyFile])
		if key == "" {
			return "", fmt.Errorf("%s holds no API key", o.APIKeyFile)
		}
	}
	if o.PasswordFile != "" {
		password = strings.TrimRight(files[o.PasswordFile], "\r\n")
	}
	switch {
	case key != "" && o.Username != "":
		return "", errors.New("both an API key and a user are given")
	case key != "":
		if strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return "", errors.New("the API key has characters that none has")
		}
		if strings.Contains(key, ":") {
			key = base64.StdEncoding.EncodeToString([]byte(key))
		}
		return "ApiKey " + key, nil
	case o.Username != "":
		if strings.Contains(o.Username, ":") {
			return "", errors.New("the user's name has a colon")
		}
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(o.Username+":"+password)), nil
	case password != "":
		return "", errors.New("a password is given but no user")
	}
	return "", nil
}

func tlsConfig(o Options, files map[string]string) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if o.CAFile != "" {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM([]byte(files[o.CAFile])) {
			return nil, fmt.Errorf("%s holds no certificate in PEM", o.CAFile)
		}
	}
	if (o.CertificateFile == "") != (o.KeyFile == "") {
		return nil, errors.New("a client certificate needs both its file and that of its key")
	}
	if o.CertificateFile != "" {
		pair, err := tls.X509KeyPair([]byte(files[o.CertificateFile]), []byte(files[o.KeyFile]))
		if err != nil {
			return nil, fmt.Errorf("client certificate %s with key %s: %w", o.CertificateFile, o.KeyFile, err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

// newTransport makes a transport that keeps connections. It speaks HTTP/1.1 alone: there a request that times out ends its
// connection, while all requests would share the dead one of HTTP/2.
func newTransport(config *tls.Config) *http.Transport {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         dialer.DialContext,
		TLSClientConfig:     config,
		TLSHandshakeTimeout: 10 * time.Second,
		MaxIdleConnsPerHost: 8,
		IdleConnTimeout:     90 * time.Second,
		WriteBufferSize:     64 << 10,
		Protocols:           protocols,
	}
}

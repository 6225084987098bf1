// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

func TestAuthorization(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Header.Get("Authorization")) })
	basic := func(text string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(text)) }
	for name, test := range map[string]struct {
		options Options
		want    string
	}{
		"none":          {Options{}, ""},
		"encoded key":   {Options{APIKey: secret + "=="}, "ApiKey " + secret + "=="},
		"key with id":   {Options{APIKey: "id:" + secret}, "ApiKey " + base64.StdEncoding.EncodeToString([]byte("id:"+secret))},
		"key in a file": {Options{APIKeyFile: file(t, "key", []byte("\n "+secret+" \r\n"))}, "ApiKey " + secret},
		"user":          {Options{Username: "u", Password: secret}, basic("u:" + secret)},
		"empty word":    {Options{Username: "u"}, basic("u:")},
		"odd word":      {Options{Username: "ü", Password: " :" + secret + "\n"}, basic("ü: :" + secret + "\n")},
		"word in file":  {Options{Username: "u", PasswordFile: file(t, "word", []byte(" "+secret+" \r\n"))}, basic("u: " + secret + " ")},
	} {
		t.Run(name, func(t *testing.T) {
			test.options.Hosts = []string{server.URL}
			c, _ := open(t, test.options)
			if response := asks(t, c); string(response.Body) != test.want {
				t.Errorf("got %q, want %q", response.Body, test.want)
			}
		})
	}
}

func TestFaultyAccess(t *testing.T) {
	ca := newAuthority(t)
	cert, key := ca.issue("client", time.Now().Add(time.Hour))
	_, other := ca.issue("client", time.Now().Add(time.Hour))
	for name, test := range map[string]struct {
		options Options
		want    string
	}{
		"key and user":         {Options{APIKey: secret, Username: "u"}, "both an API key and a user"},
		"key of two lines":     {Options{APIKey: secret + "\nX-Header: x"}, "characters that none has"},
		"no user":              {Options{Password: secret}, "a password is given but no user"},
		"colon":                {Options{Username: "u:" + secret}, "has a colon"},
		"empty file":           {Options{APIKeyFile: file(t, "key", []byte("\n"))}, "holds no API key"},
		"no file":              {Options{APIKeyFile: "/nonexistent/key"}, "/nonexistent/key"},
		"no CA file":           {Options{CAFile: "/nonexistent/ca"}, "/nonexistent/ca"},
		"empty CA":             {Options{CAFile: file(t, "ca", nil)}, "holds no certificate"},
		"key for CA":           {Options{CAFile: file(t, "ca", key)}, "holds no certificate"},
		"certificate alone":    {Options{CertificateFile: file(t, "c", cert)}, "needs both"},
		"key alone":            {Options{KeyFile: file(t, "k", key)}, "needs both"},
		"another's key":        {Options{CertificateFile: file(t, "c", cert), KeyFile: file(t, "k", other)}, "private key does not match"},
		"words for a key":      {Options{CertificateFile: file(t, "c", cert), KeyFile: file(t, "k", []byte(secret))}, "client certificate"},
		"directory for a file": {Options{APIKeyFile: t.TempDir()}, "is a directory"},
	} {
		t.Run(name, func(t *testing.T) {
			test.options.Hosts = []string{"https://a"}
			_, err := New(test.options)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("got %v, want an error with %q", err, test.want)
			}
			noSecret(t, err.Error())
		})
	}
}

func TestTLS(t *testing.T) {
	leavesNothing(t)
	ca, stranger := newAuthority(t), newAuthority(t)
	later := time.Now().Add(time.Hour)
	good := ca.serveTLS("127.0.0.1", later, nil)
	other := ca.serveTLS("engine.example", later, nil)
	expired := ca.serveTLS("127.0.0.1", time.Now().Add(-time.Hour), nil)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca.PEM)
	mutual := ca.serveTLS("127.0.0.1", later, &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool})
	old := ca.serveTLS("127.0.0.1", later, &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11})
	plain := serve(t, func(http.ResponseWriter, *http.Request) {})
	caFile := file(t, "ca", ca.PEM)
	cert, key := ca.issue("client-1", later)
	certFile, keyFile := file(t, "cert", cert), file(t, "key", key)
	foreignCert, foreignKey := stranger.issue("client-2", later)

	for name, test := range map[string]struct {
		options Options
		url     string
		want    string // in the error, or in the answer if there is none
		fails   bool
	}{
		"own CA":               {Options{CAFile: caFile}, good.URL, "HTTP/1.1", false},
		"system's CAs":         {Options{}, good.URL, "the authority that signed its certificate is not known here", true},
		"another CA":           {Options{CAFile: file(t, "other", stranger.PEM)}, good.URL, "the authority that signed its certificate is not known here", true},
		"another name":         {Options{CAFile: caFile}, other.URL, "its certificate is for another name", true},
		"expired":              {Options{CAFile: caFile}, expired.URL, "its certificate is not valid now", true},
		"client certificate":   {Options{CAFile: caFile, CertificateFile: certFile, KeyFile: keyFile}, mutual.URL, "client-1", false},
		"no certificate":       {Options{CAFile: caFile}, mutual.URL, "it refuses our side of TLS", true},
		"another's":            {Options{CAFile: caFile, CertificateFile: file(t, "c", foreignCert), KeyFile: file(t, "k", foreignKey)}, mutual.URL, "it refuses our side of TLS", true},
		"TLS 1.1":              {Options{CAFile: caFile}, old.URL, "it refuses our side of TLS", true},
		"https to plain":       {Options{CAFile: caFile}, "https" + strings.TrimPrefix(plain.URL, "http"), "it does not speak TLS", true},
		"nobody":               {Options{}, "https://" + closedAddress(t), "nobody listens there", true},
		"plain to https (400)": {Options{}, "http" + strings.TrimPrefix(good.URL, "https"), "Client sent an HTTP request to an HTTPS server", false},
	} {
		t.Run(name, func(t *testing.T) {
			test.options.Hosts = []string{test.url}
			c, _ := open(t, test.options)
			if test.fails {
				fails(t, c, "ask "+test.url, test.want)
			} else if response := asks(t, c); !strings.Contains(string(response.Body), test.want) {
				t.Errorf("got %q", response.Body)
			}
		})
	}
}

// Files that were replaced are used by the request that finds the old ones refused.
func TestRotation(t *testing.T) {
	leavesNothing(t)
	t.Run("key", func(t *testing.T) {
		wanted := "ApiKey " + secret + "1"
		server := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != wanted {
				w.WriteHeader(http.StatusUnauthorized)
			}
		})
		path := file(t, "key", []byte(secret+"1"))
		c, log := open(t, Options{Hosts: []string{server.URL}, APIKeyFile: path})
		if asks(t, c).Status != http.StatusOK {
			t.Fatal("the first key is refused")
		}
		wanted = "ApiKey " + secret + "2"
		if asks(t, c).Status != http.StatusUnauthorized {
			t.Error("no key has changed, and yet")
		}
		replace(t, path, nil) // half written
		if asks(t, c).Status != http.StatusUnauthorized || !strings.Contains(log.String(), "cannot be read again") {
			t.Errorf("%s", log)
		}
		replace(t, path, []byte(secret+"2"))
		if asks(t, c).Status != http.StatusOK || strings.Count(log.String(), "have changed") != 1 {
			t.Errorf("%s", log)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if asks(t, c).Status != http.StatusOK {
			t.Error("a key that works was given up")
		}
	})
	t.Run("after a minute", func(t *testing.T) {
		server := serve(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Header.Get("Authorization")) })
		path := file(t, "key", []byte(secret+"1"))
		c, _ := open(t, Options{Hosts: []string{server.URL}, APIKeyFile: path})
		replace(t, path, []byte(secret+"2"))
		if got := string(asks(t, c).Body); got != "ApiKey "+secret+"1" {
			t.Errorf("got %q", got)
		}
		c.lastRead.Add(-int64(readAgainAfter))
		if got := string(asks(t, c).Body); got != "ApiKey "+secret+"2" {
			t.Errorf("got %q", got)
		}
	})
	t.Run("authority", func(t *testing.T) {
		ca, next := newAuthority(t), newAuthority(t)
		server := next.serveTLS("127.0.0.1", time.Now().Add(time.Hour), nil)
		path := file(t, "ca", ca.PEM)
		c, _ := open(t, Options{Hosts: []string{server.URL}, CAFile: path})
		fails(t, c, "is not known here")
		replace(t, path, append(ca.PEM, next.PEM...))
		asks(t, c)
	})
	t.Run("client certificate", func(t *testing.T) {
		ca, stranger := newAuthority(t), newAuthority(t)
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM(ca.PEM)
		server := ca.serveTLS("127.0.0.1", time.Now().Add(time.Hour), &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool})
		cert, key := stranger.issue("client-1", time.Now().Add(time.Hour))
		certFile, keyFile := file(t, "cert", cert), file(t, "key", key)
		c, log := open(t, Options{Hosts: []string{server.URL}, CAFile: file(t, "ca", ca.PEM), CertificateFile: certFile, KeyFile: keyFile})
		fails(t, c, "refuses our side")
		cert, key = ca.issue("client-2", time.Now().Add(time.Hour))
		replace(t, certFile, cert) // the key is not there yet
		fails(t, c, "refuses our side")
		if !strings.Contains(log.String(), "cannot be read again") {
			t.Errorf("%s", log)
		}
		replace(t, keyFile, key)
		if got := string(asks(t, c).Body); got != "HTTP/1.1 client-2" {
			t.Errorf("got %q", got)
		}
	})
}

// Credentials that would go in the clear are told of, but not on this host.
func TestClear(t *testing.T) {
	for host, warns := range map[string]bool{"http://127.0.0.1:1": false, "http://localhost": false, "http://[::1]": false, "https://engine.example": false, "http://engine.example": true, "http://10.0.0.1": true} {
		for _, key := range []string{"", secret} {
			_, log := open(t, Options{Hosts: []string{host}, APIKey: key})
			if got := strings.Contains(log.String(), "in the clear"); got != (warns && key != "") {
				t.Errorf("%s with key %v: %q", host, key != "", log)
			}
		}
	}
}

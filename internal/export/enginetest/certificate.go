// SPDX-License-Identifier: Apache-2.0

package enginetest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// Certificate is what is right or wrong with a server's certificate.
type Certificate int

// The certificates there are.
const (
	Good Certificate = iota
	WrongName
	Expired
	UnknownAuthority
)

// TLSProxy is a proxy that speaks TLS.
type TLSProxy struct {
	*Proxy
	CAFile                   string // the authority that its certificate is from
	CertificateFile, KeyFile string // a client's that it takes

	certificates map[Certificate]*tls.Certificate

	mu      sync.Mutex
	current Certificate
}

// NewTLSProxy starts a proxy with a good certificate for 127.0.0.1. With clients it wants a certificate of them too.
func NewTLSProxy(t testing.TB, target string, clients bool) *TLSProxy {
	t.Helper()
	ca, other := newAuthority(t), newAuthority(t)
	p := &TLSProxy{certificates: map[Certificate]*tls.Certificate{
		Good:             ca.issue(t, "127.0.0.1", time.Hour),
		WrongName:        ca.issue(t, "192.0.2.1", time.Hour),
		Expired:          ca.issue(t, "127.0.0.1", -time.Hour),
		UnknownAuthority: other.issue(t, "127.0.0.1", time.Hour),
	}}
	config := &tls.Config{
		NextProtos: []string{"http/1.1"}, // faults take connections apart
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			p.mu.Lock()
			defer p.mu.Unlock()
			return p.certificates[p.current], nil
		},
	}
	if clients {
		config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, ca.pool()
	}
	p.Proxy = newProxy(t, target, config)
	dir := t.TempDir()
	client := ca.issue(t, "client", time.Hour)
	key, err := x509.MarshalPKCS8PrivateKey(client.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	p.CAFile = writePEM(t, dir, "ca.pem", "CERTIFICATE", ca.certificate.Raw)
	p.CertificateFile = writePEM(t, dir, "client.pem", "CERTIFICATE", client.Certificate[0])
	p.KeyFile = writePEM(t, dir, "client-key.pem", "PRIVATE KEY", key)
	return p
}

// Use changes the certificate. Connections that stand are ended.
func (p *TLSProxy) Use(t testing.TB, c Certificate) {
	t.Helper()
	p.mu.Lock()
	p.current = c
	p.mu.Unlock()
	p.Down(t)
	p.Up(t)
}

type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newAuthority(t testing.TB) authority {
	t.Helper()
	key := newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "enginetest"},
		NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	return authority{sign(t, template, template, key, key), key}
}

// issue makes a certificate for an address or name, for servers and clients, whose last day is in, or was before, some time.
func (a authority) issue(t testing.TB, name string, left time.Duration) *tls.Certificate {
	t.Helper()
	key := newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-12 * time.Hour), NotAfter: time.Now().Add(left),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if ip := net.ParseIP(name); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{name}
	}
	c := sign(t, template, a.certificate, key, a.key)
	return &tls.Certificate{Certificate: [][]byte{c.Raw}, PrivateKey: key, Leaf: c}
}

func (a authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.certificate)
	return pool
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func sign(t testing.TB, template, parent *x509.Certificate, key, by *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, by)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(fmt.Errorf("parse own certificate: %w", err))
	}
	return c
}

func writePEM(t testing.TB, dir, name, kind string, der []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

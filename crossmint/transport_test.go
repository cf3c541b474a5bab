package crossmint_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/session"
)

// An authority signs the certificates of a test.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: canary}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	a := authority{template, newCertificateKey(t)}
	a.certificate = a.sign(t, template, &a.key.PublicKey)
	return a
}

func newCertificateKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (a authority) sign(t *testing.T, template *x509.Certificate, public any) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, public, a.key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

// issue returns the certificate of a server.
func (a authority) issue(t *testing.T, change func(*x509.Certificate)) tls.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	if change != nil {
		change(template)
	}
	key := newCertificateKey(t)
	return tls.Certificate{Certificate: [][]byte{a.sign(t, template, &key.PublicKey).Raw}, PrivateKey: key}
}

func (a authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.certificate)
	return pool
}

// newTLSUpstream responds with a valid grant.
func newTLSUpstream(t *testing.T, config *tls.Config) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(respond(200, jsonType, goodGrant))
	server.TLS = config
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

// trust makes the default transport trust the authority. It is a clone of
// http.DefaultTransport.
func trust(t *testing.T, a authority) func(*crossmint.Config) {
	t.Helper()
	before := http.DefaultTransport
	t.Cleanup(func() { http.DefaultTransport = before })
	http.DefaultTransport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: a.pool(), MinVersion: tls.VersionTLS10}}
	return func(c *crossmint.Config) { c.HTTPClient = nil }
}

func TestTLS(t *testing.T) {
	trusted, unknown := newAuthority(t), newAuthority(t)
	tests := []struct {
		name   string
		server func() *tls.Config
		want   string // a part of the error; "" for none
	}{
		{name: "good", server: func() *tls.Config { return tlsConfig(trusted.issue(t, nil)) }, want: ""},
		{name: "TLS 1.2", server: func() *tls.Config {
			config := tlsConfig(trusted.issue(t, nil))
			config.MaxVersion = tls.VersionTLS12
			return config
		}, want: ""},
		{name: "TLS 1.1", server: func() *tls.Config {
			config := tlsConfig(trusted.issue(t, nil))
			config.MinVersion, config.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
			return config
		}, want: "protocol version"},
		{name: "expired", server: func() *tls.Config {
			return tlsConfig(trusted.issue(t, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }))
		}, want: "TLS certificate has expired"},
		{name: "not valid yet", server: func() *tls.Config {
			return tlsConfig(trusted.issue(t, func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) }))
		}, want: "TLS certificate has expired or is not yet valid"},
		{name: "another host", server: func() *tls.Config {
			return tlsConfig(trusted.issue(t, func(c *x509.Certificate) { c.IPAddresses, c.DNSNames = nil, []string{canary + ".example"} }))
		}, want: "TLS certificate is for another host"},
		{name: "of an unknown authority", server: func() *tls.Config { return tlsConfig(unknown.issue(t, nil)) }, want: "TLS certificate is signed by an unknown authority"},
		{name: "self-signed", server: func() *tls.Config {
			return tlsConfig(tls.Certificate{Certificate: [][]byte{unknown.certificate.Raw}, PrivateKey: unknown.key})
		}, want: "TLS certificate is"},
		{name: "for clients only", server: func() *tls.Config {
			return tlsConfig(trusted.issue(t, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }))
		}, want: "TLS certificate is not valid"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			server := newTLSUpstream(t, test.server())
			client := newClient(t, configFor(t, server.URL, trust(t, trusted)))
			_, err := client.Refresh(t.Context(), session.NewSecret(canary))
			if test.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if diff := cmp.Diff(notSent, failureOf(t, err)); diff != "" {
				t.Errorf("failure (-want +got):\n%s", diff)
			}
			if !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), canary) {
				t.Errorf("error = %v, want %q and no name from the certificate", err, test.want)
			}
		})
	}
}

func tlsConfig(certificate tls.Certificate) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{certificate}}
}

func TestPlainHTTPOnTheTLSPort(t *testing.T) {
	u := newUpstream(t, respond(200, jsonType, goodGrant))
	client := newClient(t, configFor(t, strings.Replace(u.URL, "http:", "https:", 1)))
	if diff := cmp.Diff(notSent, failureOf(t, refresh(t.Context(), t, client))); diff != "" {
		t.Errorf("failure (-want +got):\n%s", diff)
	}
}

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

// authority signs the certificates of a test.
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

// issue returns a server's certificate.
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

// newTLSUpstream answers with a good grant.
func newTLSUpstream(t *testing.T, config *tls.Config) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(answering(200, jsonType, goodGrant))
	server.TLS = config
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

// trusting makes our own transport trust the authority: it starts from the
// standard one.
func trusting(t *testing.T, a authority) func(*crossmint.Config) {
	t.Helper()
	before := http.DefaultTransport
	t.Cleanup(func() { http.DefaultTransport = before })
	http.DefaultTransport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: a.pool(), MinVersion: tls.VersionTLS10}}
	return func(c *crossmint.Config) { c.HTTPClient = nil }
}

func TestTLS(t *testing.T) {
	trusted, stranger := newAuthority(t), newAuthority(t)
	tests := []struct {
		name   string
		server func() *tls.Config
		want   string // a part of the error; "" for none
	}{
		{"good", func() *tls.Config { return serving(trusted.issue(t, nil)) }, ""},
		{"TLS 1.2", func() *tls.Config {
			config := serving(trusted.issue(t, nil))
			config.MaxVersion = tls.VersionTLS12
			return config
		}, ""},
		{"TLS 1.1", func() *tls.Config {
			config := serving(trusted.issue(t, nil))
			config.MinVersion, config.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
			return config
		}, "protocol version"},
		{"expired", func() *tls.Config {
			return serving(trusted.issue(t, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }))
		}, "TLS certificate has expired"},
		{"not valid yet", func() *tls.Config {
			return serving(trusted.issue(t, func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) }))
		}, "TLS certificate has expired or is not yet valid"},
		{"another host", func() *tls.Config {
			return serving(trusted.issue(t, func(c *x509.Certificate) { c.IPAddresses, c.DNSNames = nil, []string{canary + ".example"} }))
		}, "TLS certificate is for another host"},
		{"a stranger's", func() *tls.Config { return serving(stranger.issue(t, nil)) }, "TLS certificate is signed by an unknown authority"},
		{"self-signed", func() *tls.Config {
			return serving(tls.Certificate{Certificate: [][]byte{stranger.certificate.Raw}, PrivateKey: stranger.key})
		}, "TLS certificate is"},
		{"for clients only", func() *tls.Config {
			return serving(trusted.issue(t, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }))
		}, "TLS certificate is not valid"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			server := newTLSUpstream(t, test.server())
			client := newClient(t, configFor(t, server.URL, trusting(t, trusted)))
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
				t.Errorf("error = %v, want %q and no name of the certificate's", err, test.want)
			}
		})
	}
}

func serving(certificate tls.Certificate) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{certificate}}
}

func TestPlainHTTPOnTheTLSPort(t *testing.T) {
	u := newUpstream(t, answering(200, jsonType, goodGrant))
	client := newClient(t, configFor(t, strings.Replace(u.URL, "http:", "https:", 1)))
	if diff := cmp.Diff(notSent, failureOf(t, refresh(t.Context(), t, client))); diff != "" {
		t.Errorf("failure (-want +got):\n%s", diff)
	}
}

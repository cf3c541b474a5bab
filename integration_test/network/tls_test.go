package network_test

import (
	"crypto/tls"
	"crypto/x509"
	"sync/atomic"
	"testing"
	"time"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/session"
)

// TestInvalidCertificates puts an untrusted TLS server in front of upstream. The client
// sends it nothing, so no token is used, and upstream needs no grace period.
func TestInvalidCertificates(t *testing.T) {
	unknown, err := newAuthority()
	fatal(t, err)
	tests := []struct {
		name string
		tls  *tls.Config
	}{
		{"expired", serving(trustedAuthority.sign(t, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }))},
		{"for another host", serving(trustedAuthority.sign(t, func(c *x509.Certificate) { c.IPAddresses, c.DNSNames = nil, []string{"elsewhere.example"} }))},
		{"of an unknown authority", serving(unknown.issue(t))},
		{"self-signed", serving(tls.Certificate{Certificate: [][]byte{unknown.certificate.Raw}, PrivateKey: unknown.key})},
		{"TLS 1.1", &tls.Config{Certificates: []tls.Certificate{trustedAuthority.issue(t)}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			good := serving(trustedAuthority.issue(t))
			var now atomic.Pointer[tls.Config]
			now.Store(good)
			s := newSite(t, siteConfig{
				fake:    crossminttest.Config{Reuse: strict},
				tls:     &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return now.Load(), nil }},
				session: session.Config{RefreshBudget: callTimeout},
			})
			s.preload(t)
			p := newBrowsers(t, s)
			now.Store(test.tls)
			s.proxy.Reset() // the open connections are trusted
			p.send(t, unavailable)
			now.Store(good)
			p.recovers(t)
		})
	}
}

func serving(certificate tls.Certificate) *tls.Config {
	config := &tls.Config{Certificates: []tls.Certificate{certificate}}
	if http2 {
		config.NextProtos = []string{"h2", "http/1.1"} // net/http does not change the one from GetConfigForClient
	}
	return config
}

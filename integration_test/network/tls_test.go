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

// TestFalseCertificates puts TLS before upstream that must not be trusted.
// Nothing is sent to it, so nothing is used up: upstream may be strict.
func TestFalseCertificates(t *testing.T) {
	stranger, err := newAuthority()
	fatal(t, err)
	tests := []struct {
		name string
		tls  *tls.Config
	}{
		{"expired", serving(world.sign(t, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }))},
		{"another host's", serving(world.sign(t, func(c *x509.Certificate) { c.IPAddresses, c.DNSNames = nil, []string{"elsewhere.example"} }))},
		{"a stranger's", serving(stranger.issue(t))},
		{"self-signed", serving(tls.Certificate{Certificate: [][]byte{stranger.certificate.Raw}, PrivateKey: stranger.key})},
		{"TLS 1.1", &tls.Config{Certificates: []tls.Certificate{world.issue(t)}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			good := serving(world.issue(t))
			var now atomic.Pointer[tls.Config]
			now.Store(good)
			s := newSite(t, siteConfig{
				fake:    crossminttest.Config{Reuse: strict},
				tls:     &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return now.Load(), nil }},
				session: session.Config{RefreshBudget: callTimeout},
			})
			s.preload(t)
			p := newParty(t, s)
			now.Store(test.tls)
			s.proxy.Break() // what is open was trusted
			p.suffers(t, undecided)
			now.Store(good)
			p.recovers(t)
		})
	}
}

func serving(certificate tls.Certificate) *tls.Config {
	config := &tls.Config{Certificates: []tls.Certificate{certificate}}
	if http2 {
		config.NextProtos = []string{"h2", "http/1.1"} // the one from GetConfigForClient is used as it is
	}
	return config
}

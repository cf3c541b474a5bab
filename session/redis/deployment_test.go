package redis_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/crossmint-go/auth/session/redis"
	"github.com/crossmint-go/auth/session/redis/internal/storetest"
)

// The ways in which a store is deployed.

func TestCluster(t *testing.T) {
	t.Parallel()
	binaries, err := storetest.Binaries()
	if err != nil {
		t.Fatal(err)
	}
	for name, path := range binaries {
		t.Run(name, func(t *testing.T) {
			s := startStore(t, path, "--cluster-enabled", "yes", "--cluster-announce-ip", "127.0.0.1")
			s.cluster()
			seen := &events{}
			config := redis.Config{OnEvent: seen.add}
			a, b := newCoordinator(t, s.URL(), config), newCoordinator(t, s.URL(), config)
			work := &errand{}
			for n := range 100 { // on many slots
				do(t, a, fmt.Sprint(n), work)
				do(t, b, fmt.Sprint(n), work)
			}
			work.wantAsked(t, 100)
			logout(t, b, "0")
			if got := seen.list(); len(got) > 0 {
				t.Errorf("events: %v", got)
			}
		})
	}
}

// cluster makes the store a cluster of one.
func (s *store) cluster() {
	s.t.Helper()
	slots := []string{"CLUSTER", "ADDSLOTS"}
	for slot := range 16384 {
		slots = append(slots, fmt.Sprint(slot))
	}
	s.do(slots...)
	until(s.t, "the cluster is there", func() bool {
		info, _ := s.do("CLUSTER", "INFO").ToString()
		return strings.Contains(info, "cluster_state:ok")
	})
}

// What a cluster on this machine announces may be elsewhere.
func TestPlaintextStaysOnThisMachine(t *testing.T) {
	t.Parallel()
	binaries, err := storetest.Binaries()
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := otherAddress(t)
	for name, path := range binaries {
		t.Run(name, func(t *testing.T) {
			s := startStore(t, path, "--bind", "127.0.0.1", "-"+elsewhere, "--protected-mode", "no",
				"--cluster-enabled", "yes", "--cluster-announce-ip", elsewhere)
			s.cluster()
			seen := &events{}
			do(t, newCoordinator(t, s.URL(), redis.Config{OnEvent: seen.add}), "a", &errand{})
			clients, _ := s.do("CLIENT", "LIST").ToString()
			if strings.Contains(clients, "laddr="+elsewhere) {
				t.Errorf("connected in the clear:\n%s", clients)
			}
			got := seen.list()
			if want := elsewhere + ":"; len(got) == 0 || !strings.Contains(got[0].Err.Error(), "names "+want) {
				t.Errorf("events: %v, want one that names %s", got, want)
			}
		})
	}
}

// otherAddress returns an address of this machine that is not loopback, or one
// that is nobody's.
func otherAddress(t *testing.T) string {
	t.Helper()
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addresses {
		if ip, ok := a.(*net.IPNet); ok && ip.IP.To4() != nil && !ip.IP.IsLoopback() {
			return ip.IP.String()
		}
	}
	return "192.0.2.1"
}

func TestTLS(t *testing.T) {
	t.Parallel()
	binaries, err := storetest.Binaries()
	if err != nil {
		t.Fatal(err)
	}
	for name, path := range binaries {
		t.Run(name, func(t *testing.T) {
			dir, port := t.TempDir(), freePort(t)
			roots := writeCertificate(t, dir)
			startStore(t, path, "--tls-port", port, "--tls-auth-clients", "no",
				"--tls-cert-file", filepath.Join(dir, "cert.pem"), "--tls-key-file", filepath.Join(dir, "key.pem"))
			config := redis.Config{TLS: &tls.Config{RootCAs: roots}}
			url := "rediss://127.0.0.1:" + port
			a, b := newCoordinator(t, url, config), newCoordinator(t, url, config)
			work := &errand{}
			do(t, a, "a", work)
			do(t, b, "a", work)
			work.wantAsked(t, 1)
			do(t, newCoordinator(t, url, redis.Config{}), "a", work) // which does not know the root
			work.wantAsked(t, 2)
		})
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return fmt.Sprint(l.Addr().(*net.TCPAddr).Port)
}

// writeCertificate writes a certificate of this machine and its key, and
// returns what trusts it.
func writeCertificate(t *testing.T, dir string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certificate := writePEM(t, filepath.Join(dir, "cert.pem"), "CERTIFICATE", der)
	writePEM(t, filepath.Join(dir, "key.pem"), "PRIVATE KEY", private)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(certificate)
	return roots
}

func writePEM(t *testing.T, path, kind string, der []byte) []byte {
	t.Helper()
	text := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return text
}

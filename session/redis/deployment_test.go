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

	"github.com/crossmint-go/auth/internal/coordinatortest"
	"github.com/crossmint-go/auth/internal/freeport"
	"github.com/crossmint-go/auth/internal/redistest"
	"github.com/crossmint-go/auth/session/redis"
)

func TestCluster(t *testing.T) {
	t.Parallel()
	binaries, err := redistest.Binaries()
	if err != nil {
		t.Fatal(err)
	}
	for name, path := range binaries {
		t.Run(name, func(t *testing.T) {
			s := startStore(t, path, "--cluster-enabled", "yes", "--cluster-announce-ip", "127.0.0.1")
			s.cluster()
			seen := &events{}
			config := redis.Config{OnEvent: seen.Record}
			a, b := newCoordinator(t, s.URL(), config), newCoordinator(t, s.URL(), config)
			calls := &coordinatortest.Calls{}
			for n := range 100 { // on many slots
				coordinatortest.Do(t, a, fmt.Sprint(n), calls)
				coordinatortest.Do(t, b, fmt.Sprint(n), calls)
			}
			calls.WantExchanged(t, 100)
			coordinatortest.Logout(t, b, "0")
			if len(seen.All()) > 0 {
				t.Errorf("events: %v", seen.All())
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
	coordinatortest.Eventually(s.t, "the cluster was ready", func() bool {
		info, _ := s.do("CLUSTER", "INFO").ToString()
		return strings.Contains(info, "cluster_state:ok")
	})
}

// The package documentation gives these rules for an ACL.
func TestACL(t *testing.T) {
	t.Parallel()
	binaries, err := redistest.Binaries()
	if err != nil {
		t.Fatal(err)
	}
	rules := []string{"on", ">password", "~crossmint:*", "&crossmint:*", "-@all", "+@read", "+@write", "+@scripting", "+@pubsub", "+@connection", "+time"}
	for name, path := range binaries {
		for _, cluster := range []bool{false, true} {
			t.Run(fmt.Sprint(name, ", cluster: ", cluster), func(t *testing.T) {
				var args []string
				if cluster {
					args, rules = []string{"--cluster-enabled", "yes", "--cluster-announce-ip", "127.0.0.1"}, append(rules, "+cluster|slots", "+cluster|shards")
				}
				s := startStore(t, path, args...)
				if cluster {
					s.cluster()
				}
				s.do(append([]string{"ACL", "SETUSER", "instance"}, rules...)...)
				seen := &events{}
				url := "redis://instance:password@" + s.Addr()
				a, b := newSubscriber(t, url, redis.Config{OnEvent: seen.Record}), newSubscriber(t, url, redis.Config{OnEvent: seen.Record})
				s.wantSubscribers(2)
				calls := &coordinatortest.Calls{}
				coordinatortest.Do(t, a, "a", calls)
				coordinatortest.Do(t, b, "a", calls)
				calls.WantExchanged(t, 1)
				coordinatortest.Logout(t, a, "a")
				if err := a.Deny(t.Context(), digestOf(0), time.Now().Add(time.Hour)); err != nil {
					t.Error(err)
				}
				coordinatortest.Eventually(t, "the denial was received", func() bool { return b.deniedUntil(digestOf(0)) != 0 })
				if len(seen.All()) > 0 {
					t.Errorf("events: %v", seen.All())
				}
			})
		}
	}
}

// The nodes that a cluster on this machine announces may be on another machine.
func TestPlaintextStaysOnThisMachine(t *testing.T) {
	t.Parallel()
	binaries, err := redistest.Binaries()
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
			coordinatortest.Do(t, newCoordinator(t, s.URL(), redis.Config{OnEvent: seen.Record}), "a", &coordinatortest.Calls{})
			clients, _ := s.do("CLIENT", "LIST").ToString()
			if strings.Contains(clients, "laddr="+elsewhere) {
				t.Errorf("connected without TLS:\n%s", clients)
			}
			if want := elsewhere + ":"; len(seen.All()) == 0 || !strings.Contains(seen.All()[0].Err.Error(), want) {
				t.Errorf("events: %v, want one that names %s", seen.All(), want)
			}
		})
	}
}

// otherAddress returns an address of this machine that is not loopback, or an unused
// one.
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
	binaries, err := redistest.Binaries()
	if err != nil {
		t.Fatal(err)
	}
	for name, path := range binaries {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			port, err := freeport.Next()
			if err != nil {
				t.Fatal(err)
			}
			roots := writeCertificate(t, dir, "127.0.0.1")
			startStore(t, path, "--tls-port", port, "--tls-auth-clients", "no",
				"--tls-cert-file", filepath.Join(dir, "cert.pem"), "--tls-key-file", filepath.Join(dir, "key.pem"))
			config := redis.Config{TLS: &tls.Config{RootCAs: roots}}
			url := "rediss://127.0.0.1:" + port
			a, b := newCoordinator(t, url, config), newCoordinator(t, url, config)
			calls := &coordinatortest.Calls{}
			coordinatortest.Do(t, a, "a", calls)
			coordinatortest.Do(t, b, "a", calls)
			calls.WantExchanged(t, 1)
			coordinatortest.Do(t, newCoordinator(t, url, redis.Config{}), "a", calls) // it does not have the root
			calls.WantExchanged(t, 2)
		})
	}
}

// A cluster names its nodes by address. Their certificate has the name in the URL, or
// the address.
func TestTLSOfACluster(t *testing.T) {
	t.Parallel()
	binaries, err := redistest.Binaries()
	if err != nil {
		t.Fatal(err)
	}
	for name, path := range binaries {
		for _, test := range []struct{ url, certificate string }{{"localhost", "localhost"}, {"127.0.0.1", "127.0.0.1"}} {
			t.Run(fmt.Sprint(name, ", ", test.certificate), func(t *testing.T) {
				dir := t.TempDir()
				port, err := freeport.Next()
				if err != nil {
					t.Fatal(err)
				}
				roots := writeCertificate(t, dir, test.certificate)
				s := startStore(t, path, "--cluster-enabled", "yes", "--cluster-announce-ip", "127.0.0.1",
					"--tls-port", port, "--tls-cluster", "yes", "--tls-auth-clients", "no", "--tls-ca-cert-file", filepath.Join(dir, "cert.pem"),
					"--tls-cert-file", filepath.Join(dir, "cert.pem"), "--tls-key-file", filepath.Join(dir, "key.pem"))
				s.cluster()
				config := redis.Config{TLS: &tls.Config{RootCAs: roots}}
				url := "rediss://" + test.url + ":" + port
				a, b := newCoordinator(t, url, config), newCoordinator(t, url, config)
				calls := &coordinatortest.Calls{}
				coordinatortest.Do(t, a, "a", calls)
				coordinatortest.Do(t, b, "a", calls)
				calls.WantExchanged(t, 1)
			})
		}
	}
}

// Each node has a certificate of its own.
func TestDialTLS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	roots := writeCertificate(t, dir, "localhost")
	certificate, err := tls.LoadX509KeyPair(filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	node, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{certificate}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = node.Close() })
	go func() {
		for {
			conn, err := node.Accept()
			if err != nil {
				return
			}
			_ = conn.(*tls.Conn).Handshake() // the client may not like the certificate
			_ = conn.Close()
		}
	}()
	_, port, _ := net.SplitHostPort(node.Addr().String()) // it is an address
	for _, test := range []struct {
		name, url, node string
		want            bool
	}{
		{"the name of the node", "other.example", "localhost", true},
		{"the host of the URL", "localhost", "127.0.0.1", true},
		{"neither", "other.example", "127.0.0.1", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			conn, err := redis.DialTLS(t.Context(), net.JoinHostPort(test.node, port), &net.Dialer{}, &tls.Config{RootCAs: roots, ServerName: test.url})
			if got := err == nil; got != test.want {
				t.Errorf("connected: %t, want %t: %v", got, test.want, err)
			}
			if err == nil {
				_ = conn.Close()
			}
		})
	}
}

// writeCertificate writes a certificate of this machine, for a name or an address, and
// its key. It returns the roots for it.
func writeCertificate(t *testing.T, dir, name string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	if ip := net.ParseIP(name); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{name}
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
	encoded := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	if err := os.WriteFile(path, encoded, 0o600); err != nil {
		t.Fatal(err)
	}
	return encoded
}

package postgrestest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// RequireTLS gives the server a certificate, and lets it refuse connections without TLS
// of all roles but the superuser. It returns the roots of the certificate.
func (s *Server) RequireTLS() (*x509.CertPool, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	err = errors.Join(
		s.write("server.crt", certificate),
		s.write("server.key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})),
		s.Exec("postgres", "ALTER SYSTEM SET ssl = on"),
		s.prependRule("host all all 127.0.0.1/32 reject"),
		s.prependRule("hostssl all all 127.0.0.1/32 trust"),
		s.prependRule("host all "+Superuser+" 127.0.0.1/32 trust"),
		s.Exec("postgres", "SELECT pg_reload_conf()"),
	)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(certificate)
	return roots, err
}

// write writes a file of the server's data that only its owner reads.
func (s *Server) write(name string, content []byte) error {
	path := filepath.Join(s.data(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		return err
	}
	if attributes := unprivileged(); attributes != nil {
		return os.Chown(path, int(attributes.Credential.Uid), int(attributes.Credential.Gid))
	}
	return nil
}

// prependRule adds a first rule for clients.
func (s *Server) prependRule(rule string) error {
	const name = "pg_hba.conf"
	rules, err := os.ReadFile(filepath.Join(s.data(), name))
	if err != nil {
		return err
	}
	return s.write(name, append([]byte(rule+"\n"), rules...))
}

// RequirePassword makes the server ask a role for its password.
func (s *Server) RequirePassword(role string) error {
	return errors.Join(
		s.prependRule("host all "+role+" 127.0.0.1/32 scram-sha-256"),
		s.Exec("postgres", "SELECT pg_reload_conf()"),
	)
}

package deployment_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// certificate is one, self-signed, with its key, in files.
type certificate struct {
	certificate, key string
	roots            *x509.CertPool // trust it
}

func newCertificate(t *testing.T, hosts ...string) certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	fatal(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: hosts,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	fatal(t, err)
	parsed, err := x509.ParseCertificate(der)
	fatal(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	fatal(t, err)
	folder, roots := t.TempDir(), x509.NewCertPool()
	roots.AddCert(parsed)
	return certificate{
		write(t, filepath.Join(folder, "app.pem"), "CERTIFICATE", der), write(t, filepath.Join(folder, "app.key"), "PRIVATE KEY", private), roots,
	}
}

// config returns what serves the certificate.
func (c certificate) config(t *testing.T) *tls.Config {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(c.certificate, c.key)
	fatal(t, err)
	return &tls.Config{Certificates: []tls.Certificate{pair}}
}

func write(t *testing.T, file, kind string, der []byte) string {
	t.Helper()
	fatal(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
	return file
}

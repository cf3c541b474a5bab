package httpclients_test

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"net/http/cookiejar"
	"os"
	"strings"
	"testing"

	"github.com/crossmint-go/auth/internal/testkit"
)

// goSender is Go's client with the jar of net/http/cookiejar.
type goSender struct{ *http.Client }

func startGo(t *testing.T, certificate string) newSender {
	t.Helper()
	raw, err := os.ReadFile(certificate)
	testkit.NoError(t, err)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(raw)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
	t.Cleanup(transport.CloseIdleConnections)
	return func(t *testing.T, _ bool) sender {
		t.Helper()
		jar, err := cookiejar.New(nil)
		testkit.NoError(t, err)
		return goSender{&http.Client{Jar: jar, Transport: transport}}
	}
}

func (s goSender) send(t *testing.T, r request) response {
	t.Helper()
	sent, err := http.NewRequest(r.Method, r.URL, strings.NewReader(r.Body))
	testkit.NoError(t, err)
	for name, value := range r.Headers {
		sent.Header.Set(name, value)
	}
	res, err := s.Do(sent)
	testkit.NoError(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	testkit.NoError(t, err)
	return response{Status: res.StatusCode, Body: string(body)}
}

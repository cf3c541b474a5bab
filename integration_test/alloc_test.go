//go:build !race

package integration_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
)

// header is a ResponseWriter that is used again and again, as a server's is.
type header http.Header

func (h header) Header() http.Header         { return http.Header(h) }
func (h header) Write(p []byte) (int, error) { return len(p), nil }
func (h header) WriteHeader(int)             {}

// protected returns a protected handler and a request that it lets pass.
func protected(tb testing.TB) (http.Handler, *http.Request) {
	tb.Helper()
	fake, err := crossminttest.New(crossminttest.Config{})
	fatal(tb, err)
	tb.Cleanup(fake.Close)
	client, err := crossmint.NewClient(fake.Config())
	fatal(tb, err)
	tb.Cleanup(client.Close)
	cookies, err := cookie.NewCodec(cookie.Config{ProjectID: client.ProjectID()})
	fatal(tb, err)
	sessions, err := session.NewManager(session.Config{Upstream: client})
	fatal(tb, err)
	tb.Cleanup(func() { _ = sessions.Close(context.Background()) })
	var kept *session.AuthSession
	handler := middleware.RequireSession(sessions, cookies, middleware.Config{})(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s, ok := session.FromContext(r.Context())
		if !ok {
			tb.Error("no session")
		}
		kept = s // a handler that keeps the session keeps the compiler honest
	}))
	_ = kept
	r := httptest.NewRequest("GET", "/", nil)
	r.AddCookie(&http.Cookie{Name: "theme", Value: "dark"})
	for _, c := range crossminttest.Cookies(fake.Grant(fake.NewUser("ann@example.com"))) {
		r.AddCookie(c)
	}
	return handler, r
}

func TestAllocsProtectedRequest(t *testing.T) {
	handler, r := protected(t)
	w := header{"Content-Type": {"text/plain"}}
	handler.ServeHTTP(w, r)
	allocs := testing.AllocsPerRun(1000, func() {
		delete(w, "Vary")
		handler.ServeHTTP(w, r)
	})
	if allocs != 1 {
		t.Errorf("a protected request allocates %v times, want 1: the session in its context together with the request that carries it", allocs)
	}
}

func BenchmarkProtectedRequest(b *testing.B) {
	handler, r := protected(b)
	w := header{"Content-Type": {"text/plain"}}
	b.ReportAllocs()
	for b.Loop() {
		delete(w, "Vary")
		handler.ServeHTTP(w, r)
	}
}

func BenchmarkRSA2048(b *testing.B) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	fatal(b, err)
	digest := sha256.Sum256([]byte("x"))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, digest[:])
	fatal(b, err)
	for b.Loop() {
		_ = rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA256, digest[:], signature)
	}
}

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
	"time"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
)

// The targets, in one run: the user ID alone takes at most 1/60 of one RSA
// verification, and all four values at most 1.25 times the user ID alone.
//
//	go test ./integration_test -run '^$' -bench Request -count 6

func BenchmarkRequestUserID(b *testing.B) { benchmarkRequest(b, readUserID) }

func BenchmarkRequestFourValues(b *testing.B) { benchmarkRequest(b, readFourValues) }

func benchmarkRequest(b *testing.B, handler http.HandlerFunc) {
	serve := newProtectedEnv(b).serveAgain(b, handler)
	b.ReportAllocs()
	for b.Loop() {
		serve()
	}
}

// BenchmarkRequestRSA2048 is the verification that each request would need
// without the cache of verified tokens.
func BenchmarkRequestRSA2048(b *testing.B) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	fatal(b, err)
	digest := sha256.Sum256([]byte("header.claims"))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, digest[:])
	fatal(b, err)
	for b.Loop() {
		if err := rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA256, digest[:], signature); err != nil {
			b.Fatal(err)
		}
	}
}

// protectedEnv is a session manager with a request that has a valid session.
type protectedEnv struct {
	cookies  *cookie.Codec
	sessions *session.Manager
	request  *http.Request
}

func newProtectedEnv(tb testing.TB) *protectedEnv {
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
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.AddCookie(&http.Cookie{Name: "theme", Value: "dark"})
	user := fake.NewUser("ann@example.com")
	fake.SetClaims(user.ID, map[string]any{"role": "admin"})
	for _, c := range crossminttest.Cookies(fake.Grant(user)) {
		r.AddCookie(c)
	}
	return &protectedEnv{cookies, sessions, r}
}

// serveAgain returns a function that serves the request with a protected handler.
// Each call is a later request with a known JWT.
func (e *protectedEnv) serveAgain(tb testing.TB, handler http.HandlerFunc) func() {
	tb.Helper()
	protected := middleware.RequireSession(e.sessions, e.cookies, middleware.Config{})(handler)
	w := &reusedWriter{header: http.Header{"Content-Type": {"text/plain"}}}
	serve := func() {
		delete(w.header, "Vary")
		protected.ServeHTTP(w, e.request)
	}
	serve()
	if w.status != 0 {
		tb.Fatalf("status %d", w.status)
	}
	return serve
}

// reusedWriter is a ResponseWriter without allocations of its own.
type reusedWriter struct {
	header http.Header
	status int // 0 unless the response is an error
}

func (w *reusedWriter) Header() http.Header         { return w.header }
func (w *reusedWriter) Write(p []byte) (int, error) { return len(p), nil }
func (w *reusedWriter) WriteHeader(status int)      { w.status = status }

// readResult keeps the compiler from removing the reads of the handlers.
var readResult struct {
	userID            string
	issued, expiresAt time.Time
	role              string
}

func readUserID(w http.ResponseWriter, r *http.Request) {
	s, ok := session.FromContext(r.Context())
	if !ok {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	readResult.userID = s.UserID
}

func readFourValues(w http.ResponseWriter, r *http.Request) {
	s, ok := session.FromContext(r.Context())
	claims, err := session.Claims[struct {
		Role string `json:"role"`
	}](r.Context())
	if !ok || err != nil || claims.Role != "admin" {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	readResult.userID, readResult.issued, readResult.expiresAt, readResult.role = s.UserID, s.IssuedAt, s.ExpiresAt, claims.Role
}

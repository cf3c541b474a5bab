package httpclients_test

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/handlers"
	"github.com/crossmint-go/auth/internal/testkit"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
)

// serve serves a handler on 127.0.0.1 until the end of the test, and returns its URL.
func serve(t *testing.T, https bool, handler http.Handler) (url string) {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // clients close connections during the handshake
	if https {
		server.StartTLS()
	} else {
		server.Start()
	}
	t.Cleanup(server.Close)
	return server.URL
}

// options configure a site.
type options struct {
	plainHTTP bool
	cookies   cookie.Config
	sessions  session.Config
}

// site is an application with sign-in forms, a protected page, and the routes of the kit.
type site struct {
	*testkit.Kit
	url     string
	user    session.User
	expired session.Grant // whose JWT has expired

	mu       sync.Mutex // guards received
	received map[string][]received
}

// received is a request that has arrived.
type received struct {
	at      time.Time
	method  string
	body    string
	cookies []*http.Cookie
}

func newSite(t *testing.T, o options) *site {
	t.Helper()
	s := &site{Kit: testkit.New(t, testkit.Config{Session: o.sessions}), received: map[string][]received{}}
	s.user = s.Fake.NewUser(email)
	s.expired = s.Fake.ExpiredGrant(s.Fake.NewUser("ben@example.com"))
	o.cookies.ProjectID = s.Client.ProjectID()
	cookies := testkit.Must(cookie.NewCodec(o.cookies))
	signIn := handlers.NewSignIn(s.Client, s.Manager, cookies, handlers.SignInConfig{
		EmailPage: &url.URL{Path: "/signin"}, CodePage: &url.URL{Path: "/signin"},
	})
	require := middleware.RequireSession(s.Manager, cookies, middleware.Config{Bearer: true})
	mux := http.NewServeMux()
	mux.HandleFunc("GET /signin", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "the forms") })
	mux.HandleFunc("/send", signIn.SendCode)
	mux.HandleFunc("/confirm", signIn.ConfirmCode)
	mux.Handle("GET /{$}", require(http.HandlerFunc(me)))
	mux.Handle("/refresh", handlers.Refresh(s.Manager, cookies, handlers.Config{}))
	mux.Handle("/logout", handlers.Logout(s.Manager, cookies, handlers.Config{}))
	mux.HandleFunc("GET /arrive", func(w http.ResponseWriter, _ *http.Request) {
		for _, c := range crossminttest.Cookies(s.expired) {
			http.SetCookie(w, c)
		}
	})
	mux.HandleFunc("GET /expire", func(w http.ResponseWriter, _ *http.Request) {
		c := &http.Cookie{Name: "crossmint-session", Value: s.Fake.ExpiredJWT(s.user), Path: "/", Secure: !o.plainHTTP}
		http.SetCookie(w, c)
	})
	s.url = serve(t, !o.plainHTTP, s.record(mux))
	return s
}

// email is the address of the tests' user.
const email = "ada@example.com"

// me writes the user ID of the session.
func me(w http.ResponseWriter, r *http.Request) {
	s, _ := session.FromContext(r.Context())
	_, _ = io.WriteString(w, s.UserID)
}

// record returns next with its requests recorded.
func (s *site) record(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got := received{at: time.Now(), method: r.Method, cookies: r.Cookies()}
		r.Body = &recordedBody{r.Body, &got.body}
		defer func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.received[r.URL.Path] = append(s.received[r.URL.Path], got)
		}()
		next.ServeHTTP(w, r)
	})
}

// recordedBody is a body that records the bytes that are read.
type recordedBody struct {
	io.ReadCloser
	read *string
}

func (b *recordedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	*b.read += string(p[:n])
	return n, err
}

// requestsTo returns the finished requests to a path.
func (s *site) requestsTo(path string) []received {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.received[path]
}

// sendExpired sends a request with the cookies of the session whose JWT has expired. A
// client without a jar gets them as a header.
func (s *site) sendExpired(t *testing.T, sent sender, c running, method, path string) response {
	t.Helper()
	r := request{Method: method, URL: s.url + path}
	if c.hasJar {
		sent.send(t, request{Method: "GET", URL: s.url + "/arrive"})
	} else {
		r.Headers = map[string]string{"Cookie": cookieHeader(crossminttest.Cookies(s.expired))}
	}
	if method == "POST" {
		r = r.withJSON(`{"refresh":null}`)
	}
	return sent.send(t, r)
}

func cookieHeader(cookies []*http.Cookie) string {
	r := http.Request{Header: http.Header{}}
	for _, c := range cookies {
		r.AddCookie(c)
	}
	return r.Header.Get("Cookie")
}

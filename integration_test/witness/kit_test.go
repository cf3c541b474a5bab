package witness_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/handlers"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/event"
)

// earlyRefreshTimeout is longer than the default, so that no response depends on
// the speed of the machine.
const earlyRefreshTimeout = 10 * time.Second

// kitSide runs one scenario with this module.
type kitSide struct{ close func() }

func (side *kitSide) open(t *testing.T, s setup) (string, http.Header) {
	t.Helper()
	pages, closeSessions := newKit(t, s)
	server := httptest.NewServer(pages)
	side.close = sync.OnceFunc(func() {
		server.Close()
		closeSessions()
	})
	t.Cleanup(side.close)
	return server.URL, nil
}

// processState closes the site, which waits for its logouts in the background. It
// returns "lives": nothing here ends the process.
func (side *kitSide) processState(*testing.T, *http.Client) string {
	side.close()
	return "lives"
}

// kit is a site like that of the README, with the pages of js/driver.mjs.
type kit struct {
	client   *crossmint.Client
	sessions *session.Manager
	cookies  *cookie.Codec
}

// newKit returns the pages of a kit, and a function that closes it after the server.
func newKit(t *testing.T, s setup) (pages http.Handler, closeSessions func()) {
	t.Helper()
	config := s.client()
	config.Logger = slog.New(slog.DiscardHandler)
	client, err := crossmint.NewClient(config)
	if err != nil {
		return rejectAll(err), func() {}
	}
	t.Cleanup(client.Close)
	cookies, err := cookie.NewCodec(s.codec(client.ProjectID()))
	fatal(t, err)
	sessions, err := session.NewManager(session.Config{
		Upstream: client, RefreshBudget: s.budget(), EarlyRefreshTimeout: earlyRefreshTimeout,
		OnEvent: func(context.Context, event.Event) {},
	})
	fatal(t, err)
	return (&kit{client, sessions, cookies}).pages(s), func() { fatal(t, sessions.Close(context.Background())) }
}

// rejectAll returns the page of a site with an invalid configuration.
func rejectAll(err error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		message := strings.TrimPrefix(err.Error(), "crossmint: ")
		writeJSON(w, http.StatusBadRequest, map[string]string{"message": message})
	})
}

// pages returns the pages of js/driver.mjs. Those that use Node's own objects there
// are not different here.
func (k *kit) pages(s setup) http.Handler {
	page := middleware.RequireSession(k.sessions, k.cookies, middleware.Config{})(http.HandlerFunc(member))
	if s.theme {
		page = themed(page)
	}
	mux := http.NewServeMux()
	for _, prefix := range []string{"", "/node"} {
		mux.Handle(prefix+"/session", page)
		mux.Handle(prefix+"/refresh", handlers.Refresh(k.sessions, k.cookies, handlers.Config{}))
		mux.Handle(prefix+"/logout", handlers.Logout(k.sessions, k.cookies, handlers.Config{}))
	}
	mux.HandleFunc("/material", k.material)
	mux.HandleFunc("/verify", k.verify)
	mux.HandleFunc("/user", k.user)
	mux.HandleFunc("/store", k.store)
	mux.HandleFunc("/jwks-uri", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]string{"uri": k.client.JWKSURL()})
	})
	return mux
}

// themed sets a cookie of the page first.
func themed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Set-Cookie", "theme=dark")
		next.ServeHTTP(w, r)
	})
}

func member(w http.ResponseWriter, r *http.Request) {
	s, _ := session.FromContext(r.Context())
	writeJSON(w, http.StatusOK, sdkSession(s))
}

// sdkSession returns a session like the getSession of the SDK.
func sdkSession(s *session.AuthSession) map[string]any {
	token := map[string]string{"secret": s.RefreshToken.Secret.Reveal(), "expiresAt": s.RefreshToken.ExpiresAt}
	return map[string]any{"jwt": s.JWT.Reveal(), "refreshToken": token, "userId": s.UserID}
}

func (k *kit) material(w http.ResponseWriter, r *http.Request) {
	var in struct {
		JWT, RefreshToken string
		RefusedAt         time.Time
	}
	if !read(w, r, &in) {
		return
	}
	result, err := k.sessions.Authenticate(r.Context(), session.Material{
		JWT: session.NewSecret(in.JWT), RefreshToken: session.NewSecret(in.RefreshToken), RefusedAt: in.RefusedAt,
	})
	if err != nil {
		w.WriteHeader(statusOf(err))
		return
	}
	writeJSON(w, http.StatusOK, sdkSession(result.Session))
}

func (k *kit) verify(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Token string
		Keys  json.RawMessage
	}
	if !read(w, r, &in) {
		return
	}
	err := k.verifyWith(r.Context(), in.Keys, in.Token)
	var claims map[string]any
	if err == nil {
		claims, err = claimsOf[map[string]any](in.Token)
	}
	if err != nil {
		w.WriteHeader(statusOf(err))
		return
	}
	writeJSON(w, http.StatusOK, claims)
}

func (k *kit) verifyWith(ctx context.Context, jwks []byte, token string) error {
	if jwks == nil {
		_, err := k.client.Verify(ctx, token, time.Now())
		return err
	}
	_, err := k.client.VerifyWith(jwks, token)
	return err
}

func (k *kit) user(w http.ResponseWriter, r *http.Request) {
	var in struct{ ID string }
	if !read(w, r, &in) {
		return
	}
	user, err := k.client.User(r.Context(), in.ID)
	if err != nil {
		w.WriteHeader(statusOf(err))
		return
	}
	writeJSON(w, http.StatusOK, user)
}

func (k *kit) store(w http.ResponseWriter, r *http.Request) {
	var in struct {
		JWT          string
		RefreshToken struct{ Secret, ExpiresAt string }
	}
	if !read(w, r, &in) {
		return
	}
	err := k.cookies.Write(w, r, &session.Grant{
		JWT:          session.NewSecret(in.JWT),
		RefreshToken: session.RefreshToken{Secret: session.NewSecret(in.RefreshToken.Secret), ExpiresAt: in.RefreshToken.ExpiresAt},
	})
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
	}
}

// claimsOf returns the claims of a JWT, which need not be valid.
func claimsOf[T any](jwt string) (T, error) {
	return session.Claims[T](session.NewContext(context.Background(), &session.AuthSession{JWT: session.NewSecret(jwt)}))
}

// statusOf returns the status of the pages for the error of a call.
func statusOf(err error) int {
	var rejected *session.AuthenticationError
	switch {
	case errors.As(err, &rejected), errors.Is(err, session.ErrJWTInvalid), errors.Is(err, session.ErrJWTExpired):
		return http.StatusUnauthorized
	case errors.Is(err, session.ErrUnavailable):
		return http.StatusServiceUnavailable
	case errors.Is(err, session.ErrRefused):
		return http.StatusNotFound
	default: // an invalid argument
		return http.StatusBadRequest
	}
}

// read reads the JSON of a scenario.
func read(w http.ResponseWriter, r *http.Request, in any) bool {
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.Unmarshal(body, in)
	}
	if err != nil {
		w.WriteHeader(http.StatusTeapot) // a fault of the scenario
	}
	return err == nil
}

func writeJSON(w http.ResponseWriter, status int, value any) {
	body, err := json.Marshal(value)
	if err != nil {
		status = http.StatusTeapot
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

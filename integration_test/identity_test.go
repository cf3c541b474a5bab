package integration_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/handlers"
	"github.com/crossmint-go/auth/internal/testkit"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
)

// signInAs signs the browser in by a body token, as the browser client does after
// a sign-in.
func (b *virtualBrowser) signInAs(s *virtualSite, email string) (userID string) {
	b.t.Helper()
	user := s.Fake.NewUser(email)
	wantStatus(b.t, b.post("/refresh", fmt.Sprintf(`{"refresh":%q}`, s.Fake.OneTimeSecret(user))), http.StatusOK)
	return user.ID
}

// A sign-in ends what the browser brought: a late response for the former user
// changes nothing.
func TestSignInDuringRefreshOfAnotherUser(t *testing.T) {
	tests := []struct {
		name     string
		rejected bool // the late refresh
	}{
		{name: "the late refresh succeeds"},
		{name: "the late refresh is rejected", rejected: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newVirtualSite(t, siteConfig{})
				s.slow("/poll", 3*time.Second)
				b := s.browser(t)
				former := s.signInExpired(b, "former@example.com").User.ID
				if tt.rejected {
					s.Fake.Fail(crossminttest.Refresh, testkit.RejectedByUpstream())
				}
				s.Fake.SetLatency(crossminttest.Refresh, 1500*time.Millisecond)
				poll := b.request(http.MethodGet, "/poll", "")
				done := make(chan *http.Response)
				go func() { done <- b.send(poll) }()
				time.Sleep(time.Second)
				s.Fake.SetLatency(crossminttest.Refresh, 0)
				user := b.signInAs(s, "new@example.com")
				wantNoSessionCookies(t, <-done)
				b.wantUser(user)
				time.Sleep(time.Minute)
				b.wantUser(user)
				if live := s.Fake.LiveOf(former); live != 0 {
					t.Errorf("the former user has %d live refresh tokens", live)
				}
			})
		})
	}
}

// The sign-in forms do the same.
func TestSignInFormsEndTheFormerSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newVirtualSite(t, siteConfig{})
		b := s.browser(t)
		former := s.signInExpired(b, "former@example.com")
		page := &url.URL{Path: "/signin"}
		forms := handlers.NewSignIn(s.Client, s.Manager, s.cookies, handlers.SignInConfig{EmailPage: page, CodePage: page})
		s.mux.HandleFunc("/signin/code", forms.SendCode)
		s.mux.HandleFunc("/signin/confirm", forms.ConfirmCode)
		post := func(path string, form url.Values) *http.Response {
			r := b.request(http.MethodPost, path, form.Encode())
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			return b.send(r)
		}
		wantStatus(t, post("/signin/code", url.Values{"email": {"new@example.com"}}), http.StatusSeeOther)
		res := post("/signin/confirm", url.Values{"code": {s.Fake.Code("new@example.com")}})
		if to := res.Header.Get("Location"); to != "/" {
			t.Fatalf("redirected to %q", to)
		}
		late := httptest.NewRequest(http.MethodGet, "https://site.test/me", nil)
		testkit.AddCookies(late, testkit.Material(former))
		w := httptest.NewRecorder()
		s.mux.ServeHTTP(w, late)
		if w.Code != http.StatusUnauthorized {
			t.Errorf("the former session: %d, want 401", w.Code)
		}
		wantNoSessionCookies(t, w.Result())
		wantStatus(t, b.get("/me"), http.StatusOK)
		synctest.Wait()
		if live := s.Fake.LiveOf(former.User.ID); live != 0 {
			t.Errorf("the former user has %d live refresh tokens", live)
		}
	})
}

// A stale tab that sends the old token in the body, beside its successor in the
// cookies, is no sign-in: the session goes on.
func TestStaleTabIsNoSignIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newVirtualSite(t, siteConfig{})
		b := s.browser(t)
		grant := s.signInExpired(b, "ada@example.com")
		b.wantUser(grant.User.ID)
		wantStatus(t, b.post("/refresh", fmt.Sprintf(`{"refresh":%q}`, grant.RefreshToken.Secret.Reveal())), http.StatusOK)
		b.wantUser(grant.User.ID)
		if live := s.Fake.LiveOf(grant.User.ID); live != 1 {
			t.Errorf("%d live refresh tokens, want 1", live)
		}
	})
}

// Two projects on one host share cookie names. A pair of the other project is
// left alone.
func TestPairOfAnotherProject(t *testing.T) {
	tests := []struct {
		name   string
		jwt    func(s *virtualSite, user session.User) string
		method string
		path   string
		want   int
	}{
		{name: "valid JWT", jwt: func(s *virtualSite, u session.User) string { return s.Fake.ForeignJWT(u) }, method: http.MethodGet, path: "/me", want: 401},
		{name: "expired JWT", jwt: func(s *virtualSite, u session.User) string {
			return s.Fake.Sign(u, nil, map[string]any{"aud": "other-project", "exp": time.Now().Add(-time.Hour).Unix()})
		}, method: http.MethodGet, path: "/me", want: 401},
		{name: "signed by another key", jwt: func(s *virtualSite, u session.User) string {
			parts := strings.Split(s.Fake.ForeignJWT(u), ".")
			return parts[0] + "." + parts[1] + "." + strings.Repeat("A", len(parts[2]))
		}, method: http.MethodGet, path: "/me", want: 401},
		{name: "refresh", jwt: func(s *virtualSite, u session.User) string { return s.Fake.ForeignJWT(u) }, method: http.MethodPost, path: "/refresh", want: 401},
		{name: "logout", jwt: func(s *virtualSite, u session.User) string { return s.Fake.ForeignJWT(u) }, method: http.MethodPost, path: "/logout", want: 204},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newVirtualSite(t, siteConfig{})
				testkit.NoError(t, s.Client.Preload(t.Context()))
				user := s.Fake.NewUser("ada@example.com")
				grant := s.Fake.Grant(user)
				r := httptest.NewRequest(tt.method, "https://site.test"+tt.path, nil)
				testkit.AddCookies(r, session.Material{JWT: session.NewSecret(tt.jwt(s, user)), RefreshToken: grant.RefreshToken.Secret})
				w := httptest.NewRecorder()
				s.mux.ServeHTTP(w, r)
				wantStatus(t, w.Result(), tt.want)
				wantNoSessionCookies(t, w.Result())
				if calls := s.Fake.Calls(); calls.Refresh != 0 || calls.Logout != 0 {
					t.Errorf("calls: %+v, want neither refresh nor logout", calls)
				}
				if live := s.Fake.LiveOf(user.ID); live != 1 {
					t.Errorf("%d live refresh tokens, want 1", live)
				}
			})
		})
	}
}

// Beside a pair of another project the own pair counts.
func TestOwnPairBesideAnotherProject(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newVirtualSite(t, siteConfig{})
		own := s.Fake.Grant(s.Fake.NewUser("ada@example.com"))
		names := cookie.Unscoped()
		r := httptest.NewRequest(http.MethodGet, "https://site.test/me", nil)
		r.AddCookie(&http.Cookie{Name: "crossmint-session", Value: s.Fake.ForeignJWT(s.Fake.NewUser("bob@example.com"))})
		r.AddCookie(&http.Cookie{Name: names.JWT, Value: own.JWT.Reveal()})
		r.AddCookie(&http.Cookie{Name: names.RefreshToken, Value: own.RefreshToken.Secret.Reveal()})
		w := httptest.NewRecorder()
		s.mux.ServeHTTP(w, r)
		if w.Code != http.StatusOK || w.Body.String() != own.User.ID {
			t.Errorf("%d %s, want 200 %s", w.Code, w.Body, own.User.ID)
		}
	})
}

// Upstream exchanges a token of another project: 401 without an effect on the
// cookies, and upstream is not asked again at once.
func TestGrantOfAnotherProject(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newVirtualSite(t, siteConfig{})
		b := s.browser(t)
		user := s.signInExpired(b, "ada@example.com").User
		s.Fake.FailAlways(crossminttest.Refresh, crossminttest.Edit(func(members map[string]any) { members["jwt"] = s.Fake.ForeignJWT(user) }))
		for range 3 {
			res := b.get("/me")
			wantStatus(t, res, http.StatusUnauthorized)
			wantNoSessionCookies(t, res)
		}
		if calls := s.Fake.Calls().Refresh; calls != 1 {
			t.Errorf("%d refresh calls, want 1", calls)
		}
	})
}

// Each middleware keeps to its own configuration.
func TestBearerSwitchOfNestedMiddleware(t *testing.T) {
	tests := []struct {
		name         string
		outer, inner bool
		optional     bool // the outer one is OptionalSession
		want         int
	}{
		{name: "inner only, outer optional", inner: true, optional: true, want: 200},
		{name: "outer only", outer: true, want: 401},
		{name: "both", outer: true, inner: true, want: 200},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newVirtualSite(t, siteConfig{})
				grant := s.Fake.Grant(s.Fake.NewUser("ada@example.com"))
				wrap := middleware.RequireSession
				if tt.optional {
					wrap = middleware.OptionalSession
				}
				h := wrap(s.Manager, s.cookies, middleware.Config{Bearer: tt.outer})(
					middleware.RequireSession(s.Manager, s.cookies, middleware.Config{Bearer: tt.inner})(
						http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
				r := httptest.NewRequest(http.MethodGet, "https://site.test/", nil)
				r.Header.Set("Authorization", "Bearer "+grant.JWT.Reveal())
				w := httptest.NewRecorder()
				h.ServeHTTP(w, r)
				wantStatus(t, w.Result(), tt.want)
			})
		})
	}
}

// An old JWT of a user is easily had. It must not close that user's connections.
func TestExpiredJWTClosesNoConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newVirtualSite(t, siteConfig{})
		user := s.Fake.NewUser("ada@example.com")
		result, err := s.Manager.Authenticate(t.Context(), testkit.Material(s.Fake.Grant(user)))
		testkit.NoError(t, err)
		connection, cancel := s.Manager.SessionContext(t.Context(), result.Session)
		defer cancel()
		logout := func(m session.Material) {
			r := httptest.NewRequest(http.MethodPost, "https://site.test/logout", nil)
			testkit.AddCookies(r, m)
			lost(s, r)
			synctest.Wait()
		}
		logout(session.Material{JWT: session.NewSecret(s.Fake.ExpiredJWT(user))})
		if connection.Err() != nil {
			t.Error("an expired JWT alone has closed the connection")
		}
		logout(testkit.Material(s.Fake.ExpiredGrant(user)))
		if connection.Err() == nil {
			t.Error("a token that upstream accepted has not closed the connection")
		}
	})
}

// A site moves from a Domain to __Host- names. The sessions of before end with
// the next sign-in and logout.
func TestFormerAttributes(t *testing.T) {
	tests := []struct {
		name   string
		former cookie.Config // as the earlier version of the site had it
		now    cookie.Config
	}{
		{
			name:   "Domain to __Host- names",
			former: cookie.Config{Domain: "site.test"},
			now: cookie.Config{
				Names:  cookie.Names{JWT: "__Host-jwt", RefreshToken: "__Host-refresh"},
				Former: []cookie.Config{{Domain: "site.test"}},
			},
		},
		{
			name:   "Path",
			former: cookie.Config{Path: "/app"},
			now:    cookie.Config{Former: []cookie.Config{{Path: "/app"}}},
		},
		{
			name:   "Names",
			former: cookie.Config{Names: cookie.Names{JWT: "j", RefreshToken: "r"}},
			now:    cookie.Config{Former: []cookie.Config{{Names: cookie.Names{JWT: "j", RefreshToken: "r"}}}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newVirtualSite(t, siteConfig{cookies: tt.now})
				s.handle("/app/me", func(http.ResponseWriter, *http.Request) {})
				s.mux.Handle("/app/logout", handlers.Logout(s.Manager, s.cookies, handlers.Config{}))
				tt.former.ProjectID = s.Fake.ProjectID()
				before := testkit.Must(cookie.NewCodec(tt.former))
				jar := testkit.Must(cookiejar.New(nil))
				site := testkit.Must(url.Parse("https://site.test/app/"))
				b := &virtualBrowser{t, s.mux, jar, site}
				ada := s.Fake.Grant(s.Fake.NewUser("ada@example.com"))
				w := httptest.NewRecorder()
				testkit.NoError(t, before.Write(w, b.request(http.MethodGet, "/app/", ""), &ada))
				jar.SetCookies(site, w.Result().Cookies())
				wantStatus(t, b.get("/app/me"), http.StatusOK)

				user := s.Fake.NewUser("bob@example.com")
				wantStatus(t, b.post("/refresh", fmt.Sprintf(`{"refresh":%q}`, s.Fake.OneTimeSecret(user))), http.StatusOK)
				wantStatus(t, b.post("/app/logout", ""), http.StatusNoContent)
				wantStatus(t, b.get("/app/me"), http.StatusUnauthorized)
				if left := jar.Cookies(site); len(left) != 0 {
					t.Errorf("cookies after the logout: %v", left)
				}
				synctest.Wait()
				if live := s.Fake.LiveOf(ada.User.ID); live != 0 {
					t.Errorf("the former session lives on at upstream: %d tokens", live)
				}
			})
		})
	}
}

// A proxy behind the middleware passes the session of now to a backend that
// checks the same cookies, and no identity of the client's.
func TestForwardToBackend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newVirtualSite(t, siteConfig{})
		backend := newVirtualSiteOf(t, s.Kit)
		var seen http.Header
		backend.handle("/api", func(w http.ResponseWriter, r *http.Request) { seen = r.Header.Clone() })
		proxy := &httputil.ReverseProxy{
			Rewrite: func(pr *httputil.ProxyRequest) {
				pr.SetURL(&url.URL{Scheme: "https", Host: "backend.test"})
				s.cookies.Forward(pr.Out)
				middleware.SetUserHeader(pr.Out, "X-User-Id")
			},
			Transport: handlerTransport{backend.mux},
		}
		s.handle("/api", proxy.ServeHTTP)
		b := s.browser(t)
		user := s.signInExpired(b, "ada@example.com").User.ID
		r := b.request(http.MethodGet, "/api", "")
		r.AddCookie(&http.Cookie{Name: "theme", Value: "dark"})
		for _, name := range []string{"X-User-Id", "X_user_id"} {
			r.Header[name] = []string{"mallory"}
		}
		wantStatus(t, b.send(r), http.StatusOK)
		if calls := s.Fake.Calls().Refresh; calls != 1 {
			t.Errorf("%d refresh calls, want 1", calls)
		}
		if got := seen["X-User-Id"]; !slices.Equal(got, []string{user}) || seen["X_user_id"] != nil {
			t.Errorf("X-User-Id = %q, X_user_id = %q, want the user's alone", got, seen["X_user_id"])
		}
		if cookies := seen.Get("Cookie"); !strings.Contains(cookies, "theme=dark") {
			t.Errorf("Cookie = %q, want theme=dark in it", cookies)
		}
		time.Sleep(time.Minute)
		b.wantUser(user)
	})
}

// newVirtualSiteOf returns a site with a manager of its own on the same fake.
func newVirtualSiteOf(t *testing.T, kit *testkit.Kit) *virtualSite {
	t.Helper()
	s := &virtualSite{Kit: kit, mux: http.NewServeMux()}
	s.cookies = testkit.Must(cookie.NewCodec(cookie.Config{ProjectID: kit.Fake.ProjectID()}))
	s.require = middleware.RequireSession(kit.NewManager(session.Config{}), s.cookies, middleware.Config{})
	return s
}

// handlerTransport sends requests to a handler without a socket.
type handlerTransport struct{ http.Handler }

func (h handlerTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result(), nil
}

// A late response that was to delete the cookies of a refused token must not
// delete those of a sign-in that came meanwhile.
func TestSignInDuringSlowResponseWithDeletion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newVirtualSite(t, siteConfig{})
		optional := middleware.OptionalSession(s.Manager, s.cookies, middleware.Config{})
		s.mux.Handle("/public", optional(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			time.Sleep(10 * time.Second)
			w.WriteHeader(http.StatusNoContent)
		})))
		b := s.browser(t)
		s.signInExpired(b, "former@example.com")
		s.Fake.Revoke(b.token())
		wantStatus(t, b.get("/me"), http.StatusTemporaryRedirect)
		time.Sleep(2 * time.Hour)
		public := b.request(http.MethodGet, "/public", "")
		done := make(chan *http.Response)
		go func() { done <- b.send(public) }()
		time.Sleep(5 * time.Second)
		user := b.signInAs(s, "new@example.com")
		wantNoSessionCookies(t, <-done)
		b.wantUser(user)
	})
}

// A refresh of the own session is no sign-in, also where the refresh token comes
// from the body and the cookies hold the JWT alone.
func TestRefreshByBodyBesideOwnJWT(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newVirtualSite(t, siteConfig{})
		grant := s.Fake.Grant(s.Fake.NewUser("ada@example.com"))
		result, err := s.Manager.Authenticate(t.Context(), testkit.Material(grant))
		testkit.NoError(t, err)
		connection, cancel := s.Manager.SessionContext(t.Context(), result.Session)
		defer cancel()
		r := httptest.NewRequest(http.MethodPost, "https://site.test/refresh", strings.NewReader(fmt.Sprintf(`{"refresh":%q}`, grant.RefreshToken.Secret.Reveal())))
		r.Header.Set("Content-Type", "application/json")
		testkit.AddCookies(r, session.Material{JWT: grant.JWT})
		w := httptest.NewRecorder()
		s.mux.ServeHTTP(w, r)
		wantStatus(t, w.Result(), http.StatusOK)
		synctest.Wait()
		if connection.Err() != nil {
			t.Error("the refresh has closed the user's connections")
		}
	})
}

// The browser repeats a sign-in whose response was lost. It replaces the former
// session all the same.
func TestRepeatedSignIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newVirtualSite(t, siteConfig{})
		b := s.browser(t)
		former := s.signInExpired(b, "former@example.com").User.ID
		signIn := fmt.Sprintf(`{"refresh":%q}`, s.Fake.OneTimeSecret(s.Fake.NewUser("new@example.com")))
		ctx, cancel := context.WithCancel(t.Context())
		s.Fake.Fail(crossminttest.Refresh, crossminttest.Edit(func(map[string]any) { cancel() }))
		lost(s, b.request(http.MethodPost, "/refresh", signIn).WithContext(ctx))
		wantStatus(t, b.post("/refresh", signIn), http.StatusOK)
		synctest.Wait()
		if live := s.Fake.LiveOf(former); live != 0 {
			t.Errorf("the former user has %d live refresh tokens", live)
		}
	})
}

// A flood of forged refresh tokens does not block the sign-in forms: upstream
// itself has just sent their secret.
func TestSignInDuringFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newVirtualSite(t, siteConfig{})
		for i := range 100 {
			r := httptest.NewRequest(http.MethodGet, "https://site.test/me", nil)
			testkit.AddCookies(r, session.Material{RefreshToken: session.NewSecret(fmt.Sprintf("forged-%d", i))})
			lost(s, r)
		}
		_, err := s.Manager.SignIn(t.Context(), session.Material{}, session.NewSecret(s.Fake.OneTimeSecret(s.Fake.NewUser("ada@example.com"))))
		testkit.NoError(t, err)
	})
}

// The cookies of another project stay, also beside a token in the body.
func TestLogoutWithBodyBesideAnotherProject(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newVirtualSite(t, siteConfig{})
		testkit.NoError(t, s.Client.Preload(t.Context()))
		user := s.Fake.NewUser("ada@example.com")
		grant := s.Fake.Grant(user)
		r := httptest.NewRequest(http.MethodPost, "https://site.test/logout", strings.NewReader(fmt.Sprintf(`{"refresh":%q}`, grant.RefreshToken.Secret.Reveal())))
		r.Header.Set("Content-Type", "application/json")
		testkit.AddCookies(r, session.Material{JWT: session.NewSecret(s.Fake.ForeignJWT(user)), RefreshToken: session.NewSecret("of the other project")})
		w := httptest.NewRecorder()
		s.mux.ServeHTTP(w, r)
		wantStatus(t, w.Result(), http.StatusNoContent)
		wantNoSessionCookies(t, w.Result())
		if got := w.Header().Get("Cache-Control"); got != "no-store" {
			t.Errorf("Cache-Control = %q", got)
		}
		if live := s.Fake.LiveOf(user.ID); live != 0 {
			t.Errorf("%d live refresh tokens after the logout", live)
		}
	})
}

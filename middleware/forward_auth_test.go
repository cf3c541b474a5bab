package middleware_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/internal/testkit"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
	"github.com/google/go-cmp/cmp"
)

// permission is the response of a ForwardAuth to a proxy.
type permission struct {
	Response string
	Refresh  string
	HasUser  bool
}

func (e *env) forwardAuth() http.Handler {
	return middleware.ForwardAuth(e.sessions, e.cookies, "X-User-Id", middleware.Config{})
}

// ask returns the response to r, and checks that X-Set-Cookie-1 and so on are the
// Set-Cookie lines, the last one first.
func (e *env) ask(t *testing.T, r *http.Request) (*http.Response, permission) {
	t.Helper()
	res, _ := serve(e.forwardAuth(), r)
	numbered := []string{}
	for _, name := range []string{"X-Set-Cookie-3", "X-Set-Cookie-2", "X-Set-Cookie-1"} {
		numbered = append(numbered, res.Header[name]...)
	}
	if diff := cmp.Diff(append([]string{}, res.Header["Set-Cookie"]...), numbered); diff != "" {
		t.Errorf("cookies (-Set-Cookie +numbered):\n%s", diff)
	}
	if got := res.Header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control: %q", got)
	}
	return res, permission{
		Response: testkit.ResponseOutcome(t, res), Refresh: res.Header.Get("Refresh"), HasUser: res.Header.Get("X-User-Id") != "",
	}
}

// original adds the headers with which a proxy describes the request of a browser.
func original(r *http.Request, method, mode string) *http.Request {
	r.Header.Set("X-Forwarded-Method", method)
	r.Header.Set("X-Forwarded-Uri", "//evil.example/?next=//evil.example")
	r.Header.Set("X-Forwarded-Host", "evil.example")
	r.Header.Set("Sec-Fetch-Mode", mode)
	return r
}

func TestForwardAuth(t *testing.T) {
	revoked := func(e *env) *http.Request {
		jwt, refresh := e.expired()
		e.fake.Revoke(refresh)
		return get("/auth", jwt, refresh)
	}
	tests := []struct {
		name    string
		request func(e *env) *http.Request
		want    permission
	}{
		{name: "valid session", request: func(e *env) *http.Request {
			jwt, refresh := e.valid()
			return get("/auth", jwt, refresh)
		}, want: permission{Response: "204 kept", HasUser: true}},
		{name: "expired JWT", request: func(e *env) *http.Request {
			jwt, refresh := e.expired()
			return get("/auth", jwt, refresh)
		}, want: permission{Response: "204 renewed", HasUser: true}},
		{name: "no session", request: func(*env) *http.Request {
			return original(get("/auth", "", ""), http.MethodGet, "navigate")
		}, want: permission{Response: "401 kept"}},
		{name: "upstream is down", request: func(e *env) *http.Request {
			jwt, refresh := e.expired()
			e.fake.FailAlways(crossminttest.Refresh, testkit.BadGateway())
			return original(get("/auth", jwt, refresh), http.MethodGet, "navigate")
		}, want: permission{Response: "503 kept retry 1"}},
		{name: "first refusal, page", request: func(e *env) *http.Request {
			return original(revoked(e), http.MethodGet, "navigate")
		}, want: permission{Response: "503 kept retry 1 marked", Refresh: "1"}},
		{name: "first refusal, script", request: func(e *env) *http.Request {
			return original(revoked(e), http.MethodGet, "cors")
		}, want: permission{Response: "503 kept retry 1 marked"}},
		{name: "first refusal, form", request: func(e *env) *http.Request {
			return original(revoked(e), http.MethodPost, "navigate")
		}, want: permission{Response: "503 kept retry 1 marked"}},
		{name: "first refusal, method not known", request: func(e *env) *http.Request {
			r := original(revoked(e), "", "navigate")
			r.Header.Del("X-Forwarded-Method")
			return r
		}, want: permission{Response: "503 kept retry 1 marked"}},
		{name: "second refusal", request: func(e *env) *http.Request {
			jwt, refresh := e.expired()
			e.fake.Revoke(refresh)
			return refusedTwice(original(get("/auth", jwt, refresh), http.MethodGet, "navigate"), refresh)
		}, want: permission{Response: "401 cleared"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := newEnv(t, crossminttest.Config{}, session.Config{})
			res, got := e.ask(t, tt.request(e))
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("response (-want +got):\n%s", diff)
			}
			if location, ok := res.Header["Location"]; ok {
				t.Errorf("Location: %q", location)
			}
		})
	}
}

// A proxy has the cookies before the browser does. A slow application holds them
// back, and the old refresh token gets the same session meanwhile.
func TestForwardAuthSlowApplication(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEnv(t, crossminttest.Config{InMemory: true, Reuse: crossminttest.ReuseRefuse}, session.Config{})
		jwt, refresh := e.expired()
		for range 3 {
			if _, got := e.ask(t, get("/auth", jwt, refresh)); got.Response != "204 renewed" {
				t.Errorf("response: %+v", got)
			}
			time.Sleep(15 * time.Second)
		}
		if calls := e.fake.Calls().Refresh; calls != 1 {
			t.Errorf("%d refreshes, want 1", calls)
		}
	})
}

func TestForwardAuthBearer(t *testing.T) {
	e := newEnv(t, crossminttest.Config{}, session.Config{})
	h := middleware.ForwardAuth(e.sessions, e.cookies, "X-User-Id", middleware.Config{Bearer: true})
	jwt, _ := e.valid()
	statuses := map[string]int{jwt: http.StatusNoContent, "a.b.c": http.StatusUnauthorized}
	for token, want := range statuses {
		r := httptest.NewRequest(http.MethodGet, "/auth", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		if res, _ := serve(h, r); res.StatusCode != want {
			t.Errorf("status %d, want %d", res.StatusCode, want)
		}
	}
}

func TestForwardAuthPanics(t *testing.T) {
	e := newEnv(t, crossminttest.Config{}, session.Config{})
	ignore := func(http.ResponseWriter, *http.Request, error) {}
	tests := []struct {
		name, userHeader string
		config           middleware.Config
		want             bool
	}{
		{name: "valid", userHeader: "X-User-Id"},
		{name: "no header", want: true},
		{name: "underscores, which nginx drops", userHeader: "X_User_Id", want: true},
		{name: "space", userHeader: "X User", want: true},
		{name: "SignIn", userHeader: "X-User-Id", config: middleware.Config{SignIn: &url.URL{Path: "/signin"}}, want: true},
		{name: "ErrorHandler", userHeader: "X-User-Id", config: middleware.Config{ErrorHandler: ignore}, want: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := panics(func() { middleware.ForwardAuth(e.sessions, e.cookies, tt.userHeader, tt.config) }); got != tt.want {
				t.Errorf("panics: %v, want %v", got, tt.want)
			}
		})
	}
}

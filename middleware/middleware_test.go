package middleware_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/internal/testkit"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
	"github.com/google/go-cmp/cmp"
)

// situation is a kind of decision on a request, with the cookies that cause it.
type situation struct {
	name     string
	cookies  func(e *env) (jwt, refresh string)
	twice    bool   // upstream has refused the token before
	required string // response of RequireSession
	optional string // response of OptionalSession
	seen     string // by the handler inside OptionalSession; empty: it does not run
}

func (s *situation) get(e *env, target string) *http.Request {
	jwt, refresh := s.cookies(e)
	r := get(target, jwt, refresh)
	if s.twice {
		refusedTwice(r, refresh)
	}
	return r
}

// revoked returns the tokens of a user whose session has ended at upstream.
func (e *env) revoked() (jwt, refresh string) {
	jwt, refresh = e.expired()
	e.fake.Revoke(refresh)
	return jwt, refresh
}

var situations = []situation{
	{name: "renewed", cookies: (*env).expired, required: "200 renewed", optional: "200 renewed", seen: "session"},
	{name: "valid", cookies: (*env).valid, required: "200 kept", optional: "200 kept", seen: "session"},
	{name: "rejected", cookies: (*env).revoked, twice: true, required: "401 cleared", optional: "200 cleared", seen: "not authenticated"},
	{name: "first refusal", cookies: (*env).revoked, required: "307 kept marked", optional: "307 kept marked"},
	{name: "anonymous", cookies: func(*env) (string, string) { return "", "" }, required: "401 kept", optional: "200 kept", seen: "not authenticated"},
	{name: "unavailable", cookies: func(e *env) (string, string) {
		e.fake.FailAlways(crossminttest.Refresh, crossminttest.Status(502, "text/html", htmlError))
		return e.expired()
	}, required: "503 kept retry 1", optional: "200 kept", seen: "unavailable"},
	{name: "not storable", cookies: func(e *env) (string, string) {
		e.fake.FailAlways(crossminttest.Refresh, editMember("refresh", map[string]any{"secret": "a; Path=/", "expiresAt": ""}))
		return e.expired()
	}, required: "503 kept retry 1", optional: "200 kept", seen: "unavailable"},
}

// seen describes the context of a handler.
func seen(r *http.Request) string {
	s, ok := session.FromContext(r.Context())
	err := session.ErrorFromContext(r.Context())
	var rejected *session.AuthenticationError
	switch {
	case ok && s.UserID != "" && err == nil:
		return "session"
	case !ok && errors.As(err, &rejected):
		return "not authenticated"
	case !ok && errors.Is(err, session.ErrUnavailable):
		return "unavailable"
	case !ok && err == nil:
		return "nothing"
	default:
		return "contradiction"
	}
}

func TestOptionalSession(t *testing.T) {
	for _, situation := range situations {
		t.Run(situation.name, func(t *testing.T) {
			e := newEnv(t, crossminttest.Config{}, session.Config{})
			var saw []string
			page := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { saw = append(saw, seen(r)) })
			res, _ := serve(middleware.OptionalSession(e.sessions, e.cookies, middleware.Config{})(page), situation.get(e, "/"))
			want := []string{situation.optional}
			if situation.seen != "" {
				want = append(want, situation.seen)
			}
			if diff := cmp.Diff(want, append([]string{testkit.ResponseOutcome(t, res)}, saw...)); diff != "" {
				t.Errorf("response, and context of the handler (-want +got):\n%s", diff)
			}
			if got := res.Header.Get("Vary"); got != "Cookie" {
				t.Errorf("Vary: %q", got)
			}
		})
	}
}

func TestSessionCall(t *testing.T) {
	for _, situation := range situations {
		t.Run(situation.name, func(t *testing.T) {
			e := newEnv(t, crossminttest.Config{}, session.Config{})
			call := middleware.Session(e.sessions, e.cookies, middleware.Config{})
			w := httptest.NewRecorder()
			s, err := call(w, situation.get(e, "/"))
			got := "nothing"
			var rejected *session.AuthenticationError
			switch {
			case s != nil && err == nil && s.UserID != "":
				got = "session"
			case s == nil && errors.As(err, &rejected):
				got = "not authenticated"
			case s == nil && errors.Is(err, session.ErrUnavailable):
				got = "unavailable"
			}
			// The call writes no response, so the status is the recorder's default.
			want := []string{situation.optional, situation.seen}
			if situation.name == "first refusal" {
				want = []string{"200 kept marked", "unavailable"}
			}
			if diff := cmp.Diff(want, []string{testkit.ResponseOutcome(t, w.Result()), got}); diff != "" {
				t.Errorf("cookies, and result of the call (-want +got):\n%s", diff)
			}
			if w.Body.Len() > 0 {
				t.Errorf("body: %q", w.Body)
			}
		})
	}
}

func TestErrorHandler(t *testing.T) {
	for _, situation := range situations {
		t.Run(situation.name, func(t *testing.T) {
			e := newEnv(t, crossminttest.Config{}, session.Config{})
			var got error
			config := middleware.Config{ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
				got = err
				if _, ok := session.FromContext(r.Context()); ok {
					t.Error("there is a session")
				}
				w.WriteHeader(map[bool]int{true: http.StatusServiceUnavailable, false: http.StatusUnauthorized}[errors.Is(err, session.ErrUnavailable)])
			}}
			res, body := serve(e.require(config)(showUser), situation.get(e, "/me"))
			if diff := cmp.Diff(situation.required, testkit.ResponseOutcome(t, res)); diff != "" {
				t.Errorf("response (-want +got):\n%s", diff)
			}
			if (got == nil) != (situation.seen == "session" || situation.seen == "") || got != nil && body != "" {
				t.Errorf("error %v, body %q", got, body)
			}
		})
	}
}

func TestApplicationsCookiesSurvive(t *testing.T) {
	e := newEnv(t, crossminttest.Config{}, session.Config{})
	jwt, refresh := e.expired()
	w := httptest.NewRecorder()
	w.Header().Add("Set-Cookie", "before=1")
	e.require(middleware.Config{})(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "behind", Value: "1"})
	})).ServeHTTP(w, get("/me", jwt, refresh))
	var got []string
	for _, c := range w.Result().Cookies() {
		got = append(got, c.Name)
	}
	if diff := cmp.Diff([]string{"before", "crossmint-session", "crossmint-refresh-token", "behind"}, got); diff != "" {
		t.Errorf("cookies (-want +got):\n%s", diff)
	}
}

func TestInvalidConfigPanics(t *testing.T) {
	e := newEnv(t, crossminttest.Config{}, session.Config{})
	wire := map[string]func(*env, middleware.Config){
		"RequireSession":  func(e *env, c middleware.Config) { middleware.RequireSession(e.sessions, e.cookies, c) },
		"OptionalSession": func(e *env, c middleware.Config) { middleware.OptionalSession(e.sessions, e.cookies, c) },
		"Session":         func(e *env, c middleware.Config) { middleware.Session(e.sessions, e.cookies, c) },
	}
	for name, f := range wire {
		if !panics(func() { f(&env{cookies: e.cookies}, middleware.Config{}) }) || !panics(func() { f(&env{sessions: e.sessions}, middleware.Config{}) }) {
			t.Errorf("%s accepts nil", name)
		}
		for _, text := range []string{"//e", `/\e`, "///e", "https:e", "https://e/", "/%09/e", "/%0A/e", "javascript:alert(1)", "e", "", "?a", "#a", "/e#a", "//u@e", "/%5Ce", "/%2Fe"} {
			u, err := url.Parse(text)
			must(t, err)
			if !panics(func() { f(e, middleware.Config{SignIn: u}) }) {
				t.Errorf("%s accepts %q", name, text)
			}
		}
		for _, u := range []*url.URL{
			{}, {Path: "e"}, {Path: "//e"}, {Path: `/\e`}, {Path: "/\t/e"}, {Path: "/a\nb"}, {Path: "/a", RawQuery: "a\r\nb"}, {Host: "e", Path: "/"}, {Scheme: "https", Path: "/"},
			{Scheme: "javascript", Opaque: "alert(1)"}, {Opaque: "//e"}, {Opaque: "/e", Path: "/e"}, {User: url.User("e"), Path: "/"}, {Path: "/e", Fragment: "a"},
		} {
			if !panics(func() { f(e, middleware.Config{SignIn: u}) }) {
				t.Errorf("%s accepts %#v", name, u)
			}
		}
		for _, text := range []string{"/", "/login", "/login?next=1", "/a%20b"} {
			u, err := url.Parse(text)
			must(t, err)
			if panics(func() { f(e, middleware.Config{SignIn: u}) }) {
				t.Errorf("%s rejects %q", name, text)
			}
		}
	}
}

package middleware_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
	"github.com/google/go-cmp/cmp"
	"github.com/justinas/alice"
)

func TestNesting(t *testing.T) {
	nests := map[string]func(require, optional func(http.Handler) http.Handler) http.Handler{
		"required twice":          func(require, _ func(http.Handler) http.Handler) http.Handler { return require(require(whoami)) },
		"optional, then required": func(require, optional func(http.Handler) http.Handler) http.Handler { return optional(require(whoami)) },
		"all of them": func(require, optional func(http.Handler) http.Handler) http.Handler {
			return optional(optional(require(optional(whoami))))
		},
	}
	refreshes := map[string]int{"renewed": 1, "refused": 1, "undecided": 1}
	for _, fate := range fates {
		for name, nest := range nests {
			t.Run(fate.name+", "+name, func(t *testing.T) {
				k := newKit(t, crossminttest.Config{}, session.Config{})
				h := nest(k.require(middleware.Config{}), middleware.OptionalSession(k.sessions, k.cookies, middleware.Config{}))
				jwt, refresh := fate.bring(k)
				res, _ := serve(h, get("/me", jwt, refresh))
				got := outcome{Verdict: verdict(t, res), Refreshes: k.fake.Calls().Refresh}
				if diff := cmp.Diff(outcome{Verdict: fate.required, Refreshes: refreshes[fate.name]}, got); diff != "" {
					t.Errorf("outcome (-want +got):\n%s", diff)
				}
				if n := len(res.Cookies()); n != 0 && n != 2 {
					t.Errorf("%d cookies were set", n)
				}
				if diff := cmp.Diff([]string{"Cookie"}, res.Header.Values("Vary")); diff != "" {
					t.Errorf("Vary (-want +got):\n%s", diff)
				}
			})
		}
	}
}

func TestSessionCallInsideMiddleware(t *testing.T) {
	k := newKit(t, crossminttest.Config{}, session.Config{})
	call := middleware.Session(k.sessions, k.cookies, middleware.Config{})
	jwt, refresh := k.expired()
	res, _ := serve(k.require(middleware.Config{})(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		outer, _ := session.FromContext(r.Context())
		if inner, err := call(w, r); err != nil || inner != outer {
			t.Errorf("inner session %p, outer %p, error %v", inner, outer, err)
		}
	})), get("/me", jwt, refresh))
	if got := []int{len(res.Cookies()), k.fake.Calls().Refresh}; got[0] != 2 || got[1] != 1 {
		t.Errorf("cookies and refreshes: %v", got)
	}
}

// TestForeignSessionsAreNotTakenOver finds a session in the context that this
// manager has not made: another project's, or a test's.
func TestForeignSessionsAreNotTakenOver(t *testing.T) {
	k, other := newKit(t, crossminttest.Config{}, session.Config{}), newKit(t, crossminttest.Config{ProjectID: "other"}, session.Config{})
	jwt, _ := other.valid()
	made := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(w, r.WithContext(session.NewContext(r.Context(), &session.AuthSession{UserID: "made up"})))
		})
	}
	bearer := middleware.Config{Bearer: true}
	for name, outer := range map[string]func(http.Handler) http.Handler{"another manager's": other.require(bearer), "made by hand": made} {
		r := get("/me", "", "")
		r.Header.Set("Authorization", "Bearer "+jwt)
		res, _ := serve(outer(k.require(bearer)(whoami)), r)
		if got := verdict(t, res); got != "401 kept" {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestComposition(t *testing.T) {
	k := newKit(t, crossminttest.Config{}, session.Config{})
	require := k.require(middleware.Config{})
	plain := http.NewServeMux()
	plain.Handle("GET /me", require(whoami))
	chained := http.NewServeMux()
	noop := func(next http.Handler) http.Handler { return next }
	chained.Handle("/me", alice.New(noop, require).ThenFunc(whoami))
	for name, h := range map[string]http.Handler{
		"plain": plain, "alice": chained, "alice around a mux": alice.New(require).Append(noop).Then(whoami), "before a mux": require(plain),
	} {
		jwt, refresh := k.expired()
		res, body := serve(h, get("/me", jwt, refresh))
		if got := verdict(t, res); got != "200 renewed" || body == "" {
			t.Errorf("%s: %s %q", name, got, body)
		}
	}
}

func TestVary(t *testing.T) {
	tests := []struct {
		name   string
		before []string
		behind []string // added by the handler
		want   []string
	}{
		{"alone", nil, nil, []string{"Cookie"}},
		{"set before", []string{"Accept-Encoding"}, nil, []string{"Accept-Encoding", "Cookie"}},
		{"set before in two lines", []string{"Accept", "Origin"}, nil, []string{"Accept", "Origin", "Cookie"}},
		{"added behind", nil, []string{"Accept-Language"}, []string{"Cookie", "Accept-Language"}},
		{"alone again: answers do not share what is added", nil, nil, []string{"Cookie"}},
	}
	k := newKit(t, crossminttest.Config{}, session.Config{})
	jwt, refresh := k.valid()
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			before := append(make([]string, 0, 8), test.before...)
			if test.before != nil {
				w.Header()["Vary"] = before
			}
			k.require(middleware.Config{})(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				for _, value := range test.behind {
					w.Header().Add("Vary", value)
				}
			})).ServeHTTP(w, get("/me", jwt, refresh))
			if diff := cmp.Diff(test.want, w.Header().Values("Vary")); diff != "" {
				t.Errorf("Vary (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff("", before[:len(before)+1][len(before)]); diff != "" {
				t.Errorf("somebody else's array was written to (-want +got):\n%s", diff)
			}
		})
	}
}

func TestApplicationsCookiesSurvive(t *testing.T) {
	k := newKit(t, crossminttest.Config{}, session.Config{})
	jwt, refresh := k.expired()
	w := httptest.NewRecorder()
	w.Header().Add("Set-Cookie", "before=1")
	k.require(middleware.Config{})(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
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

func TestWiring(t *testing.T) {
	k := newKit(t, crossminttest.Config{}, session.Config{})
	panics := func(f func()) (panicked bool) {
		defer func() { panicked = recover() != nil }()
		f()
		return false
	}
	wire := map[string]func(*kit, middleware.Config){
		"RequireSession":  func(k *kit, c middleware.Config) { middleware.RequireSession(k.sessions, k.cookies, c) },
		"OptionalSession": func(k *kit, c middleware.Config) { middleware.OptionalSession(k.sessions, k.cookies, c) },
		"Session":         func(k *kit, c middleware.Config) { middleware.Session(k.sessions, k.cookies, c) },
	}
	for name, f := range wire {
		if !panics(func() { f(&kit{cookies: k.cookies}, middleware.Config{}) }) || !panics(func() { f(&kit{sessions: k.sessions}, middleware.Config{}) }) {
			t.Errorf("%s takes nil", name)
		}
		for _, text := range []string{"//e", `/\e`, "///e", "https:e", "https://e/", "/%09/e", "/%0A/e", "javascript:alert(1)", "e", "", "?a", "#a", "/e#a", "//u@e", "/%5Ce", "/%2Fe"} {
			u, err := url.Parse(text)
			must(t, err)
			if !panics(func() { f(k, middleware.Config{SignIn: u}) }) {
				t.Errorf("%s takes %q", name, text)
			}
		}
		for _, u := range []*url.URL{
			{}, {Path: "e"}, {Path: "//e"}, {Path: `/\e`}, {Path: "/\t/e"}, {Path: "/a\nb"}, {Path: "/a", RawQuery: "a\r\nb"}, {Host: "e", Path: "/"}, {Scheme: "https", Path: "/"},
			{Scheme: "javascript", Opaque: "alert(1)"}, {Opaque: "//e"}, {Opaque: "/e", Path: "/e"}, {User: url.User("e"), Path: "/"}, {Path: "/e", Fragment: "a"},
		} {
			if !panics(func() { f(k, middleware.Config{SignIn: u}) }) {
				t.Errorf("%s takes %#v", name, u)
			}
		}
		for _, text := range []string{"/", "/login", "/login?next=1", "/a%20b"} {
			u, err := url.Parse(text)
			must(t, err)
			if panics(func() { f(k, middleware.Config{SignIn: u}) }) {
				t.Errorf("%s refuses %q", name, text)
			}
		}
	}
}

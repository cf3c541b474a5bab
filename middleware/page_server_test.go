package middleware_test

import (
	"net/http"
	"net/http/cookiejar"
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

// TestPageServer opens pages of another server, which renders them from two requests to
// an API behind the middleware, with the cookies of the browser. The JWT expires after
// an hour, and upstream accepts each token once.
func TestPageServer(t *testing.T) {
	passOn := func(w http.ResponseWriter, res *http.Response) {
		w.Header()["Set-Cookie"] = append(w.Header()["Set-Cookie"], res.Header["Set-Cookie"]...)
	}
	tests := []struct {
		name   string
		render func(w http.ResponseWriter, res *http.Response)
		want   []string
	}{
		{name: "passes Set-Cookie on", render: passOn,
			want: []string{"200 kept", "200 renewed", "200 kept", "200 renewed", "200 kept"}},
		{name: "drops Set-Cookie", render: func(http.ResponseWriter, *http.Response) {},
			want: []string{"200 kept", "200 kept", "401 kept", "401 kept", "401 kept"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := newEnv(t, crossminttest.Config{InMemory: true, Reuse: crossminttest.ReuseRefuse}, session.Config{})
				api := e.require(middleware.Config{})(showUser)
				pages := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					status := 0
					for range 2 {
						res, _ := serve(api, askWith(r, "Cookie", r.Header.Get("Cookie")))
						test.render(w, res)
						status = res.StatusCode
					}
					w.Header().Set("Cache-Control", "no-store")
					w.WriteHeader(status)
				})
				if diff := cmp.Diff(test.want, openPages(t, e, pages)); diff != "" {
					t.Errorf("pages (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// TestPageServerWithBearer asks the API with the JWT of the browser alone. The API does
// not renew it, so the page server has no cookies to pass on.
func TestPageServerWithBearer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEnv(t, crossminttest.Config{InMemory: true, Reuse: crossminttest.ReuseRefuse}, session.Config{})
		api := e.require(middleware.Config{Bearer: true})(showUser)
		pages := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			jwt, err := r.Cookie("crossmint-session")
			must(t, err)
			res, _ := serve(api, askWith(r, "Authorization", "Bearer "+jwt.Value))
			w.Header().Set("Cache-Control", "no-store")
			w.WriteHeader(res.StatusCode)
		})
		want := []string{"200 kept", "401 kept", "401 kept", "401 kept", "401 kept"}
		if diff := cmp.Diff(want, openPages(t, e, pages)); diff != "" {
			t.Errorf("pages (-want +got):\n%s", diff)
		}
		if calls := e.fake.Calls().Refresh; calls != 0 {
			t.Errorf("%d refreshes", calls)
		}
	})
}

// askWith returns the request of a page server to the API for the request r, with one
// header of its own.
func askWith(r *http.Request, name, value string) *http.Request {
	ask := httptest.NewRequestWithContext(r.Context(), http.MethodGet, "/", nil)
	ask.Header.Set(name, value)
	return ask
}

// openPages signs a browser in. It opens a page at once, twice after the JWT has
// expired, 12 s apart, and twice after that of the next JWT.
func openPages(t *testing.T, e *env, pages http.Handler) (outcomes []string) {
	t.Helper()
	site := &url.URL{Scheme: "https", Host: "app.example"}
	jar := testkit.Must(cookiejar.New(nil))
	jar.SetCookies(site, crossminttest.Cookies(e.fake.Grant(e.fake.NewUser(""))))
	for _, pause := range []time.Duration{0, time.Hour, 12 * time.Second, time.Hour, 12 * time.Second} {
		time.Sleep(pause)
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		for _, c := range jar.Cookies(site) {
			r.AddCookie(c)
		}
		res, _ := serve(pages, r)
		jar.SetCookies(site, res.Cookies())
		outcomes = append(outcomes, testkit.ResponseOutcome(t, res))
	}
	return outcomes
}

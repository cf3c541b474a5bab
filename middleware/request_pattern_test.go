package middleware_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
	"github.com/google/go-cmp/cmp"
)

// Metrics around the middleware read the pattern of the route after the request.
// A ServeMux stores it in the request that it receives.
func TestMetricsSeePattern(t *testing.T) {
	const pattern = "GET /users/{id}"
	type wrapper = func(http.Handler) http.Handler
	mux := func(pattern string, h http.Handler) http.Handler {
		m := http.NewServeMux()
		m.Handle(pattern, h)
		return m
	}
	tests := []struct {
		name  string
		build func(metrics, protect wrapper, page http.Handler) http.Handler
		want  string
	}{
		{name: "mux inside", build: func(metrics, protect wrapper, page http.Handler) http.Handler {
			return metrics(protect(mux(pattern, page)))
		}, want: pattern},
		{name: "mux inside, twice protected", build: func(metrics, protect wrapper, page http.Handler) http.Handler {
			return metrics(protect(protect(mux(pattern, page))))
		}, want: pattern},
		{name: "mux outside", build: func(metrics, protect wrapper, page http.Handler) http.Handler {
			return mux(pattern, metrics(protect(page)))
		}, want: pattern},
		{name: "mux between", build: func(metrics, protect wrapper, page http.Handler) http.Handler {
			return metrics(mux(pattern, protect(page)))
		}, want: pattern},
		{name: "one mux outside, one inside", build: func(metrics, protect wrapper, page http.Handler) http.Handler {
			return mux("/users/", metrics(protect(mux(pattern, page))))
		}, want: pattern},
		{name: "no route inside", build: func(metrics, protect wrapper, page http.Handler) http.Handler {
			return metrics(protect(mux("GET /orders", page)))
		}, want: ""},
		{name: "no mux", build: func(metrics, protect wrapper, page http.Handler) http.Handler { return metrics(protect(page)) }, want: ""},
	}
	e := newEnv(t, crossminttest.Config{}, session.Config{})
	protections := map[string]wrapper{
		"RequireSession":  e.require(middleware.Config{}),
		"OptionalSession": middleware.OptionalSession(e.sessions, e.cookies, middleware.Config{}),
	}
	pages := map[string]http.Handler{
		"returns": showUser,
		"panics":  http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }),
	}
	for _, test := range tests {
		for protection, protect := range protections {
			for end, page := range pages {
				t.Run(test.name+", "+protection+", the handler "+end, func(t *testing.T) {
					got := "the metrics did not run"
					metrics := func(next http.Handler) http.Handler {
						return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
							defer func() { got = r.Pattern }()
							next.ServeHTTP(w, r)
						})
					}
					jwt, refresh := e.valid()
					h := test.build(metrics, protect, page)
					panics(func() { h.ServeHTTP(httptest.NewRecorder(), get("/users/7", jwt, refresh)) })
					if diff := cmp.Diff(test.want, got); diff != "" {
						t.Errorf("pattern (-want +got):\n%s", diff)
					}
				})
			}
		}
	}
}

func TestPatternOfRejectedRequest(t *testing.T) {
	e := newEnv(t, crossminttest.Config{}, session.Config{})
	mux := http.NewServeMux()
	mux.Handle("GET /users/{id}", e.require(middleware.Config{})(showUser))
	r := get("/users/7", "", "")
	if res, _ := serve(mux, r); res.StatusCode != http.StatusUnauthorized || r.Pattern != "GET /users/{id}" {
		t.Errorf("status %d, pattern %q", res.StatusCode, r.Pattern)
	}
}

func TestHandlerSeesPathValues(t *testing.T) {
	e := newEnv(t, crossminttest.Config{}, session.Config{})
	protect := e.require(middleware.Config{})
	page := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(r.PathValue("id") + " " + r.Pattern))
	})
	outside, inside := http.NewServeMux(), http.NewServeMux()
	outside.Handle("GET /users/{id}", protect(page))
	inside.Handle("GET /users/{id}", page)
	for name, h := range map[string]http.Handler{"mux outside": outside, "mux inside": protect(inside)} {
		jwt, refresh := e.valid()
		if _, body := serve(h, get("/users/7", jwt, refresh)); body != "7 GET /users/{id}" {
			t.Errorf("%s: %q", name, body)
		}
	}
}

package middleware_test

import (
	"net/http"
	"testing"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/internal/testkit"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
	"github.com/google/go-cmp/cmp"
	"github.com/justinas/alice"
)

func TestNesting(t *testing.T) {
	nestings := map[string]func(require, optional func(http.Handler) http.Handler) http.Handler{
		"required twice": func(require, _ func(http.Handler) http.Handler) http.Handler { return require(require(showUser)) },
		"optional, then required": func(require, optional func(http.Handler) http.Handler) http.Handler {
			return optional(require(showUser))
		},
		"all of them": func(require, optional func(http.Handler) http.Handler) http.Handler {
			return optional(optional(require(optional(showUser))))
		},
	}
	refreshes := map[string]int{"renewed": 1, "rejected": 1, "first refusal": 1, "unavailable": 1, "not storable": 1}
	for _, situation := range situations {
		for name, nest := range nestings {
			t.Run(situation.name+", "+name, func(t *testing.T) {
				e := newEnv(t, crossminttest.Config{}, session.Config{})
				h := nest(e.require(middleware.Config{}), middleware.OptionalSession(e.sessions, e.cookies, middleware.Config{}))
				res, _ := serve(h, situation.get(e, "/me"))
				got := outcome{Response: testkit.ResponseOutcome(t, res), Refreshes: e.fake.Calls().Refresh}
				if diff := cmp.Diff(outcome{Response: situation.required, Refreshes: refreshes[situation.name]}, got); diff != "" {
					t.Errorf("outcome (-want +got):\n%s", diff)
				}
				names := map[string]int{}
				for _, c := range res.Cookies() {
					if names[c.Name]++; names[c.Name] > 1 {
						t.Errorf("%s was written %d times", c.Name, names[c.Name])
					}
				}
				if diff := cmp.Diff([]string{"Cookie"}, res.Header.Values("Vary")); diff != "" {
					t.Errorf("Vary (-want +got):\n%s", diff)
				}
			})
		}
	}
}

func TestSessionCallInsideMiddleware(t *testing.T) {
	e := newEnv(t, crossminttest.Config{}, session.Config{})
	call := middleware.Session(e.sessions, e.cookies, middleware.Config{})
	jwt, refresh := e.expired()
	res, _ := serve(e.require(middleware.Config{})(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		outer, _ := session.FromContext(r.Context())
		if inner, err := call(w, r); err != nil || inner != outer {
			t.Errorf("inner session %p, outer %p, error %v", inner, outer, err)
		}
	})), get("/me", jwt, refresh))
	if got := []int{len(res.Cookies()), e.fake.Calls().Refresh}; got[0] != 2 || got[1] != 1 {
		t.Errorf("cookies and refreshes: %v", got)
	}
}

// The context holds a session that another manager or a test has made.
func TestForeignSessionsAreIgnored(t *testing.T) {
	e, other := newEnv(t, crossminttest.Config{}, session.Config{}), newEnv(t, crossminttest.Config{ProjectID: "other"}, session.Config{})
	jwt, _ := other.valid()
	byHand := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(w, r.WithContext(session.NewContext(r.Context(), &session.AuthSession{UserID: "forged"})))
		})
	}
	bearer := middleware.Config{Bearer: true}
	for name, outer := range map[string]func(http.Handler) http.Handler{"another manager's": other.require(bearer), "NewContext": byHand} {
		r := get("/me", "", "")
		r.Header.Set("Authorization", "Bearer "+jwt)
		res, _ := serve(outer(e.require(bearer)(showUser)), r)
		if got := testkit.ResponseOutcome(t, res); got != "401 kept" {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestComposition(t *testing.T) {
	e := newEnv(t, crossminttest.Config{}, session.Config{})
	require := e.require(middleware.Config{})
	plain := http.NewServeMux()
	plain.Handle("GET /me", require(showUser))
	chained := http.NewServeMux()
	noop := func(next http.Handler) http.Handler { return next }
	chained.Handle("/me", alice.New(noop, require).ThenFunc(showUser))
	for name, h := range map[string]http.Handler{
		"plain": plain, "alice": chained, "alice around a mux": alice.New(require).Append(noop).Then(showUser), "before a mux": require(plain),
	} {
		jwt, refresh := e.expired()
		res, body := serve(h, get("/me", jwt, refresh))
		if got := testkit.ResponseOutcome(t, res); got != "200 renewed" || body == "" {
			t.Errorf("%s: %s %q", name, got, body)
		}
	}
}

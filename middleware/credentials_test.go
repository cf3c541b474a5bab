package middleware_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/internal/testkit"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/event"
	"github.com/google/go-cmp/cmp"
)

// Messages of the error responses.
const (
	noCookies = "No cookies found in request"
	noRefresh = "Refresh token not found"
	notValid  = "Session is not valid"
	tryLater  = "Please try again later"
)

// outcome is the result of one request.
type outcome struct {
	Response  string
	Message   string // of an error response
	Refreshes int
}

// outcome serves a request with the documented cookies.
func (e *env) outcome(t *testing.T, config middleware.Config, jwt, refresh string) outcome {
	t.Helper()
	return e.serve(t, config, get("/me", jwt, refresh))
}

func (e *env) serve(t *testing.T, config middleware.Config, r *http.Request) outcome {
	t.Helper()
	before := e.fake.Calls().Refresh
	res, body := serve(e.require(config)(showUser), r)
	o := outcome{Response: testkit.ResponseOutcome(t, res), Refreshes: e.fake.Calls().Refresh - before}
	if res.StatusCode >= 400 {
		o.Message = message(t, res, body)
	}
	if res.Header.Get("Vary") != "Cookie" {
		t.Errorf("Vary: %q", res.Header.Get("Vary"))
	}
	return o
}

func TestCredentials(t *testing.T) {
	tests := []struct {
		name    string
		config  session.Config
		cookies func(e *env) (jwt, refresh string)
		want    outcome
	}{
		{name: "a valid pair while upstream is down", cookies: func(e *env) (string, string) {
			defer e.fake.Down()
			return e.valid()
		}, want: outcome{Response: "200 kept"}},
		{name: "no credentials", cookies: func(*env) (string, string) { return "", "" }, want: outcome{Response: "401 kept", Message: noCookies}},
		{name: "a malformed JWT", cookies: func(*env) (string, string) { return "a.b", "" }, want: outcome{Response: "401 kept", Message: noRefresh}},
		{name: "an oversize JWT", cookies: func(*env) (string, string) { return strings.Repeat("a", 8<<10+1), "" }, want: outcome{Response: "401 kept", Message: noRefresh}},
		{name: "an oversize JWT beside a refresh token", cookies: func(e *env) (string, string) {
			_, refresh := e.expired()
			return strings.Repeat("a", 8<<10+1), refresh
		}, want: outcome{Response: "200 renewed", Refreshes: 1}},
		{name: "a valid JWT alone", cookies: func(e *env) (string, string) {
			jwt, _ := e.valid()
			return jwt, ""
		}, want: outcome{Response: "401 kept", Message: noRefresh}},
		{name: "a valid JWT alone, where the configuration accepts it", config: session.Config{AllowJWTAlone: true}, cookies: func(e *env) (string, string) {
			jwt, _ := e.valid()
			return jwt, ""
		}, want: outcome{Response: "200 kept"}},
		{name: "an expired JWT alone, where the configuration accepts a JWT alone", config: session.Config{AllowJWTAlone: true}, cookies: func(e *env) (string, string) {
			jwt, _ := e.expired()
			return jwt, ""
		}, want: outcome{Response: "401 kept", Message: notValid}},
		{name: "a valid JWT beside an oversize refresh token", cookies: func(e *env) (string, string) {
			jwt, _ := e.valid()
			return jwt, strings.Repeat("a", 2<<10+1)
		}, want: outcome{Response: "401 kept", Message: noRefresh}},
		{name: "an expired JWT", cookies: (*env).expired, want: outcome{Response: "200 renewed", Refreshes: 1}},
		{name: "a refresh token alone", cookies: func(e *env) (string, string) {
			_, refresh := e.valid()
			return "", refresh
		}, want: outcome{Response: "200 renewed", Refreshes: 1}},
		{name: "a forged JWT beside a good refresh token", cookies: func(e *env) (string, string) {
			_, refresh := e.valid()
			return e.fake.ForgedJWT(e.fake.NewUser("")), refresh
		}, want: outcome{Response: "200 renewed", Refreshes: 1}},
		{name: "a JWT of another project beside a good refresh token: the pair is foreign", cookies: func(e *env) (string, string) {
			_, refresh := e.valid()
			return e.fake.ForeignJWT(e.fake.NewUser("")), refresh
		}, want: outcome{Response: "401 kept", Message: notValid}},
		{name: "a forged JWT alone", cookies: func(e *env) (string, string) {
			return e.fake.ForgedJWT(e.fake.NewUser("")), ""
		}, want: outcome{Response: "401 kept", Message: noRefresh}},
		{name: "a JWT without an expiry alone", cookies: func(e *env) (string, string) {
			return e.fake.Sign(e.fake.NewUser(""), nil, map[string]any{"exp": nil}), ""
		}, want: outcome{Response: "401 kept", Message: noRefresh}},
		{name: "a revoked refresh token", cookies: (*env).revoked, want: outcome{Response: "307 kept marked", Refreshes: 1}},
		{name: "an unknown refresh token", cookies: func(*env) (string, string) { return "", "unknown" }, want: outcome{Response: "307 kept marked", Refreshes: 1}},
		{name: "a revoked refresh token beside a valid JWT", cookies: func(e *env) (string, string) {
			jwt, refresh := e.valid()
			e.fake.Revoke(refresh)
			return jwt, refresh
		}, want: outcome{Response: "200 kept"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			e := newEnv(t, crossminttest.Config{Reuse: crossminttest.ReuseRefuse}, test.config)
			must(t, e.client.Preload(t.Context()))
			jwt, refresh := test.cookies(e)
			if diff := cmp.Diff(test.want, e.outcome(t, middleware.Config{}, jwt, refresh)); diff != "" {
				t.Errorf("outcome (-want +got):\n%s", diff)
			}
		})
	}
}

func TestExpiredPairOfTwoUsers(t *testing.T) {
	e := newEnv(t, crossminttest.Config{}, session.Config{})
	ann, bea := e.fake.NewUser("ann@example.com"), e.fake.NewUser("bea@example.com")
	refresh := e.fake.Grant(bea).RefreshToken.Secret.Reveal()
	res, body := serve(e.require(middleware.Config{})(showUser), get("https://app.example/me", e.fake.ExpiredJWT(ann), refresh))
	if diff := cmp.Diff([]string{"200 renewed", bea.ID}, []string{testkit.ResponseOutcome(t, res), body}); diff != "" {
		t.Errorf("response (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]event.Outcome{event.UserChanged, event.Refreshed}, e.outcomes); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
}

func TestUsedTokenGetsItsReplacement(t *testing.T) {
	e := newEnv(t, crossminttest.Config{Reuse: crossminttest.ReuseRefuse}, session.Config{})
	jwt, refresh := e.expired()
	var set [2][]string
	for i := range set {
		res, _ := serve(e.require(middleware.Config{})(showUser), get("/me", jwt, refresh))
		if got := testkit.ResponseOutcome(t, res); got != "200 renewed" {
			t.Fatalf("request %d: %s", i, got)
		}
		for _, c := range res.Cookies() {
			set[i] = append(set[i], c.Name+"="+c.Value)
		}
	}
	if diff := cmp.Diff(set[0], set[1]); diff != "" {
		t.Errorf("cookies of the two responses (-first +second):\n%s", diff)
	}
	if calls := e.fake.Calls().Refresh; calls != 1 {
		t.Errorf("upstream was called %d times", calls)
	}
}

// net/http drops a cookie with such bytes. The codec reads it, and the
// verification rejects it before any call to upstream.
func TestJWTCookieWithInvalidBytes(t *testing.T) {
	tests := []struct {
		name    string
		cookies func(jwt, refresh string) string
		want    outcome
	}{
		{name: "without a refresh token", cookies: func(jwt, _ string) string {
			return "crossmint-session=" + jwt
		}, want: outcome{Response: "401 kept", Message: noRefresh}},
		{name: "beside a refresh token", cookies: func(jwt, refresh string) string {
			return "crossmint-session=" + jwt + "; crossmint-refresh-token=" + refresh
		}, want: outcome{Response: "200 renewed", Refreshes: 1}},
		{name: "before a valid JWT cookie and a refresh token", cookies: func(jwt, refresh string) string {
			return "crossmint-session=" + jwt + "; crossmint-session=" + jwt[:len(jwt)-1] + "; crossmint-refresh-token=" + refresh
		}, want: outcome{Response: "200 kept"}},
	}
	for _, test := range tests {
		for _, b := range []string{"\x01", `"`, `\`, "\x7f", "\xff"} {
			t.Run(fmt.Sprintf("%s, %q", test.name, b), func(t *testing.T) {
				e := newEnv(t, crossminttest.Config{}, session.Config{})
				jwt, refresh := e.valid()
				r := get("/me", "", "")
				r.Header.Set("Cookie", test.cookies(jwt+b, refresh))
				if diff := cmp.Diff(test.want, e.serve(t, middleware.Config{}, r)); diff != "" {
					t.Errorf("outcome (-want +got):\n%s", diff)
				}
			})
		}
	}
}

package middleware_test

import (
	"net/http"
	"testing"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/internal/testkit"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
	"github.com/google/go-cmp/cmp"
)

const invalidToken = `Bearer error="invalid_token"`

func TestBearer(t *testing.T) {
	type response struct {
		Response, Authenticate, Vary string
		Refreshes                    int
	}
	const vary = "Cookie, Authorization"
	tests := []struct {
		name          string
		authorization func(e *env) []string
		cookies       func(e *env) (jwt, refresh string)
		want          response
	}{
		{name: "valid", authorization: func(e *env) []string {
			jwt, _ := e.valid()
			return []string{"Bearer " + jwt}
		}, want: response{Response: "200 kept", Vary: vary}},
		{name: "scheme in another case, more spaces", authorization: func(e *env) []string {
			jwt, _ := e.valid()
			return []string{"bEARER   " + jwt + " "}
		}, want: response{Response: "200 kept", Vary: vary}},
		{name: "expired", authorization: func(e *env) []string {
			jwt, _ := e.expired()
			return []string{"Bearer " + jwt}
		}, want: response{Response: "401 kept", Authenticate: invalidToken, Vary: vary}},
		{name: "forged, beside valid cookies", authorization: func(e *env) []string {
			return []string{"Bearer " + e.fake.ForgedJWT(e.fake.NewUser(""))}
		}, cookies: (*env).valid, want: response{Response: "401 kept", Authenticate: invalidToken, Vary: vary}},
		{name: "expired, beside cookies that could be renewed", authorization: func(e *env) []string {
			jwt, _ := e.expired()
			return []string{"Bearer " + jwt}
		}, cookies: (*env).expired, want: response{Response: "401 kept", Authenticate: invalidToken, Vary: vary}},
		{name: "valid, beside cookies that upstream rejects", authorization: func(e *env) []string {
			jwt, _ := e.valid()
			return []string{"Bearer " + jwt}
		}, cookies: func(*env) (string, string) { return "", "rejected" }, want: response{Response: "200 kept", Vary: vary}},
		{name: "scheme alone", authorization: func(*env) []string { return []string{"Bearer"} }, cookies: (*env).valid, want: response{Response: "401 kept", Authenticate: invalidToken, Vary: vary}},
		{name: "two tokens in one header", authorization: func(e *env) []string {
			jwt, _ := e.valid()
			return []string{"Bearer " + jwt + " " + jwt}
		}, want: response{Response: "401 kept", Authenticate: invalidToken, Vary: vary}},
		{name: "two headers", authorization: func(e *env) []string {
			jwt, _ := e.valid()
			return []string{"Bearer " + jwt, "Bearer " + jwt}
		}, want: response{Response: "401 kept", Authenticate: invalidToken, Vary: vary}},
		{name: "two headers, the second one a token", authorization: func(e *env) []string {
			jwt, _ := e.valid()
			return []string{"Basic YTpi", "Bearer " + jwt}
		}, cookies: (*env).valid, want: response{Response: "401 kept", Authenticate: invalidToken, Vary: vary}},
		{name: "another scheme", authorization: func(*env) []string { return []string{"Basic YTpi"} }, cookies: (*env).valid, want: response{Response: "200 kept", Vary: vary}},
		{name: "no header", authorization: func(*env) []string { return nil }, cookies: (*env).expired, want: response{Response: "200 renewed", Vary: vary, Refreshes: 1}},
		{name: "no header, no cookies", authorization: func(*env) []string { return nil }, want: response{Response: "401 kept", Vary: vary}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			e := newEnv(t, crossminttest.Config{}, session.Config{})
			jwt, refresh := "", ""
			if test.cookies != nil {
				jwt, refresh = test.cookies(e)
			}
			r := get("/me", jwt, refresh)
			r.Header["Authorization"] = test.authorization(e)
			res, _ := serve(e.require(middleware.Config{Bearer: true})(showUser), r)
			got := response{testkit.ResponseOutcome(t, res), res.Header.Get("WWW-Authenticate"), res.Header.Get("Vary"), e.fake.Calls().Refresh}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("response (-want +got):\n%s", diff)
			}
		})
	}
}

func TestBearerMessage(t *testing.T) {
	e := newEnv(t, crossminttest.Config{}, session.Config{})
	var got []string
	for _, token := range []string{"", "a.b.c", e.fake.ExpiredJWT(e.fake.NewUser("")), e.fake.ForeignJWT(e.fake.NewUser(""))} {
		r := get("/me", "", "")
		r.Header.Set("Authorization", "Bearer "+token)
		res, body := serve(e.require(middleware.Config{Bearer: true})(showUser), r)
		got = append(got, message(t, res, body))
	}
	if diff := cmp.Diff([]string{notValid, notValid, notValid, notValid}, got); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
}

func TestBearerDuringKeyOutage(t *testing.T) {
	e := newEnv(t, crossminttest.Config{}, session.Config{})
	e.fake.FailAlways(crossminttest.JWKS, crossminttest.Status(503, "", ""))
	jwt, _ := e.valid()
	r := get("/me", "", "")
	r.Header.Set("Authorization", "Bearer "+jwt)
	res, _ := serve(e.require(middleware.Config{Bearer: true})(showUser), r)
	if got := testkit.ResponseOutcome(t, res) + res.Header.Get("WWW-Authenticate"); got != "503 kept retry 1" {
		t.Errorf("response: %s", got)
	}
}

func TestBearerIsOffByDefault(t *testing.T) {
	e := newEnv(t, crossminttest.Config{}, session.Config{})
	jwt, _ := e.valid()
	r := get("/me", "", "")
	r.Header.Set("Authorization", "Bearer "+jwt)
	res, body := serve(e.require(middleware.Config{})(showUser), r)
	if got := []string{testkit.ResponseOutcome(t, res), message(t, res, body)}; got[0] != "401 kept" || got[1] != noCookies {
		t.Errorf("response: %q", got)
	}
}

func TestBearerSessionHasNoRefreshToken(t *testing.T) {
	e := newEnv(t, crossminttest.Config{}, session.Config{})
	jwt, _ := e.valid()
	r := get("/me", "", "")
	r.Header.Set("Authorization", "Bearer "+jwt)
	serve(e.require(middleware.Config{Bearer: true})(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		s, ok := session.FromContext(r.Context())
		if !ok || s.JWT.Reveal() != jwt || !s.RefreshToken.Secret.IsZero() {
			t.Errorf("session: %+v, %v", s, ok)
		}
	})), r)
}

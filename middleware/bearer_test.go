package middleware_test

import (
	"net/http"
	"testing"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
	"github.com/google/go-cmp/cmp"
)

const invalidToken = `Bearer error="invalid_token"`

func TestBearer(t *testing.T) {
	type answer struct {
		Verdict, Authenticate, Vary string
		Refreshes                   int
	}
	const vary = "Cookie, Authorization"
	tests := []struct {
		name          string
		authorization func(k *kit) []string
		cookies       func(k *kit) (jwt, refresh string)
		want          answer
	}{
		{"valid", func(k *kit) []string {
			jwt, _ := k.valid()
			return []string{"Bearer " + jwt}
		}, nil, answer{"200 kept", "", vary, 0}},
		{"scheme in another case, more spaces", func(k *kit) []string {
			jwt, _ := k.valid()
			return []string{"bEARER   " + jwt + " "}
		}, nil, answer{"200 kept", "", vary, 0}},
		{"expired", func(k *kit) []string {
			jwt, _ := k.expired()
			return []string{"Bearer " + jwt}
		}, nil, answer{"401 kept", invalidToken, vary, 0}},
		{"forged, beside good cookies", func(k *kit) []string {
			return []string{"Bearer " + k.fake.ForgedJWT(k.fake.NewUser(""))}
		}, (*kit).valid, answer{"401 kept", invalidToken, vary, 0}},
		{"expired, beside cookies that could be renewed", func(k *kit) []string {
			jwt, _ := k.expired()
			return []string{"Bearer " + jwt}
		}, (*kit).expired, answer{"401 kept", invalidToken, vary, 0}},
		{"valid, beside refused cookies", func(k *kit) []string {
			jwt, _ := k.valid()
			return []string{"Bearer " + jwt}
		}, func(*kit) (string, string) { return "", "dead" }, answer{"200 kept", "", vary, 0}},
		{"nothing behind the scheme", func(*kit) []string { return []string{"Bearer"} }, (*kit).valid, answer{"401 kept", invalidToken, vary, 0}},
		{"two tokens in one header", func(k *kit) []string {
			jwt, _ := k.valid()
			return []string{"Bearer " + jwt + " " + jwt}
		}, nil, answer{"401 kept", invalidToken, vary, 0}},
		{"two headers", func(k *kit) []string {
			jwt, _ := k.valid()
			return []string{"Bearer " + jwt, "Bearer " + jwt}
		}, nil, answer{"401 kept", invalidToken, vary, 0}},
		{"two headers, the second one a token", func(k *kit) []string {
			jwt, _ := k.valid()
			return []string{"Basic YTpi", "Bearer " + jwt}
		}, (*kit).valid, answer{"401 kept", invalidToken, vary, 0}},
		{"another scheme", func(*kit) []string { return []string{"Basic YTpi"} }, (*kit).valid, answer{"200 kept", "", vary, 0}},
		{"no header", func(*kit) []string { return nil }, (*kit).expired, answer{"200 renewed", "", vary, 1}},
		{"no header, no cookies", func(*kit) []string { return nil }, nil, answer{"401 kept", "", vary, 0}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			k := newKit(t, crossminttest.Config{}, session.Config{})
			jwt, refresh := "", ""
			if test.cookies != nil {
				jwt, refresh = test.cookies(k)
			}
			r := get("/me", jwt, refresh)
			r.Header["Authorization"] = test.authorization(k)
			res, _ := serve(k.require(middleware.Config{Bearer: true})(whoami), r)
			got := answer{verdict(t, res), res.Header.Get("WWW-Authenticate"), res.Header.Get("Vary"), k.fake.Calls().Refresh}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
		})
	}
}

func TestBearerMessage(t *testing.T) {
	k := newKit(t, crossminttest.Config{}, session.Config{})
	var got []string
	for _, token := range []string{"", "a.b.c", k.fake.ExpiredJWT(k.fake.NewUser("")), k.fake.ForeignJWT(k.fake.NewUser(""))} {
		r := get("/me", "", "")
		r.Header.Set("Authorization", "Bearer "+token)
		res, body := serve(k.require(middleware.Config{Bearer: true})(whoami), r)
		got = append(got, message(t, res, body))
	}
	if diff := cmp.Diff([]string{notValid, notValid, notValid, notValid}, got); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
}

func TestBearerCannotTell(t *testing.T) {
	k := newKit(t, crossminttest.Config{}, session.Config{})
	k.fake.FailAlways(crossminttest.JWKS, crossminttest.Status(503, "", ""))
	jwt, _ := k.valid()
	r := get("/me", "", "")
	r.Header.Set("Authorization", "Bearer "+jwt)
	res, _ := serve(k.require(middleware.Config{Bearer: true})(whoami), r)
	if got := verdict(t, res) + res.Header.Get("WWW-Authenticate"); got != "503 kept retry 1" {
		t.Errorf("answer: %s", got)
	}
}

func TestBearerIsOffByDefault(t *testing.T) {
	k := newKit(t, crossminttest.Config{}, session.Config{})
	jwt, _ := k.valid()
	r := get("/me", "", "")
	r.Header.Set("Authorization", "Bearer "+jwt)
	res, body := serve(k.require(middleware.Config{})(whoami), r)
	if got := []string{verdict(t, res), message(t, res, body)}; got[0] != "401 kept" || got[1] != noCookies {
		t.Errorf("answer: %q", got)
	}
}

func TestBearerSessionHasNoRefreshToken(t *testing.T) {
	k := newKit(t, crossminttest.Config{}, session.Config{})
	jwt, _ := k.valid()
	r := get("/me", "", "")
	r.Header.Set("Authorization", "Bearer "+jwt)
	serve(k.require(middleware.Config{Bearer: true})(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		s, ok := session.FromContext(r.Context())
		if !ok || s.JWT.Reveal() != jwt || !s.RefreshToken.Secret.IsZero() {
			t.Errorf("session: %+v, %v", s, ok)
		}
	})), r)
}

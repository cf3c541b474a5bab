package main

import (
	"net/http"
	"testing"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/example/frameworks/internal/site"
)

// TestJourneys takes the same visitors through every framework.
func TestJourneys(t *testing.T) {
	for _, f := range frameworks {
		for _, j := range journeys {
			t.Run(f.name+"/"+j.name, func(t *testing.T) {
				t.Parallel()
				j.travel(&traveller{T: t, Site: site.New(t, crossminttest.Config{}, examples[f.name].new), framework: f})
			})
		}
	}
}

var journeys = []struct {
	name   string
	travel func(*traveller)
}{
	{"an anonymous visitor", anonymous},
	{"a signed-in user", signedIn},
	{"an expired JWT is renewed unnoticed", expired},
	{"a refused refresh token", refused},
	{"upstream is down", upstreamDown},
	{"the refresh route", refreshRoute},
	{"logout", logout},
	{"a stream", stream},
}

const (
	email = "ada@example.com"
	// theme is the cookie that the application itself sets.
	theme   = "theme set"
	renewed = "crossmint-refresh-token set, crossmint-session set"
	cleared = "crossmint-refresh-token deleted, crossmint-session deleted"
)

func anonymous(v *traveller) {
	v.expect(response{Status: 401, Type: "application/json", Body: `{"error":"Unauthorized","message":"No cookies found in request"}`}, v.me())
	v.expectCalls(crossminttest.Calls{})
}

func signedIn(v *traveller) {
	v.user = v.Fake.SignIn(v.Browser.Jar, v.URL, email).User
	v.expect(response{Status: 200, Type: "application/json", Cookies: theme, Body: hello}, v.me())
	v.expectCalls(crossminttest.Calls{JWKS: 1})
}

func expired(v *traveller) {
	v.user = v.Fake.SignInExpired(v.Browser.Jar, v.URL, email).User
	v.expect(response{Status: 200, Type: "application/json", Cookies: renewed + ", " + theme, Body: hello}, v.me())
	v.expect(response{Status: 200, Type: "application/json", Cookies: theme, Body: hello}, v.me())
	v.expectCalls(crossminttest.Calls{JWKS: 1, Refresh: 1})
}

func refused(v *traveller) {
	grant := v.Fake.SignInExpired(v.Browser.Jar, v.URL, email)
	v.Fake.Revoke(grant.RefreshToken.Secret.Reveal())
	v.expect(response{Status: 401, Type: "application/json", Cookies: cleared, Body: `{"error":"Unauthorized","message":"Session is not valid"}`}, v.me())
	if left := v.Browser.Jar.Cookies(v.URL); len(left) > 0 {
		v.Errorf("left in the jar: %v", left)
	}
}

func upstreamDown(v *traveller) {
	v.user = v.Fake.SignIn(v.Browser.Jar, v.URL, email).User
	fine := response{Status: 200, Type: "application/json", Cookies: theme, Body: hello}
	v.expect(fine, v.me())
	v.Fake.Down()
	v.expect(fine, v.me())
	v.Fake.SignInExpired(v.Browser.Jar, v.URL, email)
	v.expect(response{Status: 503, Type: "application/json", RetryAfter: "1", Body: `{"error":"Service Unavailable","message":"Please try again later"}`}, v.me())
	site.Must(v, v.Fake.Up())
	v.expect(response{Status: 200, Type: "application/json", Cookies: renewed + ", " + theme, Body: hello}, v.me())
}

func refreshRoute(v *traveller) {
	v.Fake.SignIn(v.Browser.Jar, v.URL, email)
	v.expect(response{Status: 405, Type: "application/json", Allow: "POST", Body: `{"error":"Method Not Allowed","message":"Use POST"}`}, v.send(http.MethodGet, "/refresh", ""))
	got := v.send(http.MethodPost, "/refresh", "{}")
	got.Body = "" // a random JWT
	v.expect(response{Status: 200, Type: "application/json", Cookies: renewed}, got)
	v.expectCalls(crossminttest.Calls{JWKS: 1, Refresh: 1})
}

func logout(v *traveller) {
	grant := v.Fake.SignIn(v.Browser.Jar, v.URL, email)
	v.expect(response{Status: 405, Type: "application/json", Allow: "POST", Body: `{"error":"Method Not Allowed","message":"Use POST"}`}, v.send(http.MethodGet, "/logout", ""))
	v.expect(response{Status: 204, Cookies: cleared}, v.send(http.MethodPost, "/logout", ""))
	v.expect(response{Status: 401, Type: "application/json", Body: `{"error":"Unauthorized","message":"No cookies found in request"}`}, v.me())
	if v.Fake.Live(grant.RefreshToken.Secret.Reveal()) {
		v.Error("upstream still accepts the refresh token")
	}
}

// stream reads the beginning of a response that has no end yet. Without a flush the
// read would not return.
func stream(v *traveller) {
	v.Fake.SignInExpired(v.Browser.Jar, v.URL, email)
	res, err := v.Browser.Do(v.framework.stream(v))
	site.Must(v, err)
	defer func() { _ = res.Body.Close() }()
	if got := cookiesOf(res); got != renewed {
		v.Errorf("cookies: %s", got)
	}
	first := make([]byte, 1)
	if n, err := res.Body.Read(first); n != 1 || err != nil {
		v.Errorf("read %d bytes: %v", n, err)
	}
}

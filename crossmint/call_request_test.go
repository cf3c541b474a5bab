package crossmint_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/session"
)

// sent is what one call looks like to upstream.
type sent struct {
	Method, URI, Body string
	Header            map[string]string
}

// transport's own header fields, which say nothing about the call.
var ownFields = []string{"Accept-Encoding", "User-Agent", "Content-Length"}

func sentBy(t *testing.T, u *upstream) sent {
	t.Helper()
	requests, bodies := u.arrived()
	if len(requests) != 1 {
		t.Fatalf("%d requests, want 1", len(requests))
	}
	r := requests[0]
	out := sent{r.Method, r.RequestURI, bodies[0], map[string]string{}}
	for name, values := range r.Header {
		out.Header[name] = strings.Join(values, " | ")
	}
	for _, name := range ownFields {
		delete(out.Header, name)
	}
	return out
}

var secret = session.NewSecret("r-secret")

func TestCallsOnTheWire(t *testing.T) {
	api := map[string]string{
		"Accept": "application/json", "Content-Type": "application/json",
		"X-Client-Name": "crossmint-go-auth", "X-Client-Version": crossmint.Version,
	}
	tests := []struct {
		name string
		call func(context.Context, *crossmint.Client)
		want sent
	}{
		{"refresh", func(ctx context.Context, c *crossmint.Client) { _, _ = c.Refresh(ctx, secret) },
			sent{"POST", authPath + "/refresh", `{"refresh":"r-secret"}`, api}},
		{"logout", func(ctx context.Context, c *crossmint.Client) { _ = c.Logout(ctx, secret) },
			sent{"POST", authPath + "/logout", `{"refresh":"r-secret"}`, api}},
		{"user", func(ctx context.Context, c *crossmint.Client) { _, _ = c.User(ctx, "u-1") },
			sent{"GET", apiPath + "/sdk/auth/user/u-1", "", api}},
		{"send code", func(ctx context.Context, c *crossmint.Client) { _, _ = c.SendEmailOTP(ctx, `a"b@example.com`) },
			sent{"POST", authPath + "/otps/send", `{"email":"a\"b@example.com"}`, api}},
		{"confirm code", func(ctx context.Context, c *crossmint.Client) {
			_, _ = c.ConfirmEmailOTP(ctx, "a+b@example.com", "e&1", "123456")
		},
			sent{"POST", authPath + "/authenticate?callbackUrl={callback}&email=a%2Bb%40example.com&locale=en" +
				"&signinAuthenticationMethod=email&state=e%261&token=123456", "", api}},
		{"keys", func(ctx context.Context, c *crossmint.Client) { _ = c.Preload(ctx) },
			sent{"GET", "/.well-known/jwks.json", "", map[string]string{"Accept": "application/json"}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var key string
			u := newUpstream(t, answering(500, "text/plain", ""), func(c *crossmint.Config) {
				key = c.APIKey.Reveal()
				c.AppID, c.ExtensionID = "app-1", "ext-1"
			})
			test.call(t.Context(), u.client)
			want := test.want
			if len(want.Header) > 1 {
				want.Header = map[string]string{"X-Api-Key": key, "X-App-Identifier": "app-1", "X-Extension-Id": "ext-1"}
				for name, value := range api {
					want.Header[name] = value
				}
			}
			want.URI = strings.Replace(want.URI, "{callback}", url.QueryEscape(u.URL+authPath+"/callback"), 1)
			if diff := cmp.Diff(want, sentBy(t, u)); diff != "" {
				t.Errorf("request (-want +got):\n%s", diff)
			}
		})
	}
}

// Without an app or extension there are no such header fields.
func TestOptionalHeaders(t *testing.T) {
	u := newUpstream(t, answering(500, "text/plain", ""))
	_ = u.client.Logout(t.Context(), secret)
	header := sentBy(t, u).Header
	for _, name := range []string{"X-App-Identifier", "X-Extension-Id"} {
		if value, found := header[name]; found {
			t.Errorf("%s: %q, want none", name, value)
		}
	}
}

// Another server's refresh route gets the token and nothing of ours.
func TestRefreshRouteOnTheWire(t *testing.T) {
	const answer = `{"jwt":"j","refreshToken":{"secret":"new","expiresAt":"2030-01-01T00:00:00.000Z"},"user":{"id":"u-1"}}`
	u := newUpstream(t, answering(200, "application/json", answer))
	route := newClient(t, configFor(t, "https://unused.example", func(c *crossmint.Config) {
		c.RefreshRoute = u.URL + "/auth/refresh"
		c.AppID, c.ExtensionID = "app-1", "ext-1"
	}))
	grant, err := route.Refresh(t.Context(), secret)
	if err != nil {
		t.Fatal(err)
	}
	if got := grant.RefreshToken.Secret.Reveal(); got != "new" {
		t.Errorf("refresh token = %q, want %q", got, "new")
	}
	want := sent{"POST", "/auth/refresh", `{"refresh":"r-secret"}`, map[string]string{
		"Accept": "application/json", "Content-Type": "application/json",
	}}
	if diff := cmp.Diff(want, sentBy(t, u)); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
}

// A refresh route that refuses says by its cookies whether that is definite:
// one that leaves them may only have lost sight of upstream's API key.
func TestRefreshRouteRefuses(t *testing.T) {
	tests := map[string]struct {
		cookie    *http.Cookie
		uncertain bool
	}{
		"and clears":          {&http.Cookie{Name: "crossmint-session", MaxAge: -1}, false},
		"and leaves":          {nil, true},
		"and sets one of its": {&http.Cookie{Name: "affinity", Value: "1", MaxAge: 60}, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			u := newUpstream(t, func(w http.ResponseWriter, _ *http.Request) {
				if test.cookie != nil {
					http.SetCookie(w, test.cookie)
				}
				w.WriteHeader(http.StatusUnauthorized)
				_, _ = io.WriteString(w, `{"error":"Unauthorized"}`)
			})
			route := newClient(t, configFor(t, u.URL, func(c *crossmint.Config) { c.RefreshRoute = u.URL + "/refresh" }))
			err := upstreamError(t, refresh(t.Context(), t, route))
			if !errors.Is(err, session.ErrRefused) || err.Uncertain != test.uncertain {
				t.Errorf("%v, uncertain %v, want %v", err, err.Uncertain, test.uncertain)
			}
			if err := upstreamError(t, refresh(t.Context(), t, u.client)); err.Uncertain {
				t.Error("upstream's own refusal is in doubt")
			}
		})
	}
}

// The jar, the timeout and the redirect policy of a given client are not ours.
func TestGivenHTTPClientLendsItsTransportOnly(t *testing.T) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	u := newUpstream(t, func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "affinity", Value: "1"})
		_, _ = io.WriteString(w, `{}`)
	}, func(c *crossmint.Config) { c.HTTPClient.Jar, c.HTTPClient.Timeout = jar, 1 })
	for range 2 {
		if err := u.client.Logout(t.Context(), secret); err != nil {
			t.Fatal(err)
		}
	}
	requests, _ := u.arrived()
	if got := requests[1].Header.Get("Cookie"); got != "" {
		t.Errorf("cookie sent: %q", got)
	}
}

package crossmint_test

import (
	"context"
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

// sent is a request as upstream receives it.
type sent struct {
	Method, URI, Body string
	Header            map[string]string
}

// ownFields are the header fields that the transport adds.
var ownFields = []string{"Accept-Encoding", "User-Agent", "Content-Length"}

func sentBy(t *testing.T, u *upstream) sent {
	t.Helper()
	requests, bodies := u.arrived()
	if len(requests) != 1 {
		t.Fatalf("%d requests, want 1", len(requests))
	}
	r := requests[0]
	out := sent{Method: r.Method, URI: r.RequestURI, Body: bodies[0], Header: map[string]string{}}
	for name, values := range r.Header {
		out.Header[name] = strings.Join(values, " | ")
	}
	for _, name := range ownFields {
		delete(out.Header, name)
	}
	return out
}

var secret = session.NewSecret("r-secret")

func TestCallsSendRequests(t *testing.T) {
	api := map[string]string{
		"Accept": "application/json", "Content-Type": "application/json",
		"X-Client-Name": "crossmint-go-auth", "X-Client-Version": crossmint.Version,
	}
	tests := []struct {
		name string
		call func(context.Context, *crossmint.Client)
		want sent
	}{
		{name: "refresh", call: func(ctx context.Context, c *crossmint.Client) { _, _ = c.Refresh(ctx, secret) },
			want: sent{Method: "POST", URI: authPath + "/refresh", Body: `{"refresh":"r-secret"}`, Header: api}},
		{name: "logout", call: func(ctx context.Context, c *crossmint.Client) { _ = c.Logout(ctx, secret) },
			want: sent{Method: "POST", URI: authPath + "/logout", Body: `{"refresh":"r-secret"}`, Header: api}},
		{name: "user", call: func(ctx context.Context, c *crossmint.Client) { _, _ = c.User(ctx, "u-1") },
			want: sent{Method: "GET", URI: apiPath + "/sdk/auth/user/u-1", Body: "", Header: api}},
		{name: "send code", call: func(ctx context.Context, c *crossmint.Client) { _, _ = c.SendEmailOTP(ctx, `a"b@example.com`) },
			want: sent{Method: "POST", URI: authPath + "/otps/send", Body: `{"email":"a\"b@example.com"}`, Header: api}},
		{name: "confirm code", call: func(ctx context.Context, c *crossmint.Client) {
			_, _ = c.ConfirmEmailOTP(ctx, "a+b@example.com", "e&1", "123456")
		},
			want: sent{Method: "POST", URI: authPath + "/authenticate?callbackUrl={callback}&email=a%2Bb%40example.com&locale=en" +
				"&signinAuthenticationMethod=email&state=e%261&token=123456", Body: "", Header: api}},
		{name: "keys", call: func(ctx context.Context, c *crossmint.Client) { _ = c.Preload(ctx) },
			want: sent{Method: "GET", URI: "/.well-known/jwks.json", Body: "", Header: map[string]string{"Accept": "application/json"}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var key string
			u := newUpstream(t, respond(500, "text/plain", ""), func(c *crossmint.Config) {
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

// Without an AppID or ExtensionID their header fields are omitted.
func TestOptionalHeaders(t *testing.T) {
	u := newUpstream(t, respond(500, "text/plain", ""))
	_ = u.client.Logout(t.Context(), secret)
	header := sentBy(t, u).Header
	for _, name := range []string{"X-App-Identifier", "X-Extension-Id"} {
		if value, found := header[name]; found {
			t.Errorf("%s: %q, want none", name, value)
		}
	}
}

// A refresh route gets the token, and neither the API key nor the client name.
func TestRefreshRouteSendsRequest(t *testing.T) {
	const body = `{"jwt":"j","refreshToken":{"secret":"new","expiresAt":"2030-01-01T00:00:00.000Z"},"user":{"id":"u-1"}}`
	u := newUpstream(t, respond(200, "application/json", body))
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
	want := sent{Method: "POST", URI: "/auth/refresh", Body: `{"refresh":"r-secret"}`, Header: map[string]string{
		"Accept": "application/json", "Content-Type": "application/json",
	}}
	if diff := cmp.Diff(want, sentBy(t, u)); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
}

// A refresh route refuses tokens with the same statuses as upstream. It gets no
// API key, so its 403 does not concern the key.
func TestRefreshRouteRefusals(t *testing.T) {
	for status, want := range map[int]failure{
		http.StatusUnauthorized: {Kind: refused, Status: 401},
		http.StatusNotFound:     {Kind: refused, Status: 404, Uncertain: true},
		http.StatusForbidden:    {Kind: unavailable, Status: 403},
	} {
		u := newUpstream(t, respond(status, jsonType, `{"error":"no"}`), func(c *crossmint.Config) { c.RefreshRoute = c.BaseURL + "/refresh" })
		if diff := cmp.Diff(want, failureOf(t, refresh(t.Context(), t, u.client))); diff != "" {
			t.Errorf("%d (-want +got):\n%s", status, diff)
		}
	}
}

// The jar, the timeout and the redirect policy of HTTPClient are not used.
func TestOnlyTransportOfHTTPClientIsUsed(t *testing.T) {
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

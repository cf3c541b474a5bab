package handlers_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/handlers"
	"github.com/crossmint-go/auth/internal/testkit"
	"github.com/crossmint-go/auth/session"
	"github.com/google/go-cmp/cmp"
)

// TestRefreshResponse compares the documented response byte by byte.
func TestRefreshResponse(t *testing.T) {
	tests := []struct {
		name      string
		config    handlers.Config
		expiresAt string // as upstream writes it
		want      string
	}{
		{name: "documented", expiresAt: "2031-02-01T00:00:00.000Z",
			want: `{"jwt":"JWT","refreshToken":{"secret":"NEW","expiresAt":"2031-02-01T00:00:00.000Z"},"user":{"email":"ann@example.com","id":"ID","new":[1,{"a":null}]}}` + "\n"},
		{name: "expiresAt in another format", expiresAt: "2031-02-01T01:00:00.5+01:00",
			want: `{"jwt":"JWT","refreshToken":{"secret":"NEW","expiresAt":"2031-02-01T01:00:00.5+01:00"},"user":{"email":"ann@example.com","id":"ID","new":[1,{"a":null}]}}` + "\n"},
		{name: "expiresAt is not a time", expiresAt: "soon",
			want: `{"jwt":"JWT","refreshToken":{"secret":"NEW","expiresAt":"soon"},"user":{"email":"ann@example.com","id":"ID","new":[1,{"a":null}]}}` + "\n"},
		{name: "secret omitted", config: handlers.Config{OmitRefreshSecret: true}, expiresAt: "2031-02-01T00:00:00.000Z",
			want: `{"jwt":"JWT","user":{"email":"ann@example.com","id":"ID","new":[1,{"a":null}]}}` + "\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			env := newTestEnv(t, crossminttest.Config{}, session.Config{}, test.config)
			ann := env.Fake.NewUser("ann@example.com")
			var jwt string
			env.Fake.Fail(crossminttest.Refresh, crossminttest.Edit(func(response map[string]any) {
				jwt = response["jwt"].(string)
				response["refresh"] = map[string]any{"secret": "NEW", "expiresAt": test.expiresAt}
				response["user"].(map[string]any)["new"] = []any{1, map[string]any{"a": nil}}
			}))
			res, body := env.serve(t, post("/refresh", "{}", "", env.Fake.Grant(ann).RefreshToken.Secret.Reveal()))
			if diff := cmp.Diff("200 renewed", testkit.ResponseOutcome(t, res)); diff != "" {
				t.Errorf("summary (-want +got):\n%s", diff)
			}
			want := strings.NewReplacer("JWT", jwt, "ID", ann.ID).Replace(test.want)
			if diff := cmp.Diff(want, body); diff != "" {
				t.Errorf("body (-want +got):\n%s", diff)
			}
			if got := res.Header.Get("Content-Type"); got != "application/json" {
				t.Errorf("Content-Type: %q", got)
			}
		})
	}
}

// TestResponseAndCookiesAgree compares the tokens in the body with those in the
// cookies.
func TestResponseAndCookiesAgree(t *testing.T) {
	env := newTestEnv(t, crossminttest.Config{}, session.Config{}, handlers.Config{})
	jwt, refresh := env.expiredTokens()
	res, body := env.serve(t, post("/refresh", "{}", jwt, refresh))
	var page struct {
		JWT          string
		RefreshToken struct{ Secret string }
	}
	testkit.NoError(t, json.Unmarshal([]byte(body), &page))
	got := map[string]string{}
	for _, c := range res.Cookies() {
		got[c.Name] = c.Value
		if c.HttpOnly != (c.Name == "crossmint-refresh-token") || !c.Secure {
			t.Errorf("wrong attributes: %s", c.Raw)
		}
	}
	want := map[string]string{"crossmint-session": page.JWT, "crossmint-refresh-token": page.RefreshToken.Secret}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("tokens (-body +cookies):\n%s", diff)
	}
	if !env.Fake.Live(page.RefreshToken.Secret) || page.RefreshToken.Secret == refresh {
		t.Error("the refresh token is not live, or was not rotated")
	}
}

// TestRefresh shows the effect on tokens and cookies. While upstream responds, the
// request's JWT does not matter.
func TestRefresh(t *testing.T) {
	rejection := crossminttest.Status(401, "", `{"error":"Unauthorized","message":"Invalid refresh token"}`)
	tests := []struct {
		name    string
		request func(env *testEnv) *http.Request
		want    outcome
	}{
		{name: "valid pair", request: func(env *testEnv) *http.Request {
			jwt, refresh := env.validTokens()
			return post("/refresh", "{}", jwt, refresh)
		}, want: outcome{Summary: "200 renewed", Refreshes: 1}},
		{name: "one-time secret", request: func(env *testEnv) *http.Request {
			return post("/refresh", refreshBody(env.Fake.OneTimeSecret(env.Fake.NewUser(""))), "", "")
		}, want: outcome{Summary: "200 renewed", Refreshes: 1}},
		{name: "cookie rejected", request: func(env *testEnv) *http.Request {
			jwt, refresh := env.expiredTokens()
			env.Fake.Revoke(refresh)
			return post("/refresh", "{}", jwt, refresh)
		}, want: outcome{Summary: "307 kept marked", Refreshes: 1}},
		{name: "cookie rejected, valid JWT", request: func(env *testEnv) *http.Request {
			jwt, refresh := env.validTokens()
			env.Fake.Revoke(refresh)
			return post("/refresh", "", jwt, refresh)
		}, want: outcome{Summary: "307 kept marked", Refreshes: 1}},
		{name: "body rejected, another token in the cookie", request: func(env *testEnv) *http.Request {
			jwt, refresh := env.expiredTokens()
			return post("/refresh", refreshBody("unknown"), jwt, refresh)
		}, want: outcome{Summary: "401 kept", Refreshes: 1}},
		{name: "body rejected, same token in the cookie", request: func(env *testEnv) *http.Request {
			jwt, refresh := env.expiredTokens()
			env.Fake.Revoke(refresh)
			return post("/refresh", refreshBody(refresh), jwt, refresh)
		}, want: outcome{Summary: "307 kept marked", Refreshes: 1}},
		{name: "cookie refused for the second time", request: func(env *testEnv) *http.Request {
			jwt, refresh := env.expiredTokens()
			env.Fake.Revoke(refresh)
			r := post("/refresh", "{}", jwt, refresh)
			testkit.AddMarker(r, refresh, time.Now().Add(-2*time.Hour))
			return r
		}, want: outcome{Summary: "401 cleared", Refreshes: 1}},
		{name: "cookie refused a few seconds ago", request: func(env *testEnv) *http.Request {
			jwt, refresh := env.expiredTokens()
			r := post("/refresh", "{}", jwt, refresh)
			testkit.AddMarker(r, refresh, time.Now().Add(-5*time.Second))
			return r
		}, want: outcome{Summary: "401 kept"}},
		{name: "no tokens", request: func(*testEnv) *http.Request { return post("/refresh", "{}", "", "") }, want: outcome{Summary: "401 kept"}},
		{name: "only a valid JWT", request: func(env *testEnv) *http.Request {
			jwt, _ := env.validTokens()
			return post("/refresh", "{}", jwt, "")
		}, want: outcome{Summary: "401 kept"}},
		{name: "API key rejected", request: func(env *testEnv) *http.Request {
			env.Fake.Fail(crossminttest.Refresh, crossminttest.Status(403, "", `{"error":true,"message":"Malformed API key"}`))
			jwt, refresh := env.expiredTokens()
			return post("/refresh", "{}", jwt, refresh)
		}, want: outcome{Summary: "503 kept retry 1", Refreshes: 1}},
		{name: "HTML instead of a rejection", request: func(env *testEnv) *http.Request {
			env.Fake.Fail(crossminttest.Refresh, crossminttest.Status(404, "text/html", "<html>"))
			jwt, refresh := env.expiredTokens()
			return post("/refresh", "{}", jwt, refresh)
		}, want: outcome{Summary: "503 kept retry 1", Refreshes: 1}},
		{name: "token with invalid cookie characters", request: func(env *testEnv) *http.Request {
			env.Fake.Fail(crossminttest.Refresh, crossminttest.Edit(func(response map[string]any) {
				response["refresh"].(map[string]any)["secret"] = "a;b"
			}))
			jwt, refresh := env.expiredTokens()
			return post("/refresh", "{}", jwt, refresh)
		}, want: outcome{Summary: "503 kept retry 1", Refreshes: 1}},
		{name: "two pairs, the first one rejected", request: func(env *testEnv) *http.Request {
			jwt, refresh := env.expiredTokens()
			r := post("/refresh", "{}", "", "dead")
			r.AddCookie(&http.Cookie{Name: "crossmint-jwt-" + env.Fake.ProjectID(), Value: jwt})
			r.AddCookie(&http.Cookie{Name: "crossmint-refresh-token-" + env.Fake.ProjectID(), Value: refresh})
			env.Fake.Fail(crossminttest.Refresh, rejection)
			return r
		}, want: outcome{Summary: "307 kept marked", Refreshes: 2}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			env := newTestEnv(t, crossminttest.Config{}, session.Config{}, handlers.Config{})
			if diff := cmp.Diff(test.want, env.outcome(t, test.request(env))); diff != "" {
				t.Errorf("outcome (-want +got):\n%s", diff)
			}
		})
	}
}

// TestInvalidTokensGetEqualResponses checks that a response does not reveal whether
// a token was never issued, is revoked or has expired. The marker differs, as the
// token does.
func TestInvalidTokensGetEqualResponses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env := newTestEnv(t, crossminttest.Config{InMemory: true, RefreshTokenLifetime: time.Hour}, session.Config{}, handlers.Config{})
		// A second use of the same token gets another response, so each request
		// has a token of its own.
		issue := func() map[string]string {
			tokens := map[string]string{}
			for _, source := range []string{"cookie", "body", "both"} {
				_, tokens[source] = env.expiredTokens()
			}
			return tokens
		}
		expired := issue()
		time.Sleep(2 * time.Hour)
		revoked := issue()
		for _, token := range revoked {
			env.Fake.Revoke(token)
		}
		unknown := map[string]string{"cookie": "unknown-1", "body": "unknown-2", "both": "unknown-3"}
		responses := map[string]string{}
		for name, tokens := range map[string]map[string]string{"expired": expired, "revoked": revoked, "unknown": unknown} {
			for source, r := range map[string]*http.Request{
				"cookie": post("/refresh", "{}", "", tokens["cookie"]),
				"body":   post("/refresh", refreshBody(tokens["body"]), "", ""),
				"both":   post("/refresh", refreshBody(tokens["both"]), "", tokens["both"]),
			} {
				res, body := env.serve(t, r)
				marker := regexp.MustCompile("-refused=[^;]{24};")
				header := marker.ReplaceAllString(fmt.Sprint(res.Header), "-refused=MARKER;")
				responses[name+", "+source] = fmt.Sprint(res.StatusCode, header, body)
			}
		}
		for name, response := range responses {
			_, source, _ := strings.Cut(name, ", ")
			if diff := cmp.Diff(responses["unknown, "+source], response); diff != "" {
				t.Errorf("%s (-unknown +this):\n%s", name, diff)
			}
		}
	})
}

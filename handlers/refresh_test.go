package handlers_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/handlers"
	"github.com/crossmint-go/auth/session"
	"github.com/google/go-cmp/cmp"
)

// TestAnswer reads the documented answer to the letter.
func TestAnswer(t *testing.T) {
	tests := []struct {
		name   string
		config handlers.Config
		end    string // as upstream spells it
		want   string
	}{
		{"documented", handlers.Config{}, "2031-02-01T00:00:00.000Z",
			`{"jwt":"JWT","refreshToken":{"secret":"NEW","expiresAt":"2031-02-01T00:00:00.000Z"},"user":{"email":"ann@example.com","id":"ID","new":[1,{"a":null}]}}` + "\n"},
		{"an end in another spelling", handlers.Config{}, "2031-02-01T01:00:00.5+01:00",
			`{"jwt":"JWT","refreshToken":{"secret":"NEW","expiresAt":"2031-02-01T01:00:00.5+01:00"},"user":{"email":"ann@example.com","id":"ID","new":[1,{"a":null}]}}` + "\n"},
		{"an end that is none", handlers.Config{}, "soon",
			`{"jwt":"JWT","refreshToken":{"secret":"NEW","expiresAt":"soon"},"user":{"email":"ann@example.com","id":"ID","new":[1,{"a":null}]}}` + "\n"},
		{"without the secret", handlers.Config{OmitRefreshSecret: true}, "2031-02-01T00:00:00.000Z",
			`{"jwt":"JWT","user":{"email":"ann@example.com","id":"ID","new":[1,{"a":null}]}}` + "\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			k := newKit(t, crossminttest.Config{}, session.Config{}, test.config)
			ann := k.fake.NewUser("ann@example.com")
			var jwt string
			k.fake.Fail(crossminttest.Refresh, crossminttest.Edit(func(answer map[string]any) {
				jwt = answer["jwt"].(string)
				answer["refresh"] = map[string]any{"secret": "NEW", "expiresAt": test.end}
				answer["user"].(map[string]any)["new"] = []any{1, map[string]any{"a": nil}}
			}))
			res, body := k.serve(t, post("/refresh", "{}", "", k.fake.Grant(ann).RefreshToken.Secret.Reveal()))
			if diff := cmp.Diff("200 renewed", verdict(t, res)); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
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

// TestAnswerAndCookiesAgree compares what a page reads with what its browser
// keeps.
func TestAnswerAndCookiesAgree(t *testing.T) {
	k := newKit(t, crossminttest.Config{}, session.Config{}, handlers.Config{})
	jwt, refresh := k.expired()
	res, body := k.serve(t, post("/refresh", "{}", jwt, refresh))
	var page struct {
		JWT          string
		RefreshToken struct{ Secret string }
	}
	must(t, json.Unmarshal([]byte(body), &page))
	got := map[string]string{}
	for _, c := range res.Cookies() {
		got[c.Name] = c.Value
		if c.HttpOnly != (c.Name == "crossmint-refresh-token") || !c.Secure {
			t.Errorf("attributes of %s", c.Raw)
		}
	}
	want := map[string]string{"crossmint-session": page.JWT, "crossmint-refresh-token": page.RefreshToken.Secret}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("cookies (-page +browser):\n%s", diff)
	}
	if !k.fake.Live(page.RefreshToken.Secret) || page.RefreshToken.Secret == refresh {
		t.Error("the refresh token is not the live one")
	}
}

// TestRefresh shows what becomes of tokens; the JWT beside them is of no
// importance while upstream answers.
func TestRefresh(t *testing.T) {
	no := crossminttest.Status(401, "", `{"error":"Unauthorized","message":"Invalid refresh token"}`)
	tests := []struct {
		name    string
		request func(k *kit) *http.Request
		want    outcome
	}{
		{"a valid pair is renewed, too", func(k *kit) *http.Request {
			jwt, refresh := k.valid()
			return post("/refresh", "{}", jwt, refresh)
		}, outcome{"200 renewed", 1, 0}},
		{"one-time secret", func(k *kit) *http.Request {
			return post("/refresh", member(k.fake.OneTimeSecret(k.fake.NewUser(""))), "", "")
		}, outcome{"200 renewed", 1, 0}},
		{"cookie refused", func(k *kit) *http.Request {
			jwt, refresh := k.expired()
			k.fake.Revoke(refresh)
			return post("/refresh", "{}", jwt, refresh)
		}, outcome{"401 cleared", 1, 0}},
		{"cookie refused beside a valid JWT", func(k *kit) *http.Request {
			jwt, refresh := k.valid()
			k.fake.Revoke(refresh)
			return post("/refresh", "", jwt, refresh)
		}, outcome{"401 cleared", 1, 0}},
		{"body refused, another in the cookie", func(k *kit) *http.Request {
			jwt, refresh := k.expired()
			return post("/refresh", member("unknown"), jwt, refresh)
		}, outcome{"401 kept", 1, 0}},
		{"body refused, the same in the cookie", func(k *kit) *http.Request {
			jwt, refresh := k.expired()
			k.fake.Revoke(refresh)
			return post("/refresh", member(refresh), jwt, refresh)
		}, outcome{"401 cleared", 1, 0}},
		{"nothing at all", func(*kit) *http.Request { return post("/refresh", "{}", "", "") }, outcome{"401 kept", 0, 0}},
		{"a valid JWT alone", func(k *kit) *http.Request {
			jwt, _ := k.valid()
			return post("/refresh", "{}", jwt, "")
		}, outcome{"401 kept", 0, 0}},
		{"a bad API key", func(k *kit) *http.Request {
			k.fake.Fail(crossminttest.Refresh, crossminttest.Status(403, "", `{"error":true,"message":"Malformed API key"}`))
			jwt, refresh := k.expired()
			return post("/refresh", "{}", jwt, refresh)
		}, outcome{"503 kept retry 1", 1, 0}},
		{"HTML in place of a refusal", func(k *kit) *http.Request {
			k.fake.Fail(crossminttest.Refresh, crossminttest.Status(404, "text/html", "<html>"))
			jwt, refresh := k.expired()
			return post("/refresh", "{}", jwt, refresh)
		}, outcome{"503 kept retry 1", 1, 0}},
		{"a secret that no cookie can hold", func(k *kit) *http.Request {
			k.fake.Fail(crossminttest.Refresh, crossminttest.Edit(func(answer map[string]any) {
				answer["refresh"].(map[string]any)["secret"] = "a;b"
			}))
			jwt, refresh := k.expired()
			return post("/refresh", "{}", jwt, refresh)
		}, outcome{"503 kept retry 1", 1, 0}},
		{"two pairs, the first one refused", func(k *kit) *http.Request {
			jwt, refresh := k.expired()
			r := post("/refresh", "{}", "", "dead")
			r.AddCookie(&http.Cookie{Name: "crossmint-jwt-" + k.fake.ProjectID(), Value: jwt})
			r.AddCookie(&http.Cookie{Name: "crossmint-refresh-token-" + k.fake.ProjectID(), Value: refresh})
			k.fake.Fail(crossminttest.Refresh, no)
			return r
		}, outcome{"401 cleared", 2, 0}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			k := newKit(t, crossminttest.Config{}, session.Config{}, handlers.Config{})
			if diff := cmp.Diff(test.want, k.outcome(t, test.request(k))); diff != "" {
				t.Errorf("outcome (-want +got):\n%s", diff)
			}
		})
	}
}

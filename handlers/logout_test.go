package handlers_test

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/handlers"
	"github.com/crossmint-go/auth/session"
	"github.com/google/go-cmp/cmp"
)

func TestLogout(t *testing.T) {
	const multipart = "multipart/form-data; boundary=x"
	tests := []struct {
		name        string
		contentType string
		body        string // BODY stands for a second session's refresh token
		cookies     bool
		want        outcome
		live        []string // what lives afterwards
	}{
		{"cookies", "", "", true, outcome{"204 cleared", 0, 1}, []string{"body"}},
		{"cookies and an empty object", "application/json", "{}", true, outcome{"204 cleared", 0, 1}, []string{"body"}},
		{"body", "application/json", member("BODY"), false, outcome{"204 cleared", 0, 1}, []string{"cookie"}},
		{"both", "application/json; charset=utf-8", member("BODY"), true, outcome{"204 cleared", 0, 2}, nil},
		{"nothing", "", "", false, outcome{"204 cleared", 0, 0}, []string{"cookie", "body"}},
		{"a body that is none", "application/json", `{"refresh":`, true, outcome{"204 cleared", 0, 1}, []string{"body"}},
		{"refresh twice", "application/json", `{"refresh":"BODY","refresh":"BODY"}`, true, outcome{"204 cleared", 0, 1}, []string{"body"}},
		{"text", "text/plain", member("BODY"), true, outcome{"204 cleared", 0, 1}, []string{"body"}},
		{"a body without a type", "", member("BODY"), true, outcome{"204 cleared", 0, 1}, []string{"body"}},
		{"form", "application/x-www-form-urlencoded", "refresh=BODY", true, outcome{"303 cleared", 0, 1}, []string{"body"}},
		{"form with files", multipart, "--x--", true, outcome{"303 cleared", 0, 1}, []string{"body"}},
		{"form of nobody", "application/x-www-form-urlencoded", "", false, outcome{"303 cleared", 0, 0}, []string{"cookie", "body"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			k := newKit(t, crossminttest.Config{}, session.Config{}, handlers.Config{AfterLogout: &url.URL{Path: "/bye", RawQuery: "a=1"}})
			jwt, refresh := k.expired()
			_, second := k.expired()
			r := post("/logout", strings.ReplaceAll(test.body, "BODY", second), "", "")
			if test.cookies {
				r = post("/logout", strings.ReplaceAll(test.body, "BODY", second), jwt, refresh)
			}
			r.Header.Set("Content-Type", test.contentType)
			if diff := cmp.Diff(test.want, k.outcome(t, r)); diff != "" {
				t.Errorf("outcome (-want +got):\n%s", diff)
			}
			var live []string
			for i, token := range []string{refresh, second} {
				if k.fake.Live(token) {
					live = append(live, []string{"cookie", "body"}[i])
				}
			}
			if diff := cmp.Diff(test.live, live); diff != "" {
				t.Errorf("tokens that live (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLogoutRedirect(t *testing.T) {
	for _, test := range []struct {
		name   string
		config handlers.Config
		want   []string
	}{
		{"configured", handlers.Config{AfterLogout: &url.URL{Path: "/bye", RawQuery: "a=1"}}, []string{"303 See Other", "/bye?a=1"}},
		{"not configured", handlers.Config{}, []string{"204 No Content", ""}},
	} {
		k := newKit(t, crossminttest.Config{}, session.Config{}, test.config)
		r := post("/logout?return_to=//evil.example", "return_to=//evil.example", "", "")
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		res, _ := k.serve(t, r)
		status := map[int]string{303: "303 See Other", 204: "204 No Content"}[res.StatusCode]
		if diff := cmp.Diff(test.want, []string{status, res.Header.Get("Location")}); diff != "" {
			t.Errorf("%s: status and Location (-want +got):\n%s", test.name, diff)
		}
	}
}

// unreadable is a body that nobody may touch.
type unreadable struct{ t *testing.T }

func (u unreadable) Read([]byte) (int, error) {
	u.t.Error("the body was read")
	return 0, errors.New("do not")
}
func (u unreadable) Close() error { return nil }

func TestOtherBodiesAreNotRead(t *testing.T) {
	k := newKit(t, crossminttest.Config{}, session.Config{}, handlers.Config{})
	for _, contentType := range []string{"", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/jsonp"} {
		r := post("/logout", "", "", "")
		r.Body, r.ContentLength = unreadable{t}, 10
		r.Header.Set("Content-Type", contentType)
		if got := k.outcome(t, r); got.Verdict != "204 cleared" {
			t.Errorf("%q: %+v", contentType, got)
		}
	}
}

func TestLogoutClearsThoughUpstreamFails(t *testing.T) {
	tests := []struct {
		name string
		fail func(k *kit)
		took time.Duration
	}{
		{"500", func(k *kit) { k.fake.FailAlways(crossminttest.Logout, crossminttest.Status(500, "", "")) }, 0},
		{"429", func(k *kit) {
			k.fake.FailAlways(crossminttest.Logout, crossminttest.Status(429, "", "").With("Retry-After", "1"))
		}, 0},
		{"reset", func(k *kit) { k.fake.FailAlways(crossminttest.Logout, crossminttest.Reset()) }, 0},
		{"down", func(k *kit) { k.fake.Down() }, 0},
		{"silence", func(k *kit) { k.fake.FailAlways(crossminttest.Logout, crossminttest.Hang()) }, 3 * time.Second},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := newKit(t, crossminttest.Config{InMemory: true}, session.Config{}, handlers.Config{})
				must(t, k.client.Preload(t.Context()))
				jwt, refresh := k.valid()
				test.fail(k)
				started := time.Now()
				got := k.outcome(t, post("/logout", "", jwt, refresh))
				if diff := cmp.Diff([]any{"204 cleared", test.took}, []any{got.Verdict, time.Since(started)}); diff != "" {
					t.Errorf("answer and time (-want +got):\n%s", diff)
				}
				if got.Logouts > 1 {
					t.Errorf("upstream was asked %d times", got.Logouts)
				}
				if !slices.Contains(k.events, session.LogoutFailed) {
					t.Errorf("events: %v", k.events)
				}
				// The JWT is denied here all the same, and its refresh token is over.
				if _, err := k.sessions.Verify(t.Context(), session.NewSecret(jwt)); !errors.Is(err, session.ErrJWTInvalid) {
					t.Errorf("the JWT after the logout: %v", err)
				}
				if got := k.outcome(t, post("/refresh", "{}", "", refresh)); got.Verdict != "401 kept" || got.Refreshes != 0 {
					t.Errorf("refresh after the logout: %+v", got)
				}
			})
		})
	}
}

// TestAnonymousPageView is what the browser client does on every page of a
// visitor: it must cost nothing upstream.
func TestAnonymousPageView(t *testing.T) {
	k := newKit(t, crossminttest.Config{}, session.Config{}, handlers.Config{})
	got := []outcome{k.outcome(t, post("/refresh", "{}", "", ""))}
	r := post("/logout", "", "", "")
	r.Header.Del("Content-Type")
	r.Body, r.ContentLength = http.NoBody, 0
	got = append(got, k.outcome(t, r))
	if diff := cmp.Diff([]outcome{{"401 kept", 0, 0}, {"204 cleared", 0, 0}}, got); diff != "" {
		t.Errorf("refresh and logout (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(crossminttest.Calls{}, k.fake.Calls()); diff != "" {
		t.Errorf("calls of upstream (-want +got):\n%s", diff)
	}
}

// What was checked when it was wired cannot be changed afterwards.
func TestAfterLogoutIsACopy(t *testing.T) {
	bye := &url.URL{Path: "/bye"}
	k := newKit(t, crossminttest.Config{}, session.Config{}, handlers.Config{AfterLogout: bye})
	bye.Host = "evil.example"
	r := post("/logout", "", "", "")
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, _ := k.serve(t, r)
	if diff := cmp.Diff("/bye", res.Header.Get("Location")); diff != "" {
		t.Errorf("Location (-want +got):\n%s", diff)
	}
}

// A fault of the observer keeps nobody signed in.
func TestLogoutWhereOnErrorPanics(t *testing.T) {
	faults := map[string]func(*kit) (body string){
		"a body that is none": func(*kit) string { return `{"refresh":1}` },
		"an outage": func(k *kit) string {
			k.fake.Fail(crossminttest.Logout, crossminttest.Status(500, "", "{}"))
			return ""
		},
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			k := newKit(t, crossminttest.Config{}, session.Config{}, handlers.Config{})
			called := 0
			k.mux = http.NewServeMux()
			k.mux.Handle("/logout", handlers.Logout(k.sessions, k.cookies, handlers.Config{OnError: func(*http.Request, error) {
				called++
				panic("an observer's fault")
			}}))
			jwt, refresh := k.expired()
			body := fault(k)
			if got := k.outcome(t, post("/logout", body, jwt, refresh)); got.Verdict != "204 cleared" || called != 1 {
				t.Errorf("%s, %d calls of OnError, want 204 cleared, and 1", got.Verdict, called)
			}
		})
	}
}

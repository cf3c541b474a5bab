package crossmint_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/session"
	"github.com/google/go-cmp/cmp"
)

// The fake's URL needs no consent, and already has the one-time secret.
func TestSignInByOAuth(t *testing.T) {
	fake := newFake(t, crossminttest.Config{})
	client := newClient(t, fake.Config())
	for _, provider := range []string{"google", "twitter"} {
		u, err := client.StartOAuth(t.Context(), provider, "")
		if err != nil {
			t.Fatal(err)
		}
		grant, err := client.Refresh(t.Context(), session.NewSecret(u.Query().Get("oneTimeSecret")))
		if err != nil {
			t.Fatal(err)
		}
		if twitter := strings.Contains(string(grant.User.JSON), "twitter_user"); twitter != (provider == "twitter") {
			t.Errorf("%s: signed in as %+v", provider, grant.User)
		}
	}
	if _, err := client.StartOAuth(t.Context(), "myspace", ""); !errors.Is(err, session.ErrRefused) {
		t.Errorf("a provider that upstream does not know: %v, want refused", err)
	}
}

func TestStartOAuthSendsRequest(t *testing.T) {
	u := newUpstream(t, respond(200, "application/json", `{"oauthUrl":"https://accounts.example/o?a=b#c","more":1}`))
	for _, schema := range []string{"", "my app&x=1"} {
		got, err := u.client.StartOAuth(t.Context(), "twitter", schema)
		if err != nil || got.String() != "https://accounts.example/o?a=b#c" {
			t.Errorf("StartOAuth = %v, %v", got, err)
		}
	}
	requests, bodies := u.arrived()
	var got []string
	for i, r := range requests {
		got = append(got, fmt.Sprint(r.Method, " ", r.RequestURI, " ", bodies[i], r.Header.Get("x-api-key") != ""))
	}
	path := "GET " + authPath + "/social/twitter/start"
	if diff := cmp.Diff([]string{path + " true", path + "?appSchema=my+app%26x%3D1 true"}, got); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestStartOAuthRejectsArguments(t *testing.T) {
	u := newUpstream(t, respond(200, "application/json", `{"oauthUrl":"https://accounts.example/"}`))
	for _, provider := range []string{"", ".", "..", "a/b", "../x", "Google", "a?b", "a%2Fb", "é", "a b", strings.Repeat("a", 33)} {
		if got, err := u.client.StartOAuth(t.Context(), provider, ""); !errors.Is(err, crossmint.ErrInvalidArgument) || got != nil {
			t.Errorf("%q: %v, %v", provider, got, err)
		}
	}
	if _, err := u.client.StartOAuth(t.Context(), "google", strings.Repeat("a", 257)); !errors.Is(err, crossmint.ErrInvalidArgument) {
		t.Errorf("a long schema: %v", err)
	}
	if requests, _ := u.arrived(); len(requests) != 0 {
		t.Errorf("%d calls were made", len(requests))
	}
}

// A browser must not be redirected to these URLs.
func TestStartOAuthRejectsURLs(t *testing.T) {
	const canary = "CANARY"
	for name, body := range map[string]string{
		"nothing": "", "no member": `{}`, "null": `{"oauthUrl":null}`, "a list": `{"oauthUrl":["https://a.example/"]}`,
		"twice":      `{"oauthUrl":"https://a.example/","oauthUrl":"https://b.example/"}`,
		"a script":   `{"oauthUrl":"javascript:alert('` + canary + `')"}`,
		"data":       `{"oauthUrl":"data:text/html,` + canary + `"}`,
		"plain http": `{"oauthUrl":"http://` + canary + `.example/"}`,
		"userinfo":   `{"oauthUrl":"https://` + canary + `@evil.example/"}`,
		"no host":    `{"oauthUrl":"https:///` + canary + `"}`,
		"a path":     `{"oauthUrl":"/` + canary + `"}`, "no scheme": `{"oauthUrl":"//` + canary + `.example/"}`,
		"an invalid URL": `{"oauthUrl":"https://[` + canary + `"}`, "a line feed": `{"oauthUrl":"https://a.example/\n` + canary + `"}`,
		"too long": `{"oauthUrl":"https://a.example/` + strings.Repeat("a", 8<<10) + `"}`,
	} {
		t.Run(name, func(t *testing.T) {
			u := newUpstream(t, respond(200, "application/json", body))
			got, err := u.client.StartOAuth(t.Context(), "google", "")
			if !errors.Is(err, session.ErrMalformed) || got != nil || strings.Contains(printedForms(t, err), canary) {
				t.Errorf("StartOAuth = %v, %v, want malformed", got, err)
			}
		})
	}
	local := newUpstream(t, respond(200, "application/json", `{"oauthUrl":"http://127.0.0.1:3000/o"}`))
	if _, err := local.client.StartOAuth(t.Context(), "google", ""); err != nil {
		t.Errorf("a loopback host: %v", err)
	}
}

func TestStartOAuthFailures(t *testing.T) {
	for status, want := range map[int]error{302: session.ErrUnavailable, 400: session.ErrRefused, 403: session.ErrUnavailable, 429: session.ErrUnavailable, 500: session.ErrUnavailable} {
		u := newUpstream(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "https://evil.example/")
			respond(status, "application/json", echo(r))(w, r)
		})
		_, err := u.client.StartOAuth(t.Context(), "google", canary)
		if !errors.Is(err, want) || strings.Contains(printedForms(t, err), canary) {
			t.Errorf("%d: %v, want %v", status, err, want)
		}
	}
}

package crossmint_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/event"
)

// keyErrors returns the errors of every way to need the keys: a preload, the JWT of
// a browser, the same again during the cooldown, and a JWT from upstream.
func keyErrors(t *testing.T, client *crossmint.Client, jwt string) map[string]error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	out := map[string]error{"preload": client.Preload(ctx)}
	_, out["first"] = client.Verify(ctx, jwt, time.Now())
	_, out["second"] = client.Verify(t.Context(), jwt, time.Now())
	_, out["received"] = client.VerifyReceived(ctx, jwt)
	return out
}

// Each error of a fetch of the keys names their URL.
func TestKeyErrorsNameURL(t *testing.T) {
	fake := newFake(t, crossminttest.Config{InMemory: true})
	jwt := fake.JWT(fake.NewUser(""))
	handlers := map[string]http.HandlerFunc{
		"404, HTML":    respond(404, "text/html", "<h1>Not Found</h1>"),
		"404, JSON":    respond(404, "application/json", `{}`),
		"200, HTML":    respond(200, "text/html", "<h1>Welcome</h1>"),
		"200, no keys": respond(200, "application/json", `{"keys":[]}`),
		"a redirect":   http.RedirectHandler("https://example.com/", http.StatusFound).ServeHTTP,
		"a reset":      func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"no response":  func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
	}
	for name, handler := range handlers {
		t.Run(name, func(t *testing.T) {
			u := newUpstream(t, handler)
			for caller, err := range keyErrors(t, u.client, jwt) {
				if err == nil || !strings.Contains(err.Error(), "GET "+u.URL+"/.well-known/jwks.json: ") {
					t.Errorf("%s: %v, want an error with the URL of the keys", caller, err)
				}
			}
			u.client.Close() // before the server, which waits for its requests
		})
	}
	t.Run("nothing listens", func(t *testing.T) {
		const base = "http://127.0.0.1:1"
		for caller, err := range keyErrors(t, newClient(t, configFor(t, base)), jwt) {
			if err == nil || !strings.Contains(err.Error(), "GET "+base+"/.well-known/jwks.json: ") {
				t.Errorf("%s: %v, want an error with the URL of the keys", caller, err)
			}
		}
	})
}

// A client that is closed too early says so.
func TestClosedClientSaysSo(t *testing.T) {
	fake := newFake(t, crossminttest.Config{InMemory: true})
	client := newClient(t, fake.Config())
	client.Close()
	for caller, err := range keyErrors(t, client, fake.JWT(fake.NewUser(""))) {
		if err == nil || !strings.Contains(err.Error(), "the client is closed") {
			t.Errorf("%s: %v, want that the client is closed", caller, err)
		}
	}
}

// So does a client that is closed during a fetch.
func TestClientClosedDuringFetchSaysSo(t *testing.T) {
	arrived := make(chan struct{}, 1)
	u := newUpstream(t, func(_ http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		<-r.Context().Done()
	})
	result := make(chan error, 1)
	go func() { result <- u.client.Preload(context.Background()) }()
	<-arrived
	u.client.Close()
	if err := <-result; err == nil || !strings.HasSuffix(err.Error(), "the client is closed") {
		t.Errorf("Preload = %v, want that the client is closed", err)
	}
}

// A refresh that a wrong base URL makes fail names that URL.
func TestRefreshErrorsNameBaseURL(t *testing.T) {
	handlers := map[string]http.HandlerFunc{
		"404, JSON":  respond(404, "application/json", `{}`),
		"404, HTML":  respond(404, "text/html", "<h1>Not Found</h1>"),
		"401, HTML":  respond(401, "text/html", "<h1>Log in</h1>"),
		"a redirect": http.RedirectHandler("https://example.com/", http.StatusFound).ServeHTTP,
	}
	for name, handler := range handlers {
		t.Run(name, func(t *testing.T) {
			u := newUpstream(t, handler)
			want := "is Config.BaseURL right? It is " + u.URL
			if err := refresh(t.Context(), t, u.client); !strings.HasSuffix(err.Error(), want) {
				t.Errorf("error = %v, want %q at its end", err, want)
			}
			route := newClient(t, configFor(t, "http://127.0.0.1:1", func(c *crossmint.Config) { c.RefreshRoute = u.URL + "/refresh" }))
			want = "is Config.RefreshRoute right? It is " + u.URL + "/refresh"
			if err := refresh(t.Context(), t, route); !strings.HasSuffix(err.Error(), want) {
				t.Errorf("error = %v, want %q at its end", err, want)
			}
		})
	}
	for name, handler := range map[string]http.HandlerFunc{
		"a refusal": respond(401, "application/json", `{}`), "an outage": respond(503, "application/json", `{}`),
	} {
		u := newUpstream(t, handler)
		if err := refresh(t.Context(), t, u.client); strings.Contains(err.Error(), u.URL) {
			t.Errorf("%s names the base URL: %v", name, err)
		}
	}
}

// The JWT of another project is rejected with the "aud" that it has and the one that
// is expected, within the first request.
func TestEventNamesAudience(t *testing.T) {
	fake := newFake(t, crossminttest.Config{InMemory: true})
	ada := fake.NewUser("")
	other := map[string]any{"aud": "other-project"}
	foreignGrant := fake.Grant(ada)
	tests := []struct {
		name     string
		material session.Material
		before   func()
		seen     string
	}{
		{name: "in the cookies", material: session.Material{JWT: session.NewSecret(fake.Sign(ada, nil, other)), RefreshToken: session.NewSecret("r")}, seen: `its aud is "other-project"`},
		{name: "in a list", material: session.Material{JWT: session.NewSecret(fake.Sign(ada, nil, map[string]any{"aud": []string{"other-project"}}))}, seen: `its aud is "[\"other-project\"]"`},
		{name: "from upstream", material: session.Material{RefreshToken: foreignGrant.RefreshToken.Secret}, before: func() { fake.SetClaims(ada.ID, other) }, seen: `its aud is "other-project"`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if test.before != nil {
				test.before()
			}
			got := firstEvent(t, newClient(t, fake.Config()), test.material)
			if got.Outcome != event.Rejected || !errors.Is(got.Err, session.ErrOtherProject) {
				t.Fatalf("event %s: %v, want %s with %v", got.Outcome, got.Err, event.Rejected, session.ErrOtherProject)
			}
			for _, want := range []string{test.seen, `expected "` + crossminttest.DefaultProjectID + `"`} {
				if !strings.Contains(got.Err.Error(), want) {
					t.Errorf("event error %q lacks %q", got.Err, want)
				}
			}
		})
	}
}

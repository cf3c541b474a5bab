package handlers_test

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/handlers"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/event"
)

// warnings returns the errors of the events with the outcome Misconfigured.
func (env *testEnv) warnings() (warnings []string) {
	for _, e := range env.All() {
		if e.Outcome == event.Misconfigured {
			warnings = append(warnings, e.Op+": "+e.Err.Error())
		}
	}
	return warnings
}

// wantWarning checks that there is one warning, and that it contains all words;
// without words that there is none.
func (env *testEnv) wantWarning(t *testing.T, words ...string) {
	t.Helper()
	got := env.warnings()
	if len(got) != min(1, len(words)) {
		t.Fatalf("warnings %q, want %d", got, min(1, len(words)))
	}
	for _, word := range words {
		if !strings.Contains(got[0], word) {
			t.Errorf("the warning %q does not contain %q", got[0], word)
		}
	}
}

// TestRefreshWarnsOfWriteTimeout sends requests without tokens, which upstream is not
// asked about.
func TestRefreshWarnsOfWriteTimeout(t *testing.T) {
	tests := []struct {
		name         string
		writeTimeout time.Duration
		want         []string
	}{
		{name: "no timeout"},
		{name: "longer than RefreshBudget", writeTimeout: 9 * time.Second},
		{name: "equal", writeTimeout: 8 * time.Second, want: []string{"refresh: ", "WriteTimeout is 8s", "wait 8s", "session.Config.RefreshBudget"}},
		{name: "shorter", writeTimeout: 5 * time.Second, want: []string{"WriteTimeout is 5s", "wait 8s"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			env := newTestEnv(t, crossminttest.Config{}, session.Config{}, handlers.Config{})
			server := &http.Server{WriteTimeout: test.writeTimeout}
			for range 3 {
				r := post("/refresh", "{}", "", "")
				env.serve(t, r.WithContext(context.WithValue(r.Context(), http.ServerContextKey, server)))
			}
			env.wantWarning(t, test.want...)
		})
	}
}

func TestRefreshWarnsOfPlainHTTP(t *testing.T) {
	env := newTestEnv(t, crossminttest.Config{}, session.Config{}, handlers.Config{})
	for range 2 {
		jwt, refresh := env.expiredTokens()
		r := post("/refresh", "{}", jwt, refresh)
		r.TLS = nil
		r.Header.Del("Sec-Fetch-Site")
		r.Header.Set("Origin", "http://app.example")
		if res, _ := env.serve(t, r); res.StatusCode != http.StatusOK {
			t.Fatalf("status %d", res.StatusCode)
		}
	}
	env.wantWarning(t, "refresh: ", "plain http", `"app.example"`)
}

// TestSignInWarnsOfPlainHTTP submits a first form over plain http. The browser drops
// the pending sign-in, so the second form would lead to error=expired.
func TestSignInWarnsOfPlainHTTP(t *testing.T) {
	tests := []struct {
		name string
		site url.URL
		want []string
	}{
		{name: "https", site: url.URL{Scheme: "https", Host: "app.example"}},
		{name: "this machine", site: url.URL{Scheme: "http", Host: "localhost:8080"}},
		{name: "another machine", site: url.URL{Scheme: "http", Host: "192.168.1.7:8080"}, want: []string{"sign_in: ", "plain http", `"192.168.1.7:8080"`}},
	}
	forms := map[string][]string{
		"/send":         {"email", ada},
		"/oauth/start":  {"provider", "google"},
		"/wallet/start": {"type", "ethereum", "address", "0x" + strings.Repeat("0", 40)},
	}
	for _, test := range tests {
		for path, fields := range forms {
			t.Run(test.name+" "+path, func(t *testing.T) {
				env := newSignInEnv(t, crossminttest.Config{}, handlers.SignInConfig{OAuthProviders: []string{"google"}, WalletTypes: []string{"ethereum"}})
				b := env.newBrowser(t, &test.site, withoutFetchMetadata{inProcess{env.mux}})
				for range 2 {
					b.submit(path, fields...)
				}
				env.wantWarning(t, test.want...)
			})
		}
	}
}

// withoutFetchMetadata is a browser that opens a page over plain http: it sends no
// Fetch metadata.
type withoutFetchMetadata struct{ http.RoundTripper }

func (t withoutFetchMetadata) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Del("Sec-Fetch-Site")
	return t.RoundTripper.RoundTrip(r)
}

// TestCrossOriginErrorsNameOriginAndHost checks the errors of OnError and of events.
func TestCrossOriginErrorsNameOriginAndHost(t *testing.T) {
	env := newSignInEnv(t, crossminttest.Config{}, handlers.SignInConfig{})
	for _, path := range []string{"/refresh", "/logout", "/send", "/confirm"} {
		for _, site := range []string{"", "cross-site"} {
			r := post(path, "{}", "", "")
			r.Host = "backend:8080"
			if r.Header.Del("Sec-Fetch-Site"); site != "" {
				r.Header.Set("Sec-Fetch-Site", site)
			}
			before := len(env.errors)
			if res, _ := env.serve(t, r); res.StatusCode != http.StatusForbidden {
				t.Errorf("%s: status %d, want 403", path, res.StatusCode)
			}
			reported := env.errors[before:]
			isComplete := func(text string) bool {
				return strings.Contains(text, `Origin "https://app.example"`) && strings.Contains(text, `Host "backend:8080"`)
			}
			if len(reported) != 2 || slices.ContainsFunc(reported, func(text string) bool { return !isComplete(text) }) {
				t.Errorf("%s %q: reported %q, want two errors with Origin and Host", path, site, reported)
			}
		}
	}
}

// TestSignInWarnsOfWriteTimeout submits the second form to servers with a write
// timeout.
func TestSignInWarnsOfWriteTimeout(t *testing.T) {
	tests := []struct {
		name         string
		writeTimeout time.Duration
		want         []string
	}{
		{name: "longer", writeTimeout: 23 * time.Second},
		{name: "equal", writeTimeout: 22 * time.Second, want: []string{"sign_in: ", "WriteTimeout is 22s", "wait 22s", "handlers.SignIn.ConfirmCode"}},
		{name: "shorter", writeTimeout: 15 * time.Second, want: []string{"sign_in: ", "WriteTimeout is 15s"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			env := newSignInEnv(t, crossminttest.Config{}, handlers.SignInConfig{})
			server := &http.Server{WriteTimeout: test.writeTimeout}
			served := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				env.mux.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), http.ServerContextKey, server)))
			})
			b := env.newBrowser(t, &url.URL{Scheme: "https", Host: "app.example"}, inProcess{served})
			b.submit("/send", "email", "ada@example.com")
			b.submit("/confirm", "code", env.Fake.Code("ada@example.com"))
			env.wantWarning(t, test.want...)
		})
	}
}

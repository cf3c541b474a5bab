package handlers_test

import (
	"net/url"
	"testing"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/handlers"
	"github.com/crossmint-go/auth/internal/testkit"
	"github.com/crossmint-go/auth/session"
	"github.com/google/go-cmp/cmp"
)

// TestInvalidConfigurationPanics creates the handlers with nil arguments and with
// foreign URLs.
func TestInvalidConfigurationPanics(t *testing.T) {
	env := newTestEnv(t, crossminttest.Config{}, session.Config{}, handlers.Config{})
	constructors := map[string]func(*testEnv, handlers.Config){
		"Refresh": func(env *testEnv, c handlers.Config) { handlers.Refresh(env.Manager, env.cookies, c) },
		"Logout":  func(env *testEnv, c handlers.Config) { handlers.Logout(env.Manager, env.cookies, c) },
	}
	for name, f := range constructors {
		if !panics(func() { f(&testEnv{Kit: &testkit.Kit{}, cookies: env.cookies}, handlers.Config{}) }) {
			t.Errorf("%s accepts a nil session manager", name)
		}
		if !panics(func() { f(&testEnv{Kit: &testkit.Kit{Manager: env.Manager}}, handlers.Config{}) }) {
			t.Errorf("%s accepts a nil cookie codec", name)
		}
		for _, rawURL := range foreignURLs {
			u, err := url.Parse(rawURL)
			testkit.NoError(t, err)
			if !panics(func() { f(env, handlers.Config{AfterLogout: u}) }) {
				t.Errorf("%s accepts %q", name, rawURL)
			}
		}
		if panics(func() { f(env, handlers.Config{AfterLogout: &url.URL{Path: "/bye"}}) }) {
			t.Errorf("%s rejects /bye", name)
		}
	}
}

// TestAfterLogoutIsCopied changes AfterLogout after Logout has checked it.
func TestAfterLogoutIsCopied(t *testing.T) {
	bye := &url.URL{Path: "/bye"}
	env := newTestEnv(t, crossminttest.Config{}, session.Config{}, handlers.Config{AfterLogout: bye})
	bye.Host = "evil.example"
	r := post("/logout", "", "", "")
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, _ := env.serve(t, r)
	if diff := cmp.Diff("/bye", res.Header.Get("Location")); diff != "" {
		t.Errorf("Location (-want +got):\n%s", diff)
	}
}

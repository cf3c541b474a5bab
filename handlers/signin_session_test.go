package handlers_test

import (
	"strings"
	"testing"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/handlers"
	"github.com/crossmint-go/auth/session/event"
	"github.com/google/go-cmp/cmp"
)

// TestSignInWithLongJWT gets a JWT that fits into no cookie: upstream must not keep its
// session.
func TestSignInWithLongJWT(t *testing.T) {
	env := newSignInEnv(t, crossminttest.Config{}, handlers.SignInConfig{})
	b := env.newInProcessBrowser(t)
	user := env.Fake.NewUser(ada).ID
	env.Fake.SetClaims(user, map[string]any{"padding": strings.Repeat("a", 5000)})
	b.submit("/send", "email", ada)
	if diff := cmp.Diff(redirectTo("/signin?error=unavailable&lang=en", "-signin"), b.submit("/confirm", "code", env.Fake.Code(ada))); diff != "" {
		t.Errorf("response (-want +got):\n%s", diff)
	}
	if live := env.Fake.LiveOf(user); live != 0 || !env.Has(event.LoggedOut) {
		t.Errorf("%d live refresh tokens, want 0; events %v", live, env.Outcomes())
	}
}

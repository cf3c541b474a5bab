package handlers_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/handlers"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/event"
	"github.com/google/go-cmp/cmp"
)

// TestOnSignIn calls the hook with the user, before the cookies are stored.
func TestOnSignIn(t *testing.T) {
	type call struct {
		Email, UserID, SessionUser string
		Cookies                    int // that the response had
	}
	var calls []call
	env := newSignInEnv(t, crossminttest.Config{}, handlers.SignInConfig{OnSignIn: func(w http.ResponseWriter, r *http.Request, user session.User) error {
		s, _ := session.FromContext(r.Context())
		calls = append(calls, call{user.Email, user.ID, s.UserID, len(w.Header()["Set-Cookie"])})
		http.SetCookie(w, &http.Cookie{Name: "csrf", Value: "new"})
		return nil
	}})
	b := env.newInProcessBrowser(t)
	b.submit("/send", "email", ada)
	b.submit("/confirm", "code", env.wrongCode(ada))
	if diff := cmp.Diff(redirectTo("/", "-signin", "csrf", "refresh-token", "session"), b.submit("/confirm", "code", env.Fake.Code(ada))); diff != "" {
		t.Errorf("response (-want +got):\n%s", diff)
	}
	id := env.Fake.NewUser(ada).ID
	if diff := cmp.Diff([]call{{Email: ada, UserID: id, SessionUser: id}}, calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

// TestOnSignInFails lets the hook fail: the browser keeps its earlier session.
func TestOnSignInFails(t *testing.T) {
	errAccount := errors.New("no account")
	env := newSignInEnv(t, crossminttest.Config{}, handlers.SignInConfig{OnSignIn: func(_ http.ResponseWriter, _ *http.Request, user session.User) error {
		if user.Email == bob {
			return errAccount
		}
		return nil
	}})
	b := env.newInProcessBrowser(t)
	b.signIn(ada)
	before := b.sessionCookies()
	b.submit("/send", "email", bob)
	if diff := cmp.Diff(redirectTo("/signin?error=rejected&lang=en", "-signin"), b.submit("/confirm", "code", env.Fake.Code(bob))); diff != "" {
		t.Errorf("response (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(before, b.sessionCookies()); diff != "" {
		t.Errorf("session cookies (-before +after):\n%s", diff)
	}
	if got, want := b.get("/whoami"), env.Fake.NewUser(ada).ID; got != want {
		t.Errorf("signed in as %q, want %q", got, want)
	}
	all := env.All()
	if last := all[len(all)-1]; last.Outcome != event.SignInFailed || !errors.Is(last.Err, errAccount) || env.countErrors(errAccount) != 1 {
		t.Errorf("last event %v, reported %v", last.LogValue(), env.reported)
	}
}

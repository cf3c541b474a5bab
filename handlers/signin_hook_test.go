package handlers_test

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

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
	if got := env.Fake.LiveOf(env.Fake.NewUser(bob).ID); got != 0 {
		t.Errorf("upstream has %d live refresh tokens of the rejected sign-in, want 0", got)
	}
	all := env.All()
	if last := all[len(all)-1]; last.Outcome != event.SignInFailed || !errors.Is(last.Err, errAccount) || env.countErrors(errAccount) != 1 {
		t.Errorf("last event %v, reported %v", last.LogValue(), env.reported)
	}
}

// TestOnSignInEndsSession lets the hook end without a success: upstream must not keep a
// session that no browser has.
func TestOnSignInEndsSession(t *testing.T) {
	errAccount := errors.New("no account")
	outage := func(env *signInEnv) {
		env.Fake.FailAlways(crossminttest.Logout, crossminttest.Status(http.StatusBadGateway, "text/html", "<html>"))
	}
	tests := []struct {
		name    string
		hook    func() error
		change  func(*signInEnv)
		live    int
		events  []event.Outcome
		revoked int // in the next minute
	}{
		{
			name: "error", hook: func() error { return errAccount },
			events: []event.Outcome{event.SignedIn, event.LoggedOut, event.SignInFailed},
		},
		{
			name: "panic", hook: func() error { panic(errAccount) },
			events: []event.Outcome{event.SignedIn, event.LoggedOut},
		},
		{
			name: "error while upstream is unavailable", hook: func() error { return errAccount }, change: outage, live: 1,
			events:  []event.Outcome{event.SignedIn, event.LogoutFailed, event.SignInFailed},
			revoked: 1,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				env := newSignInEnv(t, crossminttest.Config{InMemory: true}, handlers.SignInConfig{OnSignIn: func(http.ResponseWriter, *http.Request, session.User) error {
					return test.hook()
				}})
				b := env.newInProcessBrowser(t)
				b.submit("/send", "email", ada)
				if test.change != nil {
					test.change(env)
				}
				before := len(env.All())
				func() {
					defer func() { _ = recover() }()
					b.submitCode(t.Context(), env.Fake.Code(ada))
				}()
				user := env.Fake.NewUser(ada).ID
				if got := env.Fake.LiveOf(user); got != test.live {
					t.Errorf("%d live refresh tokens, want %d", got, test.live)
				}
				if diff := cmp.Diff(test.events, env.Outcomes()[before:]); diff != "" {
					t.Errorf("events (-want +got):\n%s", diff)
				}
				env.Fake.Heal()
				time.Sleep(time.Minute)
				if live, revoked := env.Fake.LiveOf(user), env.Count(event.Revoked); live != 0 || revoked != test.revoked {
					t.Errorf("after a minute %d live refresh tokens, and %d revoked; want 0 and %d", live, revoked, test.revoked)
				}
			})
		})
	}
}

// TestOnSignInFailsTwice submits a code twice, and the hook fails for both requests. If
// the second comes after the first response, its session has ended.
func TestOnSignInFailsTwice(t *testing.T) {
	for gap, code := range map[time.Duration]string{0: "rejected", 500 * time.Millisecond: "rejected", 2 * time.Second: "expired"} {
		t.Run(gap.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				env := newSignInEnv(t, crossminttest.Config{InMemory: true}, handlers.SignInConfig{OnSignIn: func(http.ResponseWriter, *http.Request, session.User) error {
					time.Sleep(time.Second)
					return errors.New("no account")
				}})
				b := env.newInProcessBrowser(t)
				b.submit("/send", "email", ada)
				confirmation, second := env.Fake.Code(ada), b.copyBrowser()
				var both sync.WaitGroup
				for i, tab := range []*browser{b, second} {
					both.Go(func() {
						time.Sleep(time.Duration(i) * gap)
						want := redirectTo("/signin?error=rejected&lang=en", "-signin")
						if i == 1 {
							want.Location = "/signin?error=" + code + "&lang=en"
						}
						if got := tab.submit("/confirm", "code", confirmation); got != want {
							t.Errorf("response %d: %+v, want %+v", i, got, want)
						}
					})
				}
				both.Wait()
				if got := env.Fake.LiveOf(env.Fake.NewUser(ada).ID); got != 0 {
					t.Errorf("%d live refresh tokens, want 0", got)
				}
			})
		})
	}
}

// TestOnSignInFailsForOneOfTwoForms submits a code twice. The hook fails for one of the
// requests: the user stays signed in with the response to the other one.
func TestOnSignInFailsForOneOfTwoForms(t *testing.T) {
	tests := []struct {
		name string
		hook func(call int64, r *http.Request) error
		run  func(b *browser, code string)
	}{
		{
			name: "the client has canceled the first",
			hook: func(_ int64, r *http.Request) error {
				time.Sleep(time.Second)
				return r.Context().Err()
			},
			run: func(b *browser, code string) {
				canceled, cancel := context.WithCancel(b.Context())
				var both sync.WaitGroup
				both.Go(func() { b.submitCode(canceled, code) })
				time.Sleep(500 * time.Millisecond) // in the hook
				cancel()
				b.submit("/confirm", "code", code)
				both.Wait()
			},
		},
		{
			name: "after the first was delivered",
			hook: func(call int64, _ *http.Request) error {
				if call == 1 {
					return nil
				}
				return errors.New("row exists")
			},
			run: func(b *browser, code string) {
				second := b.copyBrowser()
				b.submit("/confirm", "code", code)
				second.submit("/confirm", "code", code)
			},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var calls atomic.Int64
				env := newSignInEnv(t, crossminttest.Config{InMemory: true}, handlers.SignInConfig{OnSignIn: func(_ http.ResponseWriter, r *http.Request, _ session.User) error {
					return test.hook(calls.Add(1), r)
				}})
				b := env.newInProcessBrowser(t)
				b.submit("/send", "email", ada)
				test.run(b, env.Fake.Code(ada))
				if got, want := b.get("/whoami"), env.Fake.NewUser(ada).ID; got != want {
					t.Errorf("signed in as %q, want %q", got, want)
				}
				if calls.Load() != 2 || env.Has(event.LoggedOut) {
					t.Errorf("%d calls of the hook, want 2, and events %v without a logout", calls.Load(), env.Outcomes())
				}
			})
		})
	}
}

package session_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/internal/testkit"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/event"
	"github.com/google/go-cmp/cmp"
)

func TestRefresh(t *testing.T) {
	none := session.Secret{}
	run(t, "a valid JWT is renewed, too", testkit.Config{}, func(t *testing.T, k *kit) {
		result, err := k.Refresh(t.Context(), k.SignIn("ann@example.com"), none)
		k.want(err, testkit.OK, 1)
		if result.Renewed == nil || result.Renewed.Grant.User.Email != "ann@example.com" {
			t.Errorf("result = %+v", result)
		}
	})
	run(t, "a token from the body takes precedence over the cookies", testkit.Config{}, func(t *testing.T, k *kit) {
		bob := k.Fake.NewUser("bob@example.com")
		result, err := k.Refresh(t.Context(), k.SignIn("ann@example.com"), session.NewSecret(k.Fake.OneTimeSecret(bob)))
		k.want(err, testkit.OK, 1)
		if result.Session.UserID != bob.ID || result.Renewed.Used != (session.Pair{}) {
			t.Errorf("user %s, or a cookie counts as used", result.Session.UserID)
		}
	})
	run(t, "a sign-in without cookies does not change the user", testkit.Config{}, func(t *testing.T, k *kit) {
		_, err := k.Refresh(t.Context(), session.Material{}, session.NewSecret(k.Fake.OneTimeSecret(k.Fake.NewUser("ann@example.com"))))
		k.want(err, testkit.OK, 1)
		if k.Has(event.UserChanged) {
			t.Errorf("events = %v", k.Outcomes())
		}
	})
	run(t, "without a refresh token there is no refresh", testkit.Config{}, func(t *testing.T, k *kit) {
		_, err := k.Refresh(t.Context(), session.Material{}, none)
		k.want(err, testkit.Rejected, 0)
		_, err = k.Refresh(t.Context(), jwtOnly(k.Fake.JWT(k.Fake.NewUser("ann@example.com"))), none)
		k.want(err, testkit.Rejected, 0)
	})
	run(t, "a refusal counts for the cookies that it concerns", testkit.Config{}, func(t *testing.T, k *kit) {
		_, err := k.Refresh(t.Context(), forged("cookie"), none)
		k.want(err, testkit.AskAgain, 1)
		_, err = k.Refresh(t.Context(), session.Material{}, session.NewSecret("forged"))
		k.want(err, testkit.Rejected, 2)
		_, err = k.Refresh(t.Context(), forged("same"), session.NewSecret("forged-same"))
		k.want(err, testkit.AskAgain, 3)
		_, err = k.Refresh(t.Context(), k.SignIn("ann@example.com"), session.NewSecret("another"))
		k.want(err, testkit.Rejected, 4)
		valid := jwtOnly(k.Fake.JWT(k.Fake.NewUser("ann@example.com")))
		_, err = k.Refresh(t.Context(), valid, session.NewSecret("a third"))
		k.want(err, testkit.Rejected, 5)
	})
}

func TestRefreshDuringAnOutage(t *testing.T) {
	none := session.Secret{}
	overloaded := crossminttest.Status(http.StatusServiceUnavailable, "application/json", `{}`)
	run(t, "upstream is asked again within the budget", testkit.Config{}, func(t *testing.T, k *kit) {
		k.Fake.Fail(crossminttest.Refresh, overloaded, crossminttest.Status(429, "", "").With("Retry-After", "3"))
		started := time.Now()
		_, err := k.Refresh(t.Context(), k.Expired("ann@example.com"), none)
		k.want(err, testkit.OK, 3)
		if took := time.Since(started); took < 3*second || took > 4*second {
			t.Errorf("took %v", took)
		}
	})
	run(t, "a restart of upstream within the budget is waited for", testkit.Config{}, func(t *testing.T, k *kit) {
		m := k.Expired("ann@example.com")
		k.fetchKeys()
		k.Fake.Down()
		go func() {
			time.Sleep(4 * second)
			_ = k.Fake.Up()
		}()
		_, err := k.Refresh(t.Context(), m, none)
		k.want(err, testkit.OK, 1)
	})
	run(t, "a Retry-After beyond the budget is not waited for", testkit.Config{}, func(t *testing.T, k *kit) {
		k.Fake.FailAlways(crossminttest.Refresh, crossminttest.Status(429, "", "").With("Retry-After", "30"))
		started := time.Now()
		_, err := k.Refresh(t.Context(), k.Expired("ann@example.com"), none)
		k.want(err, testkit.Unavailable, 1)
		if took := time.Since(started); took > second || retryAfter(err) != 30*second {
			t.Errorf("took %v, then Retry-After %v", took, retryAfter(err))
		}
	})
	run(t, "the budget bounds all retries", testkit.Config{}, func(t *testing.T, k *kit) {
		k.Fake.FailAlways(crossminttest.Refresh, overloaded)
		started := time.Now()
		_, err := k.Refresh(t.Context(), k.Expired("ann@example.com"), none)
		if took := time.Since(started); testkit.Outcome(err) != testkit.Unavailable || took > 8*second || took < 3*second {
			t.Errorf("%v after %v", err, took)
		}
	})
	run(t, "a JWT that is still valid is the result", testkit.Config{}, func(t *testing.T, k *kit) {
		k.Fake.FailAlways(crossminttest.Refresh, crossminttest.Hang())
		m := k.SignIn("ann@example.com")
		result, err := k.Refresh(t.Context(), m, none)
		k.want(err, testkit.OK, 1)
		if result.Renewed != nil || result.Stale || result.Session.UserID == "" || !k.Has(event.Unavailable) && len(k.Outcomes()) > 1 {
			t.Errorf("result = %+v, events %v", result, k.Outcomes())
		}
	})
	run(t, "but not for the sign-in of another user", testkit.Config{}, func(t *testing.T, k *kit) {
		k.Fake.FailAlways(crossminttest.Refresh, crossminttest.Hang())
		_, err := k.Refresh(t.Context(), k.SignIn("ann@example.com"), session.NewSecret(k.Fake.OneTimeSecret(k.Fake.NewUser("bob@example.com"))))
		k.want(err, testkit.Unavailable, 1)
	})
	run(t, "an expired JWT is not the result without StaleFor", testkit.Config{}, func(t *testing.T, k *kit) {
		k.Fake.FailAlways(crossminttest.Refresh, crossminttest.Hang())
		_, err := k.Refresh(t.Context(), k.Expired("ann@example.com"), none)
		k.want(err, testkit.Unavailable, 1)
	})
	run(t, "with StaleFor a JWT that has just expired is, and opens nothing", testkit.Config{Fake: crossminttest.Config{JWTLifetime: time.Hour}, Session: session.Config{StaleFor: 15 * time.Minute}}, func(t *testing.T, k *kit) {
		m := k.SignIn("ann@example.com")
		_, _ = k.authenticate(m)
		k.Fake.FailAlways(crossminttest.Refresh, crossminttest.Hang())
		time.Sleep(70 * time.Minute)
		result, err := k.Refresh(t.Context(), m, none)
		if err != nil || !result.Stale || result.Renewed != nil || !k.Has(event.ServedStale) {
			t.Errorf("%+v, %v, events %v", result, err, k.Outcomes())
		}
		if _, ok := session.FromContext(result.NewContext(t.Context(), nil)); ok {
			t.Error("a stale session is found in a context")
		}
		if _, err := k.authenticate(m); testkit.Outcome(err) != testkit.Unavailable {
			t.Errorf("a stale session passes: %v", err)
		}
		time.Sleep(5 * time.Minute)
		if _, err := k.Refresh(t.Context(), m, none); testkit.Outcome(err) != testkit.Unavailable {
			t.Errorf("beyond StaleFor: %v", err)
		}
	})
}

func TestStaleForCountsFractions(t *testing.T) {
	config := session.Config{StaleFor: 1500 * time.Millisecond, RefreshBudget: 100 * time.Millisecond}
	for expiredFor, want := range map[time.Duration]string{1200 * ms: testkit.OK, 1600 * ms: testkit.Unavailable} {
		run(t, fmt.Sprint("expired for ", expiredFor), testkit.Config{Fake: crossminttest.Config{JWTLifetime: time.Minute}, Session: config}, func(t *testing.T, k *kit) {
			m := k.SignIn("ann@example.com")
			_, _ = k.authenticate(m)
			k.Fake.FailAlways(crossminttest.Refresh, crossminttest.Hang())
			time.Sleep(time.Minute + expiredFor - 100*ms)
			_, err := k.Refresh(t.Context(), m, none)
			k.want(err, want, 1)
		})
	}
}

// The budget covers everything that a refresh waits for, also the signing keys.
func TestRefreshBudgetCoversTheKeys(t *testing.T) {
	run(t, "of all pairs", testkit.Config{}, func(t *testing.T, k *kit) {
		m := several(k.SignIn("ann@example.com"), k.SignIn("bob@example.com"), k.SignIn("cat@example.com"))
		k.Fake.FailAlways(crossminttest.JWKS, crossminttest.Hang())
		k.Fake.FailAlways(crossminttest.Refresh, crossminttest.Hang())
		started := time.Now()
		_, err := k.Refresh(t.Context(), m, session.NewSecret("one-time"))
		if took := time.Since(started); took > 8*second || testkit.Outcome(err) != testkit.Unavailable {
			t.Errorf("%v after %v", err, took)
		}
	})
}

// Without signing keys the JWT may be valid, so upstream is not asked.
func TestRefreshWithoutKeys(t *testing.T) {
	run(t, "there is no decision", testkit.Config{}, func(t *testing.T, k *kit) {
		k.Fake.FailAlways(crossminttest.JWKS, testkit.BadGateway())
		m := k.Expired("ann@example.com")
		_, err := k.Refresh(t.Context(), m, none)
		k.want(err, testkit.Unavailable, 0)
		k.Fake.Heal()
		time.Sleep(5 * second)
		_, err = k.Refresh(t.Context(), m, none)
		k.want(err, testkit.OK, 1)
	})
}

// The stale JWT of a former user is not the result of a sign-in.
func TestStaleJWTBesideASignIn(t *testing.T) {
	run(t, "the result is that of the sign-in", testkit.Config{Session: session.Config{StaleFor: time.Hour}}, func(t *testing.T, k *kit) {
		ann, bob := k.Fake.NewUser("ann@example.com"), k.Fake.NewUser("bob@example.com")
		former := jwtOnly(k.Fake.ExpiredJWT(ann))
		k.fetchKeys()
		k.Fake.FailAlways(crossminttest.Refresh, crossminttest.Hang())
		_, err := k.Refresh(t.Context(), former, session.NewSecret(k.Fake.OneTimeSecret(bob)))
		k.want(err, testkit.Unavailable, 1)
	})
}

func TestEarlyRefresh(t *testing.T) {
	config := crossminttest.Config{JWTLifetime: 10 * time.Minute} // the window is the last 30 s
	run(t, "a JWT is renewed in the last part of its life", testkit.Config{Fake: config}, func(t *testing.T, k *kit) {
		m := k.SignIn("ann@example.com")
		time.Sleep(569 * second)
		result, err := k.authenticate(m)
		k.want(err, testkit.OK, 0)
		if result.Renewed != nil {
			t.Error("renewed before the window")
		}
		time.Sleep(2 * second)
		result, err = k.authenticate(m)
		k.want(err, testkit.OK, 1)
		if result.Renewed == nil {
			t.Error("not renewed within the window")
		}
	})
	run(t, "that part is a tenth of a short life", testkit.Config{Fake: crossminttest.Config{JWTLifetime: 20 * second}}, func(t *testing.T, k *kit) {
		m := k.SignIn("ann@example.com")
		time.Sleep(17 * second)
		_, err := k.authenticate(m)
		k.want(err, testkit.OK, 0)
		time.Sleep(1500 * time.Millisecond)
		_, err = k.authenticate(m)
		k.want(err, testkit.OK, 1)
	})
	run(t, "also of one below ten seconds", testkit.Config{Fake: crossminttest.Config{JWTLifetime: 9 * second}}, func(t *testing.T, k *kit) {
		m := k.SignIn("ann@example.com")
		time.Sleep(8050 * time.Millisecond)
		_, err := k.authenticate(m)
		k.want(err, testkit.OK, 0)
		time.Sleep(100 * time.Millisecond)
		_, err = k.authenticate(m)
		k.want(err, testkit.OK, 1)
	})
	stored := testkit.Config{Fake: config, Session: session.Config{Coordinator: &fleet{}}}
	run(t, "with a store, a slow one delays a request by at most 250 ms, and is found later", stored, func(t *testing.T, k *kit) {
		m := k.SignIn("ann@example.com")
		_, _ = k.authenticate(m)
		time.Sleep(575 * second)
		k.Fake.SetLatency(crossminttest.Refresh, 3*second)
		started := time.Now()
		result, err := k.authenticate(m)
		k.want(err, testkit.OK, 1)
		if waited := time.Since(started); waited > 250*time.Millisecond || result.Renewed != nil {
			t.Errorf("waited %v, renewed %v", waited, result.Renewed)
		}
		time.Sleep(5 * second)
		result, err = k.authenticate(m)
		k.want(err, testkit.OK, 1)
		if result.Renewed == nil {
			t.Error("the result was not found")
		}
	})
	for _, test := range []struct {
		name  string
		fault crossminttest.Fault
	}{{name: "refused", fault: testkit.RejectedByUpstream()}, {name: "unavailable", fault: testkit.BadGateway()}} {
		run(t, "one that is "+test.name+" deletes no cookies and is not repeated at once", testkit.Config{Fake: config}, func(t *testing.T, k *kit) {
			m := k.SignIn("ann@example.com")
			_, _ = k.authenticate(m)
			time.Sleep(575 * second)
			k.Fake.Fail(crossminttest.Refresh, test.fault)
			for range 4 {
				_, err := k.authenticate(m)
				k.want(err, testkit.OK, 1)
				time.Sleep(second)
			}
			if !k.Has(event.EarlyRefreshFailed) {
				t.Errorf("events = %v", k.Outcomes())
			}
		})
	}
	run(t, "concurrent requests share one", testkit.Config{Fake: config}, func(t *testing.T, k *kit) {
		m := k.SignIn("ann@example.com")
		k.fetchKeys()
		time.Sleep(575 * second)
		k.Fake.SetLatency(crossminttest.Refresh, 50*time.Millisecond)
		var callers sync.WaitGroup
		for range 200 {
			callers.Go(func() {
				result, err := k.authenticate(m)
				if err != nil || result.Renewed == nil {
					t.Errorf("err = %v", err)
				}
			})
		}
		callers.Wait()
		k.want(nil, testkit.OK, 1)
	})
	run(t, "SkipEarlyRefresh skips it, and does not skip the refresh of an expired JWT", testkit.Config{Fake: config}, func(t *testing.T, k *kit) {
		m := k.SignIn("ann@example.com")
		time.Sleep(575 * second)
		m.SkipEarlyRefresh = true
		result, err := k.authenticate(m)
		synctest.Wait()
		k.want(err, testkit.OK, 0)
		if result.Renewed != nil || !result.Session.JWT.Equal(m.JWT) {
			t.Error("the session was renewed")
		}
		time.Sleep(time.Minute)
		result, err = k.authenticate(m)
		k.want(err, testkit.OK, 1)
		if result.Renewed == nil {
			t.Error("the expired session was not renewed")
		}
	})
	run(t, "SkipEarlyRefresh skips it for the preferred one of several pairs", testkit.Config{Fake: config}, func(t *testing.T, k *kit) {
		m := several(k.SignIn("ann@example.com"), forged("1"))
		time.Sleep(575 * second)
		m.SkipEarlyRefresh = true
		_, err := k.authenticate(m)
		synctest.Wait()
		k.want(err, testkit.OK, 0)
	})
}

// The refresh goes on for the other callers when the first one disconnects.
func TestFirstCallerDisconnects(t *testing.T) {
	run(t, "the others get the grant", testkit.Config{Fake: crossminttest.Config{Reuse: crossminttest.ReuseRefuse}}, func(t *testing.T, k *kit) {
		pair := testkit.Material(k.Fake.ExpiredGrant(k.Fake.NewUser("ann@example.com")))
		k.fetchKeys()
		k.Fake.SetLatency(crossminttest.Refresh, 2*second)
		ctx, cancel := context.WithTimeout(t.Context(), second)
		defer cancel()
		var callers sync.WaitGroup
		callers.Go(func() {
			if _, err := k.Authenticate(ctx, pair); testkit.Outcome(err) != testkit.Unavailable {
				t.Errorf("the disconnected caller: %v", err)
			}
		})
		synctest.Wait()
		for range 50 {
			callers.Go(func() {
				if result, err := k.authenticate(pair); err != nil || result.Renewed == nil {
					t.Errorf("another caller: %v", err)
				}
			})
		}
		callers.Wait()
		k.want(nil, testkit.OK, 1)
	})
}

func TestSignIn(t *testing.T) {
	run(t, "ends the sessions that the browser brought", testkit.Config{}, func(t *testing.T, k *kit) {
		ann, bob := k.Fake.NewUser("ann@example.com"), k.Fake.NewUser("bob@example.com")
		m := testkit.Material(k.Fake.Grant(ann))
		result, err := k.Manager.SignIn(t.Context(), m, session.NewSecret(k.Fake.OneTimeSecret(bob)))
		k.want(err, testkit.OK, 1)
		if result.Session.UserID != bob.ID || result.Renewed == nil || k.Has(event.UserChanged) {
			t.Errorf("session of %s, events %v", result.Session.UserID, k.Outcomes())
		}
		result.Renewed.Delivered(t.Context(), errors.New("the cookies were lost"))
		if _, err := k.authenticate(m); err != nil {
			t.Errorf("the former session before the delivery of the new one: %v", err)
		}
		result.Renewed.Delivered(t.Context(), nil)
		if _, err := k.authenticate(session.Material{RefreshToken: m.RefreshToken}); testkit.Outcome(err) != testkit.Rejected {
			t.Errorf("the former refresh token: %v", err)
		}
		synctest.Wait() // for the logout in the background
		if _, err := k.authenticate(m); testkit.Outcome(err) != testkit.Rejected {
			t.Errorf("the former session: %v", err)
		}
		k.wantAlive(ann, 0)
		k.wantAlive(bob, 1)
	})
	run(t, "keeps the cookies of its own session", testkit.Config{}, func(t *testing.T, k *kit) {
		user := k.Fake.NewUser("ann@example.com")
		secret := session.NewSecret(k.Fake.OneTimeSecret(user))
		first, err := k.Manager.SignIn(t.Context(), session.Material{}, secret)
		testkit.NoError(t, err)
		again, err := k.Manager.SignIn(t.Context(), materialOf(first.Session), secret) // a repeated callback
		k.want(err, testkit.OK, 1)
		synctest.Wait()
		k.wantAlive(user, 1)
		if _, err := k.authenticate(materialOf(again.Session)); err != nil {
			t.Errorf("the session has ended: %v", err)
		}
	})
	run(t, "that fails keeps the sessions that the browser brought", testkit.Config{}, func(t *testing.T, k *kit) {
		m := k.SignIn("ann@example.com")
		for _, test := range []struct {
			name  string
			fault crossminttest.Fault
			want  string
		}{
			{name: "refused", fault: testkit.RejectedByUpstream(), want: testkit.Rejected},
			{name: "unavailable", fault: testkit.BadGateway(), want: testkit.Unavailable},
		} {
			k.Fake.FailAlways(crossminttest.Refresh, test.fault)
			_, err := k.Manager.SignIn(t.Context(), m, session.NewSecret("secret of "+test.name))
			if testkit.Outcome(err) != test.want {
				t.Errorf("%s: %v, want %s", test.name, err, test.want)
			}
			if _, err := k.authenticate(m); err != nil {
				t.Errorf("%s: the session has ended: %v", test.name, err)
			}
		}
	})
}

// TestSignInEvents tells the beginning of a session from its renewal.
func TestSignInEvents(t *testing.T) {
	type outcome struct {
		Op      string
		Outcome event.Outcome
	}
	signedIn, refreshed := outcome{"refresh", event.SignedIn}, outcome{"refresh", event.Refreshed}
	oneTime := func(k *kit) session.Secret {
		return session.NewSecret(k.Fake.OneTimeSecret(k.Fake.NewUser("ann@example.com")))
	}
	refresh := func(m session.Material, token session.Secret) func(*kit) {
		return func(k *kit) { _, _ = k.Refresh(k.t.Context(), m, token) }
	}
	tests := []struct {
		name string
		do   func(k *kit)
		want outcome // of the last event
	}{
		{name: "SignIn", want: outcome{"sign_in", event.SignedIn}, do: func(k *kit) {
			_, _ = k.Manager.SignIn(k.t.Context(), session.Material{}, oneTime(k))
		}},
		{name: "SignIn, unknown secret", want: outcome{"sign_in", event.SignInFailed}, do: func(k *kit) {
			_, _ = k.Manager.SignIn(k.t.Context(), session.Material{}, session.NewSecret("unknown"))
		}},
		{name: "SignIn, client gone", want: outcome{"sign_in", event.Abandoned}, do: func(k *kit) {
			ctx, cancel := context.WithCancel(k.t.Context())
			cancel()
			_, _ = k.Manager.SignIn(ctx, session.Material{}, oneTime(k))
			synctest.Wait()
		}},
		{name: "one-time secret, no cookies", want: signedIn, do: func(k *kit) { refresh(session.Material{}, oneTime(k))(k) }},
		{name: "one-time secret, another session's cookies", want: signedIn, do: func(k *kit) {
			refresh(k.SignIn("bob@example.com"), oneTime(k))(k)
		}},
		{name: "one-time secret again, the session's cookies", want: refreshed, do: func(k *kit) {
			secret := oneTime(k)
			first, err := k.Refresh(k.t.Context(), session.Material{}, secret)
			testkit.NoError(k.t, err)
			refresh(materialOf(first.Session), secret)(k)
		}},
		{name: "the cookies' token in the body", want: refreshed, do: func(k *kit) {
			m := k.SignIn("ann@example.com")
			refresh(m, m.RefreshToken)(k)
		}},
		{name: "cookies only", want: refreshed, do: func(k *kit) { refresh(k.SignIn("ann@example.com"), none)(k) }},
		{name: "a token of this process, no cookies", want: refreshed, do: func(k *kit) {
			first, err := k.Refresh(k.t.Context(), session.Material{}, oneTime(k))
			testkit.NoError(k.t, err)
			refresh(session.Material{}, first.Session.RefreshToken.Secret)(k)
		}},
		{name: "unknown token, no cookies", want: outcome{"refresh", event.Rejected}, do: refresh(session.Material{}, session.NewSecret("unknown"))},
	}
	for _, test := range tests {
		run(t, test.name, testkit.Config{}, func(t *testing.T, k *kit) {
			test.do(k)
			events := k.All()
			last := events[len(events)-1]
			if diff := cmp.Diff(test.want, outcome{last.Op, last.Outcome}); diff != "" {
				t.Errorf("event (-want +got):\n%s", diff)
			}
		})
	}
}

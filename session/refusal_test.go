package session_test

import (
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/internal/testkit"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/event"
)

// refusedBefore returns the material with the marker of a first refusal.
func refusedBefore(m session.Material, ago time.Duration) session.Material {
	m.RefusedAt = time.Now().Add(-ago)
	return m
}

func TestSecondStrike(t *testing.T) {
	// refused returns a user whose session has ended at upstream.
	refused := func(k *kit) session.Material {
		k.Fake.FailAlways(crossminttest.Refresh, testkit.RejectedByUpstream())
		return k.Expired("ann@example.com")
	}
	tests := []struct {
		name      string
		ago       time.Duration // of the first refusal
		want      string
		wantCalls int
	}{
		{name: "moments ago, without a redirect", ago: 500 * time.Millisecond, want: testkit.AskAgain},
		{name: "a second ago", ago: time.Second, want: testkit.Refused},
		{name: "29 s ago", ago: 29 * time.Second, want: testkit.Refused},
		{name: "30 s ago", ago: 30 * time.Second, want: testkit.Refused, wantCalls: 1},
		{name: "59 min ago", ago: 59 * time.Minute, want: testkit.Refused, wantCalls: 1},
		{name: "an hour ago", ago: time.Hour, want: testkit.SignedOut, wantCalls: 1},
		{name: "a month ago", ago: 30 * 24 * time.Hour, want: testkit.SignedOut, wantCalls: 1},
		{name: "by a server whose clock is ahead", ago: -20 * time.Second, want: testkit.Refused},
	}
	for _, test := range tests {
		run(t, "first refused "+test.name, testkit.Config{}, func(t *testing.T, k *kit) {
			_, err := k.authenticate(refusedBefore(refused(k), test.ago))
			k.want(err, test.want, test.wantCalls)
		})
	}
	run(t, "parallel requests are asked again, a later one is not", testkit.Config{}, func(t *testing.T, k *kit) {
		m := refused(k)
		k.Fake.SetLatency(crossminttest.Refresh, 100*time.Millisecond)
		var all sync.WaitGroup
		for i := range 5 {
			all.Go(func() {
				time.Sleep(time.Duration(i) * 200 * time.Millisecond)
				if _, err := k.authenticate(m); testkit.Outcome(err) != testkit.AskAgain {
					t.Errorf("request %d: %v", i, err)
				}
			})
		}
		all.Wait()
		for _, e := range k.All() {
			if e.Outcome != event.AskedAgain || e.UpstreamStatus != http.StatusUnauthorized {
				t.Errorf("event %v of upstream's status %d", e, e.UpstreamStatus)
			}
		}
		time.Sleep(time.Second)
		_, err := k.authenticate(m) // this browser does not store the marker
		k.want(err, testkit.Refused, 1)
		time.Sleep(10 * time.Minute)
		_, err = k.authenticate(m)
		k.want(err, testkit.Refused, 2)
	})
	run(t, "the first refusals of several users are remembered", testkit.Config{}, func(t *testing.T, k *kit) {
		users := []session.Material{refused(k), k.Expired("bob@example.com"), k.Expired("cyn@example.com")}
		for i, m := range users {
			_, err := k.authenticate(m)
			k.want(err, testkit.AskAgain, i+1)
		}
		time.Sleep(time.Second)
		for _, m := range users {
			_, err := k.authenticate(m)
			k.want(err, testkit.Refused, len(users))
		}
	})
	run(t, "cookies are deleted once, because a second deletion may follow a sign-in", testkit.Config{}, func(t *testing.T, k *kit) {
		m := refusedBefore(refused(k), 2*time.Hour)
		_, err := k.authenticate(m)
		k.want(err, testkit.SignedOut, 1)
		_, err = k.authenticate(m)
		k.want(err, testkit.Refused, 1)
	})
	run(t, "a late response deletes nothing, because that of another instance may precede it", testkit.Config{}, func(t *testing.T, k *kit) {
		m := refusedBefore(refused(k), 2*time.Hour)
		k.Fake.SetLatency(crossminttest.Refresh, 1100*time.Millisecond)
		_, err := k.authenticate(m)
		k.want(err, testkit.Refused, 1)
		k.Fake.SetLatency(crossminttest.Refresh, time.Second)
		time.Sleep(time.Minute)
		_, err = k.authenticate(m)
		k.want(err, testkit.SignedOut, 2)
	})
	run(t, "a marker does not keep a successor from its browser", testkit.Config{}, func(t *testing.T, k *kit) {
		m := k.Expired("ann@example.com")
		_, err := k.authenticate(m)
		k.want(err, testkit.OK, 1)
		_, err = k.authenticate(refusedBefore(m, 5*time.Second))
		k.want(err, testkit.OK, 1)
	})
	run(t, "nor one whose JWT has expired meanwhile", testkit.Config{Fake: crossminttest.Config{JWTLifetime: time.Minute}}, func(t *testing.T, k *kit) {
		m := k.Expired("ann@example.com")
		_, err := k.authenticate(m)
		k.want(err, testkit.OK, 1)
		time.Sleep(2 * time.Minute)
		_, err = k.authenticate(refusedBefore(m, 5*time.Second))
		k.want(err, testkit.OK, 2)
	})
	run(t, "a token that this process has exchanged is no strike", testkit.Config{}, func(t *testing.T, k *kit) {
		m := k.Expired("ann@example.com")
		result, err := k.authenticate(m)
		k.want(err, testkit.OK, 1)
		result.Renewed.Delivered(t.Context(), nil)
		time.Sleep(time.Minute)
		_, err = k.authenticate(refusedBefore(m, 2*time.Hour))
		k.want(err, testkit.Rejected, 2)
	})
	run(t, "nothing is deleted while a cookie was not read", testkit.Config{}, func(t *testing.T, k *kit) {
		m := refusedBefore(refused(k), 2*time.Hour)
		m.Incomplete = true
		_, err := k.authenticate(m)
		k.want(err, testkit.Rejected, 1)
		_, err = k.Refresh(t.Context(), m, none)
		k.want(err, testkit.Rejected, 1)
	})
	run(t, "nothing is deleted while a pair was not looked at", testkit.Config{}, func(t *testing.T, k *kit) {
		dead := refused(k)
		pairs := []session.Material{dead}
		for range 8 {
			pairs = append(pairs, dead)
		}
		_, err := k.authenticate(refusedBefore(several(pairs...), 2*time.Hour))
		k.want(err, testkit.Rejected, 1)
	})
	run(t, "as many pairs as are looked at may be deleted", testkit.Config{}, func(t *testing.T, k *kit) {
		dead := refused(k)
		pairs := []session.Material{dead}
		for range 7 {
			pairs = append(pairs, dead)
		}
		_, err := k.authenticate(refusedBefore(several(pairs...), 2*time.Hour))
		k.want(err, testkit.SignedOut, 1)
	})
	run(t, "a token from the body alone says nothing about the cookies", testkit.Config{}, func(t *testing.T, k *kit) {
		m := refusedBefore(refused(k), 2*time.Hour)
		_, err := k.Refresh(t.Context(), m, session.NewSecret("another"))
		k.want(err, testkit.Rejected, 1)
		_, err = k.Refresh(t.Context(), m, m.RefreshToken)
		k.want(err, testkit.SignedOut, 2)
	})
}

// While one JWT of a request cannot be verified, its pair may be good.
func TestRefusalBesideAnUnverifiableJWT(t *testing.T) {
	run(t, "is no decision", testkit.Config{Session: session.Config{AllowJWTAlone: true}}, func(t *testing.T, k *kit) {
		dead := forged("dead")
		good := jwtOnly(k.Fake.JWT(k.Fake.NewUser("ann@example.com")))
		k.Fake.FailAlways(crossminttest.JWKS, testkit.BadGateway())
		_, err := k.authenticate(refusedBefore(several(dead, good), 2*time.Hour))
		k.want(err, testkit.Unavailable, 0)
	})
}

// A process that has just started has no keys yet.
func TestRefreshWaitsForTheKeys(t *testing.T) {
	run(t, "within its budget", testkit.Config{}, func(t *testing.T, k *kit) {
		pairs := map[string]session.Material{"valid": k.SignIn("ann@example.com"), "expired": k.Expired("bob@example.com")}
		for name, m := range pairs {
			client := k.NewClient(nil)
			fresh := k.NewManager(session.Config{Upstream: client})
			k.Fake.FailAlways(crossminttest.JWKS, testkit.BadGateway())
			healed := time.AfterFunc(2*second, k.Fake.Heal)
			if _, err := fresh.Refresh(t.Context(), m, none); err != nil {
				t.Errorf("%s JWT: %v", name, err)
			}
			healed.Stop()
			k.Fake.Heal()
		}
	})
	run(t, "and no longer", testkit.Config{}, func(t *testing.T, k *kit) {
		m := k.SignIn("ann@example.com")
		k.Fake.FailAlways(crossminttest.JWKS, testkit.BadGateway())
		started := time.Now()
		_, err := k.Refresh(t.Context(), m, none)
		if waited := time.Since(started); !errors.Is(err, session.ErrUnavailable) || waited > 8*second {
			t.Errorf("%v after %v", err, waited)
		}
	})
}

// Without a store the other instances cannot find the result of a refresh that no
// request waits for.
func TestEarlyRefreshWithoutAStore(t *testing.T) {
	run(t, "waits like any other", testkit.Config{}, func(t *testing.T, k *kit) {
		m := k.SignIn("ann@example.com")
		result, err := k.authenticate(m)
		testkit.NoError(t, err)
		time.Sleep(time.Until(result.Session.ExpiresAt) - second)
		k.Fake.SetLatency(crossminttest.Refresh, 2*second)
		result, err = k.authenticate(m)
		k.want(err, testkit.OK, 1)
		if result.Renewed == nil {
			t.Error("the session was not renewed")
		}
	})
}

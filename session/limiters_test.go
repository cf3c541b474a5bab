package session_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/internal/testkit"
	"github.com/crossmint-go/auth/session"
)

// floodedManager returns a manager whose upstream takes 50 ms, and responds to
// forged tokens with the statuses in turn. It counts the calls for forged tokens.
func (k *kit) floodedManager(statuses ...int) (m *session.Manager, forgedCalls *atomic.Int64) {
	forgedCalls = &atomic.Int64{}
	k.Fake.SetLatency(crossminttest.Refresh, 50*ms)
	return k.managerWith(changedUpstream{refresh: func(ctx context.Context, token session.Secret) (*session.Grant, error) {
		if !strings.HasPrefix(token.Reveal(), "forged-") {
			return k.Client.Refresh(ctx, token)
		}
		n := forgedCalls.Add(1)
		time.Sleep(50 * ms)
		up := &session.UpstreamError{Status: statuses[int(n)%len(statuses)]}
		if up.Status == 400 || up.Status == 401 || up.Status == 404 {
			up.Kind, up.Uncertain = session.ErrRefused, up.Status == 404
		}
		return nil, up
	}}), forgedCalls
}

// visits counts requests, and those that were served in time.
type visits struct {
	wg            sync.WaitGroup
	asked, served atomic.Int64
}

// visit makes a request in the background. It has 8 s.
func (v *visits) visit(t *testing.T, request func(ctx context.Context) (session.Result, error)) {
	v.asked.Add(1)
	v.wg.Go(func() {
		ctx, cancel := context.WithTimeout(t.Context(), 8*second)
		defer cancel()
		if result, err := request(ctx); err == nil && result.Session != nil {
			v.served.Add(1)
		}
	})
}

// wantAll checks that all requests were served.
func (v *visits) wantAll(t *testing.T, name string) {
	t.Helper()
	v.wg.Wait()
	if served, asked := v.served.Load(), v.asked.Load(); served != asked {
		t.Errorf("%s: %d of %d served", name, served, asked)
	}
}

// A flood of a thousand forged tokens a second reaches upstream ten times a second,
// whatever upstream responds. It stops neither sign-ins nor returning visitors.
func TestFloodOfForgedTokens(t *testing.T) {
	const duration = 10 // s
	for _, statuses := range [][]int{{401}, {403}, {429}, {503}, {404}, {401, 403, 429, 503}} {
		run(t, fmt.Sprint(statuses), testkit.Config{}, func(t *testing.T, k *kit) {
			k.fetchKeys()
			m, forgedCalls := k.floodedManager(statuses...)
			var signIns, withJWT, withRefreshToken visits
			signIn := func(ctx context.Context, i int) (session.Result, error) {
				secret := k.Fake.OneTimeSecret(k.Fake.NewUser(fmt.Sprintf("new%d@example.com", i)))
				return m.SignIn(ctx, session.Material{}, session.NewSecret(secret))
			}
			var returning []session.Material
			for i := range 2 * duration {
				result, err := signIn(t.Context(), -i)
				testkit.NoError(t, err)
				returning = append(returning, session.Material{RefreshToken: result.Session.RefreshToken.Secret})
			}
			time.Sleep(2 * time.Hour) // their JWTs have expired
			var flood sync.WaitGroup
			for i := range duration * 1000 {
				flood.Go(func() { _, _ = m.Authenticate(t.Context(), forged(fmt.Sprint(i))) })
				if i%500 == 0 {
					expired, alone := k.Expired(fmt.Sprintf("user%d@example.com", i)), returning[i/500]
					signIns.visit(t, func(ctx context.Context) (session.Result, error) { return signIn(ctx, i) })
					withJWT.visit(t, func(ctx context.Context) (session.Result, error) { return m.Authenticate(ctx, expired) })
					withRefreshToken.visit(t, func(ctx context.Context) (session.Result, error) { return m.Authenticate(ctx, alone) })
				}
				time.Sleep(ms)
			}
			calls := forgedCalls.Load()
			t.Logf("%d calls in %d s", calls, duration)
			if most := int64(session.UnsignedBurst + 10*duration + 1); calls > most {
				t.Errorf("%d forged tokens reached upstream in %d s, want %d at most", calls, duration, most)
			}
			flood.Wait()
			signIns.wantAll(t, "sign-ins")
			withJWT.wantAll(t, "visitors with an expired JWT")
			withRefreshToken.wantAll(t, "visitors with a refresh token alone")
		})
	}
}

// A request that finds no token in the limiter waits for one.
func TestWaitingForTheLimiter(t *testing.T) {
	run(t, "after a burst of forged tokens", testkit.Config{}, func(t *testing.T, k *kit) {
		k.fetchKeys()
		m, _ := k.floodedManager(401)
		var burst sync.WaitGroup
		for i := range 80 {
			burst.Go(func() { _, _ = m.Authenticate(t.Context(), forged(fmt.Sprint(i))) })
		}
		synctest.Wait()
		var others visits
		for i := range 10 {
			secret := session.NewSecret(k.Fake.OneTimeSecret(k.Fake.NewUser(fmt.Sprintf("new%d@example.com", i))))
			alone := session.Material{RefreshToken: k.Expired(fmt.Sprintf("user%d@example.com", i)).RefreshToken}
			others.visit(t, func(ctx context.Context) (session.Result, error) { return m.Authenticate(ctx, alone) })
			others.visit(t, func(ctx context.Context) (session.Result, error) { return m.Refresh(ctx, session.Material{}, secret) })
		}
		others.wantAll(t, "visitors and sign-ins")
		burst.Wait()
	})
	run(t, "ends a quarter before the timeout of the request", testkit.Config{}, func(t *testing.T, k *kit) {
		m, forgedCalls := k.floodedManager(401)
		var burst sync.WaitGroup
		for i := range 150 {
			burst.Go(func() { _, _ = m.Authenticate(t.Context(), forged(fmt.Sprint(i))) })
		}
		started := time.Now()
		burst.Wait()
		if took, calls := time.Since(started), forgedCalls.Load(); took > 7*second || calls < 105 || calls > 111 {
			t.Errorf("%d calls, %v until all have a response", calls, took)
		}
	})
	run(t, "a token that upstream has just sent needs none, once", testkit.Config{Fake: crossminttest.Config{Reuse: crossminttest.ReuseRefuse}}, func(t *testing.T, k *kit) {
		k.fetchKeys()
		m, forgedCalls := k.floodedManager(401)
		renewed, err := m.Authenticate(t.Context(), k.Expired("ann@example.com"))
		testkit.NoError(t, err)
		time.Sleep(2 * time.Hour)
		var flood sync.WaitGroup
		for i := range 500 {
			flood.Go(func() { _, _ = m.Authenticate(t.Context(), forged(fmt.Sprint(i))) })
		}
		synctest.Wait()
		started := time.Now()
		alone := session.Material{RefreshToken: renewed.Session.RefreshToken.Secret}
		if _, err := m.Authenticate(t.Context(), alone); err != nil || time.Since(started) != 50*ms {
			t.Errorf("after %v: %v", time.Since(started), err)
		}
		time.Sleep(2 * time.Hour) // it is used up, and forgotten by the coordinator
		before := k.Fake.Calls().Refresh
		for i := range 500 {
			flood.Go(func() { _, _ = m.Authenticate(t.Context(), forged(fmt.Sprint("again-", i))) })
		}
		synctest.Wait()
		started = time.Now()
		if _, err := m.Authenticate(t.Context(), alone); err == nil || time.Since(started) < second {
			t.Errorf("the used token: %v after %v, %d calls (%d forged)", err, time.Since(started), k.Fake.Calls().Refresh-before, forgedCalls.Load())
		}
		flood.Wait()
	})
}

// A user with an own signed JWT cannot take the capacity of others.
func TestLimitsOfOneUser(t *testing.T) {
	run(t, "forged tokens, two hundred a second", testkit.Config{}, func(t *testing.T, k *kit) {
		k.fetchKeys()
		for _, status := range []int{401, 503} {
			m, forgedCalls := k.floodedManager(status)
			jwt := session.NewSecret(k.Fake.ExpiredJWT(k.Fake.NewUser("mallory@example.com")))
			var flood sync.WaitGroup
			var others visits
			const duration = 20 // s
			for i := range 200 * duration {
				flood.Go(func() {
					_, _ = m.Authenticate(t.Context(), session.Material{JWT: jwt, RefreshToken: forged(fmt.Sprint(i)).RefreshToken})
				})
				if i%100 == 0 {
					pair := k.Expired(fmt.Sprintf("user%d@example.com", i))
					if i%200 == 0 {
						pair.JWT = none
					}
					others.visit(t, func(ctx context.Context) (session.Result, error) { return m.Authenticate(ctx, pair) })
				}
				time.Sleep(5 * ms)
			}
			if calls := forgedCalls.Load(); calls > 8+duration+1 {
				t.Errorf("%d: %d calls in %d s", status, calls, duration)
			}
			flood.Wait()
			others.wantAll(t, "40 other visitors")
		}
	})
	run(t, "six hundred logouts at once", testkit.Config{}, func(t *testing.T, k *kit) {
		k.fetchKeys()
		k.Fake.SetLatency(crossminttest.Logout, second)
		jwt := session.NewSecret(k.Fake.ExpiredJWT(k.Fake.NewUser("mallory@example.com")))
		var all sync.WaitGroup
		for i := range 600 {
			all.Go(func() {
				_ = k.Logout(t.Context(), session.Material{JWT: jwt, RefreshToken: forged(fmt.Sprint(i)).RefreshToken}, none)
			})
		}
		synctest.Wait()
		if calls := k.Fake.Calls().Logout; calls > 8 {
			t.Errorf("%d calls at once", calls)
		}
		for i := range 40 {
			pair := k.Expired(fmt.Sprintf("user%d@example.com", i))
			if i%4 == 0 {
				pair.JWT = none
			}
			all.Go(func() {
				if err := k.Logout(t.Context(), pair, none); err != nil {
					t.Errorf("another user: %v", err)
				}
			})
		}
		all.Wait()
	})
}

// After an emergency rotation of the signing keys, users with JWTs by the withdrawn
// key are refreshed as fast as before.
func TestCrowdAfterKeyRotation(t *testing.T) {
	const users, interval = 2500, 2 * ms
	took := map[bool]time.Duration{}
	for _, rotate := range []bool{false, true} {
		run(t, fmt.Sprint("rotated: ", rotate), testkit.Config{Fake: crossminttest.Config{Algorithm: "EdDSA"}}, func(t *testing.T, k *kit) {
			k.Fake.SetLatency(crossminttest.Refresh, 300*ms)
			k.fetchKeys()
			pairs := make([]session.Material, users)
			for i := range pairs {
				pairs[i] = k.Expired(fmt.Sprintf("user%d@example.com", i))
			}
			if rotate {
				k.Fake.RotateKeys()
				time.Sleep(time.Minute)
				k.fetchKeys()
			}
			started := time.Now()
			var crowd visits
			for i := range pairs {
				crowd.visit(t, func(ctx context.Context) (session.Result, error) { return k.Authenticate(ctx, pairs[i]) })
				time.Sleep(interval)
			}
			crowd.wantAll(t, "users")
			took[rotate] = time.Since(started)
		})
	}
	t.Logf("without rotation %v, with it %v", took[false], took[true])
	if took[true] > took[false]*13/10 {
		t.Errorf("%v after a rotation, %v without", took[true], took[false])
	}
}

// A JWT by a withdrawn key opens nothing, and its forged tokens stay bounded.
func TestWithdrawnKey(t *testing.T) {
	run(t, "of a valid JWT", testkit.Config{Fake: crossminttest.Config{Algorithm: "EdDSA"}, Session: session.Config{AllowJWTAlone: true}}, func(t *testing.T, k *kit) {
		pair := k.SignIn("ann@example.com")
		k.fetchKeys()
		k.Fake.RotateKeys()
		k.fetchKeys()
		_, err := k.Verify(t.Context(), pair.JWT)
		k.want(err, testkit.Rejected, 0)
		_, err = k.authenticate(session.Material{JWT: pair.JWT})
		k.want(err, testkit.Rejected, 0)
		_, err = k.authenticate(pair)
		k.want(err, testkit.OK, 1)
	})
	run(t, "in wrong hands signs JWTs of many users", testkit.Config{Fake: crossminttest.Config{Algorithm: "EdDSA"}}, func(t *testing.T, k *kit) {
		k.fetchKeys()
		m, forgedCalls := k.floodedManager(401)
		_, err := m.Authenticate(t.Context(), k.SignIn("first@example.com"))
		testkit.NoError(t, err)
		var jwts []session.Secret
		for i := range 3000 {
			jwts = append(jwts, session.NewSecret(k.Fake.ExpiredJWT(k.Fake.NewUser(fmt.Sprintf("user%d@example.com", i)))))
		}
		k.Fake.RotateKeys()
		_, err = m.Authenticate(t.Context(), k.SignIn("first@example.com"))
		testkit.NoError(t, err)
		var flood sync.WaitGroup
		for i, jwt := range jwts {
			flood.Go(func() {
				_, _ = m.Authenticate(t.Context(), session.Material{JWT: jwt, RefreshToken: forged(fmt.Sprint(i)).RefreshToken})
			})
			time.Sleep(ms)
		}
		if calls := forgedCalls.Load(); calls > session.WithdrawnInFlight+31 {
			t.Errorf("%d calls in 3 s", calls)
		}
		flood.Wait()
	})
}

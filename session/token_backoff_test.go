package session_test

import (
	"testing"
	"time"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/internal/testkit"
	"github.com/crossmint-go/auth/session"
)

// While upstream's Retry-After lasts, upstream is not asked about the token again.
func TestRetryAfterOfAToken(t *testing.T) {
	for _, status := range []int{429, 503} {
		run(t, "asked five times a second", testkit.Config{}, func(t *testing.T, k *kit) {
			k.fetchKeys()
			pair := k.Expired("ann@example.com")
			k.Fake.Fail(crossminttest.Refresh, crossminttest.Status(status, "", "{}").With("Retry-After", "30"))
			for i := range 150 {
				started := time.Now()
				_, err := k.authenticate(pair)
				k.want(err, testkit.Unavailable, 1)
				want := max(30*second-time.Duration(i)*second/5, second)
				if got := retryAfter(err); got != want || time.Since(started) != 0 {
					t.Errorf("request %d: Retry-After %v, want %v; took %v", i, got, want, time.Since(started))
				}
				time.Sleep(second / 5)
			}
			_, err := k.authenticate(pair)
			k.want(err, testkit.OK, 2)
		})
	}
	run(t, "does not concern others", testkit.Config{}, func(t *testing.T, k *kit) {
		k.fetchKeys()
		k.Fake.Fail(crossminttest.Refresh, crossminttest.Status(429, "", "{}").With("Retry-After", "30"))
		_, err := k.authenticate(k.Expired("ann@example.com"))
		k.want(err, testkit.Unavailable, 1)
		_, err = k.authenticate(k.Expired("bob@example.com"))
		k.want(err, testkit.OK, 2)
	})
	run(t, "of the refresh route", testkit.Config{}, func(t *testing.T, k *kit) {
		k.fetchKeys()
		pair := k.Expired("ann@example.com")
		k.Fake.Fail(crossminttest.Refresh, crossminttest.Status(503, "", "{}").With("Retry-After", "3"))
		started := time.Now()
		_, err := k.Refresh(t.Context(), pair, none) // waits
		k.want(err, testkit.OK, 2)
		if took := time.Since(started); took != 3*second {
			t.Errorf("took %v", took)
		}
	})
	run(t, "of an early refresh", testkit.Config{}, func(t *testing.T, k *kit) {
		pair := k.SignIn("ann@example.com")
		k.fetchKeys()
		time.Sleep(time.Hour - 20*second)
		k.Fake.FailAlways(crossminttest.Refresh, crossminttest.Status(503, "", "{}").With("Retry-After", "40"))
		for range 19 {
			_, err := k.authenticate(pair)
			k.want(err, testkit.OK, 1)
			time.Sleep(second)
		}
		time.Sleep(2 * second) // the JWT has expired
		_, err := k.authenticate(pair)
		k.want(err, testkit.Unavailable, 1)
		if got := retryAfter(err); got != 19*second {
			t.Errorf("Retry-After %v", got)
		}
	})
}

// RefreshTimeout bounds a whole request, the fetches of the keys included.
func TestTimeoutIncludesTheKeys(t *testing.T) {
	run(t, "of eight pairs", testkit.Config{}, func(t *testing.T, k *kit) {
		var pairs []session.Material
		for range 8 {
			pairs = append(pairs, k.Expired(""))
		}
		k.Fake.FailAlways(crossminttest.JWKS, crossminttest.Hang())
		started := time.Now()
		_, err := k.authenticate(several(pairs...))
		k.want(err, testkit.Unavailable, 0)
		if took := time.Since(started); took > 10*second {
			t.Errorf("took %v", took)
		}
	})
}

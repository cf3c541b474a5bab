package verify_test

import (
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crossmint-go/auth/crossmint/internal/verify"
)

// A wallClock can be set. Its times have no monotonic reading.
type wallClock struct{ step atomic.Int64 }

func (c *wallClock) now() time.Time { return time.Now().Round(0).Add(time.Duration(c.step.Load())) }

// A change of the clock stops neither the fetches of keys nor the warnings.
func TestKeyRefreshSurvivesClockSteps(t *testing.T) {
	for _, step := range []time.Duration{-10 * time.Minute, 10 * time.Minute} {
		steps := func(t *testing.T, keys *keyServer, log *warningLog) (*verify.Verifier, *wallClock) {
			config, clock := configOf(keys), &wallClock{}
			config.Logger = slog.New(log)
			v := newVerifierWith(t, config)
			v.SetClock(clock.now)
			return v, clock
		}
		t.Run(fmt.Sprint(step, ", without keys"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ownKey, log := newEd25519Key("k1"), &warningLog{}
				keys := newKeyServer(ownKey)
				keys.fail(errDown)
				v, clock := steps(t, keys, log)
				token := ownKey.jwt()
				wantResult(t, v, token, unavailable)
				clock.step.Store(int64(step))
				keys.serve(jwks(ownKey))
				time.Sleep(time.Second)
				wantResult(t, v, token, valid)
			})
		})
		t.Run(fmt.Sprint(step, ", a new key"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				before, after, log := newEd25519Key("k1"), newEd25519Key("k2"), &warningLog{}
				keys := newKeyServer(before)
				v, clock := steps(t, keys, log)
				wantResult(t, v, before.jwt(), valid)
				clock.step.Store(int64(step))
				time.Sleep(31 * time.Second)
				keys.serve(jwks(before, after))
				wantResult(t, v, after.jwt(), valid)
			})
		})
		t.Run(fmt.Sprint(step, ", an outage"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ownKey, log := newEd25519Key("k1"), &warningLog{}
				keys := newKeyServer(ownKey)
				keys.fail(errDown)
				v, clock := steps(t, keys, log)
				token := ownKey.jwt()
				wantResult(t, v, token, unavailable)
				synctest.Wait()
				clock.step.Store(int64(step))
				time.Sleep(5*time.Minute + time.Second)
				wantResult(t, v, token, unavailable)
				synctest.Wait()
				if got := len(log.times); got != 2 {
					t.Errorf("%d warnings, want one before the step and one after it", got)
				}
			})
		})
	}
}

// After the clock was set back, entries from the future are verified again.
func TestCacheIgnoresEntriesFromTheFuture(t *testing.T) {
	ownKey, clock := newEd25519Key("k1"), &wallClock{}
	v := newVerifier(t, newKeyServer(ownKey))
	v.SetClock(clock.now)
	token := ownKey.jwtOf("user-a", farFuture)
	wantResult(t, v, token, valid)
	v.BreakSignatures()
	wantResult(t, v, token, valid) // cached
	clock.step.Store(int64(-10 * time.Minute))
	wantResult(t, v, token, invalid)
}

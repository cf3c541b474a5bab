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

// wallClock is a clock that can be set; it has no monotonic reading.
type wallClock struct{ step atomic.Int64 }

func (c *wallClock) now() time.Time { return time.Now().Round(0).Add(time.Duration(c.step.Load())) }

// A clock that is set back or forth neither ends the fetching of keys nor the
// warnings about it.
func TestClockStepsLeaveTheFetchesAlone(t *testing.T) {
	for _, step := range []time.Duration{-10 * time.Minute, 10 * time.Minute} {
		steps := func(t *testing.T, keys *source, log *logTimes) (*verify.Verifier, *wallClock) {
			config, clock := configOf(keys), &wallClock{}
			config.Logger = slog.New(log)
			v := newVerifierWith(t, config)
			v.SetClock(clock.now)
			return v, clock
		}
		t.Run(fmt.Sprint(step, ", without keys"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				self, log := edSigner("k1"), &logTimes{}
				keys := newSource(self)
				keys.fail(errDown)
				v, clock := steps(t, keys, log)
				token := self.jwt()
				want(t, v, token, unavailable)
				clock.step.Store(int64(step))
				keys.serve(publish(self))
				time.Sleep(time.Second)
				want(t, v, token, valid)
			})
		})
		t.Run(fmt.Sprint(step, ", a new key"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				before, after, log := edSigner("k1"), edSigner("k2"), &logTimes{}
				keys := newSource(before)
				v, clock := steps(t, keys, log)
				want(t, v, before.jwt(), valid)
				clock.step.Store(int64(step))
				time.Sleep(31 * time.Second)
				keys.serve(publish(before, after))
				want(t, v, after.jwt(), valid)
			})
		})
		t.Run(fmt.Sprint(step, ", an outage"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				self, log := edSigner("k1"), &logTimes{}
				keys := newSource(self)
				keys.fail(errDown)
				v, clock := steps(t, keys, log)
				token := self.jwt()
				want(t, v, token, unavailable)
				synctest.Wait()
				clock.step.Store(int64(step))
				time.Sleep(5*time.Minute + time.Second)
				want(t, v, token, unavailable)
				synctest.Wait()
				if got := len(log.times); got != 2 {
					t.Errorf("%d warnings, want one before the step and one after it", got)
				}
			})
		})
	}
}

// What was remembered in a future that never came is not believed.
func TestClockStepBackForgets(t *testing.T) {
	self, clock := edSigner("k1"), &wallClock{}
	v := newVerifier(t, newSource(self))
	v.SetClock(clock.now)
	token := self.jwtOf("user-a", farAway)
	want(t, v, token, valid)
	v.BreakSignatures()
	want(t, v, token, valid) // remembered
	clock.step.Store(int64(-10 * time.Minute))
	want(t, v, token, invalid)
}

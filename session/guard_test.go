package session_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/session"
)

func TestMadeUpTokens(t *testing.T) {
	in(t, "a flood costs upstream fifty refusals and ten a second", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		outcomes := map[string]int{}
		for i := range 5000 { // five seconds of a thousand a second
			_, err := w.authenticate(made(fmt.Sprint(i)))
			outcomes[kind(err)]++
			if err != nil && kind(err) == "KEEP503" && session.RetryAfter(err) != second {
				t.Fatalf("Retry-After %v", session.RetryAfter(err))
			}
			time.Sleep(time.Millisecond)
		}
		if calls := w.fake.Calls().Refresh; calls < 90 || calls > 101 {
			t.Errorf("upstream was asked %d times", calls)
		}
		if outcomes["CLEAR"] != w.fake.Calls().Refresh || outcomes["CLEAR"]+outcomes["KEEP503"] != 5000 {
			t.Errorf("outcomes = %v", outcomes)
		}
	})
	in(t, "signed users do not notice a flood", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		w.fake.SetLatency(crossminttest.Refresh, 50*time.Millisecond)
		_, _ = w.authenticate(w.signIn("warm@example.com"))
		var all sync.WaitGroup
		var slowest atomic.Int64
		for i := range 3000 {
			all.Go(func() { _, _ = w.authenticate(made(fmt.Sprint(i))) })
			if i%100 == 0 {
				m := w.expired(fmt.Sprintf("user%d@example.com", i))
				all.Go(func() {
					started := time.Now()
					if _, err := w.authenticate(m); err != nil {
						t.Errorf("user %d: %v", i, err)
					}
					slowest.Store(max(slowest.Load(), int64(time.Since(started))))
				})
			}
			time.Sleep(time.Millisecond)
		}
		all.Wait()
		if d := time.Duration(slowest.Load()); d > 60*time.Millisecond {
			t.Errorf("the slowest refresh took %v, upstream takes 50 ms", d)
		}
	})
	in(t, "without a flood five hundred sign-ins a second pass", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		w.fake.SetLatency(crossminttest.Refresh, 20*time.Millisecond)
		var all sync.WaitGroup
		for i := range 1000 {
			secret := session.NewSecret(w.fake.OneTimeSecret(w.fake.NewUser(fmt.Sprintf("user%d@example.com", i))))
			all.Go(func() {
				if _, err := w.Refresh(t.Context(), session.Material{}, secret); err != nil {
					t.Errorf("sign-in %d: %v", i, err)
				}
			})
			time.Sleep(2 * time.Millisecond)
		}
		all.Wait()
	})
	in(t, "five hundred at once pass, too", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		w.fake.SetLatency(crossminttest.Refresh, 50*time.Millisecond)
		var all sync.WaitGroup
		for i := range 500 {
			secret := session.NewSecret(w.fake.OneTimeSecret(w.fake.NewUser(fmt.Sprintf("user%d@example.com", i))))
			all.Go(func() {
				if _, err := w.Refresh(t.Context(), session.Material{}, secret); err != nil {
					t.Errorf("sign-in %d: %v", i, err)
				}
			})
		}
		all.Wait()
	})
	in(t, "one signed user with many made-up tokens takes nobody's place", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		w.fake.SetLatency(crossminttest.Refresh, second)
		_, _ = w.authenticate(w.signIn("warm@example.com"))
		jwt := w.fake.ExpiredJWT(w.fake.NewUser("mallory@example.com"))
		var all sync.WaitGroup
		for i := range 5000 {
			all.Go(func() { _, _ = w.authenticate(session.NewMaterial(jwt, fmt.Sprint("made-up-", i))) })
		}
		time.Sleep(second / 2)
		if calls := w.fake.Calls().Refresh; calls > 8+16 {
			t.Errorf("%d calls at once", calls)
		}
		all.Wait()
		if _, err := w.authenticate(w.expired("ann@example.com")); err != nil {
			t.Errorf("somebody else: %v", err)
		}
	})
	in(t, "an outage costs no draws", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		w.fake.FailAlways(crossminttest.Refresh, down())
		for i := range 200 {
			_, err := w.authenticate(made(fmt.Sprint(i)))
			w.want(err, "KEEP503", i+1)
		}
	})
}

func TestRevokedAPIKey(t *testing.T) {
	refuseUser := func(w *world, i int) error {
		_, err := w.authenticate(w.expired(fmt.Sprintf("user%d@example.com", i)))
		return err
	}
	in(t, "after twenty refused users nobody is signed out, until one is accepted", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		w.fake.FailAlways(crossminttest.Refresh, refusing())
		for i := range 20 {
			w.want(refuseUser(w, i), "CLEAR", i+1)
			time.Sleep(second)
		}
		late := w.expired("late@example.com")
		_, err := w.authenticate(late)
		w.want(err, "KEEP401", 21)
		if !w.reported(session.RefusalsDoubted) || !w.Health().RefusalsDoubted {
			t.Errorf("events = %v", w.outcomes())
		}
		_, err = w.authenticate(made("up"))
		w.want(err, "KEEP401", 22)

		w.fake.Heal()
		time.Sleep(31 * second)
		_, err = w.authenticate(late)
		w.want(err, "OK", 23)
		if !w.reported(session.RefusalsTrusted) || w.Health().RefusalsDoubted {
			t.Errorf("events = %v", w.outcomes())
		}
		w.fake.Fail(crossminttest.Refresh, refusing())
		w.want(refuseUser(w, 30), "CLEAR", 24)
	})
	in(t, "the doubt outlives the minute", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		w.fake.FailAlways(crossminttest.Refresh, refusing())
		for i := range 20 {
			_ = refuseUser(w, i)
		}
		time.Sleep(time.Hour)
		w.want(refuseUser(w, 20), "KEEP401", 21)
	})
	in(t, "refusals that are spread out raise none", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		w.fake.FailAlways(crossminttest.Refresh, refusing())
		for i := range 30 {
			w.want(refuseUser(w, i), "CLEAR", i+1)
			time.Sleep(4 * second)
		}
	})
	in(t, "one user refused often raises none", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		w.fake.FailAlways(crossminttest.Refresh, refusing())
		for i := range 30 {
			w.want(refuseUser(w, 1), "CLEAR", i+1)
		}
	})
	in(t, "refusals among successes raise none", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		for i := range 30 {
			w.fake.Fail(crossminttest.Refresh, refusing())
			w.want(refuseUser(w, i), "CLEAR", 2*i+1)
			_, err := w.authenticate(w.expired(fmt.Sprintf("good%d@example.com", i)))
			w.want(err, "OK", 2*i+2)
		}
	})
	in(t, "a 403 is the API key's, and an error event", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		w.fake.FailAlways(crossminttest.Refresh, crossminttest.Status(403, "application/json", `{"error":true,"message":"Malformed API key"}`))
		_, err := w.authenticate(w.expired("ann@example.com"))
		w.want(err, "KEEP503", 1)
		if !w.reported(session.APIKeyRejected) {
			t.Errorf("events = %v", w.outcomes())
		}
	})
}

package verify_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

func TestRotationCostsOneFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before, after := edSigner("k1"), edSigner("k2")
		keys := newSource(before)
		v := newVerifier(t, keys)
		old := before.jwt()
		want(t, v, old, valid)
		time.Sleep(31 * time.Second)
		keys.serve(publish(before, after))
		want(t, v, after.jwt(), valid)
		want(t, v, old, valid)
		want(t, v, before.jwtOf("user-b", time.Now().Add(time.Hour)), valid)
		if got := len(keys.fetches()); got != 2 {
			t.Errorf("%d fetches, want 2", got)
		}
		if v.CachedTokens() != 3 {
			t.Errorf("%d tokens remembered, want all 3", v.CachedTokens())
		}
	})
}

// What a removed key has signed ends with the fetch that misses it, and with
// it what is remembered.
func TestRemovedKeyStopsVerifying(t *testing.T) {
	for name, pair := range algorithms() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				removed, kept := pair[0], edSigner("k2")
				keys := newSource(removed, kept)
				v := newVerifier(t, keys)
				token, other := removed.jwt(), kept.jwt()
				want(t, v, token, valid)
				keys.serve(publish(kept))
				time.Sleep(10*time.Minute - 10*time.Second)
				want(t, v, token, valid)
				want(t, v, other, valid)
				time.Sleep(10 * time.Second)
				want(t, v, token, valid) // remembered, and the fetch is under way
				synctest.Wait()
				want(t, v, token, invalid)
				want(t, v, other, valid)
				if got := len(keys.fetches()); got != 2 {
					t.Errorf("%d fetches, want 2", got)
				}
			})
		})
	}
}

// A key that another one replaces under its own name is gone, too.
func TestReplacedKeyStopsVerifying(t *testing.T) {
	for name, pair := range algorithms() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				keys := newSource(pair[0])
				v := newVerifier(t, keys)
				old := pair[0].jwt()
				want(t, v, old, valid)
				keys.serve(publish(pair[1]))
				time.Sleep(11 * time.Minute)
				want(t, v, edSigner("k9").jwt(), invalid) // waits for the fetch
				want(t, v, old, invalid)
				want(t, v, pair[1].jwt(), valid)

				keys.serve(publish(pair[0])) // and back again
				time.Sleep(11 * time.Minute)
				want(t, v, edSigner("k9").jwt(), invalid)
				want(t, v, old, valid)
			})
		})
	}
}

// A key may be replaced without a new name. The first token that does not fit
// makes the verifier look.
func TestReplacedKeyIsNoticed(t *testing.T) {
	for name, pair := range algorithms() {
		before, after := pair[0], pair[1]
		after.kid = before.kid
		t.Run(name+", by upstream's own answer", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				keys := newSource(before)
				v := newVerifier(t, keys)
				want(t, v, before.jwt(), valid)
				keys.serve(publish(after))
				wantReceived(t, v, after.jwt(), unavailable) // within a second of the last fetch
				time.Sleep(time.Second)
				wantReceived(t, v, after.jwt(), valid)
				want(t, v, before.jwt(), invalid)
				wantReceived(t, v, before.jwt(), unavailable)
				time.Sleep(time.Second)
				wantReceived(t, v, before.jwt(), invalid) // the keys are newer than the token
			})
		})
		t.Run(name+", by a browser", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				keys := newSource(before)
				v := newVerifier(t, keys)
				want(t, v, before.jwt(), valid)
				keys.serve(publish(after))
				want(t, v, after.jwt(), invalid)
				time.Sleep(30 * time.Second)
				want(t, v, after.jwt(), valid)
			})
		})
	}
	t.Run("while the keys are out of reach", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			before, after := edSigner("k"), edSigner("k")
			keys := newSource(before)
			v := newVerifier(t, keys)
			want(t, v, before.jwt(), valid)
			keys.fail(errors.New("down"))
			time.Sleep(time.Minute)
			wantReceived(t, v, after.jwt(), unavailable)
			want(t, v, after.jwt(), invalid)
			want(t, v, before.jwt(), valid)
		})
	})
	t.Run("false signatures cause one fetch in thirty seconds", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			keys := newSource(edSigner("k"))
			v := newVerifier(t, keys)
			for range 1000 {
				want(t, v, edSigner("k").jwt(), invalid)
				time.Sleep(100 * time.Millisecond)
			}
			if got := len(keys.fetches()); got > 4 {
				t.Errorf("%d fetches in 100 s", got)
			}
		})
	})
}

// A key that upstream's own answer names is fetched at once.
func TestFreshKidIsFetchedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before, after := edSigner("k1"), edSigner("k2")
		keys := newSource(before)
		v := newVerifier(t, keys)
		want(t, v, before.jwt(), valid)
		time.Sleep(2 * time.Second)
		keys.serve(publish(before, after))
		want(t, v, after.jwt(), invalid) // from a browser: within the 30 s
		wantReceived(t, v, after.jwt(), valid)
		want(t, v, after.jwt(), valid)
		if got := len(keys.fetches()); got != 2 {
			t.Errorf("%d fetches, want 2", got)
		}
	})
}

func TestFreshKidsAreFetchedOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		keys := newSource(edSigner("k1"))
		v := newVerifier(t, keys)
		for i := range 1000 {
			wantReceived(t, v, edSigner(fmt.Sprint("new-", i)).jwt(), unavailable)
			time.Sleep(10 * time.Millisecond)
		}
		wantPace(t, keys, time.Second, 11)
		if got := v.NewKids(); got > 16 {
			t.Errorf("%d names remembered, want 16 at most", got)
		}
	})
}

// A published set may lag behind the answers that rest on it.
func TestFreshKidHasAMinute(t *testing.T) {
	for _, appears := range []time.Duration{5 * time.Second, time.Hour} {
		t.Run(fmt.Sprint("appears after ", appears), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				before, after := edSigner("k1"), edSigner("k2")
				keys := newSource(before)
				v := newVerifier(t, keys)
				if err := v.Preload(t.Context()); err != nil {
					t.Fatal(err)
				}
				time.Sleep(2 * time.Second)
				first := time.Now()
				for time.Since(first) < time.Minute {
					if time.Since(first) >= appears {
						keys.serve(publish(before, after))
						wantReceived(t, v, after.jwt(), valid)
						return
					}
					wantReceived(t, v, after.jwt(), unavailable)
					time.Sleep(time.Second)
				}
				wantReceived(t, v, after.jwt(), invalid)
				keys.serve(publish(before, after)) // better late than never
				time.Sleep(time.Second)
				wantReceived(t, v, after.jwt(), valid)
			})
		})
	}
}

// While no set arrives, nobody can tell, however long it takes.
func TestFreshKidWithoutAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before, after := edSigner("k1"), edSigner("k2")
		keys := newSource(before)
		v := newVerifier(t, keys)
		want(t, v, before.jwt(), valid)
		time.Sleep(time.Minute)
		keys.fail(errDown)
		for range 60 {
			wantReceived(t, v, after.jwt(), unavailable)
			time.Sleep(time.Second)
		}
		want(t, v, before.jwt(), valid)
	})
}

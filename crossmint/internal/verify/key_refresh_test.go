package verify_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crossmint-go/auth/crossmint/internal/verify"
)

var errDown = errors.New("upstream is down")

// hang is a hook for a fetch that hangs.
func hang(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

func delay(d time.Duration) func(context.Context) error {
	return func(context.Context) error {
		time.Sleep(d)
		return nil
	}
}

// wantFetchRate checks the least time between two fetches, and their number.
func wantFetchRate(t *testing.T, times []time.Time, apart time.Duration, most int) {
	t.Helper()
	if len(times) > most {
		t.Errorf("%d fetches, want %d at most", len(times), most)
	}
	for i := 1; i < len(times); i++ {
		if got := times[i].Sub(times[i-1]); got < apart {
			t.Errorf("fetch %d came %v after the one before, want %v at least", i, got, apart)
		}
	}
}

func TestRecoversFromFailedFirstFetch(t *testing.T) {
	faults := map[string]func(*keyServer){
		"refused": func(s *keyServer) { s.fail(errDown) },
		"hangs":   func(s *keyServer) { s.setHook(hang) },
		"empty":   func(s *keyServer) { s.serve([]byte(`{"keys":[]}`)) },
		"panics":  func(s *keyServer) { s.setHook(func(context.Context) error { panic("in the fetch") }) },
	}
	for name, setFault := range faults {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ownKey := newEd25519Key("k1")
				keys := newKeyServer(ownKey)
				setFault(keys)
				v := newVerifier(t, keys)
				token := ownKey.jwt()
				for range 300 {
					wantResult(t, v, token, unavailable)
					time.Sleep(100 * time.Millisecond)
				}
				if !v.KeysFetchedAt().IsZero() {
					t.Errorf("KeysFetchedAt = %v, want never", v.KeysFetchedAt())
				}
				wantFetchRate(t, keys.fetches(), time.Second, 300)

				keys.serve(jwks(ownKey))
				back := time.Now()
				for verifyResult(t, v, token) != valid {
					if time.Since(back) > 5*time.Second {
						t.Fatal("not recovered within 5 s")
					}
					time.Sleep(100 * time.Millisecond)
				}
			})
		})
	}
}

func verifyResult(t *testing.T, v *verify.Verifier, token string) string {
	t.Helper()
	_, err := v.VerifyNow(t.Context(), token)
	return resultOf(err)
}

// While upstream is down, known keys are trusted up to MaxAge.
func TestStaleKeysVerify(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ownKey := newEd25519Key("k1")
		keys := newKeyServer(ownKey)
		config := configOf(keys)
		config.MaxAge = 24 * time.Hour
		v := newVerifierWith(t, config)
		token := ownKey.jwtOf("user-a", time.Now().Add(48*time.Hour))
		wantResult(t, v, token, valid)
		start := time.Now()
		keys.fail(errDown)
		for time.Since(start) < 24*time.Hour-time.Minute {
			wantResult(t, v, token, valid)
			time.Sleep(20 * time.Second)
		}
		synctest.Wait()
		wantFetchRate(t, keys.fetches(), 10*time.Second, 24*60*3)
		if n := len(keys.fetches()); n < 1000 {
			t.Errorf("%d fetches in a day, want more tries", n)
		}
		if !v.KeysFetchedAt().Equal(start) {
			t.Errorf("KeysFetchedAt = %v, want %v", v.KeysFetchedAt(), start)
		}
		time.Sleep(24*time.Hour - time.Nanosecond - time.Since(start))
		wantResult(t, v, token, valid)
		time.Sleep(time.Nanosecond)
		wantResult(t, v, token, unavailable) // cached tokens, too
		keys.serve(jwks(ownKey))
		time.Sleep(5 * time.Second)
		wantResult(t, v, token, valid)
	})
}

// Forged kids cause one fetch in 30 s and are not remembered.
func TestFloodOfForgedKids(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ownKey, unknownKey := newEd25519Key("k1"), newEd25519Key("")
		keys := newKeyServer(ownKey)
		v := newVerifier(t, keys)
		good := ownKey.jwt()
		wantResult(t, v, good, valid)
		input := claimsOf("user-a", time.Now().Add(time.Hour)).String()
		const kids = 10_000
		for i := range kids {
			unknownKey.kid = fmt.Sprint("forged-", i)
			token := b64([]byte(headerOf(unknownKey).String())) + "." + b64([]byte(input)) + "." + b64(make([]byte, 64))
			wantResult(t, v, token, invalid)
			time.Sleep(10 * time.Millisecond)
		}
		wantFetchRate(t, keys.fetches()[1:], 30*time.Second, 4)
		if v.NewKids() != 0 || v.CachedTokens() != 1 {
			t.Errorf("%d remembered kids and %d cached tokens, want none and one", v.NewKids(), v.CachedTokens())
		}
		wantResult(t, v, good, valid)
	})
}

// A slow fetch delays no token with a known key.
func TestSlowFetchDelaysNoKnownKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ownKey := newEd25519Key("k1")
		keys := newKeyServer(ownKey)
		v := newVerifier(t, keys)
		cached := ownKey.jwt()
		wantResult(t, v, cached, valid)
		keys.setHook(delay(3 * time.Second))
		time.Sleep(11 * time.Minute)
		for i := range 50 {
			before := time.Now()
			wantResult(t, v, cached, valid)
			wantResult(t, v, ownKey.jwtOf(fmt.Sprint("user-", i), before.Add(time.Hour)), valid)
			if waited := time.Since(before); waited != 0 {
				t.Fatalf("waited %v", waited)
			}
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(10 * time.Second) // the fetch ends
		if got := len(keys.fetches()); got != 2 {
			t.Errorf("%d fetches, want 2", got)
		}
		if age := time.Since(v.KeysFetchedAt()); age > time.Minute {
			t.Errorf("keys are %v old, want the new ones", age)
		}
	})
}

// An invalid key set does not replace the current one.
func TestInvalidSetKeepsOldKeys(t *testing.T) {
	for name, set := range invalidSets() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ownKey := newEd25519Key("k1")
				keys := newKeyServer(ownKey)
				v := newVerifier(t, keys)
				wantResult(t, v, ownKey.jwt(), valid)
				fetched := v.KeysFetchedAt()

				keys.serve(set)
				time.Sleep(11 * time.Minute)
				wantResult(t, v, ownKey.jwt(), valid)
				synctest.Wait()
				if got := len(keys.fetches()); got != 2 {
					t.Fatalf("%d fetches, want 2", got)
				}
				wantResult(t, v, ownKey.jwt(), valid)
				if !v.KeysFetchedAt().Equal(fetched) {
					t.Errorf("KeysFetchedAt = %v, want %v", v.KeysFetchedAt(), fetched)
				}
			})
		})
	}
}

// A fetch may end between the look-up of a key and the decision to fetch again.
func TestRefetchFindsFinishedFetch(t *testing.T) {
	v := newVerifier(t, newKeyServer(newEd25519Key("k1")))
	if err := v.Preload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !v.FindsKeysOfFinishedFetch(t.Context()) {
		t.Error("the caller does not find the keys of the finished fetch")
	}
}

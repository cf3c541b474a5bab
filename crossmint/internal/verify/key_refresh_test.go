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

// untilCanceled is a fetch that hangs.
func untilCanceled(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

func slow(d time.Duration) func(context.Context) error {
	return func(context.Context) error {
		time.Sleep(d)
		return nil
	}
}

// wantPace checks the time between any two fetches, and their number.
func wantPace(t *testing.T, keys *source, apart time.Duration, most int) {
	t.Helper()
	times := keys.fetches()
	if len(times) > most {
		t.Errorf("%d fetches, want %d at most", len(times), most)
	}
	for i := 1; i < len(times); i++ {
		if got := times[i].Sub(times[i-1]); got < apart {
			t.Errorf("fetch %d came %v after the one before, want %v at least", i, got, apart)
		}
	}
}

func TestColdFailureHeals(t *testing.T) {
	troubles := map[string]func(*source){
		"refused": func(s *source) { s.fail(errDown) },
		"hangs":   func(s *source) { s.block(untilCanceled) },
		"empty":   func(s *source) { s.serve([]byte(`{"keys":[]}`)) },
		"panics":  func(s *source) { s.block(func(context.Context) error { panic("in the fetch") }) },
	}
	for name, trouble := range troubles {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				self := edSigner("k1")
				keys := newSource(self)
				trouble(keys)
				v := newVerifier(t, keys)
				token := self.jwt()
				for range 300 {
					want(t, v, token, unavailable)
					time.Sleep(100 * time.Millisecond)
				}
				if !v.KeysFetchedAt().IsZero() {
					t.Errorf("KeysFetchedAt = %v, want never", v.KeysFetchedAt())
				}
				wantPace(t, keys, time.Second, 300)

				keys.serve(publish(self))
				back := time.Now()
				for verifyResult(t, v, token) != valid {
					if time.Since(back) > 5*time.Second {
						t.Fatal("not healed within 5 s")
					}
					time.Sleep(100 * time.Millisecond)
				}
			})
		})
	}
}

func verifyResult(t *testing.T, v *verify.Verifier, token string) string {
	t.Helper()
	_, err := v.Verify(t.Context(), token)
	return resultOf(err)
}

// Keys that are known go on verifying while upstream is down, up to an age.
func TestStaleKeysServe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		self := edSigner("k1")
		keys := newSource(self)
		config := configOf(keys)
		config.MaxAge = 24 * time.Hour
		v := newVerifierWith(t, config)
		token := self.jwtOf("user-a", time.Now().Add(48*time.Hour))
		want(t, v, token, valid)
		start := time.Now()
		keys.fail(errDown)
		for time.Since(start) < 24*time.Hour-time.Minute {
			want(t, v, token, valid)
			time.Sleep(20 * time.Second)
		}
		synctest.Wait()
		wantPace(t, keys, 10*time.Second, 24*60*3)
		if n := len(keys.fetches()); n < 1000 {
			t.Errorf("%d fetches in a day, want more tries", n)
		}
		if !v.KeysFetchedAt().Equal(start) {
			t.Errorf("KeysFetchedAt = %v, want %v", v.KeysFetchedAt(), start)
		}
		time.Sleep(24*time.Hour - time.Nanosecond - time.Since(start))
		want(t, v, token, valid)
		time.Sleep(time.Nanosecond)
		want(t, v, token, unavailable) // the remembered verdict included
		keys.serve(publish(self))
		time.Sleep(5 * time.Second)
		want(t, v, token, valid)
	})
}

// Made-up names cause one fetch in 30 s and leave nothing behind.
func TestFloodOfUnknownKids(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		self, stranger := edSigner("k1"), edSigner("")
		keys := newSource(self)
		v := newVerifier(t, keys)
		good := self.jwt()
		want(t, v, good, valid)
		input := claimsOf("user-a", time.Now().Add(time.Hour)).String()
		const kids = 10_000
		for i := range kids {
			stranger.kid = fmt.Sprint("made-up-", i)
			token := b64([]byte(headerOf(stranger).String())) + "." + b64([]byte(input)) + "." + b64(make([]byte, 64))
			want(t, v, token, invalid)
			time.Sleep(10 * time.Millisecond)
		}
		wantPace(t, keys, 30*time.Second, 4)
		if v.NewKids() != 0 || v.CachedTokens() != 1 {
			t.Errorf("%d names and %d tokens remembered, want none and one", v.NewKids(), v.CachedTokens())
		}
		want(t, v, good, valid)
	})
}

// A slow fetch delays nobody whose key is known.
func TestSlowFetchDelaysNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		self := edSigner("k1")
		keys := newSource(self)
		v := newVerifier(t, keys)
		remembered := self.jwt()
		want(t, v, remembered, valid)
		keys.block(slow(3 * time.Second))
		time.Sleep(11 * time.Minute)
		for i := range 50 {
			before := time.Now()
			want(t, v, remembered, valid)
			want(t, v, self.jwtOf(fmt.Sprint("user-", i), before.Add(time.Hour)), valid)
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

// An answer that is none leaves the set in place.
func TestBadSetLeavesTheOldOne(t *testing.T) {
	for name, set := range badSets() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				self := edSigner("k1")
				keys := newSource(self)
				v := newVerifier(t, keys)
				want(t, v, self.jwt(), valid)
				fetched := v.KeysFetchedAt()

				keys.serve(set)
				time.Sleep(11 * time.Minute)
				want(t, v, self.jwt(), valid)
				synctest.Wait()
				if got := len(keys.fetches()); got != 2 {
					t.Fatalf("%d fetches, want 2", got)
				}
				want(t, v, self.jwt(), valid)
				if !v.KeysFetchedAt().Equal(fetched) {
					t.Errorf("KeysFetchedAt = %v, want %v", v.KeysFetchedAt(), fetched)
				}
			})
		})
	}
}

// Between a look at the keys and the wish for newer ones another's fetch may end.
func TestFetchThatEndsBeforeTheNextBegins(t *testing.T) {
	v := newVerifier(t, newSource(edSigner("k1")))
	if err := v.Preload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !v.FindsKeysOfFinishedFetch(t.Context()) {
		t.Error("who had seen no keys is told that there are none")
	}
}

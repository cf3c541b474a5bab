package verify_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"
)

// During a day without upstream, the known keys verify old and new tokens. One
// warning in five minutes is logged.
func TestDayWithoutUpstream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ownKey := newEd25519Key("k1")
		keys, log := newKeyServer(ownKey), &warningLog{}
		config := configOf(keys)
		config.Logger = slog.New(log)
		v := newVerifierWith(t, config)
		old := ownKey.jwtOf("user-a", farFuture)
		wantResult(t, v, old, valid)
		keys.fail(errDown)
		for i := range 24 * 60 {
			time.Sleep(time.Minute)
			wantResult(t, v, old, valid)
			wantResult(t, v, ownKey.jwtOf(fmt.Sprint("user-", i), farFuture), valid)
		}
		synctest.Wait()
		if n, most := len(log.times), 24*12; n < most-12 || n > most {
			t.Errorf("%d warnings in a day, want one in 5 minutes", n)
		}
		for i := 1; i < len(log.times); i++ {
			if got := log.times[i].Sub(log.times[i-1]); got < 5*time.Minute {
				t.Errorf("warnings %v apart", got)
			}
		}
	})
}

// During a flood of forged kids, a real new key is found with the next fetch. No
// token with a known key waits for it.
func TestKeyRotationDuringFloodOfForgedKids(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before, after := newEd25519Key("k1"), newEd25519Key("k2")
		keys := newKeyServer(before)
		v := newVerifier(t, keys)
		old := before.jwt()
		wantResult(t, v, old, valid)
		input, stop := claimsOf("user-a", time.Now().Add(time.Hour)).String(), make(chan struct{})
		flood := func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				case <-time.After(10 * time.Millisecond):
				}
				unknownKey := newEd25519Key(fmt.Sprint("forged-", i))
				token := b64([]byte(headerOf(unknownKey).String())) + "." + b64([]byte(input)) + "." + b64(make([]byte, 64))
				_, _ = v.VerifyNow(t.Context(), token)
			}
		}
		go flood()
		time.Sleep(45 * time.Second)
		keys.setHook(delay(2 * time.Second))
		rotated := time.Now()
		keys.setKeys(before, after)
		for verifyResult(t, v, after.jwt()) != valid {
			if since := time.Since(rotated); since > 33*time.Second {
				t.Fatalf("not known after %v", since)
			}
			started := time.Now()
			wantResult(t, v, old, valid)
			if waited := time.Since(started); waited != 0 {
				t.Fatalf("a known key waited %v", waited)
			}
			time.Sleep(100 * time.Millisecond)
		}
		close(stop)
		synctest.Wait()
		wantFetchRate(t, keys.fetches()[1:], 30*time.Second, 4)
	})
}

// A fetch that hangs for half a minute is canceled. It delays no token with a
// known key.
func TestHangingFetchDelaysNoKnownKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ownKey := newEd25519Key("k1")
		keys := newKeyServer(ownKey)
		v := newVerifier(t, keys)
		wantResult(t, v, ownKey.jwt(), valid)
		keys.setHook(hang)
		time.Sleep(11 * time.Minute)
		go func() { _, _ = v.VerifyNow(t.Context(), newEd25519Key("unknown").jwt()) }()
		for range 300 {
			started := time.Now()
			wantResult(t, v, ownKey.jwtOf(fmt.Sprint("user-", started.UnixNano()), started.Add(time.Hour)), valid)
			if waited := time.Since(started); waited != 0 {
				t.Fatalf("waited %v", waited)
			}
			time.Sleep(100 * time.Millisecond)
		}
	})
}

// While the keys cannot be fetched, an unknown kid may be that of a new key. It is
// unavailable even between two fetches.
func TestUnknownKidDuringOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before, after := newEd25519Key("k1"), newEd25519Key("k2")
		keys := newKeyServer(before)
		v := newVerifier(t, keys)
		wantResult(t, v, before.jwt(), valid)
		time.Sleep(time.Minute)
		keys.fail(errDown)
		for range 90 {
			wantResult(t, v, after.jwt(), unavailable)
			time.Sleep(time.Second)
		}
		wantFetchRate(t, keys.fetches(), 10*time.Second, 10) // like keys that are due
		keys.serve(jwks(before, after))
		time.Sleep(30 * time.Second)
		wantResult(t, v, after.jwt(), valid)
	})
}

// However busy a server is, due keys that cannot be fetched are requested once in
// ten seconds.
func TestStaleKeysAreFetchedEveryTenSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ownKey := newEd25519Key("k1")
		keys := newKeyServer(ownKey)
		v := newVerifier(t, keys)
		token := ownKey.jwt()
		wantResult(t, v, token, valid)
		keys.fail(errDown)
		time.Sleep(10 * time.Minute)
		for range 600 {
			wantResult(t, v, token, valid)
			time.Sleep(100 * time.Millisecond)
		}
		wantFetchRate(t, keys.fetches(), 10*time.Second, 8)
		if got := len(keys.fetches()); got < 6 {
			t.Errorf("%d fetches in a minute, want one in ten seconds", got)
		}
	})
}

// Upstream may come back while a fetch still hangs. The fetch times out soon
// enough for the next one to succeed within five seconds.
func TestRecoversWhileFetchHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ownKey := newEd25519Key("k1")
		keys := newKeyServer(ownKey)
		keys.setHook(hang)
		v := newVerifier(t, keys)
		token := ownKey.jwt()
		go func() { _, _ = v.VerifyNow(t.Context(), token) }()
		synctest.Wait()
		keys.serve(jwks(ownKey))
		time.Sleep(5 * time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if _, err := v.VerifyNow(ctx, token); err != nil {
			t.Errorf("five seconds after upstream's return: %v", err)
		}
	})
}

// A closed verifier starts no fetch, and verifies with the keys that it has.
func TestCloseStopsFetches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ownKey := newEd25519Key("k1")
		keys := newKeyServer(ownKey)
		v := newVerifier(t, keys)
		token := ownKey.jwt()
		wantResult(t, v, token, valid)
		v.Close()
		time.Sleep(30 * time.Second)
		wantResult(t, v, newEd25519Key("k2").jwt(), invalid)
		time.Sleep(time.Nanosecond) // from now on, there may be newer keys
		wantResult(t, v, newEd25519Key("k2").jwt(), unavailable)
		time.Sleep(11 * time.Minute) // the keys are due
		wantResult(t, v, token, valid)
		wantResult(t, v, newEd25519Key("k2").jwt(), unavailable)
		wantReceivedResult(t, v, newEd25519Key("k3").jwt(), unavailable)
		synctest.Wait()
		if got := len(keys.fetches()); got != 1 {
			t.Errorf("%d fetches, want 1", got)
		}
	})
}

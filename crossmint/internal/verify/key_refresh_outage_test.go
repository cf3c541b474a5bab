package verify_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"
)

// A day without upstream: what is known goes on verifying, new tokens
// included, and the log says so once in five minutes.
func TestDayWithoutUpstream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		self := edSigner("k1")
		keys, log := newSource(self), &logTimes{}
		config := configOf(keys)
		config.Logger = slog.New(log)
		v := newVerifierWith(t, config)
		old := self.jwtOf("user-a", farAway)
		want(t, v, old, valid)
		keys.fail(errDown)
		for i := range 24 * 60 {
			time.Sleep(time.Minute)
			want(t, v, old, valid)
			want(t, v, self.jwtOf(fmt.Sprint("user-", i), farAway), valid)
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

// In the middle of a flood of made-up names a real new one is found with the
// next fetch, and nobody's known key waits for it.
func TestRotationInAFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before, after := edSigner("k1"), edSigner("k2")
		keys := newSource(before)
		v := newVerifier(t, keys)
		old := before.jwt()
		want(t, v, old, valid)
		input, stop := claimsOf("user-a", time.Now().Add(time.Hour)).String(), make(chan struct{})
		flood := func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				case <-time.After(10 * time.Millisecond):
				}
				stranger := edSigner(fmt.Sprint("made-up-", i))
				token := b64([]byte(headerOf(stranger).String())) + "." + b64([]byte(input)) + "." + b64(make([]byte, 64))
				_, _ = v.Verify(t.Context(), token)
			}
		}
		go flood()
		time.Sleep(45 * time.Second)
		keys.block(slow(2 * time.Second))
		rotated := time.Now()
		keys.publish(before, after)
		for verifyResult(t, v, after.jwt()) != valid {
			if since := time.Since(rotated); since > 33*time.Second {
				t.Fatalf("not known after %v", since)
			}
			started := time.Now()
			want(t, v, old, valid)
			if waited := time.Since(started); waited != 0 {
				t.Fatalf("a known key waited %v", waited)
			}
			time.Sleep(100 * time.Millisecond)
		}
		close(stop)
		synctest.Wait()
		wantPace(t, keys, 30*time.Second, 4)
	})
}

// A fetch that takes half a minute is given up, and delays nobody whose key is
// known.
func TestHangingFetchDelaysNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		self := edSigner("k1")
		keys := newSource(self)
		v := newVerifier(t, keys)
		want(t, v, self.jwt(), valid)
		keys.block(untilCanceled)
		time.Sleep(11 * time.Minute)
		go func() { _, _ = v.Verify(t.Context(), edSigner("unknown").jwt()) }()
		for range 300 {
			started := time.Now()
			want(t, v, self.jwtOf(fmt.Sprint("user-", started.UnixNano()), started.Add(time.Hour)), valid)
			if waited := time.Since(started); waited != 0 {
				t.Fatalf("waited %v", waited)
			}
			time.Sleep(100 * time.Millisecond)
		}
	})
}

// A name that is unknown while the keys cannot be renewed may be a new key's:
// not even between two tries is it known to be made up.
func TestUnknownKidInAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before, after := edSigner("k1"), edSigner("k2")
		keys := newSource(before)
		v := newVerifier(t, keys)
		want(t, v, before.jwt(), valid)
		time.Sleep(time.Minute)
		keys.fail(errDown)
		for range 90 {
			want(t, v, after.jwt(), unavailable)
			time.Sleep(time.Second)
		}
		wantPace(t, keys, 10*time.Second, 10) // as for keys that are due
		keys.serve(publish(before, after))
		time.Sleep(30 * time.Second)
		want(t, v, after.jwt(), valid)
	})
}

// However busy a server is, keys that are due and out of reach are asked for
// once in ten seconds.
func TestStaleKeysAreFetchedAtAPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		self := edSigner("k1")
		keys := newSource(self)
		v := newVerifier(t, keys)
		token := self.jwt()
		want(t, v, token, valid)
		keys.fail(errDown)
		time.Sleep(10 * time.Minute)
		for range 600 {
			want(t, v, token, valid)
			time.Sleep(100 * time.Millisecond)
		}
		wantPace(t, keys, 10*time.Second, 8)
		if got := len(keys.fetches()); got < 6 {
			t.Errorf("%d fetches in a minute, want one in ten seconds", got)
		}
	})
}

// Upstream may come back while a fetch still hangs in its outage: that one ends
// soon enough for the next to heal everything within five seconds.
func TestHealsThoughAFetchHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		self := edSigner("k1")
		keys := newSource(self)
		keys.block(untilCanceled)
		v := newVerifier(t, keys)
		token := self.jwt()
		go func() { _, _ = v.Verify(t.Context(), token) }()
		synctest.Wait()
		keys.serve(publish(self))
		time.Sleep(5 * time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if _, err := v.Verify(ctx, token); err != nil {
			t.Errorf("five seconds after upstream's return: %v", err)
		}
	})
}

// Once closed, a verifier starts no fetch for whatever reason, and judges by
// the keys that it has.
func TestNothingIsFetchedAfterClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		self := edSigner("k1")
		keys := newSource(self)
		v := newVerifier(t, keys)
		token := self.jwt()
		want(t, v, token, valid)
		v.Close()
		time.Sleep(11 * time.Minute) // the keys are due
		want(t, v, token, valid)
		want(t, v, edSigner("k2").jwt(), unavailable)
		wantReceived(t, v, edSigner("k3").jwt(), unavailable)
		synctest.Wait()
		if got := len(keys.fetches()); got != 1 {
			t.Errorf("%d fetches, want 1", got)
		}
	})
}

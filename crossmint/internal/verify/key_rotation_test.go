package verify_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crossmint-go/auth/crossmint/internal/verify"
)

func TestKeyRotationCostsOneFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before, after := newEd25519Key("k1"), newEd25519Key("k2")
		keys := newKeyServer(before)
		v := newVerifier(t, keys)
		old := before.jwt()
		wantResult(t, v, old, valid)
		time.Sleep(31 * time.Second)
		keys.serve(jwks(before, after))
		wantResult(t, v, after.jwt(), valid)
		wantResult(t, v, old, valid)
		wantResult(t, v, before.jwtOf("user-b", time.Now().Add(time.Hour)), valid)
		if got := len(keys.fetches()); got != 2 {
			t.Errorf("%d fetches, want 2", got)
		}
		if v.CachedTokens() != 3 {
			t.Errorf("%d cached tokens, want all 3", v.CachedTokens())
		}
	})
}

// When a fetch finds that a key was removed, the tokens of that key become
// invalid, including cached ones.
func TestRemovedKeyStopsVerifying(t *testing.T) {
	for name, pair := range algorithms() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				removed, kept := pair[0], newEd25519Key("k2")
				keys := newKeyServer(removed, kept)
				v := newVerifier(t, keys)
				token, other := removed.jwt(), kept.jwt()
				wantResult(t, v, token, valid)
				keys.serve(jwks(kept))
				time.Sleep(10*time.Minute - 10*time.Second)
				wantResult(t, v, token, valid)
				wantResult(t, v, other, valid)
				time.Sleep(10 * time.Second)
				wantResult(t, v, token, valid) // cached, and the fetch is running
				synctest.Wait()
				wantResult(t, v, token, invalid)
				wantResult(t, v, other, valid)
				if got := len(keys.fetches()); got != 3 { // the third: upstream may publish the key again
					t.Errorf("%d fetches, want 3", got)
				}
			})
		})
	}
}

// A token by a removed key is invalid, and its user is known for a day. The user
// of a forged token is not.
func TestWithdrawnKeyNamesTheUser(t *testing.T) {
	for name, pair := range algorithms() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				removed, kept := pair[0], newEd25519Key("k2")
				forger := pair[1]
				forger.kid = removed.kid
				keys := newKeyServer(removed, kept)
				v := newVerifier(t, keys)
				jwt := removed.jwtOf("user-a", time.Now().Add(100*time.Hour))
				wantResult(t, v, jwt, valid)
				keys.serve(jwks(kept))
				time.Sleep(11 * time.Minute)
				wantUser := func(jwt, want string, wantErr error) {
					t.Helper()
					token, err := v.VerifyNow(t.Context(), jwt)
					user := ""
					if token != nil {
						user = token.UserID
					}
					if user != want || !errors.Is(err, wantErr) || resultOf(err) != invalid {
						t.Errorf("user %q, %v; want %q, %v", user, err, want, wantErr)
					}
				}
				wantUser(newEd25519Key("k9").jwt(), "", verify.ErrUnknownKey) // waits for the fetch
				wantUser(jwt, "user-a", verify.ErrUnknownKey)
				wantUser(removed.jwtOf("user-b", time.Now().Add(-time.Hour)), "user-b", verify.ErrUnknownKey)
				wantUser(forger.jwtOf("user-a", time.Now().Add(time.Hour)), "", verify.ErrUnknownKey)
				if token, err := v.VerifyReceived(t.Context(), jwt); token != nil || err == nil {
					t.Errorf("a received token: %v, %v", token, err)
				}
				if v.CachedTokens() != 1 {
					t.Errorf("%d cached tokens, want the first alone", v.CachedTokens())
				}
				for range 24 * 6 { // with many fetches
					time.Sleep(11 * time.Minute)
					wantResult(t, v, kept.jwt(), valid)
				}
				wantUser(jwt, "", verify.ErrUnknownKey)
			})
		})
	}
	t.Run("under the same kid", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			before, after := newEd25519Key("k"), newEd25519Key("k")
			keys := newKeyServer(before)
			v := newVerifier(t, keys)
			wantResult(t, v, before.jwt(), valid)
			keys.serve(jwks(after))
			wantResult(t, v, after.jwt(), valid)
			if token, err := v.VerifyNow(t.Context(), before.jwt()); token == nil || resultOf(err) != invalid {
				t.Errorf("%v, %v", token, err)
			}
		})
	})
	t.Run("every one of several", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			removed := []signingKey{newEd25519Key("k1"), newEd25519Key("k2"), newEd25519Key("k3")}
			keys := newKeyServer(removed...)
			v := newVerifier(t, keys)
			for _, k := range removed {
				wantResult(t, v, k.jwtOf("user-a", time.Now().Add(time.Hour)), valid)
			}
			after := newEd25519Key("k4")
			keys.serve(jwks(after))
			wantResult(t, v, after.jwt(), valid)
			for _, k := range removed {
				token, err := v.VerifyNow(t.Context(), k.jwtOf("user-a", time.Now().Add(time.Hour)))
				if token == nil || resultOf(err) != invalid {
					t.Errorf("kid %s: %v, %v, want an invalid JWT of a known user", k.kid, token, err)
				}
			}
		})
	})
	t.Run("three of one kid are tried", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			keys := newKeyServer()
			v := newVerifier(t, keys)
			var signers []signingKey
			for range 5 {
				signers = append(signers, newEd25519Key("k"))
				keys.setKeys(signers[len(signers)-1])
				wantResult(t, v, signers[len(signers)-1].jwt(), valid)
				time.Sleep(31 * time.Second)
			}
			for i, signer := range signers[:4] {
				if token, err := v.VerifyNow(t.Context(), signer.jwt()); (token != nil) != (i > 0) || resultOf(err) != invalid {
					t.Errorf("key %d: %v, %v", i, token, err)
				}
			}
		})
	})
	t.Run("not without a kid", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			removed, kept := newEd25519Key(""), algorithms()["ES256"][0]
			keys := &keyServer{set: keySet(withMembers(removed, map[string]any{"kid": nil}))}
			v := newVerifier(t, keys)
			header := object{{"alg", `"EdDSA"`}}
			jwt := removed.token(header.String(), claimsOf("user-a", farFuture).String())
			wantResult(t, v, jwt, valid)
			keys.serve(jwks(kept))
			wantResult(t, v, kept.jwt(), valid)
			if token, err := v.VerifyNow(t.Context(), jwt); token != nil || !errors.Is(err, verify.ErrUnknownKey) {
				t.Errorf("%v, %v", token, err)
			}
		})
	})
	t.Run("the latest eight are remembered", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var signers []signingKey
			for i := range 10 {
				signers = append(signers, newEd25519Key(fmt.Sprint("k", i)))
			}
			keys := newKeyServer(signers[0])
			v := newVerifier(t, keys)
			for _, signer := range signers {
				keys.setKeys(signer)
				wantResult(t, v, signer.jwt(), valid)
				time.Sleep(31 * time.Second)
			}
			for i, signer := range signers[:9] {
				if token, err := v.VerifyNow(t.Context(), signer.jwt()); (token != nil) != (i > 0) || resultOf(err) != invalid {
					t.Errorf("key %d: %v, %v", i, token, err)
				}
			}
		})
	})
}

// A key that another one of its name replaces stops verifying, too.
func TestReplacedKeyStopsVerifying(t *testing.T) {
	for name, pair := range algorithms() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				keys := newKeyServer(pair[0])
				v := newVerifier(t, keys)
				old := pair[0].jwt()
				wantResult(t, v, old, valid)
				keys.serve(jwks(pair[1]))
				time.Sleep(11 * time.Minute)
				wantResult(t, v, newEd25519Key("k9").jwt(), invalid) // waits for the fetch
				wantResult(t, v, old, invalid)
				wantResult(t, v, pair[1].jwt(), valid)

				keys.serve(jwks(pair[0])) // and back again
				time.Sleep(11 * time.Minute)
				wantResult(t, v, newEd25519Key("k9").jwt(), invalid)
				wantResult(t, v, old, valid)
			})
		})
	}
}

// Upstream may replace a key without a new name. The first token that does not
// fit causes a fetch.
func TestReplacedKeyIsNoticed(t *testing.T) {
	for name, pair := range algorithms() {
		before, after := pair[0], pair[1]
		after.kid = before.kid
		t.Run(name+", by a received token", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				keys := newKeyServer(before)
				v := newVerifier(t, keys)
				wantResult(t, v, before.jwt(), valid)
				keys.serve(jwks(after))
				wantReceivedResult(t, v, after.jwt(), unavailable) // within a second of the last fetch
				time.Sleep(time.Second)
				wantReceivedResult(t, v, after.jwt(), valid)
				wantResult(t, v, before.jwt(), invalid)
				wantReceivedResult(t, v, before.jwt(), unavailable)
				time.Sleep(time.Second)
				wantReceivedResult(t, v, before.jwt(), invalid) // the keys are newer than the token
			})
		})
		t.Run(name+", by a browser", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				keys := newKeyServer(before)
				v := newVerifier(t, keys)
				wantResult(t, v, before.jwt(), valid)
				keys.serve(jwks(after))
				wantResult(t, v, after.jwt(), valid)
				keys.serve(jwks(before)) // and back again
				wantResult(t, v, before.jwt(), invalid)
				time.Sleep(30 * time.Second)
				wantResult(t, v, before.jwt(), valid)
			})
		})
	}
	t.Run("while the keys are unavailable", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			before, after := newEd25519Key("k"), newEd25519Key("k")
			keys := newKeyServer(before)
			v := newVerifier(t, keys)
			wantResult(t, v, before.jwt(), valid)
			keys.fail(errors.New("down"))
			time.Sleep(time.Minute)
			wantReceivedResult(t, v, after.jwt(), unavailable)
			wantResult(t, v, after.jwt(), invalid)
			wantResult(t, v, before.jwt(), valid)
		})
	})
	t.Run("invalid signatures cause one fetch in thirty seconds", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			keys := newKeyServer(newEd25519Key("k"))
			v := newVerifier(t, keys)
			for range 1000 {
				wantResult(t, v, newEd25519Key("k").jwt(), invalid)
				time.Sleep(100 * time.Millisecond)
			}
			wantFetchRate(t, keys.fetches()[1:], 30*time.Second, 4)
		})
	})
}

// A new key that a received token names is fetched at once.
func TestReceivedKidIsFetchedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before, after := newEd25519Key("k1"), newEd25519Key("k2")
		keys := newKeyServer(before)
		v := newVerifier(t, keys)
		wantResult(t, v, before.jwt(), valid)
		wantResult(t, v, newEd25519Key("k9").jwt(), invalid)
		time.Sleep(2 * time.Second)
		keys.serve(jwks(before, after))
		wantResult(t, v, after.jwt(), invalid) // from a browser: within the 30 s
		wantReceivedResult(t, v, after.jwt(), valid)
		wantResult(t, v, after.jwt(), valid)
		if got := len(keys.fetches()); got != 3 {
			t.Errorf("%d fetches, want 3", got)
		}
	})
}

// Upstream rotates its keys just after a fetch that no unknown kid has caused. A
// browser's token with the new key is valid at once.
func TestRotationJustAfterAnotherFetch(t *testing.T) {
	before, after := newEd25519Key("k1"), newEd25519Key("k2")
	tests := []struct {
		name  string
		fetch func(t *testing.T, v *verify.Verifier)
	}{
		{name: "the first one", fetch: func(t *testing.T, v *verify.Verifier) {
			if err := v.Preload(t.Context()); err != nil {
				t.Fatal(err)
			}
		}},
		{name: "the periodic one", fetch: func(t *testing.T, v *verify.Verifier) {
			wantResult(t, v, before.jwt(), valid)
			time.Sleep(11 * time.Minute)
			wantResult(t, v, before.jwt(), valid)
			synctest.Wait()
		}},
		{name: "that of a received token", fetch: func(t *testing.T, v *verify.Verifier) {
			wantResult(t, v, before.jwt(), valid)
			time.Sleep(time.Minute)
			wantReceivedResult(t, v, newEd25519Key("k9").jwt(), unavailable)
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				keys := newKeyServer(before)
				v := newVerifier(t, keys)
				test.fetch(t, v)
				time.Sleep(200 * time.Millisecond)
				keys.setKeys(before, after)
				wantResult(t, v, after.jwt(), valid)
			})
		})
	}
	t.Run("one that is still running", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			keys := newKeyServer(before)
			v := newVerifier(t, keys)
			wantResult(t, v, before.jwt(), valid)
			time.Sleep(11 * time.Minute)
			keys.setHook(delay(time.Second))
			wantResult(t, v, before.jwt(), valid) // starts a fetch in the background
			time.Sleep(200 * time.Millisecond)
			keys.setKeys(before, after)
			wantResult(t, v, after.jwt(), valid)
		})
	})
}

func TestReceivedKidsAreFetchedOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		keys := newKeyServer(newEd25519Key("k1"))
		v := newVerifier(t, keys)
		for i := range 1000 {
			wantReceivedResult(t, v, newEd25519Key(fmt.Sprint("new-", i)).jwt(), unavailable)
			if got := v.NewKids(); got > 16 {
				t.Fatalf("%d remembered kids, want 16 at most", got)
			}
			time.Sleep(10 * time.Millisecond)
		}
		wantFetchRate(t, keys.fetches(), time.Second, 11)
	})
}

// The published set may lag behind received tokens.
func TestReceivedKidPropagatesForAMinute(t *testing.T) {
	for _, appears := range []time.Duration{5 * time.Second, time.Hour} {
		t.Run(fmt.Sprint("appears after ", appears), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				before, after := newEd25519Key("k1"), newEd25519Key("k2")
				keys := newKeyServer(before)
				v := newVerifier(t, keys)
				if err := v.Preload(t.Context()); err != nil {
					t.Fatal(err)
				}
				time.Sleep(2 * time.Second)
				first := time.Now()
				for time.Since(first) < time.Minute {
					if time.Since(first) >= appears {
						keys.serve(jwks(before, after))
						wantReceivedResult(t, v, after.jwt(), valid)
						return
					}
					wantReceivedResult(t, v, after.jwt(), unavailable)
					time.Sleep(time.Second)
				}
				wantReceivedResult(t, v, after.jwt(), invalid)
				keys.serve(jwks(before, after)) // the new key appears at last
				time.Sleep(time.Second)
				wantReceivedResult(t, v, after.jwt(), valid)
			})
		})
	}
}

// Each of several new kids has a minute of its own.
func TestReceivedKidsPropagateForAMinuteEach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVerifier(t, newKeyServer(newEd25519Key("k1")))
		if err := v.Preload(t.Context()); err != nil {
			t.Fatal(err)
		}
		var signers []signingKey
		for i := range 16 {
			signers = append(signers, newEd25519Key(fmt.Sprint("new-", i)))
			time.Sleep(time.Second)
			wantReceivedResult(t, v, signers[i].jwt(), unavailable)
		}
		time.Sleep(45 * time.Second)
		wantReceivedResult(t, v, signers[0].jwt(), invalid)
		wantReceivedResult(t, v, signers[15].jwt(), unavailable)
	})
}

// While no key set can be fetched, there is no decision.
func TestReceivedKidDuringOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before, after := newEd25519Key("k1"), newEd25519Key("k2")
		keys := newKeyServer(before)
		v := newVerifier(t, keys)
		wantResult(t, v, before.jwt(), valid)
		time.Sleep(time.Minute)
		keys.fail(errDown)
		for range 60 {
			wantReceivedResult(t, v, after.jwt(), unavailable)
			time.Sleep(time.Second)
		}
		wantResult(t, v, before.jwt(), valid)
	})
}

package verify_test

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/crossmint-go/auth/crossmint/internal/verify"
)

// BenchmarkFirstSight compares the first verification of a token with the bare
// RSA operation in it.
func BenchmarkFirstSight(b *testing.B) {
	ownKey := algorithms()["RS256"][0]
	token := ownKey.jwt()
	b.Run("bare RSA", func(b *testing.B) {
		dot := strings.LastIndexByte(token, '.')
		digest := sha256.Sum256([]byte(token[:dot]))
		signature := must(base64.RawURLEncoding.DecodeString(token[dot+1:]))
		public := ownKey.private.Public().(*rsa.PublicKey)
		b.ReportAllocs()
		for b.Loop() {
			if err := rsa.VerifyPKCS1v15(public, crypto.SHA256, digest[:], signature); err != nil {
				b.Fatal(err)
			}
		}
	})
	for name, pair := range algorithms() {
		b.Run(name, func(b *testing.B) {
			v, token := newVerifier(b, newKeyServer(pair[0])), pair[0].jwt()
			set := must(verify.ParseKeySet(jwks(pair[0])))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v.VerifyWith(set, token); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkWarm verifies a cached token.
func BenchmarkWarm(b *testing.B) {
	ownKey := algorithms()["RS256"][0]
	v, token := newVerifier(b, newKeyServer(ownKey)), ownKey.jwt()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.VerifyNow(b.Context(), token); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkHostile rejects the most expensive tokens that cause no signature
// check.
func BenchmarkHostile(b *testing.B) {
	ownKey := algorithms()["RS256"][0]
	v := newVerifier(b, newKeyServer(ownKey))
	for name, token := range hostileTokens(ownKey) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v.VerifyNow(b.Context(), token); err == nil {
					b.Fatal("accepted")
				}
			}
		})
	}
}

func hostileTokens(ownKey signingKey) map[string]string {
	big := claimsOf("user-a", farFuture)
	big.add("x", nested(40))
	return map[string]string{
		"1 MB of dots":   strings.Repeat(".", 1<<20),
		"1 MB of A":      strings.Repeat("A", 1<<20),
		"8 KB of dots":   strings.Repeat(".", 8<<10),
		"8 KB of A":      strings.Repeat("A", 8<<10),
		"deeply nested":  ownKey.token(headerOf(ownKey).String(), big.String()),
		"many members":   ownKey.token(strings.Repeat(`{"a":`, 500), "{}"),
		"invalid base64": strings.Repeat("*", 2000) + "." + strings.Repeat("*", 2000) + ".AA",
	}
}

package verify_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwt"

	"github.com/crossmint-go/auth/crossmint/internal/verify"
	"github.com/crossmint-go/auth/session"
)

// If the verifier accepts a token, a JOSE library accepts it, too, and reads the
// same claims. There are three exceptions:
//   - The library rejects numbers that a float64 cannot hold. The verifier ignores
//     the values of claims that it does not use.
//   - The library rejects a "jti" that is a number. The verifier accepts it.
//   - The library rounds an "iat" with a long fraction to the next second, because
//     it reads it as a float64. The verifier rounds all of them down.
func FuzzParseToken(f *testing.F) {
	ownKey := newEd25519Key("k1")
	set := must(verify.ParseKeySet(jwks(ownKey)))
	v := newVerifier(f, newKeyServer(ownKey))
	for _, header := range []string{
		headerOf(ownKey).String(), `{"alg":"EdDSA"}`, ` {"typ":"jwt","alg":"EdDSA"} `, `{ "typ" : "jwt" ,"alg":"EdDSA"}`, `{"alg":"EdDSA","kid":"\u006b1","x":[{}]}`,
		`{"alg":"EdDSA","cty":"JWT","x5t":"","x5t#S256":"AA"}`, `{"alg":"EdDSA","zip":"DEF","enc":1,"p2c":-1}`, `{"alg":"none"}`,
	} {
		f.Add([]byte(header), []byte(claimsOf("user-a", time.Now().Add(time.Hour)).String()))
	}
	for _, claims := range []string{
		`{"sub":"a","aud":["b","proj-1"],"exp":253402300799,"iat":1,"nbf":1}`, `{"sub":"\ud83d\ude00","aud":"proj-1","exp":1,"jti":"1","iss":""}`,
		`{"sub":"a","aud":"proj-1","exp":1800000000.0,"iat":1700000000.5,"nbf":0.1,"jti":"1"}`, `{"sub":"a","aud":"proj-1","exp":1800000000.000,"iat":0,"nbf":0}`,
		`{"sub":"a","aud":"proj-1","exp":1800000000,"iat":1700000000.99999999999,"jti":1}`, `{"sub":"a","aud":"proj-1","exp":1.8e9}`,
		`{"sub":"a","aud":"proj-1","exp":1800000000,"jti":-1e700}`, `{"sub":"a","aud":"proj-1","exp":1800000000,"jti":null}`,
		`{"sub":"a","aud":"proj\u002d1","exp":1800000000,"address":{},"email_verified":1,"SUB":1}`, `{"sub":"a","sub":"b","aud":"proj-1","exp":1}`,
	} {
		f.Add([]byte(headerOf(ownKey).String()), []byte(claims))
	}
	f.Fuzz(func(t *testing.T, header, payload []byte) {
		token := ownKey.token(string(header), string(payload))
		got, err := v.VerifyWith(set, token)
		if resultOf(err) != valid && resultOf(err) != expired {
			return
		}
		parsed, err := jwt.Parse([]byte(token), jwt.WithKey(jwa.EdDSA, ownKey.private.Public()), jwt.WithValidate(false))
		if err != nil && !hasNumericJTI(payload) && !hasHugeNumber(header) && !hasHugeNumber(payload) {
			t.Fatalf("another library rejects header %q, payload %q: %v", header, payload, err)
		}
		if err == nil {
			wantSameClaims(t, payload, parsed, got)
		}
		var claims struct {
			Sub string
			Exp float64 // holds whole seconds exactly
		}
		if err := json.Unmarshal(payload, &claims); err != nil && !hasOtherCase(payload) {
			t.Fatalf("encoding/json rejects %q: %v", payload, err)
		} else if err == nil && !hasOtherCase(payload) && (claims.Sub != got.UserID || claims.Exp != float64(got.ExpiresAt.Unix())) {
			t.Fatalf("encoding/json reads %+v in %q, want %+v", claims, payload, got)
		}
	})
}

// wantSameClaims compares the claims that another library has read with those of
// the verifier.
func wantSameClaims(t *testing.T, payload []byte, parsed jwt.Token, got *session.Token) {
	t.Helper()
	if parsed.Subject() != got.UserID || !parsed.Expiration().Equal(got.ExpiresAt) || !slices.Contains(parsed.Audience(), project) {
		t.Fatalf("another library reads sub %q, exp %v, aud %q in %q, want %+v", parsed.Subject(), parsed.Expiration(), parsed.Audience(), payload, got)
	}
	var members map[string]json.RawMessage
	_ = json.Unmarshal(payload, &members)
	issuedAt := parsed.IssuedAt()
	if issuedAt.Unix() == 0 {
		issuedAt = time.Time{} // zero counts as absent
	}
	if roundedUp := bytes.ContainsRune(members["iat"], '.') && issuedAt.Equal(issuedAtOf(got).Add(time.Second)); !issuedAt.Equal(got.IssuedAt) && !roundedUp {
		t.Fatalf("another library reads iat %v in %q, want %v", issuedAt, payload, got.IssuedAt)
	}
}

// issuedAtOf returns the "iat" of a token. An absent one is zero seconds.
func issuedAtOf(token *session.Token) time.Time {
	if token.IssuedAt.IsZero() {
		return time.Unix(0, 0)
	}
	return token.IssuedAt
}

// hasNumericJTI reports whether the payload has a "jti" that is a number.
func hasNumericJTI(payload []byte) bool {
	var members map[string]json.RawMessage
	_ = json.Unmarshal(payload, &members)
	jti := members["jti"]
	return len(jti) > 0 && bytes.IndexByte([]byte("-0123456789"), jti[0]) >= 0
}

// hasHugeNumber reports whether a JSON object has a number that a float64 cannot
// hold.
func hasHugeNumber(object []byte) bool {
	var members map[string]any
	var outOfRange *json.UnmarshalTypeError
	return errors.As(json.Unmarshal(object, &members), &outOfRange)
}

// hasOtherCase reports whether encoding/json may read one name as another.
func hasOtherCase(payload []byte) bool {
	var members map[string]json.RawMessage
	_ = json.Unmarshal(payload, &members)
	for name := range members {
		if lower := strings.ToLower(name); lower != name && (lower == "sub" || lower == "exp") || strings.ContainsRune(name, 'ſ') {
			return true
		}
	}
	return false
}

// The verifier never panics, and accepts only one encoding of each part.
func FuzzVerify(f *testing.F) {
	for _, pair := range algorithms() {
		f.Add(pair[0].jwt())
		f.Add(pair[0].jwt() + "=")
	}
	for _, seed := range []string{"", ".", "..", "...", "a.b.c", "e30.e30.e30", "bnVsbA.bnVsbA.AA", "\n.\n.\n", strings.Repeat(".", 9000)} {
		f.Add(seed)
	}
	v := newVerifier(f, newKeyServer(algorithms()["ES256"][0]))
	f.Fuzz(func(t *testing.T, token string) {
		_, err := v.VerifyNow(t.Context(), token)
		if !verify.Parses(token, project) {
			if resultOf(err) != invalid {
				t.Fatalf("%q: result = %s, want %s", token, resultOf(err), invalid)
			}
			return
		}
		parts := strings.Split(token, ".")
		if len(parts) != 3 || len(token) > 8<<10 {
			t.Fatalf("accepted: %q", token)
		}
		for _, part := range parts {
			raw, err := base64.RawURLEncoding.DecodeString(part)
			if err != nil || b64(raw) != part {
				t.Fatalf("accepted in a second encoding: %q", token)
			}
		}
	})
}

// The parser of key sets never panics, and keeps no weak key.
func FuzzParseKeySet(f *testing.F) {
	for _, pair := range algorithms() {
		f.Add(jwks(pair[0]))
		f.Add(keySet(withMembers(pair[0], map[string]any{"d": b64([]byte("x")), "key_ops": []string{"verify"}, "use": nil})))
	}
	for _, set := range invalidSets() {
		if len(set) < 10_000 {
			f.Add(set)
		}
	}
	f.Add([]byte(`{"keys":[{"kty":"RSA","n":"AQ","e":"AQAB","x5c":["MII="],"x5t":1},{"kty":"OKP","crv":"Ed448","x":"AA"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		set, err := verify.ParseKeySet(data)
		if err != nil {
			return
		}
		if len(set.PublicKeys()) == 0 {
			t.Fatalf("an empty set: %q", data)
		}
		for _, key := range set.PublicKeys() {
			if !strong(key) {
				t.Fatalf("kept %#v of %q", key, data)
			}
		}
	})
}

func strong(key any) bool {
	switch key := key.(type) {
	case *rsa.PublicKey:
		return key.N.BitLen() >= 2048 && key.E >= 3
	case *ecdsa.PublicKey:
		_, err := key.ECDH()
		return key.Curve == elliptic.P256() && err == nil
	case ed25519.PublicKey:
		return len(key) == ed25519.PublicKeySize
	}
	return false
}

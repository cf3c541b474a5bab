package verify_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/crossmint-go/auth/crossmint/internal/verify"
)

// withMembers returns the JWK of a key with some members replaced. nil removes
// one.
func withMembers(s signingKey, members map[string]any) map[string]any {
	out := s.jwk()
	for name, value := range members {
		out[name] = value
		if value == nil {
			delete(out, name)
		}
	}
	return out
}

// An unusable key is left out of its set, and the other keys are used. The
// control is the same key without the fault.
func TestKeySetSelectsKeys(t *testing.T) {
	type m = map[string]any
	pairs := algorithms()
	rs, es, ed := pairs["RS256"][0], pairs["ES256"][0], pairs["EdDSA"][0]
	tests := []struct {
		name       string
		signingKey signingKey
		change     map[string]any
		want       string
	}{
		{name: "no use", signingKey: rs, change: m{"use": nil}, want: valid},
		{name: "no alg", signingKey: rs, change: m{"alg": nil}, want: valid},
		{name: "key_ops verify", signingKey: rs, change: m{"key_ops": []string{"verify"}}, want: valid},
		{name: "key_ops verify among others", signingKey: rs, change: m{"key_ops": []string{"sign", "verify"}}, want: valid},
		{name: "unknown members", signingKey: rs, change: m{"x-note": m{"a": 1}}, want: valid},
		{name: "use enc", signingKey: rs, change: m{"use": "enc"}, want: invalid},
		{name: "use of another word", signingKey: rs, change: m{"use": "SIG"}, want: invalid},
		{name: "key_ops without verify", signingKey: rs, change: m{"key_ops": []string{"encrypt"}}, want: invalid},
		{name: "another RSA alg", signingKey: rs, change: m{"alg": "RS512"}, want: invalid},
		{name: "an encryption alg", signingKey: rs, change: m{"alg": "RSA-OAEP"}, want: invalid},
		{name: "another family's alg", signingKey: rs, change: m{"alg": "ES256"}, want: invalid},
		{name: "no kid", signingKey: rs, change: m{"kid": nil}, want: invalid},
		{name: "another kid", signingKey: rs, change: m{"kid": "k2"}, want: invalid},
		{name: "damaged modulus", signingKey: rs, change: m{"n": "***"}, want: invalid},
		{name: "no modulus", signingKey: rs, change: m{"n": nil}, want: invalid},
		{name: "exponent 1", signingKey: rs, change: m{"e": "AQ"}, want: invalid},
		{name: "symmetric", signingKey: rs, change: m{"kty": "oct", "alg": "HS256", "k": b64([]byte("0123456789abcdef0123456789abcdef"))}, want: invalid},
		{name: "unknown type", signingKey: rs, change: m{"kty": "XYZ"}, want: invalid},
		{name: "of 1024 bits", signingKey: rs, change: m{"n": b64(new(big.Int).Lsh(big.NewInt(1), 1023).Bytes())}, want: invalid},
		{name: "of 2047 bits", signingKey: rs, change: m{"n": b64(new(big.Int).Lsh(big.NewInt(1), 2046).Bytes())}, want: invalid},
		{name: "of 16384 bits", signingKey: rs, change: m{"n": b64(new(big.Int).Lsh(big.NewInt(1), 16383).Bytes())}, want: invalid},
		{name: "EC, no alg", signingKey: es, change: m{"alg": nil}, want: valid},
		{name: "EC, off the curve", signingKey: es, change: m{"y": es.jwk()["x"]}, want: invalid},
		{name: "EC, the point 0, 0", signingKey: es, change: m{"x": b64(make([]byte, 32)), "y": b64(make([]byte, 32))}, want: invalid},
		{name: "EC, coordinates too long", signingKey: es, change: m{"x": b64(append(make([]byte, 8), 255))}, want: invalid},
		{name: "EC, another curve's name", signingKey: es, change: m{"crv": "P-384"}, want: invalid},
		{name: "EC, no curve", signingKey: es, change: m{"crv": nil}, want: invalid},
		{name: "Ed25519, no alg", signingKey: ed, change: m{"alg": nil}, want: valid},
		{name: "Ed25519, alg of RFC 9864", signingKey: ed, change: m{"alg": "Ed25519"}, want: valid},
		{name: "Ed25519, alg in another case", signingKey: ed, change: m{"alg": "ed25519"}, want: invalid},
		{name: "Ed25519, alg Ed448", signingKey: ed, change: m{"alg": "Ed448"}, want: invalid},
		{name: "EC, alg Ed25519", signingKey: es, change: m{"alg": "Ed25519"}, want: invalid},
		{name: "RSA, alg Ed25519", signingKey: rs, change: m{"alg": "Ed25519"}, want: invalid},
		{name: "a kid that is a number", signingKey: rs, change: m{"kid": 1}, want: invalid},
		{name: "an alg that is a number", signingKey: rs, change: m{"alg": 1}, want: invalid},
		{name: "key_ops that are an object", signingKey: rs, change: m{"key_ops": m{}}, want: invalid},
		{name: "X25519", signingKey: ed, change: m{"crv": "X25519"}, want: invalid},
		{name: "Ed25519, short", signingKey: ed, change: m{"x": b64([]byte("short"))}, want: invalid},
		{name: "Ed25519, empty", signingKey: ed, change: m{"x": ""}, want: invalid},
	}
	bystander := newEd25519Key("bystander")
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			token := test.signingKey.jwt()
			wantResult(t, newVerifier(t, newKeyServer(test.signingKey, bystander)), token, valid)
			v := newVerifier(t, &keyServer{set: keySet(bystander.jwk(), withMembers(test.signingKey, test.change))})
			wantResult(t, v, token, test.want)
			wantResult(t, v, bystander.jwt(), valid)
		})
	}
}

// A damaged key costs itself alone, wherever it is in the set. A set that is no JSON
// is not used at all.
func TestKeySetWithDamagedKey(t *testing.T) {
	ownKey, damagedKey := newEd25519Key("k1"), newEd25519Key("k2")
	good, damaged := string(must(json.Marshal(ownKey.jwk()))), string(must(json.Marshal(damagedKey.jwk())))
	tests := []struct{ name, from, to, reason string }{
		{name: "a member twice", from: `"kid":"k2"`, to: `"kid":"k2","kid":"k2"`, reason: "duplicate member"},
		{name: "a member twice, once escaped", from: `"kid":"k2"`, to: `"kid":"k2","\u006bid":"k1"`, reason: "duplicate member"},
		{name: "a nested member twice", from: `"kid":"k2"`, to: `"kid":"k2","x-note":[{"a":1,"a":2}]`, reason: "duplicate member"},
		{name: "invalid UTF-8", from: `"k2"`, to: "\"k2\xff\"", reason: "UTF-8"},
		{name: "a lone surrogate", from: `"k2"`, to: `"k2\ud800"`, reason: "JSON"},
		{name: "not an object", from: damaged, to: `"k2"`, reason: "JSON object"},
		{name: "a truncated coordinate", from: `"x":"`, to: `"x":"A","y":"`, reason: "not a readable key"},
	}
	for _, test := range tests {
		bad := strings.Replace(damaged, test.from, test.to, 1)
		for _, data := range []string{`{"keys":[` + bad + "," + good + `]}`, `{"keys":[` + good + "," + bad + `]}`} {
			t.Run(test.name, func(t *testing.T) {
				v := newVerifier(t, &keyServer{set: []byte(data)})
				wantResult(t, v, ownKey.jwt(), valid)
				wantResult(t, v, damagedKey.jwt(), invalid)
				set, err := verify.ParseKeySet([]byte(data))
				if err != nil {
					t.Fatal(err)
				}
				if len(set.Warnings) != 1 || !strings.Contains(set.Warnings[0], test.reason) {
					t.Errorf("warnings = %q, want one with %q", set.Warnings, test.reason)
				}
			})
		}
	}
}

func TestKeySetBoundsRSAKeys(t *testing.T) {
	tests := []struct {
		name     string
		bits     int
		exponent int64
		want     int // usable keys
	}{
		{name: "too short", bits: 2047, exponent: 65537},
		{name: "the shortest", bits: 2048, exponent: 65537, want: 1},
		{name: "the longest", bits: 8192, exponent: 65537, want: 1},
		{name: "too long", bits: 8193, exponent: 65537},
		{name: "the smallest exponent", bits: 2048, exponent: 3, want: 1},
		{name: "too small an exponent", bits: 2048, exponent: 2},
	}
	for _, test := range tests {
		modulus := new(big.Int).SetBit(big.NewInt(1), test.bits-1, 1)
		jwk := withMembers(algorithms()["RS256"][0], map[string]any{"n": b64(modulus.Bytes()), "e": b64(big.NewInt(test.exponent).Bytes())})
		set, err := verify.ParseKeySet(keySet(jwk, newEd25519Key("bystander").jwk()))
		if err != nil {
			t.Fatal(err)
		}
		if got := len(set.PublicKeys()) - 1; got != test.want {
			t.Errorf("%s: %d usable keys, want %d: %q", test.name, got, test.want, set.Warnings)
		}
	}
}

// A set may hold a hundred keys. Three of one name are tried.
func TestKeySetIsBounded(t *testing.T) {
	var keys []signingKey
	for range 100 {
		keys = append(keys, newEd25519Key("k"))
	}
	set, err := verify.ParseKeySet(jwks(keys...))
	if err != nil {
		t.Fatal(err)
	}
	v := newVerifier(t, newKeyServer())
	for i, want := range []string{valid, valid, valid, invalid} {
		if _, err := v.VerifyWith(set, keys[i].jwt()); resultOf(err) != want {
			t.Errorf("key %d: result = %s (%v), want %s", i, resultOf(err), err, want)
		}
	}
	if _, err := verify.ParseKeySet(jwks(append(keys, newEd25519Key("k"))...)); err == nil {
		t.Error("a set of 101 keys is accepted")
	}
}

// RFC 9864 names the algorithm "Ed25519", in keys and in tokens. Either name is
// accepted beside the other, and only for Ed25519 keys.
func TestEd25519AlgorithmNames(t *testing.T) {
	pairs := algorithms()
	ed := pairs["EdDSA"][0]
	for _, keyName := range []any{"EdDSA", "Ed25519", nil} {
		v := newVerifier(t, &keyServer{set: keySet(withMembers(ed, map[string]any{"alg": keyName}))})
		for _, tokenName := range []string{"EdDSA", "Ed25519"} {
			token := newTokenBuilder(pairs["EdDSA"])
			token.header.set("alg", quote(tokenName))
			wantResult(t, v, token.token(), valid)
			token.sign = token.other.sign
			wantResult(t, v, token.token(), invalid)
		}
	}
	for _, name := range []string{"RS256", "ES256"} {
		token := newTokenBuilder(pairs[name])
		token.header.set("alg", `"Ed25519"`)
		wantResult(t, newVerifier(t, newKeyServer(pairs[name][0])), token.token(), invalid)
	}
}

// Without a kid exactly one key has to fit. With one, all keys of that name are
// tried.
func TestKeySetMatchesKid(t *testing.T) {
	for name, pair := range algorithms() {
		ownKey, other := pair[0], pair[1]
		renamed := signingKey{"k2", other.algorithm, other.private}
		withoutKid := newTokenBuilder(pair)
		withoutKid.header.drop("kid")
		unknownKey := newEd25519Key("k9")
		if name == "EdDSA" {
			unknownKey = signingKey{"k9", "RS256", rsaKey()}
		}
		tests := []struct {
			name  string
			set   []byte
			token string
			want  string
		}{
			{name: "no kid, one key", set: jwks(ownKey), token: withoutKid.token(), want: valid},
			{name: "no kid, one key of the algorithm", set: jwks(ownKey, unknownKey), token: withoutKid.token(), want: valid},
			{name: "no kid, two keys", set: jwks(ownKey, renamed), token: withoutKid.token(), want: invalid},
			{name: "no kid, the same key under two", set: keySet(ownKey.jwk(), withMembers(ownKey, map[string]any{"kid": "k2"})), token: withoutKid.token(), want: invalid},
			{name: "a kid of two keys", set: jwks(other, ownKey), token: ownKey.jwt(), want: valid},
			{name: "a kid of two other keys", set: jwks(other, renamed), token: ownKey.jwt(), want: invalid},
			{name: "the same key twice", set: jwks(ownKey, ownKey), token: ownKey.jwt(), want: valid},
		}
		for _, test := range tests {
			t.Run(name+"/"+test.name, func(t *testing.T) {
				wantResult(t, newVerifier(t, &keyServer{set: test.set}), test.token, test.want)
			})
		}
	}
}

// If upstream publishes a private key by mistake, the public half is used. The
// private half gets into no warning.
func TestKeySetWithPrivateKeys(t *testing.T) {
	rs, es, ed := rsaKey().(*rsa.PrivateKey), ecKey().(*ecdsa.PrivateKey), edKey().(ed25519.PrivateKey)
	secrets := map[string]map[string]any{
		"RS256": {"d": b64(rs.D.Bytes()), "p": b64(rs.Primes[0].Bytes()), "q": b64(rs.Primes[1].Bytes())},
		"ES256": {"d": b64(must(es.Bytes()))},
		"EdDSA": {"d": b64(ed.Seed())},
	}
	for name, pair := range algorithms() {
		t.Run(name, func(t *testing.T) {
			set, err := verify.ParseKeySet(keySet(withMembers(pair[0], secrets[name])))
			if err != nil {
				t.Fatal(err)
			}
			v := newVerifier(t, newKeyServer())
			if _, err := v.VerifyWith(set, pair[0].jwt()); err != nil {
				t.Error(err)
			}
			if len(set.Warnings) != 1 || !strings.Contains(set.Warnings[0], "private half") {
				t.Errorf("warnings = %q, want one about the private half", set.Warnings)
			}
			for member, secret := range secrets[name] {
				if text := fmt.Sprintf("%+v", set.Warnings); strings.Contains(text, secret.(string)) {
					t.Errorf("%s is in the warnings: %s", member, text)
				}
			}
		})
	}
}

// invalidSets are responses of a key endpoint that ParseKeySet rejects.
func invalidSets() map[string][]byte {
	many := make([]map[string]any, 10_000)
	for i := range many {
		many[i] = map[string]any{"kty": "OKP", "crv": "Ed25519", "kid": fmt.Sprint(i), "x": b64(make([]byte, 32))}
	}
	p384 := must(must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader)).PublicKey.Bytes()) // 4, X, Y
	good := string(jwks(newEd25519Key("k1")))
	return map[string][]byte{
		"nothing":                     nil,
		"an empty object":             []byte(`{}`),
		"an empty list":               []byte(`{"keys":[]}`),
		"null instead of a list":      []byte(`{"keys":null}`),
		"an object instead of a list": []byte(`{"keys":{}}`),
		"a list at the top":           []byte(good[len(`{"keys":`) : len(good)-1]),
		"a list of other things":      []byte(`{"keys":[1,null,"a",[],{}]}`),
		"useless keys only":           keySet(withMembers(newEd25519Key("k1"), map[string]any{"use": "enc"})),
		"a key of P-384":              keySet(map[string]any{"kty": "EC", "crv": "P-384", "x": b64(p384[1:49]), "y": b64(p384[49:])}),
		"10,000 keys":                 keySet(many...),
		"HTML":                        []byte(`<html></html>`),
		"two objects":                 []byte(good + good),
		"two lists":                   []byte(`{"keys":[],"keys":` + good[len(`{"keys":`):]),
		"cut short":                   []byte(good[:len(good)-2]),
		"a byte order mark":           []byte("\ufeff" + good),
		"a member twice":              []byte(strings.Replace(good, `"kid":"k1"`, `"kid":"k1","kid":"k1"`, 1)),
	}
}

func TestParseKeySetRejects(t *testing.T) {
	if _, err := verify.ParseKeySet(jwks(newEd25519Key("k1"))); err != nil {
		t.Fatal(err)
	}
	for name, data := range invalidSets() {
		t.Run(name, func(t *testing.T) {
			if set, err := verify.ParseKeySet(data); err == nil {
				t.Errorf("accepted as %v", set.PublicKeys())
			}
		})
	}
}

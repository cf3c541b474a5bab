package verify_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/crossmint-go/auth/crossmint/internal/verify"
)

// with returns the signer's published form with members laid over; nil
// removes one.
func with(s signer, members map[string]any) map[string]any {
	out := s.jwk()
	for name, value := range members {
		out[name] = value
		if value == nil {
			delete(out, name)
		}
	}
	return out
}

// A key is taken or left out for itself: another key is always beside it, and
// the control is the same key without the fault.
func TestKeySetSelects(t *testing.T) {
	type m = map[string]any
	pairs := algorithms()
	rs, es, ed := pairs["RS256"][0], pairs["ES256"][0], pairs["EdDSA"][0]
	tests := []struct {
		name   string
		signer signer
		change map[string]any
		want   string
	}{
		{"no use", rs, m{"use": nil}, valid},
		{"no alg", rs, m{"alg": nil}, valid},
		{"key_ops verify", rs, m{"key_ops": []string{"verify"}}, valid},
		{"key_ops verify among others", rs, m{"key_ops": []string{"sign", "verify"}}, valid},
		{"unknown members", rs, m{"x-note": m{"a": 1}}, valid},
		{"use enc", rs, m{"use": "enc"}, invalid},
		{"use of another word", rs, m{"use": "SIG"}, invalid},
		{"key_ops without verify", rs, m{"key_ops": []string{"encrypt"}}, invalid},
		{"another RSA alg", rs, m{"alg": "RS512"}, invalid},
		{"an encryption alg", rs, m{"alg": "RSA-OAEP"}, invalid},
		{"another family's alg", rs, m{"alg": "ES256"}, invalid},
		{"no kid", rs, m{"kid": nil}, invalid},
		{"another kid", rs, m{"kid": "k2"}, invalid},
		{"damaged modulus", rs, m{"n": "***"}, invalid},
		{"no modulus", rs, m{"n": nil}, invalid},
		{"exponent 1", rs, m{"e": "AQ"}, invalid},
		{"symmetric", rs, m{"kty": "oct", "alg": "HS256", "k": b64([]byte("0123456789abcdef0123456789abcdef"))}, invalid},
		{"unknown type", rs, m{"kty": "XYZ"}, invalid},
		{"of 1024 bits", rs, m{"n": b64(new(big.Int).Lsh(big.NewInt(1), 1023).Bytes())}, invalid},
		{"of 2047 bits", rs, m{"n": b64(new(big.Int).Lsh(big.NewInt(1), 2046).Bytes())}, invalid},
		{"of 16384 bits", rs, m{"n": b64(new(big.Int).Lsh(big.NewInt(1), 16383).Bytes())}, invalid},
		{"EC, no alg", es, m{"alg": nil}, valid},
		{"EC, off the curve", es, m{"y": es.jwk()["x"]}, invalid},
		{"EC, the point 0, 0", es, m{"x": b64(make([]byte, 32)), "y": b64(make([]byte, 32))}, invalid},
		{"EC, coordinates too long", es, m{"x": b64(append(make([]byte, 8), 255))}, invalid},
		{"EC, another curve's name", es, m{"crv": "P-384"}, invalid},
		{"EC, no curve", es, m{"crv": nil}, invalid},
		{"Ed25519, no alg", ed, m{"alg": nil}, valid},
		{"X25519", ed, m{"crv": "X25519"}, invalid},
		{"Ed25519, short", ed, m{"x": b64([]byte("short"))}, invalid},
		{"Ed25519, empty", ed, m{"x": ""}, invalid},
	}
	bystander := edSigner("bystander")
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			token := test.signer.jwt()
			want(t, newVerifier(t, newSource(test.signer, bystander)), token, valid)
			v := newVerifier(t, &source{set: keySet(bystander.jwk(), with(test.signer, test.change))})
			want(t, v, token, test.want)
			want(t, v, bystander.jwt(), valid)
		})
	}
}

// Without a kid there must be no choice; with one, its bearers are tried.
func TestKeySetLeavesNoChoice(t *testing.T) {
	for name, pair := range algorithms() {
		self, other := pair[0], pair[1]
		renamed := signer{"k2", other.algorithm, other.private}
		anonymous := newDraft(pair)
		anonymous.header.drop("kid")
		stranger := edSigner("k9")
		if name == "EdDSA" {
			stranger = signer{"k9", "RS256", rsaKey()}
		}
		tests := []struct {
			name  string
			set   []byte
			token string
			want  string
		}{
			{"no kid, one key", publish(self), anonymous.token(), valid},
			{"no kid, one key of the algorithm", publish(self, stranger), anonymous.token(), valid},
			{"no kid, two keys", publish(self, renamed), anonymous.token(), invalid},
			{"no kid, the same key under two", keySet(self.jwk(), with(self, map[string]any{"kid": "k2"})), anonymous.token(), invalid},
			{"a kid that two keys bear", publish(other, self), self.jwt(), valid},
			{"a kid that two other keys bear", publish(other, renamed), self.jwt(), invalid},
			{"the same key twice", publish(self, self), self.jwt(), valid},
		}
		for _, test := range tests {
			t.Run(name+"/"+test.name, func(t *testing.T) {
				want(t, newVerifier(t, &source{set: test.set}), test.token, test.want)
			})
		}
	}
}

// Of a private key that upstream publishes by mistake the public half is
// used, and nothing of the other is told to anybody.
func TestKeySetWithPrivateKeys(t *testing.T) {
	rs, es, ed := rsaKey().(*rsa.PrivateKey), ecKey().(*ecdsa.PrivateKey), edKey().(ed25519.PrivateKey)
	secrets := map[string]map[string]any{
		"RS256": {"d": b64(rs.D.Bytes()), "p": b64(rs.Primes[0].Bytes()), "q": b64(rs.Primes[1].Bytes())},
		"ES256": {"d": b64(must(es.Bytes()))},
		"EdDSA": {"d": b64(ed.Seed())},
	}
	for name, pair := range algorithms() {
		t.Run(name, func(t *testing.T) {
			set, err := verify.ParseKeySet(keySet(with(pair[0], secrets[name])))
			if err != nil {
				t.Fatal(err)
			}
			v := newVerifier(t, newSource())
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

// badSets are answers of a key endpoint that must change nothing.
func badSets() map[string][]byte {
	many := make([]map[string]any, 10_000)
	for i := range many {
		many[i] = map[string]any{"kty": "OKP", "crv": "Ed25519", "kid": fmt.Sprint(i), "x": b64(make([]byte, 32))}
	}
	p384 := must(must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader)).PublicKey.Bytes()) // 4, X, Y
	good := string(publish(edSigner("k1")))
	return map[string][]byte{
		"nothing":                nil,
		"an empty object":        []byte(`{}`),
		"an empty list":          []byte(`{"keys":[]}`),
		"null for a list":        []byte(`{"keys":null}`),
		"an object for a list":   []byte(`{"keys":{}}`),
		"a list at the top":      []byte(good[len(`{"keys":`) : len(good)-1]),
		"a list of other things": []byte(`{"keys":[1,null,"a",[],{}]}`),
		"useless keys only":      keySet(with(edSigner("k1"), map[string]any{"use": "enc"})),
		"a key of P-384":         keySet(map[string]any{"kty": "EC", "crv": "P-384", "x": b64(p384[1:49]), "y": b64(p384[49:])}),
		"10,000 keys":            keySet(many...),
		"HTML":                   []byte(`<html></html>`),
		"two objects":            []byte(good + good),
		"two lists":              []byte(`{"keys":[],"keys":` + good[len(`{"keys":`):]),
		"cut short":              []byte(good[:len(good)-2]),
		"a byte order mark":      []byte("\ufeff" + good),
		"a member twice":         []byte(strings.Replace(good, `"kid":"k1"`, `"kid":"k1","kid":"k1"`, 1)),
	}
}

func TestParseKeySetRefuses(t *testing.T) {
	if _, err := verify.ParseKeySet(publish(edSigner("k1"))); err != nil {
		t.Fatal(err)
	}
	for name, data := range badSets() {
		t.Run(name, func(t *testing.T) {
			if set, err := verify.ParseKeySet(data); err == nil {
				t.Errorf("taken as %v", set.PublicKeys())
			}
		})
	}
}

package verify_test

import (
	"crypto/ecdsa"
	"encoding/asn1"
	"encoding/base64"
	"math/big"
	"strings"
	"testing"
	"time"
)

// edit returns a fault that edits the finished token.
func edit(change func(token string) string) func(*tokenBuilder) {
	return func(d *tokenBuilder) { d.edit = change }
}

// parts returns a fault that edits the three parts.
func parts(change func(p []string)) func(*tokenBuilder) {
	return edit(func(token string) string {
		p := strings.Split(token, ".")
		change(p)
		return strings.Join(p, ".")
	})
}

// insert returns a fault that inserts characters into one part.
func insert(part int, text string) func(*tokenBuilder) {
	return parts(func(p []string) { p[part] = p[part][:4] + text + p[part][4:] })
}

func TestParseTokenRejectsForm(t *testing.T) {
	const compact = "compact form"
	rows := []rejectCase{
		{name: "nothing", fault: edit(func(string) string { return "" }), reason: compact},
		{name: "two parts", fault: edit(func(s string) string { return s[:strings.LastIndexByte(s, '.')] }), reason: compact},
		{name: "four parts", fault: edit(func(s string) string { return s + ".AAAA" }), reason: compact},
		{name: "five parts, a JWE", fault: edit(func(s string) string { return s + ".AAAA.AAAA" }), reason: compact},
		{name: "a dot at the end", fault: edit(func(s string) string { return s + "." }), reason: compact},
		{name: "a dot at the start", fault: edit(func(s string) string { return "." + s }), reason: compact},
		{name: "no header", fault: parts(func(p []string) { p[0] = "" }), reason: compact},
		{name: "no payload", fault: parts(func(p []string) { p[1] = "" }), reason: compact},
		{name: "no signature", fault: parts(func(p []string) { p[2] = "" }), reason: compact},
		{name: "JSON serialisation", fault: edit(func(s string) string {
			p := strings.Split(s, ".")
			return `{"protected":"` + p[0] + `","payload":"` + p[1] + `","signature":"` + p[2] + `"}`
		}), reason: compact},
		{name: "a scheme before it", fault: edit(func(s string) string { return "Bearer " + s }), reason: compact},
		{name: "a byte order mark before it", fault: edit(func(s string) string { return "\ufeff" + s }), reason: compact},
		{name: "a zero byte behind it", fault: edit(func(s string) string { return s + "\x00" }), reason: compact},
		{name: "in quotes", fault: edit(quote), reason: compact},
		{name: "escaped", fault: edit(func(s string) string { return strings.Replace(s, ".", "%2e", 1) }), reason: compact},
		{name: "1 MB of dots", fault: edit(func(string) string { return strings.Repeat(".", 1<<20) }), reason: "too long"},
		{name: "1 MB of A", fault: edit(func(string) string { return strings.Repeat("A", 1<<20) }), reason: "too long"},
		{name: "a byte too long", fault: func(d *tokenBuilder) {
			d.claims.set("pad", quote(strings.Repeat("p", 5000)))
			d.edit = func(s string) string { return s + strings.Repeat("A", 8<<10+1-len(s)) }
		}, reason: "too long"},
	}
	for name, text := range map[string]string{
		"a line feed": "\n", "a carriage return": "\r", "a line break": "\r\n", "a space": " ", "a tab": "\t",
		"a zero byte": "\x00", "padding": "=", "standard base64's plus": "+", "standard base64's slash": "/", "a letter of UTF-8": "é",
	} {
		for part, where := range []string{"header", "payload", "signature"} {
			rows = append(rows, rejectCase{name: name + " in the " + where, fault: insert(part, text), reason: compact})
		}
		rows = append(rows,
			rejectCase{name: name + " at the start", fault: edit(func(s string) string { return text + s }), reason: compact},
			rejectCase{name: name + " at the end", fault: edit(func(s string) string { return s + text }), reason: compact},
		)
	}
	wantRejected(t, rows)
}

func TestParseTokenAcceptsLongToken(t *testing.T) {
	const maxBytes = 8 << 10
	pair := algorithms()["EdDSA"]
	d, token := newTokenBuilder(pair), ""
	d.header.set("alg", `"Ed25519"`) // with the shorter name, base64 has no such length
	for pad := 5500; len(token) < maxBytes; pad++ {
		d.claims.set("pad", quote(strings.Repeat("p", pad)))
		token = d.token()
	}
	if len(token) != maxBytes {
		t.Fatalf("token of %d bytes, want %d", len(token), maxBytes)
	}
	wantResult(t, newVerifier(t, newKeyServer(pair[0])), token, valid)
}

// setUnusedBits changes those bits of the last character of a part that encode no
// byte.
func setUnusedBits(part int) func(*tokenBuilder) {
	return parts(func(p []string) {
		const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
		at := strings.IndexByte(alphabet, p[part][len(p[part])-1])
		p[part] = p[part][:len(p[part])-1] + string(alphabet[at^1])
	})
}

// signature returns a fault that edits the bytes of the signature.
func signature(change func(raw []byte) []byte) func(*tokenBuilder) {
	return parts(func(p []string) { p[2] = b64(change(must(base64.RawURLEncoding.DecodeString(p[2])))) })
}

func TestVerifyRejectsSignature(t *testing.T) {
	rows := []rejectCase{
		{name: "another key's", fault: func(d *tokenBuilder) { d.sign = d.other.sign }, reason: "signature is invalid"},
		{name: "another token's", fault: func(d *tokenBuilder) {
			d.sign = func([]byte) []byte { return d.ownKey.sign([]byte("other.token")) }
		}, reason: "signature is invalid"},
		{name: "a flipped bit", fault: signature(func(raw []byte) []byte { raw[9] ^= 1; return raw }), reason: "signature is invalid"},
		{name: "of the right size, all zero", fault: signature(func(raw []byte) []byte { return make([]byte, len(raw)) }), reason: "signature is invalid"},
		{name: "a byte short", fault: signature(func(raw []byte) []byte { return raw[:len(raw)-1] }), reason: "signature is invalid"},
		{name: "a byte long", fault: signature(func(raw []byte) []byte { return append(raw, 0) }), reason: "signature is invalid"},
		{name: "a zero before it", fault: signature(func(raw []byte) []byte { return append([]byte{0}, raw...) }), reason: "signature is invalid"},
		{name: "of one byte", fault: parts(func(p []string) { p[2] = "AA" }), reason: "signature is invalid"},
		{name: "of half a byte", fault: parts(func(p []string) { p[2] = "A" }), reason: "compact form"},
		{name: "a second encoding of its end", fault: setUnusedBits(2), reason: "compact form"},
		{name: "claims changed afterwards", fault: parts(func(p []string) {
			p[1] = b64([]byte(claimsOf("admin", time.Now().Add(time.Hour)).String()))
		}), reason: "signature is invalid"},
		{name: "header changed afterwards", fault: parts(func(p []string) {
			p[0] = b64([]byte(strings.Replace(string(must(base64.RawURLEncoding.DecodeString(p[0]))), `"JWT"`, `"jwt"`, 1)))
		}), reason: "signature is invalid"},
	}
	wantRejected(t, rows)
}

// ECDSA signatures have several encodings. RFC 7518 §3.4 allows r and s only.
func TestVerifyRejectsECDSAEncodings(t *testing.T) {
	pair := algorithms()["ES256"]
	v := newVerifier(t, newKeyServer(pair[0]))
	n := pair[0].private.Public().(*ecdsa.PublicKey).Params().N
	rows := map[string]func(r, s *big.Int) []byte{
		"r and s zero": func(r, s *big.Int) []byte { return make([]byte, 64) },
		"s zero":       func(r, s *big.Int) []byte { return rawECDSA(r, new(big.Int)) },
		"r is n":       func(r, s *big.Int) []byte { return rawECDSA(n, s) },
		"s is n":       func(r, s *big.Int) []byte { return rawECDSA(r, n) },
		"swapped":      func(r, s *big.Int) []byte { return rawECDSA(s, r) },
		"DER": func(r, s *big.Int) []byte {
			return must(asn1.Marshal(struct{ R, S *big.Int }{R: r, S: s}))
		},
		"132 bytes": func(r, s *big.Int) []byte {
			raw := make([]byte, 132)
			r.FillBytes(raw[:66])
			s.FillBytes(raw[66:])
			return raw
		},
	}
	for name, encode := range rows {
		t.Run(name, func(t *testing.T) {
			d := newTokenBuilder(pair)
			wantResult(t, v, d.token(), valid)
			d.edit = editSignature(func(raw []byte) []byte {
				return encode(new(big.Int).SetBytes(raw[:32]), new(big.Int).SetBytes(raw[32:]))
			})
			wantResult(t, v, d.token(), invalid)
		})
	}
}

// editSignature returns a function that replaces the signature of a token.
func editSignature(change func(raw []byte) []byte) func(string) string {
	return func(token string) string {
		dot := strings.LastIndexByte(token, '.')
		return token[:dot+1] + b64(change(must(base64.RawURLEncoding.DecodeString(token[dot+1:]))))
	}
}

// secondEncoding replaces an ECDSA signature by the other valid one: s by n - s.
func secondEncoding(ownKey signingKey, token string) string {
	n := ownKey.private.Public().(*ecdsa.PublicKey).Params().N
	return editSignature(func(raw []byte) []byte {
		r, s := new(big.Int).SetBytes(raw[:32]), new(big.Int).SetBytes(raw[32:])
		return rawECDSA(r, s.Sub(n, s))
	})(token)
}

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
func edit(change func(token string) string) func(*draft) {
	return func(d *draft) { d.edit = change }
}

// parts edits the three parts.
func parts(change func(p []string)) func(*draft) {
	return edit(func(token string) string {
		p := strings.Split(token, ".")
		change(p)
		return strings.Join(p, ".")
	})
}

// insert puts text into the middle of one part.
func insert(part int, text string) func(*draft) {
	return parts(func(p []string) { p[part] = p[part][:4] + text + p[part][4:] })
}

func TestRefusesForm(t *testing.T) {
	const compact = "compact form"
	rows := []hostile{
		{"nothing", edit(func(string) string { return "" }), compact},
		{"two parts", edit(func(s string) string { return s[:strings.LastIndexByte(s, '.')] }), compact},
		{"four parts", edit(func(s string) string { return s + ".AAAA" }), compact},
		{"five parts, a JWE", edit(func(s string) string { return s + ".AAAA.AAAA" }), compact},
		{"a dot at the end", edit(func(s string) string { return s + "." }), compact},
		{"a dot at the start", edit(func(s string) string { return "." + s }), compact},
		{"no header", parts(func(p []string) { p[0] = "" }), compact},
		{"no payload", parts(func(p []string) { p[1] = "" }), compact},
		{"no signature", parts(func(p []string) { p[2] = "" }), compact},
		{"JSON serialisation", edit(func(s string) string {
			p := strings.Split(s, ".")
			return `{"protected":"` + p[0] + `","payload":"` + p[1] + `","signature":"` + p[2] + `"}`
		}), compact},
		{"a scheme before it", edit(func(s string) string { return "Bearer " + s }), compact},
		{"a byte order mark before it", edit(func(s string) string { return "\ufeff" + s }), compact},
		{"a zero byte behind it", edit(func(s string) string { return s + "\x00" }), compact},
		{"in quotes", edit(quote), compact},
		{"escaped", edit(func(s string) string { return strings.Replace(s, ".", "%2e", 1) }), compact},
		{"1 MB of dots", edit(func(string) string { return strings.Repeat(".", 1<<20) }), "too long"},
		{"1 MB of A", edit(func(string) string { return strings.Repeat("A", 1<<20) }), "too long"},
		{"a byte too long", func(d *draft) {
			d.claims.set("pad", quote(strings.Repeat("p", 5000)))
			d.edit = func(s string) string { return s + strings.Repeat("A", 8<<10+1-len(s)) }
		}, "too long"},
	}
	for name, text := range map[string]string{
		"a line feed": "\n", "a carriage return": "\r", "a line break": "\r\n", "a space": " ", "a tab": "\t",
		"a zero byte": "\x00", "padding": "=", "standard base64's plus": "+", "standard base64's slash": "/", "a letter of UTF-8": "é",
	} {
		for part, where := range []string{"header", "payload", "signature"} {
			rows = append(rows, hostile{name + " in the " + where, insert(part, text), compact})
		}
		rows = append(rows, hostile{name + " at the end", edit(func(s string) string { return s + text }), compact})
	}
	refuse(t, nil, rows)
}

// lastBits sets bits of the last character of a part that stand for no byte.
func lastBits(part int) func(*draft) {
	return parts(func(p []string) {
		const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
		at := strings.IndexByte(alphabet, p[part][len(p[part])-1])
		p[part] = p[part][:len(p[part])-1] + string(alphabet[at^1])
	})
}

// signature edits the signature's bytes.
func signature(change func(raw []byte) []byte) func(*draft) {
	return parts(func(p []string) { p[2] = b64(change(must(base64.RawURLEncoding.DecodeString(p[2])))) })
}

func TestRefusesSignature(t *testing.T) {
	rows := []hostile{
		{"another key's", func(d *draft) { d.sign = d.other.sign }, "signature is invalid"},
		{"another token's", func(d *draft) {
			d.sign = func([]byte) []byte { return d.self.sign([]byte("other.token")) }
		}, "signature is invalid"},
		{"a flipped bit", signature(func(raw []byte) []byte { raw[9] ^= 1; return raw }), "signature is invalid"},
		{"of the right size, all zero", signature(func(raw []byte) []byte { return make([]byte, len(raw)) }), "signature is invalid"},
		{"a byte short", signature(func(raw []byte) []byte { return raw[:len(raw)-1] }), "signature is invalid"},
		{"a byte long", signature(func(raw []byte) []byte { return append(raw, 0) }), "signature is invalid"},
		{"a zero before it", signature(func(raw []byte) []byte { return append([]byte{0}, raw...) }), "signature is invalid"},
		{"of one byte", parts(func(p []string) { p[2] = "AA" }), "signature is invalid"},
		{"of half a byte", parts(func(p []string) { p[2] = "A" }), "compact form"},
		{"a second spelling of its end", lastBits(2), "compact form"},
		{"claims changed afterwards", parts(func(p []string) {
			p[1] = b64([]byte(claimsOf("admin", time.Now().Add(time.Hour)).String()))
		}), "signature is invalid"},
		{"header changed afterwards", parts(func(p []string) {
			p[0] = b64([]byte(strings.Replace(string(must(base64.RawURLEncoding.DecodeString(p[0]))), `"JWT"`, `"jwt"`, 1)))
		}), "signature is invalid"},
	}
	refuse(t, nil, rows)
}

// ECDSA knows more spellings than one; RFC 7518 §3.4 takes r and s only.
func TestRefusesECDSASpellings(t *testing.T) {
	pair := algorithms()["ES256"]
	v := newVerifier(t, newSource(pair[0]))
	n := pair[0].private.Public().(*ecdsa.PublicKey).Params().N
	rows := map[string]func(r, s *big.Int) []byte{
		"r and s zero": func(r, s *big.Int) []byte { return make([]byte, 64) },
		"s zero":       func(r, s *big.Int) []byte { return rawECDSA(r, new(big.Int)) },
		"r is n":       func(r, s *big.Int) []byte { return rawECDSA(n, s) },
		"s is n":       func(r, s *big.Int) []byte { return rawECDSA(r, n) },
		"swapped":      func(r, s *big.Int) []byte { return rawECDSA(s, r) },
		"DER": func(r, s *big.Int) []byte {
			return must(asn1.Marshal(struct{ R, S *big.Int }{r, s}))
		},
		"132 bytes": func(r, s *big.Int) []byte {
			raw := make([]byte, 132)
			r.FillBytes(raw[:66])
			s.FillBytes(raw[66:])
			return raw
		},
	}
	for name, spell := range rows {
		t.Run(name, func(t *testing.T) {
			d := newDraft(pair)
			want(t, v, d.token(), valid)
			d.edit = respell(func(raw []byte) []byte {
				return spell(new(big.Int).SetBytes(raw[:32]), new(big.Int).SetBytes(raw[32:]))
			})
			want(t, v, d.token(), invalid)
		})
	}
}

// respell writes the signature of a token anew.
func respell(change func(raw []byte) []byte) func(string) string {
	return func(token string) string {
		dot := strings.LastIndexByte(token, '.')
		return token[:dot+1] + b64(change(must(base64.RawURLEncoding.DecodeString(token[dot+1:]))))
	}
}

// malleate replaces an ECDSA signature by the other valid one: s by n - s.
func malleate(self signer, token string) string {
	n := self.private.Public().(*ecdsa.PublicKey).Params().N
	return respell(func(raw []byte) []byte {
		r, s := new(big.Int).SetBytes(raw[:32]), new(big.Int).SetBytes(raw[32:])
		return rawECDSA(r, s.Sub(n, s))
	})(token)
}

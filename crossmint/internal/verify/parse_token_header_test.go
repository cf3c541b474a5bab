package verify_test

import (
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// header returns a fault that sets a member of the header.
func header(name, value string) func(*tokenBuilder) {
	return func(d *tokenBuilder) { d.header.set(name, value) }
}

// emptySignature removes the signature and keeps the dot.
func emptySignature(token string) string { return token[:strings.LastIndexByte(token, '.')+1] }

// symmetric returns a fault that signs with HMAC. Its key is public.
func symmetric(key func(*tokenBuilder) []byte) func(*tokenBuilder) {
	return func(d *tokenBuilder) {
		d.header.set("alg", `"HS256"`)
		secret := key(d)
		d.sign = func(input []byte) []byte {
			mac := hmac.New(sha256.New, secret)
			mac.Write(input)
			return mac.Sum(nil)
		}
	}
}

func publicDER(d *tokenBuilder) []byte {
	return must(x509.MarshalPKIXPublicKey(d.ownKey.private.Public()))
}

func publicPEM(d *tokenBuilder) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: publicDER(d)})
}

// publicNumbers returns the modulus of an RSA key, or the DER of another key.
func publicNumbers(d *tokenBuilder) []byte {
	if public, ok := d.ownKey.private.Public().(*rsa.PublicKey); ok {
		return public.N.Bytes()
	}
	return publicDER(d)
}

func TestParseTokenRejectsAlgorithm(t *testing.T) {
	rows := []rejectCase{
		{name: "alg missing", fault: func(d *tokenBuilder) { d.header.drop("alg") }, reason: "alg"},
		{name: "alg null", fault: header("alg", "null"), reason: "alg"},
		{name: "alg a number", fault: header("alg", "256"), reason: "alg"},
		{name: "alg in lower case", fault: func(d *tokenBuilder) { d.header.set("alg", strings.ToLower(quote(d.ownKey.algorithm))) }, reason: "alg"},
		{name: "alg with a space", fault: func(d *tokenBuilder) { d.header.set("alg", quote(d.ownKey.algorithm+" ")) }, reason: "alg"},
		{name: "alg twice, the same", fault: func(d *tokenBuilder) { d.header.add("alg", quote(d.ownKey.algorithm)) }, reason: "duplicate"},
		{name: "alg twice, none first", fault: func(d *tokenBuilder) { d.header = append(object{{"alg", `"none"`}}, d.header...) }, reason: "alg"},
		{name: "alg twice, none last", fault: func(d *tokenBuilder) { d.header.add("alg", `"none"`) }, reason: "duplicate"},
		{name: "alg twice, the second escaped", fault: func(d *tokenBuilder) { d.header.add(`\u0061lg`, `"none"`) }, reason: "duplicate"},
		{name: "alg HS256, correct signature", fault: header("alg", `"HS256"`), reason: "alg"},
		{name: "alg RS512, correct signature", fault: header("alg", `"RS512"`), reason: "alg"},
		{name: "alg PS256, correct signature", fault: header("alg", `"PS256"`), reason: "alg"},
		{name: "HS256 keyed with the PEM", fault: symmetric(publicPEM), reason: "alg"},
		{name: "HS256 keyed with the DER", fault: symmetric(publicDER), reason: "alg"},
		{name: "HS256 keyed with the numbers", fault: symmetric(publicNumbers), reason: "alg"},
		{name: "another family's alg", fault: func(d *tokenBuilder) {
			d.header.set("alg", map[string]string{"RS256": `"ES256"`, "ES256": `"EdDSA"`, "EdDSA": `"RS256"`}[d.ownKey.algorithm])
		}, reason: "no signing key fits"},
	}
	for _, none := range []string{"none", "None", "NONE", "nOnE"} {
		rows = append(rows,
			rejectCase{name: "alg " + none + ", correct signature", fault: header("alg", quote(none)), reason: "alg"},
			rejectCase{name: "alg " + none + ", no signature", fault: func(d *tokenBuilder) {
				d.header.set("alg", quote(none))
				d.edit = emptySignature
			}, reason: "compact form"},
			rejectCase{name: "alg " + none + ", some signature", fault: func(d *tokenBuilder) {
				d.header.set("alg", quote(none))
				d.edit = func(token string) string { return emptySignature(token) + "AAAA" }
			}, reason: "alg"})
	}
	wantRejected(t, rows)
}

func TestParseTokenRejectsHeader(t *testing.T) {
	rows := []rejectCase{
		{name: "kid empty", fault: header("kid", `""`), reason: "kid is not a short string"},
		{name: "kid a number", fault: header("kid", "1"), reason: "kid is not a short string"},
		{name: "kid null", fault: header("kid", "null"), reason: "kid is not a short string"},
		{name: "kid a list", fault: header("kid", `["k1"]`), reason: "kid is not a short string"},
		{name: "kid unknown", fault: header("kid", `"k2"`), reason: `no signing key fits: token's kid is "k2"`},
		{name: "kid a path", fault: header("kid", `"../../dev/null"`), reason: "no signing key fits"},
		{name: "kid with a line feed", fault: header("kid", `"k1\nlevel=ERROR"`), reason: `k1\nlevel=ERROR`},
		{name: "kid of 256 bytes, unknown", fault: header("kid", quote(strings.Repeat("k", 256))), reason: "no signing key fits"},
		{name: "kid of 257 bytes", fault: header("kid", quote(strings.Repeat("k", 257))), reason: "kid is not a short string"},
		{name: "kid of 10 KB", fault: header("kid", quote(strings.Repeat("k", 10<<10))), reason: "too long"},
		{name: "kid twice, the same", fault: func(d *tokenBuilder) { d.header.add("kid", `"k1"`) }, reason: "duplicate"},
		{name: "kid twice", fault: func(d *tokenBuilder) { d.header.add("kid", `"k2"`) }, reason: "duplicate"},
		{name: "jwk", fault: func(d *tokenBuilder) { d.header.add("jwk", string(must(json.Marshal(d.other.jwk())))) }, reason: "its own key"},
		{name: "jwk, signed with it", fault: func(d *tokenBuilder) {
			d.header.add("jwk", string(must(json.Marshal(d.other.jwk()))))
			d.sign = d.other.sign
		}, reason: "its own key"},
		{name: "jku", fault: header("jku", `"https://attacker.invalid/jwks.json"`), reason: "its own key"},
		{name: "x5u", fault: header("x5u", `"https://attacker.invalid/cert.pem"`), reason: "its own key"},
		{name: "x5c", fault: header("x5c", `["MII="]`), reason: "its own key"},
		{name: "b64 false", fault: header("b64", "false"), reason: "critical"},
		{name: "b64 true", fault: header("b64", "true"), reason: "critical"},
		{name: "crit b64", fault: header("crit", `["b64"]`), reason: "critical"},
		{name: "crit exp", fault: header("crit", `["exp"]`), reason: "critical"},
		{name: "crit empty", fault: header("crit", `[]`), reason: "critical"},
		{name: "typ JOSE", fault: header("typ", `"JOSE"`), reason: "typ"},
		{name: "typ of an access token", fault: header("typ", `"at+jwt"`), reason: "typ"},
		{name: "typ of a security event", fault: header("typ", `"application/secevent+jwt"`), reason: "typ"},
		{name: "typ of another tree", fault: header("typ", `"text/jwt"`), reason: "typ"},
		{name: "typ with the tree twice", fault: header("typ", `"application/application/jwt"`), reason: "typ"},
		{name: "typ with a parameter", fault: header("typ", `"application/jwt; v=1"`), reason: "typ"},
		{name: "typ a number", fault: header("typ", "1"), reason: "typ"},
		{name: "cty a number", fault: header("cty", "1"), reason: "cty"},
		{name: "space before it", fault: func(d *tokenBuilder) { d.rawHeader = " " + d.header.String() }, reason: "bare JSON object"},
		{name: "a line feed behind it", fault: func(d *tokenBuilder) { d.rawHeader = d.header.String() + "\n" }, reason: "bare JSON object"},
		{name: "x5t a list", fault: header("x5t", "[]"), reason: "x5t"},
	}
	for name, raw := range invalidObjects {
		rows = append(rows, rejectCase{name: "a header that is " + name, fault: func(d *tokenBuilder) { d.rawHeader = raw(d.header.String()) }, reason: ""})
	}
	wantRejected(t, rows)
}

// invalidObjects changes a valid object into one that a lax reader might accept.
var invalidObjects = map[string]func(string) string{
	"an array":                func(s string) string { return "[" + s + "]" },
	"null":                    func(string) string { return "null" },
	"a string":                func(s string) string { return quote(s) },
	"empty but for space":     func(string) string { return " " },
	"behind a BOM":            func(s string) string { return "\ufeff" + s },
	"followed by bytes":       func(s string) string { return s + "x" },
	"followed by a zero byte": func(s string) string { return s + "\x00" },
	"two objects":             func(s string) string { return s + s },
	"cut short":               func(s string) string { return s[:len(s)-1] },
	"with a trailing comma":   func(s string) string { return s[:len(s)-1] + ",}" },
	"with invalid UTF-8":      func(s string) string { return s[:len(s)-1] + ",\"x\":\"\xff\"}" },
	"with a deep member":      func(s string) string { return s[:len(s)-1] + `,"x":` + nested(40) + `}` },
	"nested 100,000 deep":     func(s string) string { return s[:len(s)-1] + `,"x":` + nested(100_000) + `}` },
	"with a nested duplicate": func(s string) string { return s[:len(s)-1] + `,"x":{"a":1,"a":2}}` },
	"with a lone surrogate":   func(s string) string { return s[:len(s)-1] + `,"x":"\ud800"}` },
	"with a raw line feed":    func(s string) string { return s[:len(s)-1] + ",\"x\":\"\n\"}" },
}

func nested(depth int) string { return strings.Repeat("[", depth) + strings.Repeat("]", depth) }

func TestParseTokenAcceptsHeader(t *testing.T) {
	wantAccepted(t, map[string]func(*tokenBuilder){
		"no typ":          func(d *tokenBuilder) { d.header.drop("typ") },
		"typ in any case": header("typ", `"jwt"`),
		"the media type":  header("typ", `"application/jwt"`),
		"in any case":     header("typ", `"Application/JWT"`),
		"no kid, one key": func(d *tokenBuilder) { d.header.drop("kid") },
		"an escaped kid":  header("kid", `"\u006b1"`),
		"unknown members": header("x", `{"y":[1,null,true,{"alg":"none"}]}`),
		"space within":    func(d *tokenBuilder) { d.rawHeader = strings.ReplaceAll(d.header.String(), ",", " ,\r\n\t") },
	})
}

// The verifier does not contact hosts that a header names.
func TestVerifyContactsOnlyUpstream(t *testing.T) {
	var contacts atomic.Int64
	host := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { contacts.Add(1) }))
	defer host.Close()
	pair := algorithms()["RS256"]
	keys := newKeyServer(pair[0])
	v := newVerifier(t, keys)
	for _, member := range []string{"jku", "x5u", "jwk", "kid", "iss"} {
		d := newTokenBuilder(pair)
		d.header.set(member, quote(host.URL))
		d.claims.set("iss", quote(host.URL))
		if _, err := v.VerifyNow(t.Context(), d.token()); member != "iss" && resultOf(err) == valid {
			t.Errorf("%s: valid", member)
		}
	}
	if got := contacts.Load(); got != 0 {
		t.Errorf("%d calls to the host that tokens name, want none", got)
	}
	if got := len(keys.fetches()); got != 1 {
		t.Errorf("%d fetches of the keys, want 1", got)
	}
}

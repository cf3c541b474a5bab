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
func header(name, value string) func(*draft) {
	return func(d *draft) { d.header.set(name, value) }
}

// emptySignature cuts the signature off and leaves the dot.
func emptySignature(token string) string { return token[:strings.LastIndexByte(token, '.')+1] }

// symmetric signs with HMAC, keyed with what everybody can read.
func symmetric(key func(*draft) []byte) func(*draft) {
	return func(d *draft) {
		d.header.set("alg", `"HS256"`)
		secret := key(d)
		d.sign = func(input []byte) []byte {
			mac := hmac.New(sha256.New, secret)
			mac.Write(input)
			return mac.Sum(nil)
		}
	}
}

func publicDER(d *draft) []byte { return must(x509.MarshalPKIXPublicKey(d.self.private.Public())) }

func publicPEM(d *draft) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: publicDER(d)})
}

// publicNumbers is the modulus, or a whole short key.
func publicNumbers(d *draft) []byte {
	if public, ok := d.self.private.Public().(*rsa.PublicKey); ok {
		return public.N.Bytes()
	}
	return publicDER(d)
}

func TestRefusesAlgorithm(t *testing.T) {
	rows := []hostile{
		{"alg missing", func(d *draft) { d.header.drop("alg") }, "alg"},
		{"alg null", header("alg", "null"), "alg"},
		{"alg a number", header("alg", "256"), "alg"},
		{"alg in lower case", func(d *draft) { d.header.set("alg", strings.ToLower(quote(d.self.algorithm))) }, "alg"},
		{"alg with a space", func(d *draft) { d.header.set("alg", quote(d.self.algorithm+" ")) }, "alg"},
		{"alg twice, the same", func(d *draft) { d.header.add("alg", quote(d.self.algorithm)) }, "duplicate"},
		{"alg twice, none first", func(d *draft) { d.header = append(object{{"alg", `"none"`}}, d.header...) }, "alg"},
		{"alg twice, none last", func(d *draft) { d.header.add("alg", `"none"`) }, "duplicate"},
		{"alg twice, the second escaped", func(d *draft) { d.header.add(`\u0061lg`, `"none"`) }, "duplicate"},
		{"alg HS256, correct signature", header("alg", `"HS256"`), "alg"},
		{"alg RS512, correct signature", header("alg", `"RS512"`), "alg"},
		{"alg PS256, correct signature", header("alg", `"PS256"`), "alg"},
		{"HS256 keyed with the PEM", symmetric(publicPEM), "alg"},
		{"HS256 keyed with the DER", symmetric(publicDER), "alg"},
		{"HS256 keyed with the numbers", symmetric(publicNumbers), "alg"},
		{"another family's alg", func(d *draft) {
			d.header.set("alg", map[string]string{"RS256": `"ES256"`, "ES256": `"EdDSA"`, "EdDSA": `"RS256"`}[d.self.algorithm])
		}, "no signing key fits"},
	}
	for _, none := range []string{"none", "None", "NONE", "nOnE"} {
		rows = append(rows,
			hostile{"alg " + none + ", correct signature", header("alg", quote(none)), "alg"},
			hostile{"alg " + none + ", no signature", func(d *draft) {
				d.header.set("alg", quote(none))
				d.edit = emptySignature
			}, "compact form"},
			hostile{"alg " + none + ", some signature", func(d *draft) {
				d.header.set("alg", quote(none))
				d.edit = func(token string) string { return emptySignature(token) + "AAAA" }
			}, "alg"})
	}
	refuse(t, nil, rows)
}

func TestRefusesHeader(t *testing.T) {
	rows := []hostile{
		{"kid empty", header("kid", `""`), "kid"},
		{"kid a number", header("kid", "1"), "kid"},
		{"kid null", header("kid", "null"), "kid"},
		{"kid a list", header("kid", `["k1"]`), "kid"},
		{"kid unknown", header("kid", `"k2"`), `no signing key fits: token's kid is "k2"`},
		{"kid a path", header("kid", `"../../dev/null"`), "no signing key fits"},
		{"kid with a line feed", header("kid", `"k1\nlevel=ERROR"`), `k1\nlevel=ERROR`},
		{"kid of 257 bytes", header("kid", quote(strings.Repeat("k", 257))), "kid"},
		{"kid of 10 KB", header("kid", quote(strings.Repeat("k", 10<<10))), "too long"},
		{"kid twice, the same", func(d *draft) { d.header.add("kid", `"k1"`) }, "duplicate"},
		{"kid twice", func(d *draft) { d.header.add("kid", `"k2"`) }, "duplicate"},
		{"jwk", func(d *draft) { d.header.add("jwk", string(must(json.Marshal(d.other.jwk())))) }, "its own key"},
		{"jwk, signed with it", func(d *draft) {
			d.header.add("jwk", string(must(json.Marshal(d.other.jwk()))))
			d.sign = d.other.sign
		}, "its own key"},
		{"jku", header("jku", `"https://attacker.invalid/jwks.json"`), "its own key"},
		{"x5u", header("x5u", `"https://attacker.invalid/cert.pem"`), "its own key"},
		{"x5c", header("x5c", `["MII="]`), "its own key"},
		{"b64 false", header("b64", "false"), "critical"},
		{"b64 true", header("b64", "true"), "critical"},
		{"crit b64", header("crit", `["b64"]`), "critical"},
		{"crit exp", header("crit", `["exp"]`), "critical"},
		{"crit empty", header("crit", `[]`), "critical"},
		{"typ JOSE", header("typ", `"JOSE"`), "typ"},
		{"typ a number", header("typ", "1"), "typ"},
		{"cty a number", header("cty", "1"), "cty"},
		{"space before it", func(d *draft) { d.rawHeader = " " + d.header.String() }, "bare JSON object"},
		{"a line feed behind it", func(d *draft) { d.rawHeader = d.header.String() + "\n" }, "bare JSON object"},
		{"x5t a list", header("x5t", "[]"), "x5t"},
	}
	for name, raw := range notOneObject {
		rows = append(rows, hostile{"a header that is " + name, func(d *draft) { d.rawHeader = raw(d.header.String()) }, ""})
	}
	refuse(t, nil, rows)
}

// notOneObject makes of a good object what a lax reader may take for it.
var notOneObject = map[string]func(string) string{
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

func TestTakesHeader(t *testing.T) {
	take(t, map[string]func(*draft){
		"no typ":          func(d *draft) { d.header.drop("typ") },
		"typ in any case": header("typ", `"jwt"`),
		"no kid, one key": func(d *draft) { d.header.drop("kid") },
		"an escaped kid":  header("kid", `"\u006b1"`),
		"unknown members": header("x", `{"y":[1,null,true,{"alg":"none"}]}`),
		"space within":    func(d *draft) { d.rawHeader = strings.ReplaceAll(d.header.String(), ",", " ,\r\n\t") },
	})
}

// What a header points at is not even looked up.
func TestContactsNoHostButUpstream(t *testing.T) {
	var contacts atomic.Int64
	host := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { contacts.Add(1) }))
	defer host.Close()
	pair := algorithms()["RS256"]
	keys := newSource(pair[0])
	v := newVerifier(t, keys)
	for _, member := range []string{"jku", "x5u", "jwk", "kid", "iss"} {
		d := newDraft(pair)
		d.header.set(member, quote(host.URL))
		d.claims.set("iss", quote(host.URL))
		if _, err := v.Verify(t.Context(), d.token()); member != "iss" && resultOf(err) == valid {
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

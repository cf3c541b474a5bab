package verify_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// claim returns a fault that sets a claim.
func claim(name, value string) func(*draft) {
	return func(d *draft) { d.claims.set(name, value) }
}

func without(name string) func(*draft) {
	return func(d *draft) { d.claims.drop(name) }
}

// seconds is a time from now as a claim.
func seconds(d time.Duration) string { return fmt.Sprint(time.Now().Add(d).Unix()) }

func TestRefusesTimes(t *testing.T) {
	rows := []hostile{{"exp missing", without("exp"), "exp"}}
	for _, name := range []string{"exp", "iat", "nbf"} {
		for _, value := range []string{
			quote(seconds(time.Hour)), "1e300", "1.8e9", "9223372036854775808", "18446744073709551616",
			"9223372036854775807", "253402300800", "-1", "0", "-0", "null", "true", "[]", "{}", `""`, seconds(0) + ".5",
		} {
			rows = append(rows, hostile{name + " " + value, claim(name, value), "whole number of seconds"})
		}
	}
	rows = append(rows,
		hostile{"nbf beyond the leeway", claim("nbf", seconds(40*time.Second)), "not valid yet"},
		hostile{"exp twice, the same", func(d *draft) { d.claims.add("exp", seconds(time.Hour)) }, "duplicate"},
		hostile{"exp twice, the first over", func(d *draft) {
			d.claims = append(object{{"exp", seconds(-time.Hour)}}, d.claims...)
		}, "duplicate"},
		hostile{"exp twice, the second escaped", func(d *draft) { d.claims.add(`\u0065xp`, seconds(time.Hour)) }, "duplicate"},
	)
	refuse(t, nil, rows)
}

func TestRefusesNames(t *testing.T) {
	rows := []hostile{
		{"sub missing", without("sub"), "sub"},
		{"sub a number", claim("sub", "1"), "sub"},
		{"sub an object", claim("sub", `{"id":"user-a"}`), "sub"},
		{"sub a list", claim("sub", `["user-a"]`), "sub"},
		{"sub null", claim("sub", "null"), "sub"},
		{"sub empty", claim("sub", `""`), "sub"},
		{"sub of 1025 bytes", claim("sub", quote(strings.Repeat("a", 1025))), "sub"},
		{"sub twice, the same", func(d *draft) { d.claims.add("sub", `"user-a"`) }, "duplicate"},
		{"sub twice", func(d *draft) { d.claims.add("sub", `"admin"`) }, "duplicate"},
		{"sub twice, the second escaped", func(d *draft) { d.claims.add(`s\u0075b`, `"admin"`) }, "duplicate"},
		{"jti a number", claim("jti", "1"), "jti"},
	}
	for name, raw := range notOneObject {
		rows = append(rows, hostile{"claims that are " + name, func(d *draft) { d.rawClaims = raw(d.claims.String()) }, ""})
	}
	refuse(t, nil, rows)
}

func TestRefusesAudience(t *testing.T) {
	refuse(t, nil, []hostile{
		{"another project's", claim("aud", `"proj-2"`), `"\"proj-2\"", expected "proj-1"`},
		{"missing", without("aud"), "aud"},
		{"null", claim("aud", "null"), "aud"},
		{"a number", claim("aud", "1"), "aud"},
		{"an object", claim("aud", "{}"), "aud"},
		{"an object of projects", claim("aud", `{"proj-1":true}`), "aud"},
		{"empty", claim("aud", `""`), "expected"},
		{"an empty list", claim("aud", "[]"), "expected"},
		{"a list of others", claim("aud", `["proj-2","proj-3"]`), "expected"},
		{"a list with a number", claim("aud", `["proj-1",1]`), "aud"},
		{"a list with null", claim("aud", `[null,"proj-1"]`), "aud"},
		{"a list in a list", claim("aud", `[["proj-1"]]`), "aud"},
		{"in another case", claim("aud", `"Proj-1"`), "expected"},
		{"longer", claim("aud", `"proj-12"`), "expected"},
		{"shorter", claim("aud", `"proj-"`), "expected"},
		{"with a zero byte", claim("aud", `"proj-1\u0000"`), "expected"},
		{"joined by a comma", claim("aud", `"proj-1,proj-2"`), "expected"},
		{"twice", func(d *draft) { d.claims.add("aud", `"proj-1"`) }, "duplicate"},
		{"very long", claim("aud", quote(strings.Repeat("p", 4000))), `pp\u2026", expected`},
	})
}

func TestRefusesIssuer(t *testing.T) {
	const issuer = "https://issuer.example"
	// The control must have the right issuer, so this table has its own.
	for name, pair := range algorithms() {
		config := configOf(newSource(pair[0]))
		config.Issuer = issuer
		v := newVerifierWith(t, config)
		rows := map[string]struct{ value, verdict string }{
			"the right one": {quote(issuer), valid},
			"escaped":       {`"https:\/\/issuer.example"`, valid},
			"another":       {`"https://issuer.example.attacker.invalid"`, invalid},
			"with a slash":  {quote(issuer + "/"), invalid},
			"a number":      {"1", invalid},
			"a list":        {"[" + quote(issuer) + "]", invalid},
			"null":          {"null", invalid},
			"missing":       {"", invalid},
		}
		for row, test := range rows {
			t.Run(name+"/"+row, func(t *testing.T) {
				d := newDraft(pair)
				if test.value != "" {
					d.claims.set("iss", test.value)
				}
				want(t, v, d.token(), test.verdict)
			})
		}
	}
}

func TestTakesClaims(t *testing.T) {
	take(t, map[string]func(*draft){
		"a list of audiences":      claim("aud", `["other","proj-1"]`),
		"a list of one":            claim("aud", `["proj-1"]`),
		"an escaped audience":      claim("aud", `"proj\u002d1"`),
		"an escaped sub":           claim("sub", `"user\u002da"`),
		"no iat":                   without("iat"),
		"any issuer":               claim("iss", `"https://somebody.example"`),
		"nbf within the leeway":    claim("nbf", seconds(20*time.Second)),
		"exp at the end of 9999":   claim("exp", "253402300799"),
		"claims nobody knows":      claim("custom", `{"roles":["a"],"depth":[[[1.5e3]]]}`),
		"a nested sub":             claim("custom", `{"sub":"admin","exp":1}`),
		"names in another case":    func(d *draft) { d.claims.add("SUB", `"admin"`) },
		"a jti":                    claim("jti", `"1"`),
		"twenty claims":            func(d *draft) { addClaims(d, 20) },
		"a token of 7 KB":          claim("pad", quote(strings.Repeat("p", 5000))),
		"space around everything":  func(d *draft) { d.rawClaims = "\n " + d.claims.String() + " \n" },
		"thirty-two levels at all": claim("custom", nested(31)),
	})
}

func addClaims(d *draft, count int) {
	for i := range count {
		d.claims.add(fmt.Sprintf("c%d", i), "1")
	}
}

package verify_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// claim returns a fault that sets a claim.
func claim(name, value string) func(*tokenBuilder) {
	return func(d *tokenBuilder) { d.claims.set(name, value) }
}

// without returns a fault that removes a claim.
func without(name string) func(*tokenBuilder) {
	return func(d *tokenBuilder) { d.claims.drop(name) }
}

// seconds returns the time after d as a claim.
func seconds(d time.Duration) string { return fmt.Sprint(time.Now().Add(d).Unix()) }

func TestParseTokenRejectsTimes(t *testing.T) {
	const reason = "not a time in seconds"
	rows := []rejectCase{{name: "exp missing", fault: without("exp"), reason: reason}}
	for _, name := range []string{"exp", "iat", "nbf"} {
		for _, value := range []string{
			quote(seconds(time.Hour)), "1e300", "1.8e9", "1.0E0", "17e8", "1e-1", "9223372036854775808", "18446744073709551616",
			"9223372036854775807", "253402300800", "253402300800.0", "-1", "-0", "-0.0", "-0.5", "null", "true", "[]", "{}", `""`,
		} {
			rows = append(rows, rejectCase{name: name + " " + value, fault: claim(name, value), reason: reason})
		}
	}
	// Readers round fractions differently, and must agree on the end of a token.
	for _, value := range []string{"0", "0.0", "0.5", seconds(time.Hour) + ".5", seconds(time.Hour) + ".000000001"} {
		rows = append(rows, rejectCase{name: "exp " + value, fault: claim("exp", value), reason: reason})
	}
	rows = append(rows,
		rejectCase{name: "nbf beyond the leeway, with a fraction", fault: claim("nbf", seconds(40*time.Second)+".9"), reason: "not valid yet"},
		rejectCase{name: "nbf beyond the leeway", fault: claim("nbf", seconds(40*time.Second)), reason: "not valid yet"},
		rejectCase{name: "exp twice, the same", fault: func(d *tokenBuilder) { d.claims.add("exp", seconds(time.Hour)) }, reason: "duplicate"},
		rejectCase{name: "exp twice, the first expired", fault: func(d *tokenBuilder) {
			d.claims = append(object{{"exp", seconds(-time.Hour)}}, d.claims...)
		}, reason: "duplicate"},
		rejectCase{name: "exp twice, the second escaped", fault: func(d *tokenBuilder) { d.claims.add(`\u0065xp`, seconds(time.Hour)) }, reason: "duplicate"},
	)
	wantRejected(t, rows)
}

func TestParseTokenRejectsSubject(t *testing.T) {
	rows := []rejectCase{
		{name: "sub missing", fault: without("sub"), reason: "sub"},
		{name: "sub a number", fault: claim("sub", "1"), reason: "sub"},
		{name: "sub an object", fault: claim("sub", `{"id":"user-a"}`), reason: "sub"},
		{name: "sub a list", fault: claim("sub", `["user-a"]`), reason: "sub"},
		{name: "sub null", fault: claim("sub", "null"), reason: "sub"},
		{name: "sub empty", fault: claim("sub", `""`), reason: "sub"},
		{name: "sub of 1025 bytes", fault: claim("sub", quote(strings.Repeat("a", 1025))), reason: "sub"},
		{name: "sub twice, the same", fault: func(d *tokenBuilder) { d.claims.add("sub", `"user-a"`) }, reason: "duplicate"},
		{name: "sub twice", fault: func(d *tokenBuilder) { d.claims.add("sub", `"admin"`) }, reason: "duplicate"},
		{name: "sub twice, the second escaped", fault: func(d *tokenBuilder) { d.claims.add(`s\u0075b`, `"admin"`) }, reason: "duplicate"},
	}
	for name, raw := range invalidObjects {
		rows = append(rows, rejectCase{name: "claims that are " + name, fault: func(d *tokenBuilder) { d.rawClaims = raw(d.claims.String()) }, reason: ""})
	}
	wantRejected(t, rows)
}

func TestParseTokenRejectsJTI(t *testing.T) {
	const reason = "jti is not a string or a number"
	wantRejected(t, []rejectCase{
		{name: "null", fault: claim("jti", "null"), reason: reason},
		{name: "true", fault: claim("jti", "true"), reason: reason},
		{name: "false", fault: claim("jti", "false"), reason: reason},
		{name: "an object", fault: claim("jti", `{"id":"1"}`), reason: reason},
		{name: "a list", fault: claim("jti", `["1"]`), reason: reason},
		{name: "an empty list", fault: claim("jti", "[]"), reason: reason},
		{name: "with an escaped name", fault: claim(`\u006ati`, "null"), reason: reason},
	})
}

func TestVerifyRejectsAudience(t *testing.T) {
	wantRejected(t, []rejectCase{
		{name: "another project's", fault: claim("aud", `"proj-2"`), reason: `its aud is "proj-2", expected "proj-1"`},
		{name: "missing", fault: without("aud"), reason: "aud"},
		{name: "null", fault: claim("aud", "null"), reason: "aud"},
		{name: "a number", fault: claim("aud", "1"), reason: "aud"},
		{name: "an object", fault: claim("aud", "{}"), reason: "aud"},
		{name: "an object of projects", fault: claim("aud", `{"proj-1":true}`), reason: "aud"},
		{name: "empty", fault: claim("aud", `""`), reason: "expected"},
		{name: "an empty list", fault: claim("aud", "[]"), reason: "expected"},
		{name: "a list of others", fault: claim("aud", `["proj-2","proj-3"]`), reason: "expected"},
		{name: "a list with a number", fault: claim("aud", `["proj-1",1]`), reason: "aud"},
		{name: "a list with null", fault: claim("aud", `[null,"proj-1"]`), reason: "aud"},
		{name: "a list in a list", fault: claim("aud", `[["proj-1"]]`), reason: "aud"},
		{name: "in another case", fault: claim("aud", `"Proj-1"`), reason: "expected"},
		{name: "longer", fault: claim("aud", `"proj-12"`), reason: "expected"},
		{name: "shorter", fault: claim("aud", `"proj-"`), reason: "expected"},
		{name: "with a zero byte", fault: claim("aud", `"proj-1\u0000"`), reason: "expected"},
		{name: "joined by a comma", fault: claim("aud", `"proj-1,proj-2"`), reason: "expected"},
		{name: "twice", fault: func(d *tokenBuilder) { d.claims.add("aud", `"proj-1"`) }, reason: "duplicate"},
		{name: "of eighty bytes", fault: claim("aud", quote(strings.Repeat("p", 80))), reason: quote(strings.Repeat("p", 80)) + ", expected"},
		{name: "very long", fault: claim("aud", quote(strings.Repeat("p", 4000))), reason: `pp\u2026", expected`},
	})
}

func TestVerifyChecksIssuer(t *testing.T) {
	const issuer = "https://issuer.example"
	// wantRejected cannot be used: its control has no issuer.
	for name, pair := range algorithms() {
		config := configOf(newKeyServer(pair[0]))
		config.Issuer = issuer
		v := newVerifierWith(t, config)
		rows := map[string]struct{ value, want string }{
			"the right one": {value: quote(issuer), want: valid},
			"escaped":       {value: `"https:\/\/issuer.example"`, want: valid},
			"another":       {value: `"https://issuer.example.attacker.invalid"`, want: invalid},
			"with a slash":  {value: quote(issuer + "/"), want: invalid},
			"a number":      {value: "1", want: invalid},
			"a list":        {value: "[" + quote(issuer) + "]", want: invalid},
			"null":          {value: "null", want: invalid},
			"missing":       {value: "", want: invalid},
		}
		for row, test := range rows {
			t.Run(name+"/"+row, func(t *testing.T) {
				d := newTokenBuilder(pair)
				if test.value != "" {
					d.claims.set("iss", test.value)
				}
				wantResult(t, v, d.token(), test.want)
			})
		}
	}
}

func TestParseTokenAcceptsClaims(t *testing.T) {
	wantAccepted(t, map[string]func(*tokenBuilder){
		"a list of audiences":      claim("aud", `["other","proj-1"]`),
		"a list of one":            claim("aud", `["proj-1"]`),
		"an escaped audience":      claim("aud", `"proj\u002d1"`),
		"an escaped sub":           claim("sub", `"user\u002da"`),
		"no iat":                   without("iat"),
		"any issuer":               claim("iss", `"https://any.example"`),
		"nbf within the leeway":    claim("nbf", seconds(20*time.Second)),
		"exp at the end of 9999":   claim("exp", "253402300799"),
		"unknown claims":           claim("custom", `{"roles":["a"],"depth":[[[1.5e3]]]}`),
		"a nested sub":             claim("custom", `{"sub":"admin","exp":1}`),
		"names in another case":    func(d *tokenBuilder) { d.claims.add("SUB", `"admin"`) },
		"a jti":                    claim("jti", `"1"`),
		"an empty jti":             claim("jti", `""`),
		"a numeric jti":            claim("jti", "1"),
		"a negative jti":           claim("jti", "-1.5e400"),
		"an nbf of zero":           claim("nbf", "0"),
		"a fractional nbf":         claim("nbf", seconds(0)+".5"),
		"twenty claims":            func(d *tokenBuilder) { addClaims(d, 20) },
		"a token of 7 KB":          claim("pad", quote(strings.Repeat("p", 5000))),
		"space around everything":  func(d *tokenBuilder) { d.rawClaims = "\n " + d.claims.String() + " \n" },
		"thirty-two levels at all": claim("custom", nested(31)),
	})
}

func TestParseTokenAcceptsLongSubject(t *testing.T) {
	pair := algorithms()["EdDSA"]
	sub := strings.Repeat("a", 1024)
	d := newTokenBuilder(pair)
	d.claims.set("sub", quote(sub))
	token, err := newVerifier(t, newKeyServer(pair[0])).VerifyNow(t.Context(), d.token())
	if err != nil || token.UserID != sub {
		t.Errorf("error %v", err)
	}
}

// A time is rounded down. An "iat" of zero counts as absent.
func TestParseTokenReadsTimes(t *testing.T) {
	now := time.Now().Truncate(time.Second)
	exp := now.Add(time.Hour)
	whole := fmt.Sprint(exp.Unix())
	tests := []struct {
		name, claim, value string
		issuedAt           time.Time
	}{
		{name: "exp with a zero after the point", claim: "exp", value: whole + ".0", issuedAt: now},
		{name: "exp with six zeros after the point", claim: "exp", value: whole + ".000000", issuedAt: now},
		{name: "iat with a zero after the point", claim: "iat", value: fmt.Sprint(now.Unix()) + ".0", issuedAt: now},
		{name: "iat with a half", claim: "iat", value: fmt.Sprint(now.Unix()) + ".5", issuedAt: now},
		{name: "iat just before the next second", claim: "iat", value: fmt.Sprint(now.Unix()) + ".999999999999", issuedAt: now},
		{name: "iat zero", claim: "iat", value: "0"},
		{name: "iat zero with a zero after the point", claim: "iat", value: "0.0"},
		{name: "iat in the first second", claim: "iat", value: "0.9"},
		{name: "iat after exp", claim: "iat", value: fmt.Sprint(exp.Add(time.Hour).Unix()), issuedAt: exp.Add(time.Hour)},
		{name: "nbf with a fraction", claim: "nbf", value: fmt.Sprint(now.Unix()) + ".25", issuedAt: now},
	}
	pair := algorithms()["EdDSA"]
	v := newVerifier(t, newKeyServer(pair[0]))
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d := newTokenBuilder(pair)
			d.claims = claimsOf("user-a", exp)
			d.claims.set(test.claim, test.value)
			got, err := v.VerifyNow(t.Context(), d.token())
			if err != nil {
				t.Fatal(err)
			}
			want := []time.Time{test.issuedAt, exp}
			if diff := cmp.Diff(want, []time.Time{got.IssuedAt, got.ExpiresAt}); diff != "" {
				t.Errorf("iat and exp (-want +got):\n%s", diff)
			}
		})
	}
}

func addClaims(d *tokenBuilder, count int) {
	for i := range count {
		d.claims.add(fmt.Sprintf("c%d", i), "1")
	}
}

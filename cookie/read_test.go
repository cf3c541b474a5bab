package cookie_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/session"
	"github.com/google/go-cmp/cmp"
)

// TestReadRefreshTokens observes the refresh tokens that reach upstream, which
// knows none of them.
func TestReadRefreshTokens(t *testing.T) {
	tests := []struct {
		name  string
		lines []string
		want  []string
	}{
		{name: "documented", lines: []string{pairs(plainRefresh, "a")}, want: []string{"a"}},
		{name: "unscoped", lines: []string{pairs(unscopedJWT, "x", plainRefresh, "a")}, want: []string{"a"}},
		{name: "scoped", lines: []string{pairs(scopedJWT, "x", scopedRefresh, "a")}, want: []string{"a"}},
		{name: "scoped, refresh token only", lines: []string{pairs(scopedRefresh, "a")}, want: []string{"a"}},
		{name: "two name sets, the configured one first", lines: []string{pairs(scopedRefresh, "b", plainRefresh, "a")}, want: []string{"a", "b"}},
		{name: "one token under two names is one", lines: []string{pairs(scopedRefresh, "a", plainRefresh, "a")}, want: []string{"a"}},
		{name: "several lines", lines: []string{"theme=dark", pairs(plainRefresh, "a")}, want: []string{"a"}},
		{name: "one name twice, in order", lines: []string{pairs(plainRefresh, "a", plainRefresh, "b")}, want: []string{"a", "b"}},
		{name: "never more than two", lines: []string{pairs(plainRefresh, "a", plainRefresh, "b", plainRefresh, "c")}, want: []string{"a", "b"}},

		{name: "quoted", lines: []string{pairs(plainRefresh, `"a"`)}, want: []string{"a"}},
		{name: "equals signs", lines: []string{pairs(plainRefresh, "a=b==")}, want: []string{"a=b=="}},
		{name: "percent signs are literal", lines: []string{pairs(plainRefresh, "%20a%3B")}, want: []string{"%20a%3B"}},
		{name: "spaces around", lines: []string{"  " + plainRefresh + " =a  ;theme=dark"}, want: []string{"a"}},
		{name: "name in another case", lines: []string{pairs("Crossmint-Refresh-Token", "a")}},
		{name: "empty", lines: []string{pairs(plainRefresh, "")}},
		{name: "empty in quotes", lines: []string{pairs(plainRefresh, `""`)}},
		{name: "no equals sign", lines: []string{plainRefresh}},
		{name: "an empty one does not hide the next", lines: []string{pairs(plainRefresh, "", plainRefresh, "a")}, want: []string{"a"}},
		{name: "control byte", lines: []string{pairs(plainRefresh, "LI\x01VE")}},
		{name: "tab inside", lines: []string{pairs(plainRefresh, "LI\tVE")}},
		{name: "backslash", lines: []string{pairs(plainRefresh, `LI\VE`)}},
		{name: "quote inside", lines: []string{pairs(plainRefresh, `LI"VE`)}},
		{name: "not ASCII", lines: []string{pairs(plainRefresh, "LIVÉ")}},
		{name: "DEL", lines: []string{pairs(plainRefresh, "LIVE\x7f")}},
		{name: "a dropped one does not hide the next", lines: []string{pairs(plainRefresh, `x\`, plainRefresh, "a")}, want: []string{"a"}},
		{name: "above 2 KiB", lines: []string{pairs(plainRefresh, strings.Repeat("a", 2049))}},
		{name: "longer name", lines: []string{pairs(plainRefresh+"2", "a", scopedRefresh+"2", "b")}},
		{name: "name with something before", lines: []string{pairs("x"+plainRefresh, "a")}},
		{name: "another project's name", lines: []string{pairs(plainRefresh+"-dfb06708-a46f-4615-bd34-f614ae284e7b", "a")}},
		{name: "more cookies than net/http accepts", lines: []string{strings.Repeat("a=b;", cookie.MaxCookies) + pairs(plainRefresh, "a")}},
		{name: "a header of 100 KB", lines: []string{"big=" + strings.Repeat("x", 100_000) + "; " + pairs(plainRefresh, "a")}, want: []string{"a"}},
	}
	e := newEnv(t, crossminttest.Config{})
	codec := newCodec(t, cookie.Config{})
	for i, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			// The manager caches rejections, so each row needs its own tokens.
			suffix := fmt.Sprintf("-%d", i)
			var lines, want []string
			for _, line := range test.lines {
				lines = append(lines, addSuffix(line, suffix))
			}
			for _, token := range test.want {
				want = append(want, `{"refresh":"`+token+suffix+`"}`)
			}
			before := len(e.refreshes.all())
			material := codec.Read(request(lines...)).Material
			if _, err := e.sessions.Authenticate(t.Context(), material); err == nil {
				t.Error("there is a session")
			}
			if diff := cmp.Diff(want, append([]string(nil), e.refreshes.all()[before:]...)); diff != "" {
				t.Errorf("refreshes (-want +got):\n%s", diff)
			}
		})
	}
}

// addSuffix appends suffix to the refresh tokens in a line of a Cookie header.
func addSuffix(line, suffix string) string {
	parts := strings.Split(line, ";")
	for i, part := range parts {
		name, value, found := strings.Cut(part, "=")
		bare := strings.Trim(strings.TrimSpace(value), `"`)
		if found && bare != "" && strings.Contains(strings.ToLower(name), "refresh") {
			parts[i] = name + "=" + strings.Replace(value, bare, bare+suffix, 1)
		}
	}
	return strings.Join(parts, ";")
}

func TestReadWithoutSessionCookies(t *testing.T) {
	for _, lines := range [][]string{nil, {""}, {pairs("theme", "dark")}, {pairs(documentedJWT, "", plainRefresh, "")}} {
		material := newCodec(t, cookie.Config{}).Read(request(lines...)).Material
		if !material.JWT.IsZero() || !material.RefreshToken.IsZero() || material.Others != nil {
			t.Errorf("%q: the material is not empty", lines)
		}
	}
}

// Two name sets can have one JWT name. A pair is read once.
func TestReadPairOfSharedJWTName(t *testing.T) {
	codec := newCodec(t, cookie.Config{Names: cookie.Names{JWT: unscopedJWT, RefreshToken: "other-refresh"}})
	for _, line := range []string{pairs(unscopedJWT, "j"), pairs(unscopedJWT, "j", "other-refresh", "r")} {
		if others := codec.Read(request(line)).Material.Others; len(others) != 0 {
			t.Errorf("%s: %d more pairs", line, len(others))
		}
	}
}

func TestReadPairs(t *testing.T) {
	e := newEnv(t, crossminttest.Config{})
	ann := e.fake.NewUser("ann@example.com")
	valid, expired := e.fake.JWT(ann), e.fake.ExpiredJWT(ann)
	tests := []struct {
		name string
		line string
		want string // the refresh token beside the JWT that the manager accepts
	}{
		{name: "documented", line: pairs(documentedJWT, valid, plainRefresh, "a"), want: "a"},
		{name: "unscoped", line: pairs(unscopedJWT, valid, plainRefresh, "a"), want: "a"},
		{name: "scoped", line: pairs(scopedJWT, valid, scopedRefresh, "a"), want: "a"},
		{name: "quoted", line: pairs(documentedJWT, `"`+valid+`"`, plainRefresh, "a"), want: "a"},
		{name: "the expired pair first", line: pairs(documentedJWT, expired, plainRefresh, "a", documentedJWT, valid, plainRefresh, "b"), want: "b"},
		{name: "the valid pair first", line: pairs(documentedJWT, valid, plainRefresh, "a", documentedJWT, expired, plainRefresh, "b"), want: "a"},
		{name: "expired configured, valid scoped", line: pairs(documentedJWT, expired, plainRefresh, "a", scopedJWT, valid, scopedRefresh, "b"), want: "b"},
		{name: "valid configured, expired scoped", line: pairs(documentedJWT, valid, plainRefresh, "a", scopedJWT, expired, scopedRefresh, "b"), want: "a"},
		{name: "two JWTs beside one refresh token", line: pairs(documentedJWT, expired, unscopedJWT, valid, plainRefresh, "a"), want: "a"},
		{name: "one name twice, the other once", line: pairs(documentedJWT, expired, documentedJWT, valid, plainRefresh, "a"), want: "a"},
		{name: "a valid JWT without a refresh token beside a pair", line: pairs(scopedJWT, valid, documentedJWT, valid, plainRefresh, "a"), want: "a"},
	}
	codec := newCodec(t, cookie.Config{})
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			result, err := e.sessions.Authenticate(t.Context(), codec.Read(request(test.line)).Material)
			if err != nil {
				t.Fatal(err)
			}
			got := []string{result.Session.JWT.Reveal(), result.Session.RefreshToken.Secret.Reveal()}
			if diff := cmp.Diff([]string{valid, test.want}, got); diff != "" {
				t.Errorf("session (-want +got):\n%s", diff)
			}
		})
	}
	if calls := e.fake.Calls().Refresh; calls != 0 {
		t.Errorf("%d refreshes", calls)
	}
}

// A JWT cookie with bytes that net/http drops reaches the verification, which
// accepts only base64url.
func TestReadJWTWithInvalidBytes(t *testing.T) {
	e := newEnv(t, crossminttest.Config{})
	codec := newCodec(t, cookie.Config{})
	ann := e.fake.NewUser("ann@example.com")
	jwt := e.fake.JWT(ann)
	for _, b := range []string{"\x00", "\x01", "\t", "\n", "\r", `"`, `\`, "\x7f", "\x80", "é"} {
		for _, at := range []int{0, 1, len(jwt) / 2, len(jwt)} {
			t.Run(fmt.Sprintf("%q at %d of %d", b, at, len(jwt)), func(t *testing.T) {
				invalid := jwt[:at] + b + jwt[at:] + "x"
				_, err := e.sessions.Authenticate(t.Context(), codec.Read(request(pairs(documentedJWT, invalid))).Material)
				var rejected *session.AuthenticationError
				if !errors.As(err, &rejected) || rejected.Clear {
					t.Errorf("alone: error %v, want an AuthenticationError that keeps the cookies", err)
				}
				before := e.fake.Calls().Refresh
				refresh := e.fake.Grant(ann).RefreshToken.Secret.Reveal()
				result, err := e.sessions.Authenticate(t.Context(), codec.Read(request(pairs(documentedJWT, invalid, plainRefresh, refresh))).Material)
				if err != nil || result.Renewed == nil || e.fake.Calls().Refresh-before != 1 {
					t.Errorf("beside a refresh token: error %v, %d refreshes, want a renewed session with 1", err, e.fake.Calls().Refresh-before)
				}
			})
		}
	}
}

func TestEveryByteOfARefreshCookieIsChecked(t *testing.T) {
	for length := 1; length <= 17; length++ {
		for at := range length {
			for b := range 256 {
				value := []byte(strings.Repeat("x", length))
				value[at] = byte(b)
				want := b >= 0x20 && b < 0x7f && b != '"' && b != '\\'
				if got := cookie.ValidValue(string(value)); got != want {
					t.Fatalf("byte %#x at %d of %d: %v, want %v", b, at, length, got, want)
				}
			}
		}
	}
}

// parserNames are sets of names that the parser could confuse.
var parserNames = []cookie.Names{cookie.DocumentedNames(), cookie.Unscoped(), cookie.Scoped(project), {JWT: "a", RefreshToken: "ab"}, {JWT: "__Host-a", RefreshToken: "__Host-b"}}

// FuzzParse compares the parser with that of net/http.
func FuzzParse(f *testing.F) {
	var codecs []*cookie.Codec
	for i, names := range parserNames {
		typical := pairs("theme", "dark", names.JWT, "eyJhbGciOiJFZERTQSJ9.e30.c2lnbmF0dXJl", names.RefreshToken, "0123456789-abcdef")
		for _, line := range []string{
			typical, typical + ";", " " + typical, "\t" + typical, strings.ReplaceAll(typical, "; ", ";"), strings.ReplaceAll(typical, "; ", ";  "), strings.ReplaceAll(typical, "=", " ="),
			strings.ReplaceAll(typical, ";", " ;"), typical + "; " + names.JWT + "=x", typical + "; " + unscopedJWT + "=x", typical + `"`, typical + "\\", typical + " ", typical + "\x7f",
			strings.Replace(typical, "=0", `="0`, 1) + `"`, strings.Replace(typical, "=e", `="e`, 1), strings.Replace(typical, "eyJ", "", 1),
			strings.Repeat(names.JWT+"=\\;", cookie.MaxValuesPerName-1) + typical, strings.Repeat(names.RefreshToken+"=\\;", cookie.MaxValuesPerName+1) + typical,
		} {
			f.Add(uint8(i), line, "")
		}
		codecs = append(codecs, newCodec(f, cookie.Config{Names: names}))
	}
	for _, line := range []string{
		pairs(documentedJWT, "a", plainRefresh, "b"), pairs(plainRefresh, `"a"`), pairs(plainRefresh, "a=b=="), pairs(plainRefresh, `a\b`),
		plainRefresh + " =\ta ;;= ;" + plainRefresh, pairs(plainRefresh, `"`), pairs(plainRefresh, "a\x00b", scopedRefresh, "é"),
		" \t" + unscopedJWT + "=x", plainRefresh + " b=a;" + plainRefresh + "\x01=a", strings.Repeat(plainRefresh+"=a;", 20),
	} {
		f.Add(uint8(0), line, "theme=dark")
		f.Add(uint8(0), "", line)
		f.Add(uint8(0), line, "")
	}
	f.Fuzz(func(t *testing.T, which uint8, first, second string) {
		if strings.Count(first+second, ";")+2 > cookie.MaxCookies {
			return // releases of net/http differ
		}
		codec := codecs[int(which)%len(codecs)]
		lines := []string{first}
		if second != "" {
			lines = append(lines, second)
		}
		r := request(lines...)
		for name, got := range codec.Parse(r.Header["Cookie"]) {
			compareWithNetHTTP(t, r, name, got, codec.IsJWT(name))
		}
	})
}

// compareWithNetHTTP compares the values of one name. They are the same for a
// refresh cookie. The values of a JWT cookie are those that net/http returns, and
// others that it drops.
func compareWithNetHTTP(t *testing.T, r *http.Request, name string, got []string, isJWT bool) {
	t.Helper()
	var want []string
	for _, c := range r.CookiesNamed(name) {
		if c.Value != "" && len(want) < cookie.MaxValuesPerName {
			want = append(want, c.Value)
		}
	}
	if isJWT {
		full := len(got) == cookie.MaxValuesPerName
		got = validValues(got)
		if full { // dropped values count as well
			want = want[:min(len(got), len(want))]
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("values of %s (-want +got):\n%s", name, diff)
	}
}

func validValues(values []string) (valid []string) {
	for _, value := range values {
		if cookie.ValidValue(value) {
			valid = append(valid, value)
		}
	}
	return valid
}

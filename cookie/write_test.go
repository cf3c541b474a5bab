package cookie_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/internal/bounds"
	"github.com/crossmint-go/auth/session"
	"github.com/google/go-cmp/cmp"
)

func TestWrite(t *testing.T) {
	tests := []struct {
		name   string
		config cookie.Config
		lines  []string
		want   []string
	}{
		{name: "nothing there", want: []string{"crossmint-session=J", "crossmint-refresh-token=R"}},
		{name: "the same names there", lines: []string{pairs(documentedJWT, "j", plainRefresh, "r")},
			want: []string{"crossmint-session=J", "crossmint-refresh-token=R"}},
		{name: "all name sets there", lines: []string{pairs(documentedJWT, "j", unscopedJWT, "j", plainRefresh, "r", scopedJWT, "j", scopedRefresh, "r")},
			want: []string{"-" + scopedJWT, "-" + scopedRefresh, "-crossmint-jwt", "crossmint-session=J", "crossmint-refresh-token=R"}},
		{name: "another name configured", config: cookie.Config{Names: cookie.Names{JWT: "__Host-j", RefreshToken: "__Host-r"}}, lines: []string{pairs(documentedJWT, "j", plainRefresh, "r")},
			want: []string{"-crossmint-refresh-token", "-crossmint-session", "__Host-j=J", "__Host-r=R"}},
		{name: "other names are deleted for the host and the Domain", config: cookie.Config{Domain: "example.com"}, lines: []string{pairs(unscopedJWT, "j")},
			want: []string{"-crossmint-jwt @example.com", "-crossmint-jwt", "crossmint-session=J @example.com", "crossmint-refresh-token=R @example.com"}},
		{name: "the host's own cookies from before there was a Domain", config: cookie.Config{Domain: "example.com"}, lines: []string{pairs(documentedJWT, "j", plainRefresh, "r")},
			want: []string{"-crossmint-session", "-crossmint-refresh-token", "crossmint-session=J @example.com", "crossmint-refresh-token=R @example.com"}},
		{name: "those of another project stay", lines: []string{pairs("crossmint-jwt-other", "j", "crossmint-refresh-token-other", "r")},
			want: []string{"crossmint-session=J", "crossmint-refresh-token=R"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			if err := newCodec(t, test.config).Write(w, request(test.lines...), grant("J", "R")); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, setCookies(t, w)); diff != "" {
				t.Errorf("cookies (-want +got):\n%s", diff)
			}
		})
	}
}

// lifetime returns the lifetime of a cookie in whole minutes, because the exact
// second depends on the clock. It returns 0 for a session cookie, and -1 where
// Max-Age and Expires differ.
func lifetime(c *http.Cookie) time.Duration {
	if c.MaxAge == 0 && c.Expires.IsZero() {
		return 0
	}
	byMaxAge, byDate := time.Duration(c.MaxAge)*time.Second, time.Until(c.Expires)
	if (byMaxAge - byDate).Abs() > 2*time.Second {
		return -1
	}
	return byMaxAge.Round(time.Minute)
}

func TestLifetime(t *testing.T) {
	const day = 24 * time.Hour
	in := func(d time.Duration) string { return time.Now().Add(d).Format(time.RFC3339) }
	tests := []struct {
		name    string
		config  cookie.Config
		expires string
		want    time.Duration
	}{
		{name: "with the refresh token", expires: in(30 * day), want: 30 * day},
		{name: "not a date", expires: "soon"},
		{name: "past", expires: in(-time.Hour)},
		{name: "year 1500", expires: "1500-01-01T00:00:00Z"},
		{name: "beyond 400 days", expires: in(4000 * day), want: 400 * day},
		{name: "year 9999", expires: "9999-12-31T23:59:59Z", want: 400 * day},
		{name: "configured", config: cookie.Config{Lifetime: day}, expires: in(30 * day), want: day},
		{name: "session cookies", config: cookie.Config{SessionCookies: true}, expires: in(30 * day), want: 0},
		{name: "configured, no expiry from upstream", config: cookie.Config{Lifetime: day}, want: day},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			g := grant("J", "R")
			g.RefreshToken.ExpiresAt = test.expires
			w := httptest.NewRecorder()
			if err := newCodec(t, test.config).Write(w, request(), g); err != nil {
				t.Fatal(err)
			}
			got := map[string]time.Duration{}
			for _, c := range w.Result().Cookies() {
				got[c.Name] = lifetime(c)
			}
			if diff := cmp.Diff(map[string]time.Duration{documentedJWT: test.want, plainRefresh: test.want}, got); diff != "" {
				t.Errorf("lifetimes (-want +got):\n%s", diff)
			}
		})
	}
}

var invalidTokens = []struct{ name, jwt, refresh string }{
	{name: "semicolon", jwt: "J", refresh: "a;b"},
	{name: "quote", jwt: "J", refresh: `a"b`},
	{name: "backslash", jwt: "J", refresh: `a\b`},
	{name: "carriage return", jwt: "J", refresh: "a\rb"},
	{name: "line feed", jwt: "J", refresh: "a\nSet-Cookie: x=y"},
	{name: "NUL", jwt: "J", refresh: "a\x00b"},
	{name: "DEL", jwt: "J", refresh: "a\x7fb"},
	{name: "0x80", jwt: "J", refresh: "a\x80b"},
	{name: "not ASCII", jwt: "J", refresh: "é"},
	{name: "pair above 4096 bytes", jwt: strings.Repeat("a", 4097-len(documentedJWT)), refresh: "R"},
	{name: "refresh token longer than Read accepts", jwt: "J", refresh: strings.Repeat("a", bounds.MaxRefreshTokenBytes+1)},
	{name: "empty refresh token", jwt: "J"},
	{name: "empty JWT", refresh: "R"},
	{name: "JWT with a line feed", jwt: "J\n", refresh: "R"},
}

func TestInvalidTokensAreNotWritten(t *testing.T) {
	codec := newCodec(t, cookie.Config{})
	for _, test := range invalidTokens {
		t.Run(test.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			err := codec.Write(w, request(pairs(unscopedJWT, "old")), grant(test.jwt, test.refresh))
			if !errors.Is(err, session.ErrMalformed) {
				t.Errorf("error: %v", err)
			}
			if diff := cmp.Diff(http.Header{}, w.Header()); diff != "" {
				t.Errorf("headers (-want +got):\n%s", diff)
			}
			if err != nil && len(test.refresh) > 2 && strings.Contains(err.Error(), test.refresh) {
				t.Errorf("the error contains the token: %v", err)
			}
		})
	}
}

// TestValuesAreWrittenAsByNetHTTP compares the lines with those of http.SetCookie.
func TestValuesAreWrittenAsByNetHTTP(t *testing.T) {
	for _, value := range []string{"a", "a.b-c_d", "a b", " a", "a,b", ",", "a=b", "=", "!#$%&'()*+./:<>?@[]^`{|}~"} {
		t.Run(value, func(t *testing.T) {
			got, want := httptest.NewRecorder(), httptest.NewRecorder()
			if err := newCodec(t, cookie.Config{}).Write(got, request(), grant(value, "R")); err != nil {
				t.Fatal(err)
			}
			parsed, err := http.ParseSetCookie(got.Header()["Set-Cookie"][0])
			if err != nil {
				t.Fatal(err)
			}
			if parsed.Value != value {
				t.Errorf("net/http reads %q, want %q", parsed.Value, value)
			}
			parsed.Quoted = false // http.SetCookie quotes where it has to
			http.SetCookie(want, parsed)
			if diff := cmp.Diff(want.Header()["Set-Cookie"], got.Header()["Set-Cookie"][:1]); diff != "" {
				t.Errorf("line (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLongestPairFits(t *testing.T) {
	jwt, refresh := strings.Repeat("a", 4096-len(documentedJWT)), strings.Repeat("b", bounds.MaxRefreshTokenBytes)
	w := httptest.NewRecorder()
	if err := newCodec(t, cookie.Config{}).Write(w, request(), grant(jwt, refresh)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{documentedJWT + "=" + jwt, plainRefresh + "=" + refresh}, setCookies(t, w)); diff != "" {
		t.Errorf("cookies (-want +got):\n%s", diff)
	}
}

func TestClear(t *testing.T) {
	tests := []struct {
		name   string
		config cookie.Config
		lines  []string
		want   []string
	}{
		{name: "no cookies", want: []string{"-crossmint-session", "-crossmint-refresh-token"}},
		{name: "all name sets", lines: []string{pairs(documentedJWT, "j", unscopedJWT, "j", plainRefresh, "r"), pairs(scopedJWT, "j", scopedRefresh, "r")},
			want: []string{"-crossmint-session", "-crossmint-refresh-token", "-" + scopedJWT, "-" + scopedRefresh, "-crossmint-jwt"}},
		{name: "for the host and the Domain", config: cookie.Config{Domain: "example.com"}, lines: []string{pairs(scopedJWT, "j")}, want: []string{
			"-crossmint-session @example.com", "-crossmint-session", "-crossmint-refresh-token @example.com", "-crossmint-refresh-token",
			"-" + scopedJWT + " @example.com", "-" + scopedJWT,
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			newCodec(t, test.config).Clear(w, request(test.lines...))
			if diff := cmp.Diff(test.want, setCookies(t, w)); diff != "" {
				t.Errorf("cookies (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDeletionsHaveTheAttributes(t *testing.T) {
	w := httptest.NewRecorder()
	w.Header().Add("Set-Cookie", "theme=dark; Path=/")
	newCodec(t, cookie.Config{Path: "/app", Partitioned: true, SameSite: http.SameSiteNoneMode}).Clear(w, request())
	want := []string{
		"theme=dark; Path=/",
		"crossmint-session=; Path=/app; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Secure; SameSite=None; Partitioned",
		"crossmint-refresh-token=; Path=/app; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Secure; SameSite=None; Partitioned",
	}
	if diff := cmp.Diff(want, w.Header()["Set-Cookie"]); diff != "" {
		t.Errorf("Set-Cookie (-want +got):\n%s", diff)
	}
}

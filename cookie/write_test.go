package cookie_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/crossmint-go/auth/cookie"
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
		{"nothing there", cookie.Config{}, nil, []string{"crossmint-session=J", "crossmint-refresh-token=R"}},
		{"the same names there", cookie.Config{}, []string{pairs(documentedJWT, "j", plainRefresh, "r")},
			[]string{"crossmint-session=J", "crossmint-refresh-token=R"}},
		{"all generations there", cookie.Config{}, []string{pairs(documentedJWT, "j", unscopedJWT, "j", plainRefresh, "r", scopedJWT, "j", scopedRefresh, "r")},
			[]string{"-" + scopedJWT, "-" + scopedRefresh, "-crossmint-jwt", "crossmint-session=J", "crossmint-refresh-token=R"}},
		{"another name configured", cookie.Config{Names: cookie.Names{JWT: "__Host-j", RefreshToken: "__Host-r"}}, []string{pairs(documentedJWT, "j", plainRefresh, "r")},
			[]string{"-crossmint-refresh-token", "-crossmint-session", "__Host-j=J", "__Host-r=R"}},
		{"others in both forms where there is a Domain", cookie.Config{Domain: "example.com"}, []string{pairs(unscopedJWT, "j")},
			[]string{"-crossmint-jwt", "-crossmint-jwt @example.com", "crossmint-session=J @example.com", "crossmint-refresh-token=R @example.com"}},
		{"the host's own from before there was a Domain", cookie.Config{Domain: "example.com"}, []string{pairs(documentedJWT, "j", plainRefresh, "r")},
			[]string{"-crossmint-session", "-crossmint-refresh-token", "crossmint-session=J @example.com", "crossmint-refresh-token=R @example.com"}},
		{"another project's stay", cookie.Config{}, []string{pairs("crossmint-jwt-other", "j", "crossmint-refresh-token-other", "r")},
			[]string{"crossmint-session=J", "crossmint-refresh-token=R"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			if err := newCodec(t, test.config).Write(w, request(test.lines...), grant("J", "R")); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, written(t, w)); diff != "" {
				t.Errorf("cookies (-want +got):\n%s", diff)
			}
		})
	}
}

// lifetime is how long a cookie lives, to the minute: the exact second
// depends on the clock. Zero: with the browser's session.
func lifetime(c *http.Cookie) time.Duration {
	if c.MaxAge == 0 && c.Expires.IsZero() {
		return 0
	}
	byAge, byDate := time.Duration(c.MaxAge)*time.Second, time.Until(c.Expires)
	if (byAge - byDate).Abs() > 2*time.Second {
		return -1
	}
	return byAge.Round(time.Minute)
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
		{"with the refresh token", cookie.Config{}, in(30 * day), 30 * day},
		{"unreadable", cookie.Config{}, "soon", 0},
		{"past", cookie.Config{}, in(-time.Hour), 0},
		{"year 1500", cookie.Config{}, "1500-01-01T00:00:00Z", 0},
		{"beyond 400 days", cookie.Config{}, in(4000 * day), 400 * day},
		{"year 9999", cookie.Config{}, "9999-12-31T23:59:59Z", 400 * day},
		{"configured", cookie.Config{Lifetime: day}, in(30 * day), day},
		{"configured, nothing from upstream", cookie.Config{Lifetime: day}, "", day},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			g := grant("J", "R")
			g.RefreshToken.ExpiresAtText = test.expires
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

var unfit = []struct{ name, jwt, refresh string }{
	{"semicolon", "J", "a;b"},
	{"quote", "J", `a"b`},
	{"backslash", "J", `a\b`},
	{"carriage return", "J", "a\rb"},
	{"line feed", "J", "a\nSet-Cookie: x=y"},
	{"NUL", "J", "a\x00b"},
	{"DEL", "J", "a\x7fb"},
	{"0x80", "J", "a\x80b"},
	{"not ASCII", "J", "é"},
	{"pair above 4096 bytes", strings.Repeat("a", 4097-len(documentedJWT)), "R"},
	{"refresh token longer than Read takes it", "J", strings.Repeat("a", session.MaxRefreshTokenBytes+1)},
	{"empty refresh token", "J", ""},
	{"empty JWT", "", "R"},
	{"JWT with a line feed", "J\n", "R"},
}

func TestUnfitTokensAreNotWritten(t *testing.T) {
	codec := newCodec(t, cookie.Config{})
	for _, test := range unfit {
		t.Run(test.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			err := codec.Write(w, request(pairs(unscopedJWT, "old")), grant(test.jwt, test.refresh))
			if !errors.Is(err, cookie.ErrUnfit) {
				t.Errorf("error: %v", err)
			}
			if diff := cmp.Diff(http.Header{}, w.Header()); diff != "" {
				t.Errorf("headers (-want +got):\n%s", diff)
			}
			if err != nil && len(test.refresh) > 2 && strings.Contains(err.Error(), test.refresh) {
				t.Errorf("the error tells the token: %v", err)
			}
		})
	}
}

func TestLongestPairFits(t *testing.T) {
	jwt, refresh := strings.Repeat("a", 4096-len(documentedJWT)), strings.Repeat("b", session.MaxRefreshTokenBytes)
	w := httptest.NewRecorder()
	if err := newCodec(t, cookie.Config{}).Write(w, request(), grant(jwt, refresh)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{documentedJWT + "=" + jwt, plainRefresh + "=" + refresh}, written(t, w)); diff != "" {
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
		{"nothing brought", cookie.Config{}, nil, []string{"-crossmint-session", "-crossmint-refresh-token"}},
		{"everything brought", cookie.Config{}, []string{pairs(documentedJWT, "j", unscopedJWT, "j", plainRefresh, "r"), pairs(scopedJWT, "j", scopedRefresh, "r")},
			[]string{"-crossmint-session", "-crossmint-refresh-token", "-" + scopedJWT, "-" + scopedRefresh, "-crossmint-jwt"}},
		{"both forms where there is a Domain", cookie.Config{Domain: "example.com"}, []string{pairs(scopedJWT, "j")}, []string{
			"-crossmint-session", "-crossmint-session @example.com", "-crossmint-refresh-token", "-crossmint-refresh-token @example.com",
			"-" + scopedJWT, "-" + scopedJWT + " @example.com",
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			newCodec(t, test.config).Clear(w, request(test.lines...))
			if diff := cmp.Diff(test.want, written(t, w)); diff != "" {
				t.Errorf("cookies (-want +got):\n%s", diff)
			}
		})
	}
}

func TestExpiredCookiesKeepTheirAttributes(t *testing.T) {
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

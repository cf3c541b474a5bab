package cookie_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/crossmint-go/auth/cookie"
	"github.com/google/go-cmp/cmp"
)

func TestConfigFaults(t *testing.T) {
	custom := func(jwt, refresh string) cookie.Names { return cookie.Names{JWT: jwt, RefreshToken: refresh} }
	tests := []struct {
		name   string
		config cookie.Config
		want   []string
	}{
		{name: "no project", want: []string{"cookie: ProjectID is required"}},
		{name: "SameSite None over http", config: cookie.Config{ProjectID: "p", SameSite: http.SameSiteNoneMode, InsecureAllowHTTP: true},
			want: []string{"cookie: SameSite None requires Secure"}},
		{name: "SameSite unknown", config: cookie.Config{ProjectID: "p", SameSite: 9}, want: []string{"cookie: unknown SameSite"}},
		{name: "lifetime negative", config: cookie.Config{ProjectID: "p", Lifetime: -time.Second}, want: []string{"cookie: Lifetime must be between 0 and 400 days"}},
		{name: "session cookies with a lifetime", config: cookie.Config{ProjectID: "p", Lifetime: time.Hour, SessionCookies: true}, want: []string{"cookie: SessionCookies excludes Lifetime"}},
		{name: "lifetime above 400 days", config: cookie.Config{ProjectID: "p", Lifetime: 401 * 24 * time.Hour}, want: []string{"cookie: Lifetime must be between 0 and 400 days"}},
		{name: "path relative", config: cookie.Config{ProjectID: "p", Path: "app"}, want: []string{"cookie: Path must begin with a slash"}},
		{name: "one name for both", config: cookie.Config{ProjectID: "p", Names: custom("a", "a")}, want: []string{"cookie: the two names must differ"}},
		{name: "JWT under the name of the marker", config: cookie.Config{ProjectID: "p", Names: custom("a-refused", "a")},
			want: []string{"cookie: a-refused is the name of the marker of refusals"}},
		{name: "JWT under the name of a refresh token", config: cookie.Config{ProjectID: "p", Names: custom(plainRefresh, "b")},
			want: []string{"cookie: a JWT and a refresh token may not share the name crossmint-refresh-token"}},
		{name: "refresh token under the name of a JWT", config: cookie.Config{ProjectID: "p", Names: custom("a", "crossmint-jwt-p")},
			want: []string{"cookie: a JWT and a refresh token may not share the name crossmint-jwt-p"}},
		{name: "one name missing", config: cookie.Config{ProjectID: "p", Names: custom("a", "")}, want: []string{"cookie: http: invalid Cookie.Name"}},
		{name: "name with a space", config: cookie.Config{ProjectID: "p", Names: custom("a b", "c")}, want: []string{"cookie: http: invalid Cookie.Name"}},
		{name: "host prefix with a Domain", config: cookie.Config{ProjectID: "p", Names: custom("__Host-j", "r"), Domain: "example.com"},
			want: []string{"cookie: the prefix of __Host-j forbids a Domain"}},
		{name: "host prefix in other case", config: cookie.Config{ProjectID: "p", Names: custom("j", "__host-r"), Domain: "example.com"},
			want: []string{"cookie: the prefix of __host-r forbids a Domain"}},
		{name: "host prefix with a path", config: cookie.Config{ProjectID: "p", Names: custom("__Host-j", "r"), Path: "/app"},
			want: []string{"cookie: the prefix of __Host-j requires the Path /"}},
		{name: "host prefix over http", config: cookie.Config{ProjectID: "p", Names: custom("__Host-j", "r"), InsecureAllowHTTP: true},
			want: []string{"cookie: the prefix of __Host-j requires Secure"}},
		{name: "secure prefix over http", config: cookie.Config{ProjectID: "p", Names: custom("j", "__SECURE-r"), InsecureAllowHTTP: true},
			want: []string{"cookie: the prefix of __SECURE-r requires Secure"}},
		{name: "a prefix for HttpOnly", config: cookie.Config{ProjectID: "p", Names: custom("__Http-j", "__host-http-r")}, want: []string{
			"cookie: the prefix of __Http-j requires HttpOnly, but scripts have to read the JWT cookie",
			"cookie: the prefix of __host-http-r requires HttpOnly, but scripts have to read the JWT cookie",
		}},
		{name: "a project that is no part of a name", config: cookie.Config{ProjectID: "my project"}, want: []string{"cookie: ProjectID cannot be a part of a cookie's name"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := cookie.NewCodec(test.config)
			if err == nil {
				t.Fatal("no error")
			}
			var got []string
			for line := range strings.SplitSeq(err.Error(), "\n") {
				got = append(got, line)
			}
			if len(got) > 0 && strings.HasPrefix(got[0], "cookie: http: invalid Cookie.Name") {
				got[0] = "cookie: http: invalid Cookie.Name" // the rest differs between releases
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
		})
	}
}

func TestConfigFaultsAreJoined(t *testing.T) {
	_, err := cookie.NewCodec(cookie.Config{
		Names: cookie.Names{JWT: "a", RefreshToken: "a"}, Path: "app", Domain: "exa mple", Lifetime: -1,
		SameSite: http.SameSiteNoneMode, Partitioned: true, InsecureAllowHTTP: true,
	})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"ProjectID", "names must differ", "Path", "Domain", "Lifetime", "SameSite None", "Partitioned"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%s is missing in:\n%v", want, err)
		}
	}
}

func TestNames(t *testing.T) {
	got := []cookie.Names{cookie.DocumentedNames(), cookie.Unscoped(), cookie.Scoped(project)}
	want := []cookie.Names{
		{JWT: documentedJWT, RefreshToken: plainRefresh},
		{JWT: unscopedJWT, RefreshToken: plainRefresh},
		{JWT: scopedJWT, RefreshToken: scopedRefresh},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
}

// TestAttributes writes a session without an expiry, so that the attributes are
// those of the configuration alone.
func TestAttributes(t *testing.T) {
	tests := []struct {
		name   string
		config cookie.Config
		want   []string
	}{
		{name: "the zero value", want: []string{
			"crossmint-session=J; Path=/; Secure; SameSite=Lax",
			"crossmint-refresh-token=R; Path=/; HttpOnly; Secure; SameSite=Lax",
		}},
		{name: "http", config: cookie.Config{InsecureAllowHTTP: true}, want: []string{
			"crossmint-session=J; Path=/; SameSite=Lax",
			"crossmint-refresh-token=R; Path=/; HttpOnly; SameSite=Lax",
		}},
		{name: "readable", config: cookie.Config{ReadableRefreshCookie: true}, want: []string{
			"crossmint-session=J; Path=/; Secure; SameSite=Lax",
			"crossmint-refresh-token=R; Path=/; Secure; SameSite=Lax",
		}},
		{name: "everything", config: cookie.Config{
			Names: cookie.Unscoped(), Domain: ".example.com", Path: "/app", SameSite: http.SameSiteStrictMode, Partitioned: true,
		}, want: []string{
			"crossmint-jwt=J; Path=/app; Domain=example.com; Secure; SameSite=Strict; Partitioned",
			"crossmint-refresh-token=R; Path=/app; Domain=example.com; HttpOnly; Secure; SameSite=Strict; Partitioned",
		}},
		{name: "other sites", config: cookie.Config{SameSite: http.SameSiteNoneMode}, want: []string{
			"crossmint-session=J; Path=/; Secure; SameSite=None",
			"crossmint-refresh-token=R; Path=/; HttpOnly; Secure; SameSite=None",
		}},
		{name: "SameSite default", config: cookie.Config{SameSite: http.SameSiteDefaultMode, Names: cookie.Scoped(project)}, want: []string{
			scopedJWT + "=J; Path=/; Secure; SameSite=Lax",
			scopedRefresh + "=R; Path=/; HttpOnly; Secure; SameSite=Lax",
		}},
		{name: "prefixes", config: cookie.Config{Names: cookie.Names{JWT: "__Secure-j", RefreshToken: "__Host-r"}}, want: []string{
			"__Secure-j=J; Path=/; Secure; SameSite=Lax",
			"__Host-r=R; Path=/; HttpOnly; Secure; SameSite=Lax",
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			if err := newCodec(t, test.config).Write(w, request(), grant("J", "R")); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, w.Header()["Set-Cookie"]); diff != "" {
				t.Errorf("Set-Cookie (-want +got):\n%s", diff)
			}
		})
	}
}

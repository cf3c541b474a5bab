package deployment_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/handlers"
	"github.com/crossmint-go/auth/middleware"
)

// TestLargeJWT renews a session whose JWT almost fills its cookie, behind every nginx
// of the document: with the default buffers the response would be a 502.
func TestLargeJWT(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"host-kept", "host-rewritten", "cache", "health-checks"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k, c := newKit(t, crossminttest.Config{Reuse: crossminttest.ReuseRefuse}), newCertificate(t, "app.example.com")
			backend := serve(t, &http.Server{Handler: mount(k, k.codec(t, cookie.Config{}), handlers.Config{}, middleware.Config{})})
			config := strings.NewReplacer("127.0.0.1:8080;", backend+";", "127.0.0.1:8081;", backend+";").Replace(snippet(t, name, "nginx"))
			b := newBrowser(t, internet{"app.example.com:443": nginx(t, config, backend, c)}, c.roots)
			k.fake.SetClaims(k.fake.NewUser("ann@example.com").ID, map[string]any{"padding": strings.Repeat("a", 2600)})
			k.fake.SignInExpired(b.client.Jar, parse(t, app), "ann@example.com")
			got := []int{b.fetch(t, app, http.MethodGet, app+"/me", "").Status, b.fetch(t, app, http.MethodGet, app+"/me", "").Status}
			if diff := cmp.Diff([]int{200, 200}, got); diff != "" {
				t.Errorf("the renewal, and the next request (-want +got):\n%s", diff)
			}
			if size := len(b.cookies(t, app)["crossmint-session"]); size < 3700 || size > 4000 {
				t.Errorf("JWT of %d bytes, want about 3,900", size)
			}
		})
	}
}

// TestCookiesOfEarlierNames brings the sessions of two earlier versions of a site, each
// with a large JWT, beside the present one. The first renewal deletes them, so that the
// requests after it are within the limits of a proxy without these settings.
func TestCookiesOfEarlierNames(t *testing.T) {
	t.Parallel()
	const defaultLimit = 8 << 10 // of nginx, for one header line
	k, c := newKit(t, crossminttest.Config{Reuse: crossminttest.ReuseRefuse}), newCertificate(t, "app.example.com")
	former := []cookie.Config{{Names: cookie.Names{JWT: "v1-jwt", RefreshToken: "v1-refresh"}}, {Names: cookie.Names{JWT: "v2-jwt", RefreshToken: "v2-refresh"}}}
	backend := serve(t, &http.Server{Handler: mount(k, k.codec(t, cookie.Config{Former: former}), handlers.Config{}, middleware.Config{})})
	b := newBrowser(t, internet{"app.example.com:443": nginx(t, snippet(t, "host-kept", "nginx"), backend, c)}, c.roots)
	user := k.fake.NewUser("ann@example.com")
	k.fake.SetClaims(user.ID, map[string]any{"padding": strings.Repeat("a", 2000)})
	for _, names := range former {
		grant := k.fake.Grant(user)
		b.client.Jar.SetCookies(parse(t, app), []*http.Cookie{
			{Name: names.Names.JWT, Value: grant.JWT.Reveal(), Path: "/"}, {Name: names.Names.RefreshToken, Value: grant.RefreshToken.Secret.Reveal(), Path: "/"},
		})
	}
	k.fake.SignInExpired(b.client.Jar, parse(t, app), "ann@example.com")
	size := func() (bytes int) {
		for name, value := range b.cookies(t, app) {
			bytes += len(name) + len("=; ") + len(value)
		}
		return bytes
	}
	if before := size(); before <= defaultLimit {
		t.Fatalf("%d bytes of cookies, want more than %d", before, defaultLimit)
	}
	want(t, "refresh", http.StatusOK, b.fetch(t, app, http.MethodPost, app+"/refresh", "{}").Status)
	if after := b.cookies(t, app); len(after) != 2 || after["crossmint-session"] == "" || size() > defaultLimit/2 {
		t.Errorf("%d cookies of %d bytes after the renewal, want the present two", len(after), size())
	}
	want(t, "page", seen{Status: http.StatusOK, Body: user.ID}, b.fetch(t, app, http.MethodGet, app+"/me", ""))
}

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

// cached is a response that came through a cache.
type cached struct {
	Status int
	User   string
	Cache  string // nginx's word for what it did
}

// TestSharedCache puts a caching nginx in front of handlers that carelessly allow
// caching: no user gets the page of another user, and a response that sets cookies
// is not stored.
func TestSharedCache(t *testing.T) {
	t.Parallel()
	k, c := newKit(t, crossminttest.Config{}), newCertificate(t, "app.example.com")
	cookies := k.codec(t, cookie.Config{})
	require := middleware.RequireSession(k.sessions, cookies, middleware.Config{})
	mux := http.NewServeMux()
	mux.Handle("/", mount(k, cookies, handlers.Config{}, middleware.Config{}))
	mux.Handle("GET /page", require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "max-age=60")
		me(w, r)
	})))
	hosts := internet{"app.example.com:443": nginx(t, snippet(t, "cache", "nginx"), serve(t, &http.Server{Handler: mux}), c)}
	browser := func() *browser { return newBrowser(t, hosts, c.roots) }
	ann, bea, cid, tab, anonymous := browser(), browser(), browser(), browser(), browser()
	annID := k.fake.SignIn(ann.client.Jar, parse(t, app), "ann@example.com").User.ID
	beaID := k.fake.SignIn(bea.client.Jar, parse(t, app), "bea@example.com").User.ID
	cidGrant := k.fake.SignInExpired(cid.client.Jar, parse(t, app), "cid@example.com")
	tab.client.Jar.SetCookies(parse(t, app), crossminttest.Cookies(cidGrant)) // of the same browser

	got := []cached{
		anonymous.page(t), ann.page(t), ann.page(t), // the cache works
		bea.page(t),
		cid.page(t), tab.page(t), // both are renewed
		anonymous.page(t),
	}
	want := []cached{
		{401, "", "MISS"}, {200, annID, "MISS"}, {200, annID, "HIT"},
		{200, beaID, "MISS"},
		{200, cidGrant.User.ID, "MISS"}, {200, cidGrant.User.ID, "MISS"},
		{401, "", "MISS"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("responses (-want +got):\n%s", diff)
	}
}

// page asks for the page that may be cached.
func (b *browser) page(t *testing.T) cached {
	t.Helper()
	res, body := b.do(t, b.client, b.request(t, app, http.MethodGet, app+"/page", ""))
	got := cached{res.StatusCode, body, res.Header.Get("X-Cache")}
	if got.Status != http.StatusOK {
		got.User = ""
	}
	return got
}

// TestCacheThatIgnoresVary puts a cache like those of many CDNs in front of a handler
// that says nothing about caching: private keeps its pages out.
func TestCacheThatIgnoresVary(t *testing.T) {
	t.Parallel()
	k, c := newKit(t, crossminttest.Config{}), newCertificate(t, "app.example.com")
	backend := serve(t, &http.Server{Handler: mount(k, k.codec(t, cookie.Config{}), handlers.Config{}, middleware.Config{})})
	config := strings.Replace(snippet(t, "cache", "nginx"), "proxy_cache app;", "proxy_cache app; proxy_cache_valid any 1m; proxy_ignore_headers Vary;", 1)
	hosts := internet{"app.example.com:443": nginx(t, config, backend, c)}
	var users, got []string
	for _, email := range []string{"ann@example.com", "bea@example.com"} {
		b := newBrowser(t, hosts, c.roots)
		users = append(users, k.fake.SignIn(b.client.Jar, parse(t, app), email).User.ID)
		got = append(got, b.fetch(t, app, http.MethodGet, app+"/me", "").Body)
	}
	if diff := cmp.Diff(users, got); diff != "" {
		t.Errorf("pages of both users (-want +got):\n%s", diff)
	}
}

package deployment_test

import (
	"net/http"
	"net/http/cookiejar"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/handlers"
	"github.com/crossmint-go/auth/middleware"
)

const app = "https://app.example.com"

var brief = crossminttest.Config{JWTLifetime: jwtLifetime, Reuse: crossminttest.ReuseRefuse}

func TestSameOrigin(t *testing.T) {
	t.Parallel()
	k, c := newKit(t, brief), newCertificate(t, "app.example.com")
	server, err := sameOrigin(k)
	fatal(t, err)
	server.TLSConfig = c.config(t)
	b := newBrowser(t, internet{"app.example.com:443": serve(t, server)}, c.roots)
	j := journey{kit: k, browser: b, page: app + "/", api: app}
	j.run(t)
}

// behindNginx returns a browser's journey to handler, with a snippet of the
// document in between.
func behindNginx(t *testing.T, k *kit, handler http.Handler, name string) *journey {
	t.Helper()
	c := newCertificate(t, "app.example.com", "www.example.com")
	front := nginx(t, snippet(t, name, "nginx"), serve(t, &http.Server{Handler: handler}), c)
	hosts := internet{"app.example.com:443": front, "app.example.com:8443": front, "www.example.com:443": front}
	return &journey{kit: k, browser: newBrowser(t, hosts, c.roots), page: app + "/", api: app}
}

func TestHostKept(t *testing.T) {
	t.Parallel()
	for _, origin := range []string{app, app + ":8443"} {
		t.Run(origin, func(t *testing.T) {
			t.Parallel()
			k := newKit(t, brief)
			j := behindNginx(t, k, mount(k, k.codec(t, cookie.Config{}), handlers.Config{}, middleware.Config{}), "host-kept")
			j.page, j.api = origin+"/", origin
			j.run(t)
		})
	}
}

func TestHostPrefix(t *testing.T) {
	t.Parallel()
	k := newKit(t, brief)
	cookies, err := hostPrefix(k)
	fatal(t, err)
	j := behindNginx(t, k, mount(k, cookies, handlers.Config{}, middleware.Config{}), "host-kept")
	j.signIn(t)
	got := map[string]bool{}
	for _, c := range j.issued {
		got[c.Name] = c.Secure && c.Path == "/" && c.Domain == ""
	}
	if diff := cmp.Diff(map[string]bool{"__Host-session": true, "__Host-refresh-token": true}, got); diff != "" {
		t.Errorf("cookies as browsers take them (-want +got):\n%s", diff)
	}
	j.run(t)
}

func TestHostRewritten(t *testing.T) {
	t.Parallel()
	k := newKit(t, brief)
	routes, err := hostRewritten()
	fatal(t, err)
	j := behindNginx(t, k, mount(k, k.codec(t, cookie.Config{}), routes, middleware.Config{}), "host-rewritten")
	j.run(t)
}

// Without the trusted origin an old browser cannot be told from an attacker:
// its Origin names a host that the application has never heard of.
func TestHostRewrittenUntrusted(t *testing.T) {
	t.Parallel()
	k := newKit(t, brief)
	j := behindNginx(t, k, mount(k, k.codec(t, cookie.Config{}), handlers.Config{}, middleware.Config{}), "host-rewritten")
	j.signIn(t)
	j.browser.old = true
	j.want(t, http.MethodPost, "/refresh", "{}", http.StatusForbidden)
	j.want(t, http.MethodPost, "/logout", "", http.StatusForbidden)
	j.want(t, http.MethodGet, "/me", "", http.StatusOK)
}

func TestRoutesOnTheFrontEnd(t *testing.T) {
	t.Parallel()
	k := newKit(t, brief)
	j := behindNginx(t, k, mount(k, k.codec(t, cookie.Config{}), handlers.Config{}, middleware.Config{}), "front-end")
	j.page, j.api = "https://www.example.com/", "https://www.example.com/api"
	if got := j.browser.fetch(t, j.page, http.MethodGet, j.page, ""); got.Body != "front end" {
		t.Errorf("the page: %+v", got)
	}
	j.run(t)
}

const api = "https://api.example.com"

// onSibling returns the journey of a page on www.example.com to a handler on
// api.example.com.
func onSibling(t *testing.T, k *kit, handler http.Handler) *journey {
	t.Helper()
	c := newCertificate(t, "api.example.com")
	hosts := internet{"api.example.com:443": serve(t, &http.Server{Handler: handler, TLSConfig: c.config(t)})}
	return &journey{kit: k, browser: newBrowser(t, hosts, c.roots), page: "https://www.example.com/", api: api}
}

func TestSibling(t *testing.T) {
	t.Parallel()
	k := newKit(t, brief)
	handler, err := sibling(k)
	fatal(t, err)
	j := onSibling(t, k, handler)
	j.signIn(t)
	if diff := cmp.Diff(j.browser.cookies(t, api), j.browser.cookies(t, "https://www.example.com")); diff != "" {
		t.Errorf("cookies of the sibling (-api +www):\n%s", diff)
	}
	j.run(t)
}

// Inside RequireSession the CORS layer never sees a preflight, which has no
// cookies, nor a response without a session.
func TestSiblingWithCORSInside(t *testing.T) {
	t.Parallel()
	k := newKit(t, brief)
	handler, err := sibling(k)
	fatal(t, err)
	cookies := k.codec(t, cookie.Config{Domain: "example.com"})
	inside := middleware.RequireSession(k.sessions, cookies, middleware.Config{})(handler)
	j := onSibling(t, k, inside)
	got := j.browser.fetch(t, j.page, http.MethodPost, api+"/refresh", "{}")
	if diff := cmp.Diff(seen{Blocked: true}, got); diff != "" {
		t.Errorf("POST /refresh (-want +got):\n%s", diff)
	}
}

func TestLocalhost(t *testing.T) {
	t.Parallel()
	k := newKit(t, brief)
	cookies, err := localhost(k)
	fatal(t, err)
	j := onLocalhost(t, k, cookies)
	j.run(t)
}

// Safari stores no Secure cookies from plain http, not even on localhost: the
// sign-in seems to work, but the user is not signed in.
func TestLocalhostWithSecureCookies(t *testing.T) {
	t.Parallel()
	k := newKit(t, brief)
	j := onLocalhost(t, k, k.codec(t, cookie.Config{}))
	user := k.fake.NewUser("ada@example.com")
	j.want(t, http.MethodPost, "/refresh", `{"refresh":"`+k.fake.OneTimeSecret(user)+`"}`, http.StatusOK)
	j.want(t, http.MethodGet, "/me", "", http.StatusUnauthorized)
}

func onLocalhost(t *testing.T, k *kit, cookies *cookie.Codec) *journey {
	t.Helper()
	address := serve(t, &http.Server{Handler: mount(k, cookies, handlers.Config{}, middleware.Config{})})
	b := newBrowser(t, internet{"localhost:8080": address}, nil)
	return &journey{kit: k, browser: b, page: "http://localhost:8080/", api: "http://localhost:8080"}
}

// A client without a refresh route keeps the scoped cookies by itself, where
// its scripts can read them. They stay where they are, and stay readable.
func TestWithoutRoute(t *testing.T) {
	t.Parallel()
	k := newKit(t, brief)
	address := serve(t, &http.Server{Handler: withoutRoute(k, k.codec(t, cookie.Config{InsecureAllowHTTP: true}))})
	b := newBrowser(t, internet{"localhost:8080": address}, nil)
	j := &journey{kit: k, browser: b, page: "http://localhost:8080/", api: "http://localhost:8080"}
	user := k.fake.NewUser("ada@example.com")
	grant, names := k.fake.Grant(user), cookie.Scoped(k.client.ProjectID())
	b.client.Jar.SetCookies(parse(t, j.page), []*http.Cookie{
		{Name: names.JWT, Value: grant.JWT.Reveal(), Path: "/"}, {Name: names.RefreshToken, Value: grant.RefreshToken.Secret.Reveal(), Path: "/"},
	})
	j.user = user.ID
	j.renewed(t)
	readable := map[string]bool{}
	for _, c := range b.set {
		readable[c.Name] = !c.HttpOnly
	}
	if diff := cmp.Diff(map[string]bool{names.JWT: true, names.RefreshToken: true}, readable); diff != "" {
		t.Errorf("cookies that scripts can read (-want +got):\n%s", diff)
	}
	b.client.Jar, _ = cookiejar.New(nil) // the client logs out: it drops its cookies
	j.want(t, http.MethodGet, "/me", "", http.StatusUnauthorized)
}

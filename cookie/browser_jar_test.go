package cookie_test

import (
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/session"
)

// browser is a cookie jar with the manager that serves it.
type browser struct {
	*env
	jar http.CookieJar
	url *url.URL
}

func (e *env) browser(t *testing.T) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{e, jar, &url.URL{Scheme: "https", Host: "app.example.com", Path: "/"}}
}

// do runs handler on a request with the browser's cookies and stores those of the
// response.
func (b *browser) do(handler func(w http.ResponseWriter, r *http.Request)) {
	r, w := httptest.NewRequest(http.MethodGet, b.url.String(), nil), httptest.NewRecorder()
	for _, c := range b.jar.Cookies(b.url) {
		r.AddCookie(c)
	}
	handler(w, r)
	b.jar.SetCookies(b.url, w.Result().Cookies())
}

func (b *browser) signIn(t *testing.T, codec *cookie.Codec, user session.User) {
	t.Helper()
	b.do(func(w http.ResponseWriter, r *http.Request) {
		g := b.fake.Grant(user)
		if err := codec.Write(w, r, &g); err != nil {
			t.Error(err)
		}
	})
}

// visit returns the user ID of the session of a request, or "".
func (b *browser) visit(t *testing.T, codec *cookie.Codec) (user string) {
	t.Helper()
	b.do(func(w http.ResponseWriter, r *http.Request) {
		presented := codec.Read(r)
		result, err := b.sessions.Authenticate(t.Context(), presented.Material)
		if err := presented.Apply(w, result, err); err == nil {
			user = result.Session.UserID
		}
	})
	return user
}

func (b *browser) signOut(t *testing.T, codec *cookie.Codec) {
	t.Helper()
	b.do(func(w http.ResponseWriter, r *http.Request) {
		if err := b.sessions.Logout(t.Context(), codec.Read(r).Material, session.Secret{}); err != nil {
			t.Error(err)
		}
		codec.Clear(w, r)
	})
}

// TestChangeOfDomain changes Domain while a user is signed in. The user stays
// signed in until the logout, and the next login is that of the next user.
func TestChangeOfDomain(t *testing.T) {
	tests := []struct {
		name    string
		domains []string
	}{
		{name: "on", domains: []string{"", "example.com"}},
		{name: "off", domains: []string{"example.com", ""}},
		{name: "on, off and on", domains: []string{"", "example.com", "", "example.com"}},
		{name: "off, on and off", domains: []string{"example.com", "", "example.com", ""}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := newEnv(t, crossminttest.Config{InMemory: true, Reuse: crossminttest.ReuseRefuse})
				ann, bea, b := e.fake.NewUser("ann@example.com"), e.fake.NewUser("bea@example.com"), e.browser(t)
				b.signIn(t, newCodec(t, cookie.Config{Domain: test.domains[0]}), ann)
				for _, domain := range test.domains {
					codec := newCodec(t, cookie.Config{Domain: domain})
					for range 3 {
						if got := b.visit(t, codec); got != ann.ID {
							t.Fatalf("Domain %q: user %q, want ann", domain, got)
						}
						time.Sleep(61 * time.Minute) // the JWT expires
					}
				}
				codec := newCodec(t, cookie.Config{Domain: test.domains[len(test.domains)-1]})
				b.signOut(t, codec)
				if got := b.visit(t, codec); got != "" {
					t.Errorf("after logout: user %q", got)
				}
				if valid := e.fake.LiveOf(ann.ID); valid != 0 {
					t.Errorf("after logout %d refresh tokens are valid", valid)
				}
				b.signIn(t, codec, bea)
				for range 3 {
					if got := b.visit(t, codec); got != bea.ID {
						t.Fatalf("after the second login: user %q, want bea", got)
					}
					time.Sleep(61 * time.Minute)
				}
			})
		})
	}
}

func TestClearEmptiesTheJar(t *testing.T) {
	e := newEnv(t, crossminttest.Config{})
	b := e.browser(t)
	ann := e.fake.NewUser("ann@example.com")
	for _, config := range []cookie.Config{
		{}, {Domain: "example.com"}, {Names: cookie.Unscoped()}, {Names: cookie.Scoped(project), Domain: "example.com"},
	} {
		// Each login knows nothing of the others, so all their cookies stay.
		w, g := httptest.NewRecorder(), e.fake.Grant(ann)
		if err := newCodec(t, config).Write(w, request(), &g); err != nil {
			t.Fatal(err)
		}
		b.jar.SetCookies(b.url, w.Result().Cookies())
	}
	if got := len(b.jar.Cookies(b.url)); got != 7 { // the unscoped and the documented refresh cookie have one name
		t.Fatalf("%d cookies in the jar", got)
	}
	b.do(newCodec(t, cookie.Config{Domain: "example.com"}).Clear)
	if left := b.jar.Cookies(b.url); len(left) > 0 {
		t.Errorf("left in the jar: %v", left)
	}
}

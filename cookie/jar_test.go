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

// browser is a real cookie jar in front of a kit.
type browser struct {
	*kit
	jar http.CookieJar
	url *url.URL
}

func (k *kit) browser(t *testing.T) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{k, jar, &url.URL{Scheme: "https", Host: "app.example.com", Path: "/"}}
}

// do lets answer write to the browser's cookies.
func (b *browser) do(answer func(w http.ResponseWriter, r *http.Request)) {
	r, w := httptest.NewRequest(http.MethodGet, b.url.String(), nil), httptest.NewRecorder()
	for _, c := range b.jar.Cookies(b.url) {
		r.AddCookie(c)
	}
	answer(w, r)
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

// visit returns whose session a request has; "" without one.
func (b *browser) visit(t *testing.T, codec *cookie.Codec) (user string) {
	t.Helper()
	b.do(func(w http.ResponseWriter, r *http.Request) {
		result, err := b.sessions.Authenticate(t.Context(), codec.Read(r))
		if result, err = codec.Apply(w, r, result, err); err == nil {
			user = result.Session.UserID
		}
	})
	return user
}

func (b *browser) signOut(t *testing.T, codec *cookie.Codec) {
	t.Helper()
	b.do(func(w http.ResponseWriter, r *http.Request) {
		if err := b.sessions.Logout(t.Context(), codec.Read(r), session.Secret{}); err != nil {
			t.Error(err)
		}
		codec.Clear(w, r)
	})
}

// TestChangeOfDomain turns Domain on and off while people are signed in. Each
// must stay signed in, come in anew after a logout, and be nobody else.
func TestChangeOfDomain(t *testing.T) {
	tests := []struct {
		name    string
		domains []string
	}{
		{"on", []string{"", "example.com"}},
		{"off", []string{"example.com", ""}},
		{"on, off and on", []string{"", "example.com", "", "example.com"}},
		{"off, on and off", []string{"example.com", "", "example.com", ""}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := newKit(t, crossminttest.Config{InMemory: true, Reuse: crossminttest.ReuseRefuse})
				ann, bea, b := k.fake.NewUser("ann@example.com"), k.fake.NewUser("bea@example.com"), k.browser(t)
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
				if live := k.fake.LiveOf(ann.ID); live != 0 {
					t.Errorf("after logout %d refresh tokens live", live)
				}
				b.signIn(t, codec, bea)
				for range 3 {
					if got := b.visit(t, codec); got != bea.ID {
						t.Fatalf("after the next login: user %q, want bea", got)
					}
					time.Sleep(61 * time.Minute)
				}
			})
		})
	}
}

func TestClearEmptiesTheJar(t *testing.T) {
	k := newKit(t, crossminttest.Config{})
	b := k.browser(t)
	ann := k.fake.NewUser("ann@example.com")
	for _, config := range []cookie.Config{
		{}, {Domain: "example.com"}, {Names: cookie.Unscoped()}, {Names: cookie.Scoped(project), Domain: "example.com"},
	} {
		// Each login as if no other had been: a jar full of leftovers.
		w, g := httptest.NewRecorder(), k.fake.Grant(ann)
		if err := newCodec(t, config).Write(w, request(), &g); err != nil {
			t.Fatal(err)
		}
		b.jar.SetCookies(b.url, w.Result().Cookies())
	}
	if got := len(b.jar.Cookies(b.url)); got != 7 { // the unscoped refresh cookie is the documented one's
		t.Fatalf("%d cookies in the jar", got)
	}
	b.do(newCodec(t, cookie.Config{Domain: "example.com"}).Clear)
	if left := b.jar.Cookies(b.url); len(left) > 0 {
		t.Errorf("left in the jar: %v", left)
	}
}

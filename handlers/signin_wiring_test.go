package handlers_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/handlers"
	"github.com/google/go-cmp/cmp"
)

// TestSignInAcrossServers begins at one server and ends at another.
func TestSignInAcrossServers(t *testing.T) {
	key, err := cookie.NewPendingKey([]byte(strings.Repeat("k", 32)))
	must(t, err)
	for name, test := range map[string]struct {
		config handlers.SignInConfig
		want   landing
	}{
		"with one key":         {handlers.SignInConfig{Key: key}, to("/", "-signin", "refresh-token", "session")},
		"each with its random": {handlers.SignInConfig{}, to("/signin?error=expired&lang=en")},
	} {
		k := newSignInKit(t, crossminttest.Config{}, test.config)
		test.config.EmailPage, test.config.CodePage = &url.URL{Path: "/signin", RawQuery: "lang=en"}, &url.URL{Path: "/code"}
		k.mux.HandleFunc("/elsewhere", handlers.NewSignIn(k.client, k.sessions, k.cookies, test.config).ConfirmCode)
		v := k.visitInside(t)
		v.send("/send", "email", ada)
		if diff := cmp.Diff(test.want, v.send("/elsewhere", "code", k.fake.Code(ada))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestSignInWiring(t *testing.T) {
	k := newSignInKit(t, crossminttest.Config{InMemory: true}, handlers.SignInConfig{})
	page := &url.URL{Path: "/p"}
	good := handlers.SignInConfig{EmailPage: page, CodePage: page}
	panics := func(f func()) (panicked bool) {
		defer func() { panicked = recover() != nil }()
		f()
		return false
	}
	wire := func(c handlers.SignInConfig) func() {
		return func() { handlers.NewSignIn(k.client, k.sessions, k.cookies, c) }
	}
	if panics(wire(good)) {
		t.Error("a good configuration panics")
	}
	bad := map[string]func(){
		"no codes":    func() { handlers.NewSignIn(nil, k.sessions, k.cookies, good) },
		"no sessions": func() { handlers.NewSignIn(k.client, nil, k.cookies, good) },
		"no cookies":  func() { handlers.NewSignIn(k.client, k.sessions, nil, good) },
		"no pages":    wire(handlers.SignInConfig{}), "no page for codes": wire(handlers.SignInConfig{EmailPage: page}), "no page for addresses": wire(handlers.SignInConfig{CodePage: page}),
	}
	for _, text := range []string{"//e", `/\e`, "///e", "https:e", "https://e/", "/%09/e", "javascript:alert(1)", "e", "", "/e#a"} {
		u, err := url.Parse(text)
		must(t, err)
		bad["EmailPage "+text] = wire(handlers.SignInConfig{EmailPage: u, CodePage: page})
		bad["CodePage "+text] = wire(handlers.SignInConfig{EmailPage: page, CodePage: u})
		bad["After "+text] = wire(handlers.SignInConfig{EmailPage: page, CodePage: page, After: u})
	}
	for name, f := range bad {
		if !panics(f) {
			t.Errorf("%s: no panic", name)
		}
	}
	changed := &url.URL{Path: "/mine"}
	signIn := handlers.NewSignIn(k.client, k.sessions, k.cookies, handlers.SignInConfig{EmailPage: changed, CodePage: changed})
	changed.Host = "evil.example" // after it was checked
	k.mux.HandleFunc("/copied", signIn.SendCode)
	if got := k.visitInside(t).send("/copied", "email", ada).Location; got != "/mine" {
		t.Errorf("leads to %q", got)
	}
}

// TestSignInReturnToHasNoDots: "/.//e" is a path of this host, and must not
// lead to another one in a browser that takes the dot away first.
func TestSignInReturnToHasNoDots(t *testing.T) {
	k := newSignInKit(t, crossminttest.Config{}, handlers.SignInConfig{})
	for _, text := range []string{"/.//e", "/..//e", "/a/..//e", "/./e"} {
		v := k.visitInside(t)
		email := fmt.Sprintf("%x@example.com", text)
		v.send("/send", "email", email)
		if diff := cmp.Diff(to("/e", "-signin", "refresh-token", "session"), v.send("/confirm", "code", k.fake.Code(email), "return_to", text)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
}

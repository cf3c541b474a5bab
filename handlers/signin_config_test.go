package handlers_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/handlers"
	"github.com/crossmint-go/auth/internal/testkit"
	"github.com/crossmint-go/auth/session"
	"github.com/google/go-cmp/cmp"
)

// TestSignInAcrossServers submits the two forms to different servers.
func TestSignInAcrossServers(t *testing.T) {
	key := session.NewSecret(strings.Repeat("k", 32))
	for name, test := range map[string]struct {
		config handlers.SignInConfig
		want   formResponse
	}{
		"one key":           {config: handlers.SignInConfig{Key: key}, want: redirectTo("/", "-signin", "refresh-token", "session")},
		"a random key each": {want: redirectTo("/signin?error=expired&lang=en")},
	} {
		env := newSignInEnv(t, crossminttest.Config{}, test.config)
		test.config.EmailPage, test.config.CodePage = &url.URL{Path: "/signin", RawQuery: "lang=en"}, &url.URL{Path: "/code"}
		env.mux.HandleFunc("/elsewhere", handlers.NewSignIn(env.Client, env.Manager, env.cookies, test.config).ConfirmCode)
		b := env.newInProcessBrowser(t)
		b.submit("/send", "email", ada)
		if diff := cmp.Diff(test.want, b.submit("/elsewhere", "code", env.Fake.Code(ada))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// codesOnly has no methods for providers and wallets.
type codesOnly struct{ handlers.EmailCodes }

func TestNewSignInPanics(t *testing.T) {
	env := newSignInEnv(t, crossminttest.Config{InMemory: true}, handlers.SignInConfig{})
	page := &url.URL{Path: "/p"}
	valid := handlers.SignInConfig{EmailPage: page, CodePage: page, OAuthProviders: []string{"google"}, WalletTypes: []string{"ethereum", "solana"}}
	newSignIn := func(c handlers.SignInConfig) func() {
		return func() { handlers.NewSignIn(env.Client, env.Manager, env.cookies, c) }
	}
	if panics(newSignIn(valid)) {
		t.Error("a valid configuration panics")
	}
	invalid := map[string]func(){
		"no codes":    func() { handlers.NewSignIn(nil, env.Manager, env.cookies, valid) },
		"no sessions": func() { handlers.NewSignIn(env.Client, nil, env.cookies, valid) },
		"no cookies":  func() { handlers.NewSignIn(env.Client, env.Manager, nil, valid) },
		"no pages":    newSignIn(handlers.SignInConfig{}), "short key": newSignIn(handlers.SignInConfig{EmailPage: page, CodePage: page, Key: session.NewSecret("too short")}),
		"empty provider": newSignIn(handlers.SignInConfig{EmailPage: page, CodePage: page, OAuthProviders: []string{"google", ""}}),
		"unknown wallet": newSignIn(handlers.SignInConfig{EmailPage: page, CodePage: page, WalletTypes: []string{"ethereum", "bitcoin"}}),
		"codes without providers": func() {
			handlers.NewSignIn(codesOnly{env.Client}, env.Manager, env.cookies, handlers.SignInConfig{EmailPage: page, CodePage: page, OAuthProviders: []string{"google"}})
		},
		"codes without wallets": func() {
			handlers.NewSignIn(codesOnly{env.Client}, env.Manager, env.cookies, handlers.SignInConfig{EmailPage: page, CodePage: page, WalletTypes: []string{"solana"}})
		},
		"no code page": newSignIn(handlers.SignInConfig{EmailPage: page}), "no e-mail page": newSignIn(handlers.SignInConfig{CodePage: page}),
	}
	for _, rawURL := range foreignURLs {
		u, err := url.Parse(rawURL)
		testkit.NoError(t, err)
		invalid["EmailPage "+rawURL] = newSignIn(handlers.SignInConfig{EmailPage: u, CodePage: page})
		invalid["CodePage "+rawURL] = newSignIn(handlers.SignInConfig{EmailPage: page, CodePage: u})
		invalid["After "+rawURL] = newSignIn(handlers.SignInConfig{EmailPage: page, CodePage: page, After: u})
	}
	for name, f := range invalid {
		if !panics(f) {
			t.Errorf("%s: no panic", name)
		}
	}
}

// TestSignInConfigIsCopied changes a page after NewSignIn has checked it.
func TestSignInConfigIsCopied(t *testing.T) {
	env := newSignInEnv(t, crossminttest.Config{InMemory: true}, handlers.SignInConfig{})
	page := &url.URL{Path: "/mine"}
	providers := []string{"google"}
	signIn := handlers.NewSignIn(env.Client, env.Manager, env.cookies, handlers.SignInConfig{EmailPage: page, CodePage: page, OAuthProviders: providers})
	page.Host, providers[0] = "evil.example", "twitter"
	env.mux.HandleFunc("/copied", signIn.SendCode)
	if got := env.newInProcessBrowser(t).submit("/copied", "email", ada).Location; got != "/mine" {
		t.Errorf("redirect to %q, want /mine", got)
	}
	env.mux.HandleFunc("/copied/oauth", signIn.StartOAuth)
	if got := env.newInProcessBrowser(t).submit("/copied/oauth", "provider", "twitter").Location; got != "/mine?error=oauth" {
		t.Errorf("a provider that was added later: redirect to %q", got)
	}
}

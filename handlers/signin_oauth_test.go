package handlers_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/handlers"
	"github.com/crossmint-go/auth/internal/testkit"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/event"
	"github.com/google/go-cmp/cmp"
)

const googleUser = "google.user@example.com"

func newOAuthEnv(t testing.TB, config handlers.SignInConfig) *signInEnv {
	t.Helper()
	config.OAuthProviders = []string{"google"}
	return newSignInEnv(t, crossminttest.Config{InMemory: true}, config)
}

// startOAuth starts a sign-in with Google and returns the secret of upstream's callback
// page.
func (b *browser) startOAuth(namesAndValues ...string) (secret string) {
	b.Helper()
	got := b.submit("/oauth/start", append(namesAndValues, "provider", "google")...)
	target, err := url.Parse(got.Location)
	testkit.NoError(b.T, err)
	secret = target.Query().Get("oneTimeSecret")
	if got.Status != http.StatusSeeOther || got.Cookies != "signin" || secret == "" {
		b.Fatalf("start: %+v", got)
	}
	return secret
}

// secretOf returns the one-time secret of a sign-in in no browser of this site.
func (env *signInEnv) secretOf(email string) string {
	return env.Fake.OneTimeSecret(env.Fake.NewUser(email))
}

func TestOAuth(t *testing.T) {
	var hooked []string
	env := newOAuthEnv(t, handlers.SignInConfig{After: &url.URL{Path: "/home"}, OnSignIn: func(_ http.ResponseWriter, _ *http.Request, user session.User) error {
		hooked = append(hooked, user.Email)
		return nil
	}})
	b := env.newInProcessBrowser(t)
	for returnTo, want := range map[string]string{"": "/home", "/cart?a=1": "/cart?a=1", "//evil.example": "/home", "https://evil.example": "/home"} {
		secret := b.startOAuth()
		if diff := cmp.Diff(redirectTo(want, "-signin", "refresh-token", "session"), b.submit("/oauth/finish", "secret", secret, "return_to", returnTo)); diff != "" {
			t.Fatalf("return_to %q (-want +got):\n%s", returnTo, diff)
		}
	}
	user := b.get("/whoami")
	if known, err := env.Client.User(t.Context(), user); err != nil || known.Email != googleUser {
		t.Errorf("signed in as %q: %+v, %v", user, known, err)
	}
	if diff := cmp.Diff([]string{googleUser, googleUser, googleUser, googleUser}, hooked); diff != "" {
		t.Errorf("calls of OnSignIn (-want +got):\n%s", diff)
	}
	var events []event.Event
	for _, e := range env.All() {
		if e.Op == "sign_in" && e.Outcome == event.SignedIn {
			events = append(events, e)
		}
	}
	if len(events) != 4 || len(env.reported) > 0 {
		t.Errorf("events %v, errors %v", events, env.reported)
	}
}

// TestOAuthErrors submits forms that fail. No session begins, and upstream is called
// only where the row says so.
func TestOAuthErrors(t *testing.T) {
	const returnTo = "return_to=%2Fcart"
	edit := func(oauthURL string) crossminttest.Fault {
		return crossminttest.Edit(func(a map[string]any) { a["oauthUrl"] = oauthURL })
	}
	tests := []struct {
		name, path string
		started    bool // the browser has the cookie of StartOAuth
		fields     []string
		fail       map[crossminttest.Endpoint]crossminttest.Fault
		want       formResponse
		calls      int    // of upstream
		level      string // of the event
	}{
		{name: "provider not in the list", path: "/oauth/start", fields: []string{"provider", "twitter"}, want: redirectTo("/signin?error=oauth&lang=en&" + returnTo), level: "INFO"},
		{name: "no provider", path: "/oauth/start", want: redirectTo("/signin?error=oauth&lang=en&" + returnTo), level: "INFO"},
		{name: "provider with a path", path: "/oauth/start", fields: []string{"provider", "google/../../x"}, want: redirectTo("/signin?error=oauth&lang=en&" + returnTo), level: "INFO"},
		{name: "provider unknown to upstream", path: "/oauth/start", fields: []string{"provider", "google"}, fail: map[crossminttest.Endpoint]crossminttest.Fault{crossminttest.Social: crossminttest.Status(400, "", `{}`)},
			want: redirectTo("/signin?error=oauth&lang=en&" + returnTo), calls: 1, level: "WARN"},
		{name: "oauthUrl of plain http", path: "/oauth/start", fields: []string{"provider", "google"}, fail: map[crossminttest.Endpoint]crossminttest.Fault{crossminttest.Social: edit("http://evil.example")},
			want: redirectTo("/signin?error=unavailable&lang=en&" + returnTo), calls: 1, level: "WARN"},
		{name: "oauthUrl is a script", path: "/oauth/start", fields: []string{"provider", "google"}, fail: map[crossminttest.Endpoint]crossminttest.Fault{crossminttest.Social: edit("javascript:alert(1)")},
			want: redirectTo("/signin?error=unavailable&lang=en&" + returnTo), calls: 1, level: "WARN"},
		{name: "upstream unavailable", path: "/oauth/start", fields: []string{"provider", "google"}, fail: map[crossminttest.Endpoint]crossminttest.Fault{crossminttest.Social: crossminttest.Reset()},
			want: redirectTo("/signin?error=unavailable&lang=en&" + returnTo), calls: 1, level: "WARN"},
		{name: "no secret", path: "/oauth/finish", started: true, want: redirectTo("/signin?error=oauth&lang=en&" + returnTo), level: "INFO"},
		{name: "secret with a line break", path: "/oauth/finish", started: true, fields: []string{"secret", "a\nb"}, want: redirectTo("/signin?error=oauth&lang=en&" + returnTo), level: "INFO"},
		{name: "long secret", path: "/oauth/finish", started: true, fields: []string{"secret", strings.Repeat("a", 2049)}, want: redirectTo("/signin?error=oauth&lang=en&" + returnTo), level: "INFO"},
		{name: "wrong secret", path: "/oauth/finish", started: true, fields: []string{"secret", "wrong"}, want: redirectTo("/signin?error=oauth&lang=en&"+returnTo, "-signin"), calls: 1, level: "WARN"},
		{name: "no pending sign-in", path: "/oauth/finish", fields: []string{"secret", "wrong"}, want: redirectTo("/signin?error=expired&lang=en&" + returnTo), level: "INFO"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			env := newOAuthEnv(t, handlers.SignInConfig{})
			b := env.newInProcessBrowser(t)
			if test.started {
				b.startOAuth()
			}
			for endpoint, fault := range test.fail {
				env.Fake.FailAlways(endpoint, fault)
			}
			before := env.Fake.Calls()
			if diff := cmp.Diff(test.want, b.submit(test.path, append(test.fields, "return_to", "/cart")...)); diff != "" {
				t.Errorf("response (-want +got):\n%s", diff)
			}
			after := env.Fake.Calls()
			if calls := after.Social - before.Social + after.Refresh - before.Refresh; calls != test.calls {
				t.Errorf("%d calls of upstream, want %d", calls, test.calls)
			}
			events := env.All()
			if last := events[len(events)-1]; last.Outcome != "sign_in_failed" || last.Level().String() != test.level || len(b.sessionCookies()) > 0 {
				t.Errorf("last event %v at %v, cookies %v", last.LogValue(), last.Level(), b.sessionCookies())
			}
			if len(env.reported) != 1 {
				t.Errorf("reported errors %v", env.reported)
			}
		})
	}
}

// TestLoginCSRF makes a browser submit the secret of another one, which would sign its
// user in as another user. The browser has not started a sign-in with a provider.
func TestLoginCSRF(t *testing.T) {
	env := newOAuthEnv(t, handlers.SignInConfig{WalletTypes: []string{"ethereum"}})
	expired := redirectTo("/signin?error=expired&lang=en")
	attacker, victim := env.newInProcessBrowser(t), env.newInProcessBrowser(t)
	secret := attacker.startOAuth()
	for name, prepare := range map[string]func(){
		"nothing pending": func() {},
		"a code pending":  func() { victim.submit("/send", "email", ada) },
		"a wallet pending": func() {
			victim.submit("/wallet/start", "address", aWallet, "type", "ethereum")
		},
	} {
		prepare()
		if diff := cmp.Diff(expired, victim.submit("/oauth/finish", "secret", secret)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if got := env.Fake.Calls().Refresh; got != 0 {
		t.Errorf("%d secrets reached upstream", got)
	}
	for _, header := range []http.Header{{"Sec-Fetch-Site": {"cross-site"}}, {"Sec-Fetch-Site": {"same-site"}}, {"Origin": {"https://evil.example"}}} {
		for _, path := range []string{"/oauth/start", "/oauth/finish", "/wallet/start", "/wallet/finish"} {
			if got := victim.submitFrom(header, path, "provider=google"); got.Status != http.StatusForbidden {
				t.Errorf("%s from another origin: %+v", path, got)
			}
		}
	}
	if diff := cmp.Diff(redirectTo("/", "-signin", "refresh-token", "session"), attacker.submit("/oauth/finish", "secret", secret)); diff != "" {
		t.Errorf("the browser that started (-want +got):\n%s", diff)
	}
}

// submitFrom submits a form with the headers of another origin.
func (b *browser) submitFrom(header http.Header, path, form string) formResponse {
	b.Helper()
	r, err := http.NewRequestWithContext(b.Context(), http.MethodPost, b.site.String()+path, strings.NewReader(form))
	testkit.NoError(b.T, err)
	r.Header = header.Clone()
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, _ := b.do(r)
	return newFormResponse(res)
}

// TestOAuthBesideCode starts a sign-in with a provider while a code is pending, and the
// other way round. Each can be finished.
func TestOAuthBesideCode(t *testing.T) {
	env := newOAuthEnv(t, handlers.SignInConfig{})
	b := env.newInProcessBrowser(t)
	b.submit("/send", "email", ada)
	b.startOAuth()
	if got := b.get("/email"); got != ada {
		t.Errorf("pending address %q", got)
	}
	if got := b.submit("/confirm", "code", env.Fake.Code(ada)); got != signedIn {
		t.Errorf("the code: %+v", got)
	}
	secret := b.startOAuth()
	if got := b.get("/email"); got != "" {
		t.Errorf("a provider alone: pending address %q", got)
	}
	if got := b.submit("/confirm", "code", "123456"); got.Location != "/signin?error=expired&lang=en" {
		t.Errorf("a code without an address: %+v", got)
	}
	b.submit("/send", "email", bob)
	if got := b.submit("/oauth/finish", "secret", secret); got != signedIn {
		t.Errorf("the secret: %+v", got)
	}
}

func TestOAuthExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env := newOAuthEnv(t, handlers.SignInConfig{})
		b := env.newInProcessBrowser(t)
		secret := b.startOAuth()
		time.Sleep(10 * time.Minute)
		if got := b.submit("/oauth/finish", "secret", secret); got.Location != "/signin?error=expired&lang=en" {
			t.Errorf("response %+v", got)
		}
	})
}

// TestOAuthDoubleSubmit submits a secret twice: at once, and after the first response.
func TestOAuthDoubleSubmit(t *testing.T) {
	env := newOAuthEnv(t, handlers.SignInConfig{})
	b := env.newInProcessBrowser(t)
	secret := b.startOAuth()
	tab := b.copyBrowser()
	var wg sync.WaitGroup
	for _, window := range []*browser{b, tab} {
		wg.Go(func() {
			if got := window.submit("/oauth/finish", "secret", secret); got != signedIn {
				t.Errorf("at once: %+v", got)
			}
		})
	}
	wg.Wait()
	if b.get("/whoami") != tab.get("/whoami") || env.Fake.Calls().Refresh != 1 {
		t.Errorf("%d exchanges", env.Fake.Calls().Refresh)
	}
	if diff := cmp.Diff(redirectTo("/cart"), b.submit("/oauth/finish", "secret", secret, "return_to", "/cart")); diff != "" {
		t.Errorf("after the first response (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(redirectTo("/signin?error=expired&lang=en"), b.submit("/oauth/finish", "secret", env.secretOf(bob))); diff != "" {
		t.Errorf("another secret without a new start (-want +got):\n%s", diff)
	}
}

// TestOAuthFailureKeepsSession lets the second sign-in of a browser fail.
func TestOAuthFailureKeepsSession(t *testing.T) {
	for name, test := range map[string]struct {
		fault crossminttest.Fault
		want  formResponse
	}{
		"refused":     {fault: crossminttest.Status(401, "", `{}`), want: redirectTo("/signin?error=oauth&lang=en", "-signin")},
		"unavailable": {fault: crossminttest.Status(403, "", `{}`), want: redirectTo("/signin?error=unavailable&lang=en")},
		"malformed":   {fault: crossminttest.Status(200, "", `{}`), want: redirectTo("/signin?error=unavailable&lang=en", "-signin")},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				env := newOAuthEnv(t, handlers.SignInConfig{})
				b := env.newInProcessBrowser(t)
				b.signIn(ada)
				before := b.sessionCookies()
				secret := b.startOAuth()
				env.Fake.FailAlways(crossminttest.Refresh, test.fault)
				if diff := cmp.Diff(test.want, b.submit("/oauth/finish", "secret", secret)); diff != "" {
					t.Errorf("response (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(before, b.sessionCookies()); diff != "" {
					t.Errorf("session cookies (-before +after):\n%s", diff)
				}
			})
		})
	}
}

// TestOAuthLimits uses up the limits of all starts, of the forms that finish one start,
// and of one client.
func TestOAuthLimits(t *testing.T) {
	const limited = "/signin?error=limit&lang=en"
	synctest.Test(t, func(t *testing.T) {
		env := newOAuthEnv(t, handlers.SignInConfig{MaxSends: 3})
		b := env.newInProcessBrowser(t)
		for range 3 {
			b.startOAuth()
		}
		if got := b.submit("/oauth/start", "provider", "google"); got.Location != limited || env.Fake.Calls().Social != 3 {
			t.Errorf("a fourth start: %+v, %d calls", got, env.Fake.Calls().Social)
		}
		for range 10 {
			if got := b.copyBrowser().submit("/oauth/finish", "secret", "wrong"); got.Location != "/signin?error=oauth&lang=en" {
				t.Errorf("wrong secret: %+v", got)
			}
		}
		if got := b.copyBrowser().submit("/oauth/finish", "secret", "wrong"); got.Location != limited {
			t.Errorf("an eleventh secret: %+v", got)
		}
		time.Sleep(10 * time.Second)
		if got := b.submit("/oauth/finish", "secret", b.startOAuth()); got != signedIn {
			t.Errorf("a new start: %+v", got)
		}
	})
	env := newOAuthEnv(t, handlers.SignInConfig{MaxFormsPerClient: 2, ClientKey: func(*http.Request) string { return "c" }})
	b := env.newInProcessBrowser(t)
	b.startOAuth()
	secret := b.startOAuth()
	for path, fields := range map[string][]string{"/oauth/start": {"provider", "google"}, "/oauth/finish": {"secret", secret}} {
		if got := b.submit(path, fields...); got.Location != limited {
			t.Errorf("a third form, to %s: %+v", path, got)
		}
	}
}

// TestMethodsNotConfigured sends each form to a SignIn for e-mail only.
func TestMethodsNotConfigured(t *testing.T) {
	env := newSignInEnv(t, crossminttest.Config{InMemory: true}, handlers.SignInConfig{})
	b := env.newInProcessBrowser(t)
	for _, path := range []string{"/oauth/start", "/oauth/finish", "/wallet/start", "/wallet/finish"} {
		if got := b.submit(path, "provider", "google", "address", aWallet, "type", "ethereum"); got.Status != http.StatusNotFound {
			t.Errorf("%s: %+v", path, got)
		}
	}
	if calls := env.Fake.Calls(); calls.Social+calls.WalletStart > 0 {
		t.Errorf("calls of upstream: %+v", calls)
	}
}

// TestOAuthDoesNotLeakSecrets searches responses, errors and events for one-time secret
// and signature.
func TestOAuthDoesNotLeakSecrets(t *testing.T) {
	const canary = "CANARY"
	echo := crossminttest.Status(401, "", `{"message":"`+canary+`"}`)
	env := newOAuthEnv(t, handlers.SignInConfig{WalletTypes: []string{"ethereum"}})
	b := env.newInProcessBrowser(t)
	b.startOAuth()
	visible := ""
	for _, form := range [][]string{
		{"/oauth/start", "provider", canary}, {"/oauth/finish", "secret", canary + " "}, {"/oauth/finish", "secret", canary},
		{"/wallet/start", "address", canary, "type", "ethereum"}, {"/wallet/finish", "signature", canary},
		{"/wallet/start", "address", aWallet, "type", "ethereum"}, {"/wallet/finish", "address", aWallet, "type", "ethereum", "signature", canary},
	} {
		for _, endpoint := range []crossminttest.Endpoint{crossminttest.WalletFinish, crossminttest.Refresh} {
			env.Fake.FailAlways(endpoint, echo)
		}
		res, body := b.postForm(form[0], form[1:]...)
		visible += body + fmt.Sprint(withoutCookies(res.Header))
	}
	visible += strings.Join(env.errors, "\n") + fmt.Sprintf("%v %+v", env.reported, env.reported)
	if at := strings.Index(visible, canary); at >= 0 {
		t.Errorf("leaked: %q", visible[max(0, at-200):at+6])
	}
}

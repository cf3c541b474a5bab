package browser_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/handlers"
	"github.com/crossmint-go/auth/internal/testkit"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
)

const signInForms = `<!doctype html><title>Sign in</title>
<form method="post" action="/send"><input name="email"><button id="send">Send code</button></form>
<form method="post" action="/confirm"><input name="code"><button id="confirm">Sign in</button></form>`

// formSite is a site whose users sign in with two forms. Upstream takes delay for each
// of its two calls.
type formSite struct {
	*testkit.Kit
	url string
}

func newFormSite(t *testing.T, delay time.Duration) *formSite {
	t.Helper()
	s := &formSite{Kit: testkit.New(t, testkit.Config{})}
	s.Fake.FailAlways(crossminttest.ConfirmOTP, crossminttest.Delay(delay))
	s.Fake.FailAlways(crossminttest.Refresh, crossminttest.Delay(delay))
	cookies := testkit.Must(cookie.NewCodec(cookie.Config{ProjectID: s.Client.ProjectID(), InsecureAllowHTTP: true}))
	signIn := handlers.NewSignIn(s.Client, s.Manager, cookies, handlers.SignInConfig{
		EmailPage: &url.URL{Path: "/signin"}, CodePage: &url.URL{Path: "/code"},
	})
	mux := http.NewServeMux()
	showForms := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, signInForms)
	}
	mux.HandleFunc("GET /signin", showForms)
	mux.HandleFunc("GET /code", showForms)
	mux.HandleFunc("/send", signIn.SendCode)
	mux.HandleFunc("/confirm", signIn.ConfirmCode)
	require := middleware.RequireSession(s.Manager, cookies, middleware.Config{})
	mux.Handle("GET /{$}", require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		session, _ := session.FromContext(r.Context())
		_, _ = io.WriteString(w, session.UserID)
	})))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

// formTab is a tab of any browser.
type formTab struct {
	open func(url string)
	run  func(script string) string // "" if the page goes away
}

// page returns the path and the text of the page, once it is loaded.
func (b *formTab) page() string {
	return b.run(`document.readyState !== "complete" ? "" : location.pathname + location.search + " " + document.body.textContent.trim()`)
}

// doubleClick signs the user in with two clicks on the button of the second form.
func (s *formSite) doubleClick(t *testing.T, b *formTab, email string, gap, delay time.Duration) {
	t.Helper()
	user := s.Fake.NewUser(email).ID
	b.open(s.url + "/signin")
	b.run(fmt.Sprintf(`document.querySelector("[name=email]").value = %q; document.querySelector("#send").click(); ""`, email))
	await(t, "the form for the code", true, func() bool { return strings.HasPrefix(b.page(), "/code ") })
	b.run(fmt.Sprintf(`document.querySelector("[name=code]").value = %q;
		document.querySelector("#confirm").click();
		setTimeout(() => document.querySelector("#confirm").click(), %d); ""`, s.Fake.Code(email), gap.Milliseconds()))
	time.Sleep(gap + 2*delay + 300*time.Millisecond) // for the second response
	await(t, "the page after the sign-in", "/ "+user, b.page)
}

// TestDoubleClick clicks twice on the button of the form with the code. The browser
// cancels the request of the first click.
func TestDoubleClick(t *testing.T) {
	const ms = time.Millisecond
	for _, delay := range []time.Duration{0, 50 * ms, 500 * ms} {
		site := newFormSite(t, delay)
		for i, gap := range []time.Duration{0, 20 * ms, 100 * ms, 300 * ms, 600 * ms} {
			t.Run(fmt.Sprintf("Chromium, after %v, upstream %v", gap, delay), func(t *testing.T) {
				b := newTab(t)
				run := func(script string) string { text, _ := b.evaluate(script); return text }
				site.doubleClick(t, &formTab{b.open, run}, fmt.Sprintf("chromium%d@example.com", i), gap, delay)
			})
			t.Run(fmt.Sprintf("Firefox, after %v, upstream %v", gap, delay), func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 2*waitTimeout)
				defer cancel()
				b, err := other.NewTab(ctx)
				testkit.NoError(t, err)
				defer func() { _ = b.Close(ctx) }()
				// Firefox has one profile here: hosts keep the cookies apart.
				host := strings.NewReplacer("127.0.0.1", fmt.Sprintf("tab%d-%d.localhost", i, delay.Milliseconds()))
				site := &formSite{site.Kit, host.Replace(site.url)}
				open := func(url string) { testkit.NoError(t, b.Open(ctx, url)) }
				run := func(script string) string { text, _ := b.Evaluate(ctx, script); return text }
				site.doubleClick(t, &formTab{open, run}, fmt.Sprintf("firefox%d@example.com", i), gap, delay)
			})
		}
	}
}

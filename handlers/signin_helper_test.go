package handlers_test

import (
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/handlers"
	"github.com/crossmint-go/auth/internal/testkit"
	"github.com/crossmint-go/auth/session"
)

// signInEnv is a testEnv with a SignIn, a page /email with the pending address,
// and a page /whoami with the user ID.
type signInEnv struct {
	*testEnv
	signIn   *handlers.SignIn
	reported []error // errors of SignInConfig.OnError; guarded by testEnv.mu
}

func newSignInEnv(t testing.TB, fakeConfig crossminttest.Config, config handlers.SignInConfig) *signInEnv {
	t.Helper()
	env := &signInEnv{testEnv: newTestEnv(t, fakeConfig, session.Config{}, handlers.Config{})}
	config.EmailPage, config.CodePage = &url.URL{Path: "/signin", RawQuery: "lang=en"}, &url.URL{Path: "/code"}
	config.OnError = func(_ *http.Request, err error) {
		env.recordError(err)
		env.mu.Lock()
		defer env.mu.Unlock()
		env.reported = append(env.reported, err)
	}
	env.signIn = handlers.NewSignIn(env.Client, env.Manager, env.cookies, config)
	env.mux.HandleFunc("/send", env.signIn.SendCode)
	env.mux.HandleFunc("/confirm", env.signIn.ConfirmCode)
	env.mux.HandleFunc("/oauth/start", env.signIn.StartOAuth)
	env.mux.HandleFunc("/oauth/finish", env.signIn.FinishOAuth)
	env.mux.HandleFunc("/wallet/start", env.signIn.StartWallet)
	env.mux.HandleFunc("/wallet/finish", env.signIn.FinishWallet)
	env.mux.HandleFunc("/email", func(w http.ResponseWriter, r *http.Request) {
		email, _ := env.signIn.Email(r)
		_, _ = io.WriteString(w, email)
	})
	env.mux.HandleFunc("/whoami", func(w http.ResponseWriter, r *http.Request) {
		presented := env.cookies.Read(r)
		result, err := env.Manager.Authenticate(r.Context(), presented.Material)
		if err = presented.Apply(w, result, err); err == nil {
			_, _ = io.WriteString(w, result.Session.UserID)
		}
	})
	return env
}

// countErrors returns how many reported errors match target.
func (env *signInEnv) countErrors(target error) (count int) {
	env.mu.Lock()
	defer env.mu.Unlock()
	for _, err := range env.reported {
		if errors.Is(err, target) {
			count++
		}
	}
	return count
}

// browser is an HTTP client with a cookie jar that follows no redirects.
type browser struct {
	*testing.T
	env  *signInEnv
	site *url.URL
	http *http.Client
}

// inProcess is a RoundTripper without sockets, which do not work in a synctest
// bubble.
type inProcess struct{ http.Handler }

func (p inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	incoming := r.Clone(r.Context())
	incoming.RequestURI, incoming.Host = r.URL.RequestURI(), r.URL.Host
	p.ServeHTTP(w, incoming)
	return w.Result(), nil
}

// newTLSBrowser returns a browser that is connected by TLS over a socket.
func (env *signInEnv) newTLSBrowser(t *testing.T) *browser {
	t.Helper()
	server := httptest.NewTLSServer(env.mux)
	t.Cleanup(server.Close)
	site, err := url.Parse(server.URL)
	testkit.NoError(t, err)
	return env.newBrowser(t, site, server.Client().Transport)
}

// newInProcessBrowser returns a browser that is connected without a socket.
func (env *signInEnv) newInProcessBrowser(t *testing.T) *browser {
	t.Helper()
	return env.newBrowser(t, &url.URL{Scheme: "https", Host: "app.example"}, inProcess{env.mux})
}

func (env *signInEnv) newBrowser(t *testing.T, site *url.URL, transport http.RoundTripper) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	testkit.NoError(t, err)
	noRedirects := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &browser{T: t, env: env, site: site, http: &http.Client{Transport: transport, Jar: jar, CheckRedirect: noRedirects}}
}

// formResponse is the response to a form.
type formResponse struct {
	Status   int
	Location string
	Cookies  string // short names of set cookies; cleared ones with a minus
}

// redirectTo returns the response that redirects to location.
func redirectTo(location string, cookies ...string) formResponse {
	return formResponse{http.StatusSeeOther, location, strings.Join(cookies, " ")}
}

// submit posts a form with alternating names and values, and returns the response.
func (b *browser) submit(path string, namesAndValues ...string) formResponse {
	b.Helper()
	res, _ := b.postForm(path, namesAndValues...)
	return newFormResponse(res)
}

func newFormResponse(res *http.Response) formResponse {
	var names []string
	for _, c := range res.Cookies() {
		name := strings.TrimPrefix(strings.TrimPrefix(c.Name, "__Host-"), "crossmint-")
		if c.MaxAge < 0 {
			name = "-" + name
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return formResponse{res.StatusCode, res.Header.Get("Location"), strings.Join(names, " ")}
}

// postForm posts a form with alternating names and values, checks the response's
// headers, and returns the response with its body.
func (b *browser) postForm(path string, namesAndValues ...string) (*http.Response, string) {
	b.Helper()
	form := url.Values{}
	for i := 0; i < len(namesAndValues); i += 2 {
		form.Set(namesAndValues[i], namesAndValues[i+1])
	}
	r, err := http.NewRequestWithContext(b.Context(), http.MethodPost, b.site.String()+path, strings.NewReader(form.Encode()))
	testkit.NoError(b.T, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", b.site.String())
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	res, body := b.do(r)
	checkHeaders(b.T, res)
	if after := res.Header.Get("Retry-After"); after != "" {
		b.Errorf("a redirect with Retry-After %s", after)
	}
	return res, body
}

func (b *browser) do(r *http.Request) (*http.Response, string) {
	b.Helper()
	res, err := b.http.Do(r)
	testkit.NoError(b.T, err)
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	testkit.NoError(b.T, err)
	return res, string(body)
}

// get returns the body of a page.
func (b *browser) get(path string) string {
	b.Helper()
	r, err := http.NewRequestWithContext(b.Context(), http.MethodGet, b.site.String()+path, nil)
	testkit.NoError(b.T, err)
	_, body := b.do(r)
	return body
}

// jar returns the browser's cookies: values by name.
func (b *browser) jar() map[string]string {
	cookies := map[string]string{}
	for _, c := range b.http.Jar.Cookies(b.site) {
		cookies[c.Name] = c.Value
	}
	return cookies
}

// sessionCookies returns the cookies of the session.
func (b *browser) sessionCookies() map[string]string {
	cookies := b.jar()
	maps.DeleteFunc(cookies, func(name, _ string) bool { return strings.Contains(name, "signin") })
	return cookies
}

// signIn submits both forms.
func (b *browser) signIn(email string) {
	b.Helper()
	b.submit("/send", "email", email)
	if got := b.submit("/confirm", "code", b.env.Fake.Code(email)); got.Location != "/" {
		b.Fatalf("sign-in leads to %+v", got)
	}
}

// wrongCode returns a code that was not sent to the address.
func (env *signInEnv) wrongCode(email string) string {
	if env.Fake.Code(email) == "000000" {
		return "000001"
	}
	return "000000"
}

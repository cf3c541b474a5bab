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
	"github.com/crossmint-go/auth/session"
)

// signInKit is a kit with a sign-in, and a page that says who is there.
type signInKit struct {
	*kit
	signIn *handlers.SignIn
	causes []error // as SignInConfig.OnError receives them; guarded by kit.mu
}

func newSignInKit(t testing.TB, fakeConfig crossminttest.Config, config handlers.SignInConfig) *signInKit {
	t.Helper()
	k := &signInKit{kit: newKit(t, fakeConfig, session.Config{}, handlers.Config{})}
	config.EmailPage, config.CodePage = &url.URL{Path: "/signin", RawQuery: "lang=en"}, &url.URL{Path: "/code"}
	config.OnError = func(_ *http.Request, err error) {
		k.noteError(err)
		k.mu.Lock()
		defer k.mu.Unlock()
		k.causes = append(k.causes, err)
	}
	k.signIn = handlers.NewSignIn(k.client, k.sessions, k.cookies, config)
	k.mux.HandleFunc("/send", k.signIn.SendCode)
	k.mux.HandleFunc("/confirm", k.signIn.ConfirmCode)
	k.mux.HandleFunc("/email", func(w http.ResponseWriter, r *http.Request) {
		email, _ := k.signIn.Email(r)
		_, _ = io.WriteString(w, email)
	})
	k.mux.HandleFunc("/whoami", func(w http.ResponseWriter, r *http.Request) {
		result, err := k.sessions.Authenticate(r.Context(), k.cookies.Read(r))
		if result, err = k.cookies.Apply(w, r, result, err); err == nil {
			_, _ = io.WriteString(w, result.Session.UserID)
		}
	})
	return k
}

// caused returns how often the hook has received err.
func (k *signInKit) caused(err error) (count int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, cause := range k.causes {
		if errors.Is(cause, err) {
			count++
		}
	}
	return count
}

// visitor is a browser with a cookie jar that follows no redirect.
type visitor struct {
	*testing.T
	kit  *signInKit
	site *url.URL
	http *http.Client
}

// inProcess serves requests where there are no sockets.
type inProcess struct{ http.Handler }

func (p inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	in := r.Clone(r.Context())
	in.RequestURI, in.Host = r.URL.RequestURI(), r.URL.Host
	p.ServeHTTP(w, in)
	return w.Result(), nil
}

// visit comes in over a socket with TLS; the returned function makes more
// visitors of the same site.
func (k *signInKit) visit(t *testing.T) *visitor {
	t.Helper()
	server := httptest.NewTLSServer(k.mux)
	t.Cleanup(server.Close)
	site, err := url.Parse(server.URL)
	must(t, err)
	return k.visitor(t, site, server.Client().Transport)
}

// visitInside comes in without a socket.
func (k *signInKit) visitInside(t *testing.T) *visitor {
	t.Helper()
	return k.visitor(t, &url.URL{Scheme: "https", Host: "app.example"}, inProcess{k.mux})
}

func (k *signInKit) visitor(t *testing.T, site *url.URL, transport http.RoundTripper) *visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	must(t, err)
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &visitor{t, k, site, &http.Client{Transport: transport, Jar: jar, CheckRedirect: stay}}
}

// landing is where a form leads to, and what it does to cookies: the names of
// those set, those cleared with a minus.
type landing struct {
	Status   int
	Location string
	Cookies  string
}

func to(location string, cookies ...string) landing {
	return landing{http.StatusSeeOther, location, strings.Join(cookies, " ")}
}

// send posts a form, given as names and values in turns, and checks what holds
// for every answer.
func (v *visitor) send(path string, namesAndValues ...string) landing {
	v.Helper()
	res, _ := v.post(path, namesAndValues...)
	return landingOf(res)
}

func landingOf(res *http.Response) landing {
	var names []string
	for _, c := range res.Cookies() {
		name := strings.TrimPrefix(strings.TrimPrefix(c.Name, "__Host-"), "crossmint-")
		if c.MaxAge < 0 {
			name = "-" + name
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return landing{res.StatusCode, res.Header.Get("Location"), strings.Join(names, " ")}
}

func (v *visitor) post(path string, namesAndValues ...string) (*http.Response, string) {
	v.Helper()
	form := url.Values{}
	for i := 0; i < len(namesAndValues); i += 2 {
		form.Set(namesAndValues[i], namesAndValues[i+1])
	}
	r, err := http.NewRequestWithContext(v.Context(), http.MethodPost, v.site.String()+path, strings.NewReader(form.Encode()))
	must(v.T, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", v.site.String())
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	res, body := v.do(r)
	checkHeaders(v.T, res)
	if after := res.Header.Get("Retry-After"); after != "" {
		v.Errorf("a redirect with Retry-After %s", after)
	}
	return res, body
}

func (v *visitor) do(r *http.Request) (*http.Response, string) {
	v.Helper()
	res, err := v.http.Do(r)
	must(v.T, err)
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	must(v.T, err)
	return res, string(body)
}

// get returns the body of a page.
func (v *visitor) get(path string) string {
	v.Helper()
	r, err := http.NewRequestWithContext(v.Context(), http.MethodGet, v.site.String()+path, nil)
	must(v.T, err)
	_, body := v.do(r)
	return body
}

// jar returns what the browser keeps, by name.
func (v *visitor) jar() map[string]string {
	kept := map[string]string{}
	for _, c := range v.http.Jar.Cookies(v.site) {
		kept[c.Name] = c.Value
	}
	return kept
}

// sessionCookies are those of jar that hold a session.
func (v *visitor) sessionCookies() map[string]string {
	kept := v.jar()
	maps.DeleteFunc(kept, func(name, _ string) bool { return strings.Contains(name, "signin") })
	return kept
}

// comeIn signs in, from the address to the cookies.
func (v *visitor) comeIn(email string) {
	v.Helper()
	v.send("/send", "email", email)
	if got := v.send("/confirm", "code", v.kit.fake.Code(email)); got.Location != "/" {
		v.Fatalf("sign-in leads to %+v", got)
	}
}

// wrong returns a code that was not sent to the address.
func (k *signInKit) wrong(email string) string {
	if k.fake.Code(email) == "000000" {
		return "000001"
	}
	return "000000"
}

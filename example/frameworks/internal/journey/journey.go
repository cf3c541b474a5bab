// Package journey takes the same visitors through the examples.
package journey

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/example/frameworks/internal/site"
	"github.com/crossmint-go/auth/internal/testkit"
	"github.com/crossmint-go/auth/session"
)

// Run takes the visitors through one framework.
func Run(t *testing.T, f Framework) {
	t.Helper()
	journeys := slices.Clone(journeys)
	if f.Stream != nil {
		journeys = append(journeys, journey{"a stream", stream, delivered})
	}
	if f.Slow != nil {
		journeys = append(journeys, journey{"a slow handler loses its response", slow, nil})
	}
	for _, j := range journeys {
		t.Run(f.Name+"/"+j.name, func(t *testing.T) {
			t.Parallel()
			var running sync.WaitGroup
			example := func(sessions *session.Manager, cookies *cookie.Codec) http.Handler {
				h := f.New(t, sessions, cookies)
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					running.Add(1)
					defer running.Done()
					h.ServeHTTP(w, r)
				})
			}
			var v *Traveller
			if j.end != nil {
				t.Cleanup(func() { // after the server has been closed
					running.Wait()
					j.end(v)
				})
			}
			v = &Traveller{T: t, Site: site.New(t, crossminttest.Config{}, example), framework: f}
			j.travel(v)
		})
	}
}

type journey struct {
	name   string
	travel func(*Traveller)
	end    func(*Traveller) // runs when all handlers have returned; nil: nothing
}

var journeys = []journey{
	{"an anonymous visitor", anonymous, nil},
	{"a signed-in user", signedIn, nil},
	{"an expired JWT is renewed unnoticed", expired, nil},
	{"a refused refresh token", refused, nil},
	{"upstream is down", upstreamDown, nil},
	{"the refresh route", refreshRoute, nil},
	{"logout", logout, nil},
	{"logout during a request that renews", logoutMeanwhile, nil},
}

const (
	email = "ada@example.com"
	// theme is the cookie that the application itself sets.
	theme   = "theme set"
	renewed = "crossmint-refresh-token set, crossmint-session set"
	cleared = "crossmint-refresh-token deleted, crossmint-session deleted"
)

func anonymous(v *Traveller) {
	v.expect(response{Status: 401, Type: "application/json", Body: `{"error":"Unauthorized","message":"No cookies found in request"}`}, v.me())
	v.expectCalls(crossminttest.Calls{})
}

func signedIn(v *Traveller) {
	v.user = v.Fake.SignIn(v.Browser.Jar, v.URL, email).User
	v.expect(response{Status: 200, Type: "application/json", Cookies: theme, Body: hello}, v.me())
	v.expectCalls(crossminttest.Calls{JWKS: 1})
}

func expired(v *Traveller) {
	v.user = v.Fake.SignInExpired(v.Browser.Jar, v.URL, email).User
	v.expect(response{Status: 200, Type: "application/json", Cookies: renewed + ", " + theme, Body: hello}, v.me())
	v.expect(response{Status: 200, Type: "application/json", Cookies: theme, Body: hello}, v.me())
	v.expectCalls(crossminttest.Calls{JWKS: 1, Refresh: 1})
}

// refused expects that upstream's first refusal deletes nothing, since another
// instance may have renewed the session. The browser is asked to send its request
// again. A refusal two hours later deletes the cookies.
func refused(v *Traveller) {
	grant := v.Fake.SignInExpired(v.Browser.Jar, v.URL, email)
	v.Fake.Revoke(grant.RefreshToken.Secret.Reveal())
	const marked = "crossmint-refresh-token-refused set"
	me := v.framework.Me(v)
	me.URL.RawQuery = "tab=2"
	first := response{Status: 307, Type: v.framework.RedirectType, Location: "?tab=2", Cookies: marked}
	if me.Method != http.MethodGet {
		first = response{Status: 503, Type: "application/json", RetryAfter: "1", Cookies: marked, Body: `{"error":"Service Unavailable","message":"Please try again later"}`}
	}
	v.expect(first, v.note(me))
	time.Sleep(time.Second) // as Retry-After says; a redirect has waited before
	unauthorized := response{Status: 401, Type: "application/json", Body: `{"error":"Unauthorized","message":"Session is not valid"}`}
	v.expect(unauthorized, v.me())

	second := v.framework.Me(v)
	testkit.AddMarker(second, grant.RefreshToken.Secret.Reveal(), time.Now().Add(-2*time.Hour))
	v.Browser.Jar.SetCookies(v.URL, second.Cookies())
	unauthorized.Cookies = "crossmint-refresh-token deleted, crossmint-refresh-token-refused deleted, crossmint-session deleted"
	v.expect(unauthorized, v.me())
	if left := v.Browser.Jar.Cookies(v.URL); len(left) > 0 {
		v.Errorf("left in the jar: %v", left)
	}
}

func upstreamDown(v *Traveller) {
	v.user = v.Fake.SignIn(v.Browser.Jar, v.URL, email).User
	fine := response{Status: 200, Type: "application/json", Cookies: theme, Body: hello}
	v.expect(fine, v.me())
	v.Fake.Down()
	v.expect(fine, v.me())
	v.Fake.SignInExpired(v.Browser.Jar, v.URL, email)
	v.expect(response{Status: 503, Type: "application/json", RetryAfter: "1", Body: `{"error":"Service Unavailable","message":"Please try again later"}`}, v.me())
	site.Must(v, v.Fake.Up())
	v.expect(response{Status: 200, Type: "application/json", Cookies: renewed + ", " + theme, Body: hello}, v.me())
}

func refreshRoute(v *Traveller) {
	v.Fake.SignIn(v.Browser.Jar, v.URL, email)
	v.expect(response{Status: 405, Type: "application/json", Allow: "POST", Body: `{"error":"Method Not Allowed","message":"Use POST"}`}, v.send(http.MethodGet, "/refresh", ""))
	got := v.send(http.MethodPost, "/refresh", "{}")
	got.Body = "" // a random JWT
	v.expect(response{Status: 200, Type: "application/json", Cookies: renewed}, got)
	v.expectCalls(crossminttest.Calls{JWKS: 1, Refresh: 1})
}

func logout(v *Traveller) {
	grant := v.Fake.SignIn(v.Browser.Jar, v.URL, email)
	v.expect(response{Status: 405, Type: "application/json", Allow: "POST", Body: `{"error":"Method Not Allowed","message":"Use POST"}`}, v.send(http.MethodGet, "/logout", ""))
	r := v.Request(v, http.MethodPost, "/logout", "")
	r.Header.Set("Origin", v.URL.String()) // as a browser without Fetch metadata
	v.expect(response{Status: 204, Cookies: cleared}, v.note(r))
	v.expect(response{Status: 401, Type: "application/json", Body: `{"error":"Unauthorized","message":"No cookies found in request"}`}, v.me())
	if v.Fake.Live(grant.RefreshToken.Secret.Reveal()) {
		v.Error("upstream still accepts the refresh token")
	}
}

// logoutMeanwhile expects that a response brings no cookies of a session that has ended
// before: they would replace those of the next user of the browser.
func logoutMeanwhile(v *Traveller) {
	v.Fake.SignInExpired(v.Browser.Jar, v.URL, email)
	v.AfterRefresh = func(userID string) { site.Must(v, v.Sessions.LogoutUser(v.Context(), userID)) }
	if got := v.me(); strings.Contains(got.Cookies, "crossmint") {
		v.Errorf("cookies: %s", got.Cookies)
	}
}

// stream reads the beginning of a response that has no end yet. Without a flush the
// read would not return.
func stream(v *Traveller) {
	v.Fake.SignInExpired(v.Browser.Jar, v.URL, email)
	res, err := v.Browser.Do(v.framework.Stream(v))
	site.Must(v, err)
	defer func() { _ = res.Body.Close() }()
	if got := cookiesOf(res); got != renewed {
		v.Errorf("cookies: %s", got)
	}
	first := make([]byte, 1)
	if n, err := res.Body.Read(first); n != 1 || err != nil {
		v.Errorf("read %d bytes: %v", n, err)
	}
}

// delivered expects that the cookies of a stream count as delivered, although the
// browser has disconnected before its end: the flush has sent them.
func delivered(v *Traveller) {
	if v.Undelivered.Load() > 0 {
		v.Error("the cookies that the browser has got do not count as delivered")
	}
}

// slow expects that a renewed session is not lost with the response that was to
// carry it: the next response does. The refresh token works only once.
func slow(v *Traveller) {
	v.user = v.Fake.SignInExpired(v.Browser.Jar, v.URL, email).User
	lost := v.note(v.framework.Slow(v))
	if lost.Status != http.StatusServiceUnavailable || lost.Cookies != "" {
		v.Errorf("the lost response: %+v", lost)
	}
	v.expect(response{Status: 200, Type: "application/json", Cookies: renewed + ", " + theme, Body: hello}, v.me())
	v.expectCalls(crossminttest.Calls{JWKS: 1, Refresh: 1})
	for v.Undelivered.Load() == 0 { // the handler is still running
		time.Sleep(10 * time.Millisecond)
	}
}

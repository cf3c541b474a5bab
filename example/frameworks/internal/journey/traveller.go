package journey

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/example/frameworks/internal/site"
	"github.com/crossmint-go/auth/session"
)

// A Framework is an example that goes on the journeys, and how to call it.
type Framework struct {
	Name string
	// New returns the example. The test stops its servers when it ends.
	New func(testing.TB, *session.Manager, *cookie.Codec) http.Handler
	// Me requests the page that names the user.
	Me func(*Traveller) *http.Request
	// Stream requests a response that has no end. nil: the framework cannot
	// send one.
	Stream func(*Traveller) *http.Request
	// Slow requests a page whose handler takes longer than the timeout of the
	// framework. nil: the framework has no timeout.
	Slow func(*Traveller) *http.Request
	// RedirectType is the media type that the framework adds to a redirect
	// without a body. Most add none.
	RedirectType string
}

// Get returns a function that requests a path.
func Get(path string) func(*Traveller) *http.Request {
	return func(v *Traveller) *http.Request { return v.Request(v, http.MethodGet, path, "") }
}

// A Traveller is a visitor of one site.
type Traveller struct {
	*testing.T
	*site.Site
	framework Framework
	user      session.User
}

// hello stands for the body of a response with the user ID.
const hello = "hello, user"

// response is the part of a response that the journeys check.
type response struct {
	Status                                           int
	Type, Allow, RetryAfter, Location, Cookies, Body string
}

func (v *Traveller) me() response {
	v.Helper()
	return v.note(v.framework.Me(v))
}

func (v *Traveller) send(method, path, body string) response {
	v.Helper()
	return v.note(v.Request(v, method, path, body))
}

func (v *Traveller) note(r *http.Request) response {
	v.Helper()
	res, body := v.Do(v, r)
	if v.user.ID != "" && strings.Contains(body, v.user.ID) {
		body = hello
	}
	if got := res.Header.Get("Cache-Control"); got != "no-store" && strings.Contains(cookiesOf(res), "crossmint") {
		v.Errorf("Cache-Control of a response with session cookies: %q", got)
	}
	mediaType, _, _ := strings.Cut(res.Header.Get("Content-Type"), ";")
	h := res.Header
	return response{
		Status: res.StatusCode, Type: mediaType, Allow: h.Get("Allow"), RetryAfter: h.Get("Retry-After"),
		Location: h.Get("Location"), Cookies: cookiesOf(res), Body: strings.TrimSpace(body),
	}
}

func (v *Traveller) expect(want, got response) {
	v.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		v.Errorf("response (-want +got):\n%s", diff)
	}
}

func (v *Traveller) expectCalls(want crossminttest.Calls) {
	v.Helper()
	if diff := cmp.Diff(want, v.Fake.Calls()); diff != "" {
		v.Errorf("upstream calls (-want +got):\n%s", diff)
	}
}

// cookiesOf returns the names of the cookies that a response sets or deletes.
func cookiesOf(res *http.Response) string {
	var lines []string
	for _, c := range res.Cookies() {
		state := " set"
		if c.MaxAge < 0 {
			state = " deleted"
		}
		lines = append(lines, c.Name+state)
	}
	slices.Sort(lines)
	return strings.Join(lines, ", ")
}

package main

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/example/frameworks/connect"
	"github.com/crossmint-go/auth/example/frameworks/internal/site"
	"github.com/crossmint-go/auth/session"
)

func TestMain(m *testing.M) {
	gin.SetMode(gin.ReleaseMode) // prints nothing
	goleak.VerifyTestMain(m)
}

// framework is an example that goes on the journeys, and how to call it.
type framework struct {
	name       string
	me, stream func(*traveller) *http.Request
}

var frameworks = []framework{
	{"servemux", get("/me"), get("/stream")},
	{"chi", get("/me"), get("/stream")},
	{"gorilla", get("/me"), get("/stream")},
	{"gin", get("/me"), get("/stream")},
	{"echo", get("/me"), get("/stream")},
	{"huma", get("/me"), get("/stream")},
	{"connect", callConnect, streamConnect},
}

func get(path string) func(*traveller) *http.Request {
	return func(v *traveller) *http.Request { return v.Request(v, http.MethodGet, path, "") }
}

func callConnect(v *traveller) *http.Request {
	return v.Request(v, http.MethodPost, connect.MeProcedure, "{}")
}

// streamConnect sends {} in an envelope: flags, and the length in four bytes.
func streamConnect(v *traveller) *http.Request {
	r := v.Request(v, http.MethodPost, connect.StreamProcedure, "\x00\x00\x00\x00\x02{}")
	r.Header.Set("Content-Type", "application/connect+json")
	return r
}

// traveller is a visitor of one site.
type traveller struct {
	*testing.T
	*site.Site
	framework framework
	user      session.User
}

// hello stands for the body of a response with the user ID.
const hello = "hello, user"

// response is the part of a response that the journeys check.
type response struct {
	Status                                 int
	Type, Allow, RetryAfter, Cookies, Body string
}

func (v *traveller) me() response {
	v.Helper()
	return v.note(v.framework.me(v))
}

func (v *traveller) send(method, path, body string) response {
	v.Helper()
	return v.note(v.Request(v, method, path, body))
}

func (v *traveller) note(r *http.Request) response {
	v.Helper()
	res, body := v.Do(v, r)
	if v.user.ID != "" && strings.Contains(body, v.user.ID) {
		body = hello
	}
	mediaType, _, _ := strings.Cut(res.Header.Get("Content-Type"), ";")
	return response{res.StatusCode, mediaType, res.Header.Get("Allow"), res.Header.Get("Retry-After"), cookiesOf(res), strings.TrimSpace(body)}
}

func (v *traveller) expect(want, got response) {
	v.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		v.Errorf("response (-want +got):\n%s", diff)
	}
}

func (v *traveller) expectCalls(want crossminttest.Calls) {
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

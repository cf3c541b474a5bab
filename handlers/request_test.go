package handlers_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/handlers"
	"github.com/crossmint-go/auth/internal/testkit"
	"github.com/crossmint-go/auth/session"
	"github.com/google/go-cmp/cmp"
)

// The public error messages.
const (
	badBody     = "The body must be one JSON object with at most one string member refresh"
	badType     = "The body must be application/json, without Content-Encoding"
	tooLong     = "The body is too long"
	crossOrigin = "Cross-origin requests are not allowed"
	usePOST     = "Use POST"
)

// setHeaders returns a function that sets headers, with alternating names and
// values.
func setHeaders(namesAndValues ...string) func(*http.Request) {
	return func(r *http.Request) {
		for i := 0; i < len(namesAndValues); i += 2 {
			r.Header.Set(namesAndValues[i], namesAndValues[i+1])
		}
	}
}

func setMethod(name string) func(*http.Request) { return func(r *http.Request) { r.Method = name } }

// TestRefreshRejectsRequests sends invalid requests with valid cookies. Requests
// with several faults show the order of the checks.
func TestRefreshRejectsRequests(t *testing.T) {
	long := `{"refresh":"` + strings.Repeat("a", 16<<10) + `"}`
	tests := []struct {
		name   string
		body   string
		change []func(*http.Request)
		status int
		want   string // the message
	}{
		{name: "GET", change: []func(*http.Request){setMethod("GET")}, status: 405, want: usePOST},
		{name: "HEAD", change: []func(*http.Request){setMethod("HEAD")}, status: 405, want: usePOST},
		{name: "PUT", body: "{}", change: []func(*http.Request){setMethod("PUT")}, status: 405, want: usePOST},
		{name: "preflight", change: []func(*http.Request){setMethod("OPTIONS"), setHeaders("Access-Control-Request-Method", "POST", "Origin", "https://evil.example")}, status: 405, want: usePOST},
		{name: "method before origin, type and length", body: long, change: []func(*http.Request){setMethod("PATCH"), setHeaders("Sec-Fetch-Site", "cross-site", "Content-Type", "text/plain")}, status: 405, want: usePOST},

		{name: "cross-site", body: "{}", change: []func(*http.Request){setHeaders("Sec-Fetch-Site", "cross-site")}, status: 403, want: crossOrigin},
		{name: "origin before encoding, type and length", body: long, change: []func(*http.Request){setHeaders("Sec-Fetch-Site", "cross-site", "Content-Type", "text/plain", "Content-Encoding", "gzip")}, status: 403, want: crossOrigin},

		{name: "text/plain", body: "{}", change: []func(*http.Request){setHeaders("Content-Type", "text/plain")}, status: 415, want: badType},
		{name: "a form", body: "refresh=a", change: []func(*http.Request){setHeaders("Content-Type", "application/x-www-form-urlencoded")}, status: 415, want: badType},
		{name: "no media type", body: "{}", change: []func(*http.Request){func(r *http.Request) { r.Header.Del("Content-Type") }}, status: 415, want: badType},
		{name: "two media types", body: "{}", change: []func(*http.Request){func(r *http.Request) { r.Header.Add("Content-Type", "text/plain") }}, status: 415, want: badType},
		{name: "a list of media types", body: "{}", change: []func(*http.Request){setHeaders("Content-Type", "text/plain, application/json")}, status: 415, want: badType},
		{name: "a media type with the suffix +json", body: "{}", change: []func(*http.Request){setHeaders("Content-Type", "application/problem+json")}, status: 415, want: badType},
		{name: "gzip", body: "{}", change: []func(*http.Request){setHeaders("Content-Encoding", "gzip")}, status: 415, want: badType},
		{name: "Content-Encoding without a body", change: []func(*http.Request){setHeaders("Content-Encoding", "br")}, status: 415, want: badType},
		{name: "type before length", body: long, change: []func(*http.Request){setHeaders("Content-Type", "text/plain")}, status: 415, want: badType},

		{name: "above 16 KiB", body: long, status: 413, want: tooLong},
		{name: "above 16 KiB of spaces", body: strings.Repeat(" ", 16<<10) + "{}", status: 413, want: tooLong},
		{name: "length before content", body: strings.Repeat("[", 16<<10+1), status: 413, want: tooLong},

		{name: "only spaces", body: "  ", status: 400, want: badBody},
		{name: "not JSON", body: "refresh", status: 400, want: badBody},
		{name: "an array", body: `["a"]`, status: 400, want: badBody},
		{name: "a string", body: `"a"`, status: 400, want: badBody},
		{name: "null", body: `null`, status: 400, want: badBody},
		{name: "two objects", body: `{"refresh":"a"}{"refresh":"b"}`, status: 400, want: badBody},
		{name: "incomplete", body: `{"refresh":"a"`, status: 400, want: badBody},
		{name: "trailing comma", body: `{"refresh":"a",}`, status: 400, want: badBody},
		{name: "invalid UTF-8", body: "{\"refresh\":\"a\xff\"}", status: 400, want: badBody},
		{name: "invalid UTF-8 elsewhere", body: "{\"refresh\":\"a\",\"x\":\"\xff\"}", status: 400, want: badBody},
		{name: "byte order mark", body: "\uFEFF{}", status: 400, want: badBody},
		{name: "deeper than 32", body: `{"x":` + strings.Repeat("[", 32) + strings.Repeat("]", 32) + "}", status: 400, want: badBody},
		{name: "refresh twice", body: `{"refresh":"a","refresh":"a"}`, status: 400, want: badBody},
		{name: "refresh twice, once null", body: `{"refresh":null,"refresh":"a"}`, status: 400, want: badBody},
		{name: "refresh twice, once escaped", body: `{"refresh":"a","\u0072efresh":"b"}`, status: 400, want: badBody},
		{name: "another member twice", body: `{"refresh":"a","x":1,"x":1}`, status: 400, want: badBody},
		{name: "upper-case letter in the name", body: `{"Refresh":"a"}`, status: 400, want: badBody},
		{name: "upper-case name beside refresh", body: `{"refresh":"a","REFRESH":null}`, status: 400, want: badBody},
		{name: "name with a letter that folds to s", body: `{"refreſh":"a"}`, status: 400, want: badBody},
		{name: "a number as token", body: `{"refresh":1}`, status: 400, want: badBody},
		{name: "true as token", body: `{"refresh":true}`, status: 400, want: badBody},
		{name: "an object as token", body: `{"refresh":{"secret":"a"}}`, status: 400, want: badBody},
		{name: "an array as token", body: `{"refresh":["a"]}`, status: 400, want: badBody},
		{name: "token with line feed", body: `{"refresh":"a\nb"}`, status: 400, want: badBody},
		{name: "token with NUL", body: `{"refresh":"\u0000"}`, status: 400, want: badBody},
		{name: "token with DEL", body: `{"refresh":"a\u007f"}`, status: 400, want: badBody},
		{name: "token with a lone surrogate", body: `{"refresh":"\ud800"}`, status: 400, want: badBody},
		{name: "connection lost", change: []func(*http.Request){func(r *http.Request) {
			r.Body, r.ContentLength = io.NopCloser(iotest.ErrReader(io.ErrUnexpectedEOF)), 15
		}}, status: 400, want: badBody},
		{name: "token above 2 KiB", body: `{"refresh":"` + strings.Repeat("a", 2<<10+1) + `"}`, status: 400, want: badBody},
	}
	env := newTestEnv(t, crossminttest.Config{}, session.Config{}, handlers.Config{})
	jwt, refresh := env.expiredTokens()
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := post("/refresh", test.body, jwt, refresh)
			for _, change := range test.change {
				change(r)
			}
			reported := len(env.errors)
			res, body := env.serve(t, r)
			type response struct {
				Status                int
				Error, Message, Allow string
				Cookies, Reported     int
			}
			got := response{Status: res.StatusCode, Allow: res.Header.Get("Allow"), Cookies: len(res.Cookies()), Reported: len(env.errors) - reported}
			testkit.NoError(t, json.Unmarshal([]byte(body), &got))
			want := response{Status: test.status, Error: http.StatusText(test.status), Message: test.want, Reported: 2} // to OnError and as an event
			if test.status == 405 {
				want.Allow = "POST"
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("response (-want +got):\n%s", diff)
			}
		})
	}
	if diff := cmp.Diff(crossminttest.Calls{}, env.Fake.Calls()); diff != "" {
		t.Errorf("calls of upstream (-want +got):\n%s", diff)
	}
}

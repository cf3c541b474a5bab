package handlers_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/handlers"
	"github.com/crossmint-go/auth/internal/testkit"
	"github.com/google/go-cmp/cmp"
)

const (
	badForm     = "The body must be a form with each field once at the most"
	badFormType = "The body must be application/x-www-form-urlencoded, without Content-Encoding"
	tooEarly    = "Please send the request again when the TLS handshake is complete"
)

// TestSignInRejectsRequests sends requests that no form of the page sends. Requests
// with several faults show the order of the checks.
func TestSignInRejectsRequests(t *testing.T) {
	const good = "email=ada%40example.com&code=123456"
	long := good + "&x=" + strings.Repeat("a", 16<<10)
	plain := setHeaders("Content-Type", "text/plain")
	cross := setHeaders("Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example")
	tests := []struct {
		name, body string
		change     []func(*http.Request)
		status     int
		want       string
	}{
		{name: "GET", change: []func(*http.Request){setMethod("GET")}, status: 405, want: usePOST},
		{name: "HEAD", change: []func(*http.Request){setMethod("HEAD")}, status: 405, want: usePOST},
		{name: "PUT", body: good, change: []func(*http.Request){setMethod("PUT")}, status: 405, want: usePOST},
		{name: "preflight", change: []func(*http.Request){setMethod("OPTIONS"), cross}, status: 405, want: usePOST},
		{name: "method before origin, type and length", body: long, change: []func(*http.Request){setMethod("PATCH"), cross, plain}, status: 405, want: usePOST},

		{name: "cross-site", body: good, change: []func(*http.Request){cross}, status: 403, want: crossOrigin},
		{name: "a sibling", body: good, change: []func(*http.Request){setHeaders("Sec-Fetch-Site", "same-site", "Origin", "https://blog.app.example")}, status: 403, want: crossOrigin},
		{name: "cross-site, older browser", body: good, change: []func(*http.Request){setHeaders("Sec-Fetch-Site", "", "Origin", "https://evil.example")}, status: 403, want: crossOrigin},
		{name: "null", body: good, change: []func(*http.Request){setHeaders("Sec-Fetch-Site", "", "Origin", "null")}, status: 403, want: crossOrigin},
		{name: "a forwarded host", body: good, change: []func(*http.Request){setHeaders("Sec-Fetch-Site", "", "Origin", "https://evil.example", "X-Forwarded-Host", "evil.example")}, status: 403, want: crossOrigin},
		{name: "origin before type and length", body: long, change: []func(*http.Request){cross, plain}, status: 403, want: crossOrigin},

		{name: "TLS early data", body: good, change: []func(*http.Request){setHeaders("Early-Data", "1")}, status: 425, want: tooEarly},
		{name: "origin before early data", body: good, change: []func(*http.Request){setHeaders("Early-Data", "1"), cross}, status: 403, want: crossOrigin},

		{name: "JSON", body: `{"email":"ada@example.com"}`, change: []func(*http.Request){setHeaders("Content-Type", "application/json")}, status: 415, want: badFormType},
		{name: "multipart", body: good, change: []func(*http.Request){setHeaders("Content-Type", "multipart/form-data; boundary=x")}, status: 415, want: badFormType},
		{name: "text/plain", body: good, change: []func(*http.Request){plain}, status: 415, want: badFormType},
		{name: "no media type", body: good, change: []func(*http.Request){func(r *http.Request) { r.Header.Del("Content-Type") }}, status: 415, want: badFormType},
		{name: "two media types", body: good, change: []func(*http.Request){func(r *http.Request) { r.Header.Add("Content-Type", "text/plain") }}, status: 415, want: badFormType},
		{name: "gzip", body: good, change: []func(*http.Request){setHeaders("Content-Encoding", "gzip")}, status: 415, want: badFormType},
		{name: "type before length", body: long, change: []func(*http.Request){plain}, status: 415, want: badFormType},

		{name: "above 16 KiB", body: long, status: 413, want: tooLong},
		{name: "length before content", body: strings.Repeat("%", 16<<10+1), status: 413, want: tooLong},

		{name: "an address twice", body: good + "&email=bob%40example.com", status: 400, want: badForm},
		{name: "a code twice", body: good + "&code=1", status: 400, want: badForm},
		{name: "another field twice", body: good + "&x=1&x=1", status: 400, want: badForm},
		{name: "a bad escape", body: "email=%zz", status: 400, want: badForm},
		{name: "a semicolon", body: good + ";x=1", status: 400, want: badForm},
	}
	env := newSignInEnv(t, crossminttest.Config{}, handlers.SignInConfig{})
	jwt, refresh := env.validTokens()
	for _, test := range tests {
		for _, path := range []string{"/send", "/confirm"} {
			t.Run(test.name+" "+path, func(t *testing.T) {
				r := httptest.NewRequest(http.MethodPost, "https://app.example"+path+"?email=ada@example.com", strings.NewReader(test.body))
				setHeaders("Content-Type", "application/x-www-form-urlencoded", "Origin", "https://app.example", "Sec-Fetch-Site", "same-origin",
					"Cookie", "crossmint-session="+jwt+"; crossmint-refresh-token="+refresh)(r)
				for _, change := range test.change {
					change(r)
				}
				reported := len(env.reported)
				res, body := env.serve(t, r)
				type response struct {
					Status                  int
					Message, Allow, Cookies string
					Reported                int
				}
				got := response{Status: res.StatusCode, Allow: res.Header.Get("Allow"), Cookies: strings.Join(res.Header["Set-Cookie"], " "), Reported: len(env.reported) - reported}
				testkit.NoError(t, json.Unmarshal([]byte(body), &got))
				want := response{Status: test.status, Message: test.want, Reported: 1}
				if test.status == 405 {
					want.Allow = "POST"
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("response (-want +got):\n%s", diff)
				}
			})
		}
	}
	if reported := fmt.Sprint(env.reported); strings.Contains(reported, "%zz") {
		t.Errorf("the errors quote the body: %s", reported)
	}
	if diff := cmp.Diff(crossminttest.Calls{}, env.Fake.Calls()); diff != "" {
		t.Errorf("calls of upstream (-want +got):\n%s", diff)
	}
}

// TestSignInTrustedOrigin posts the form from a trusted origin and from another.
func TestSignInTrustedOrigin(t *testing.T) {
	protection := http.NewCrossOriginProtection()
	testkit.NoError(t, protection.AddTrustedOrigin("https://trusted.example"))
	env := newSignInEnv(t, crossminttest.Config{}, handlers.SignInConfig{Protection: protection})
	for origin, want := range map[string]int{"https://trusted.example": 303, "https://evil.example": 403} {
		r := httptest.NewRequest(http.MethodPost, "https://app.example/send", strings.NewReader("email=ada%40example.com"))
		setHeaders("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8", "Origin", origin, "Sec-Fetch-Site", "cross-site")(r)
		if res, _ := env.serve(t, r); res.StatusCode != want {
			t.Errorf("%s: status %d, want %d", origin, res.StatusCode, want)
		}
	}
}

// A layer around the handlers may have parsed the form, for example one that looks for
// a token against cross-site requests, as gorilla/csrf does. Then the body is read.
func TestSignInParsedForm(t *testing.T) {
	const good = "email=ada%40example.com"
	tests := []struct {
		name, body string
		want       int
	}{
		{name: "form", body: good + "&csrf=token", want: 303},
		{name: "a field twice", body: good + "&email=bob%40example.com", want: 400},
		{name: "above 16 KiB", body: good + "&x=" + strings.Repeat("a", 16<<10), want: 413},
		{name: "a field in the query only", body: "csrf=token", want: 303},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			env := newSignInEnv(t, crossminttest.Config{}, handlers.SignInConfig{})
			r := httptest.NewRequest(http.MethodPost, "https://app.example/send?email=eve%40example.com", strings.NewReader(test.body))
			setHeaders("Content-Type", "application/x-www-form-urlencoded", "Origin", "https://app.example", "Sec-Fetch-Site", "same-origin")(r)
			testkit.NoError(t, r.ParseForm())
			res, _ := env.serve(t, r)
			if res.StatusCode != test.want {
				t.Errorf("status %d, want %d", res.StatusCode, test.want)
			}
			if got, want := env.Fake.Code("ada@example.com") != "", test.name == "form"; got != want {
				t.Errorf("a code was sent: %t, want %t", got, want)
			}
			if env.Fake.Code("eve@example.com") != "" {
				t.Error("the address in the query counts")
			}
		})
	}
}

func TestSignInSlowBodies(t *testing.T) {
	for _, path := range []string{"/send", "/confirm"} {
		for pause, want := range map[time.Duration]int{100 * time.Millisecond: 303, time.Second: 408, time.Hour: 408} {
			synctest.Test(t, func(t *testing.T) {
				const body = "email=ada%40example.com"
				env := newSignInEnv(t, crossminttest.Config{InMemory: true}, handlers.SignInConfig{})
				conn := dial(t, env.mux)
				started := time.Now()
				_, err := fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: app.example\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n", path, len(body))
				testkit.NoError(t, err)
				go writeSlowly(t.Context(), conn, body, pause)
				res, err := http.ReadResponse(bufio.NewReader(conn), nil)
				testkit.NoError(t, err)
				if took := time.Since(started); res.StatusCode != want || took > 5*time.Second {
					t.Errorf("%s, a byte every %v: status %d after %v, want %d", path, pause, res.StatusCode, took, want)
				}
			})
		}
	}
}

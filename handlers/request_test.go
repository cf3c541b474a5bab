package handlers_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/handlers"
	"github.com/crossmint-go/auth/session"
	"github.com/google/go-cmp/cmp"
)

// What browsers are told.
const (
	badBody     = "The body must be one JSON object with at most one text member refresh"
	badType     = "The body must be application/json, without Content-Encoding"
	tooLong     = "The body is too long"
	tooSlow     = "The body took too long"
	crossOrigin = "Cross-origin requests are not allowed"
	usePOST     = "Use POST"
)

// with returns a change of a request that sets headers.
func with(namesAndValues ...string) func(*http.Request) {
	return func(r *http.Request) {
		for i := 0; i < len(namesAndValues); i += 2 {
			r.Header.Set(namesAndValues[i], namesAndValues[i+1])
		}
	}
}

func method(name string) func(*http.Request) { return func(r *http.Request) { r.Method = name } }

// TestRefreshRefusesRequests sends what is not taken, each time with cookies
// that would do. Where several things are wrong, the order of checks shows.
func TestRefreshRefusesRequests(t *testing.T) {
	long := `{"refresh":"` + strings.Repeat("a", 16<<10) + `"}`
	tests := []struct {
		name   string
		body   string
		change []func(*http.Request)
		status int
		want   string // the message
	}{
		{"GET", "", []func(*http.Request){method("GET")}, 405, usePOST},
		{"HEAD", "", []func(*http.Request){method("HEAD")}, 405, usePOST},
		{"PUT", "{}", []func(*http.Request){method("PUT")}, 405, usePOST},
		{"preflight", "", []func(*http.Request){method("OPTIONS"), with("Access-Control-Request-Method", "POST", "Origin", "https://evil.example")}, 405, usePOST},
		{"method before origin, type and length", long, []func(*http.Request){method("PATCH"), with("Sec-Fetch-Site", "cross-site", "Content-Type", "text/plain")}, 405, usePOST},

		{"cross-site", "{}", []func(*http.Request){with("Sec-Fetch-Site", "cross-site")}, 403, crossOrigin},
		{"origin before encoding, type and length", long, []func(*http.Request){with("Sec-Fetch-Site", "cross-site", "Content-Type", "text/plain", "Content-Encoding", "gzip")}, 403, crossOrigin},

		{"text/plain", "{}", []func(*http.Request){with("Content-Type", "text/plain")}, 415, badType},
		{"a form", "refresh=a", []func(*http.Request){with("Content-Type", "application/x-www-form-urlencoded")}, 415, badType},
		{"no type", "{}", []func(*http.Request){func(r *http.Request) { r.Header.Del("Content-Type") }}, 415, badType},
		{"two types", "{}", []func(*http.Request){func(r *http.Request) { r.Header.Add("Content-Type", "application/json") }}, 415, badType},
		{"a list of types", "{}", []func(*http.Request){with("Content-Type", "text/plain, application/json")}, 415, badType},
		{"a type of the JSON family", "{}", []func(*http.Request){with("Content-Type", "application/problem+json")}, 415, badType},
		{"gzip", "{}", []func(*http.Request){with("Content-Encoding", "gzip")}, 415, badType},
		{"an encoding without a body", "", []func(*http.Request){with("Content-Encoding", "br")}, 415, badType},
		{"type before length", long, []func(*http.Request){with("Content-Type", "text/plain")}, 415, badType},

		{"above 16 KiB", long, nil, 413, tooLong},
		{"above 16 KiB of spaces", strings.Repeat(" ", 16<<10) + "{}", nil, 413, tooLong},
		{"length before content", strings.Repeat("[", 16<<10+1), nil, 413, tooLong},

		{"nothing but spaces", "  ", nil, 400, badBody},
		{"no JSON", "refresh", nil, 400, badBody},
		{"an array", `["a"]`, nil, 400, badBody},
		{"a text", `"a"`, nil, 400, badBody},
		{"null", `null`, nil, 400, badBody},
		{"two objects", `{"refresh":"a"}{"refresh":"b"}`, nil, 400, badBody},
		{"cut off", `{"refresh":"a"`, nil, 400, badBody},
		{"comma at the end", `{"refresh":"a",}`, nil, 400, badBody},
		{"invalid UTF-8", "{\"refresh\":\"a\xff\"}", nil, 400, badBody},
		{"invalid UTF-8 elsewhere", "{\"refresh\":\"a\",\"x\":\"\xff\"}", nil, 400, badBody},
		{"byte order mark", "\uFEFF{}", nil, 400, badBody},
		{"deeper than 32", `{"x":` + strings.Repeat("[", 32) + strings.Repeat("]", 32) + "}", nil, 400, badBody},
		{"refresh twice", `{"refresh":"a","refresh":"a"}`, nil, 400, badBody},
		{"refresh twice, once null", `{"refresh":null,"refresh":"a"}`, nil, 400, badBody},
		{"refresh twice, once in escapes", `{"refresh":"a","\u0072efresh":"b"}`, nil, 400, badBody},
		{"another member twice", `{"refresh":"a","x":1,"x":1}`, nil, 400, badBody},
		{"in another case", `{"Refresh":"a"}`, nil, 400, badBody},
		{"in another case beside the right one", `{"refresh":"a","REFRESH":null}`, nil, 400, badBody},
		{"with a letter that folds to s", `{"refreſh":"a"}`, nil, 400, badBody},
		{"a number", `{"refresh":1}`, nil, 400, badBody},
		{"true", `{"refresh":true}`, nil, 400, badBody},
		{"an object", `{"refresh":{"secret":"a"}}`, nil, 400, badBody},
		{"a list", `{"refresh":["a"]}`, nil, 400, badBody},
		{"a line feed", `{"refresh":"a\nb"}`, nil, 400, badBody},
		{"NUL", `{"refresh":"\u0000"}`, nil, 400, badBody},
		{"DEL", `{"refresh":"a\u007f"}`, nil, 400, badBody},
		{"half a surrogate pair", `{"refresh":"\ud800"}`, nil, 400, badBody},
		{"broken off", "", []func(*http.Request){func(r *http.Request) {
			r.Body, r.ContentLength = io.NopCloser(iotest.ErrReader(io.ErrUnexpectedEOF)), 15
		}}, 400, badBody},
		{"above 2 KiB", `{"refresh":"` + strings.Repeat("a", 2<<10+1) + `"}`, nil, 400, badBody},
	}
	k := newKit(t, crossminttest.Config{}, session.Config{}, handlers.Config{})
	jwt, refresh := k.expired()
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := post("/refresh", test.body, jwt, refresh)
			for _, change := range test.change {
				change(r)
			}
			reported := len(k.errors)
			res, body := k.serve(t, r)
			type answer struct {
				Status                int
				Error, Message, Allow string
				Cookies, Reported     int
			}
			got := answer{Status: res.StatusCode, Allow: res.Header.Get("Allow"), Cookies: len(res.Cookies()), Reported: len(k.errors) - reported}
			must(t, json.Unmarshal([]byte(body), &got))
			want := answer{test.status, http.StatusText(test.status), test.want, "", 0, 1}
			if test.status == 405 {
				want.Allow = "POST"
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
		})
	}
	if diff := cmp.Diff(crossminttest.Calls{}, k.fake.Calls()); diff != "" {
		t.Errorf("calls of upstream (-want +got):\n%s", diff)
	}
}

// TestOnErrorReceivesTheCause looks at it as a program does.
func TestOnErrorReceivesTheCause(t *testing.T) {
	k := newKit(t, crossminttest.Config{}, session.Config{}, handlers.Config{})
	var cause error
	h := handlers.Refresh(k.sessions, k.cookies, handlers.Config{OnError: func(_ *http.Request, err error) { cause = err }})
	h(httptest.NewRecorder(), post("/refresh", strings.Repeat(" ", 16<<10+1), "", ""))
	var tooLong *http.MaxBytesError
	if !errors.As(cause, &tooLong) {
		t.Errorf("too long: %v", cause)
	}
	h(httptest.NewRecorder(), post("/refresh", "{}", "", ""))
	if !errors.Is(cause, session.ErrRefreshTokenMissing) {
		t.Errorf("no token: %v", cause)
	}
	h = handlers.Refresh(k.sessions, k.cookies, handlers.Config{}) // nobody is told
	h(httptest.NewRecorder(), post("/refresh", "{}", "", ""))
}

// TestRefreshToken shows which token counts: upstream knows only BODY and
// COOKIE, each of a user of its own.
func TestRefreshToken(t *testing.T) {
	const none = "Please provide a refresh token either in the request body or cookies"
	tests := []struct {
		name   string
		body   string
		cookie bool
		want   string // "body" or "cookie", or the message of a 401
	}{
		{"body", member("BODY"), false, "body"},
		{"body wins", member("BODY"), true, "body"},
		{"body in escapes", `{"\u0072efresh":"BODY"}`, true, "body"},
		{"body among others", `{"a":[{"refresh":"x"}],"refresh":"BODY","b":{"REFRESH":1}}`, true, "body"},
		{"cookie behind an empty body", "", true, "cookie"},
		{"cookie behind an empty object", "{}", true, "cookie"},
		{"cookie behind null", `{"refresh":null}`, true, "cookie"},
		{"cookie behind the empty text", member(""), true, "cookie"},
		{"cookie behind other members", `{"refreshToken":"x"}`, true, "cookie"},
		{"as deep as it may be", `{"x":` + strings.Repeat("[", 31) + strings.Repeat("]", 31) + "}", true, "cookie"},
		{"neither", "{}", false, none},
		{"neither, no body", "", false, none},
		{"neither, null", `{"refresh":null}`, false, none},
		{"unknown in the body", member("unknown"), true, "Session is not valid"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			k := newKit(t, crossminttest.Config{}, session.Config{}, handlers.Config{})
			ann, bea := k.fake.NewUser("ann@example.com"), k.fake.NewUser("bea@example.com")
			body := strings.ReplaceAll(test.body, "BODY", k.fake.OneTimeSecret(ann))
			refresh := ""
			if test.cookie {
				refresh = k.fake.Grant(bea).RefreshToken.Secret.Reveal()
			}
			_, answer := k.serve(t, post("/refresh", body, "", refresh))
			var got struct {
				Message string
				User    session.User
			}
			must(t, json.Unmarshal([]byte(answer), &got))
			who := map[string]string{ann.ID: "body", bea.ID: "cookie", "": got.Message}[got.User.ID]
			if diff := cmp.Diff(test.want, who); diff != "" {
				t.Errorf("token (-want +got):\n%s", diff)
			}
		})
	}
}

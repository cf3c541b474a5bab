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
	"github.com/google/go-cmp/cmp"
)

const (
	badForm     = "The body must be a form with each field once at the most"
	badFormType = "The body must be application/x-www-form-urlencoded, without Content-Encoding"
)

// TestSignInRefusesRequests sends what no form of the page sends. Where several
// things are wrong, the order of checks shows.
func TestSignInRefusesRequests(t *testing.T) {
	const good = "email=ada%40example.com&code=123456"
	long := good + "&x=" + strings.Repeat("a", 16<<10)
	plain := with("Content-Type", "text/plain")
	cross := with("Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example")
	tests := []struct {
		name, body string
		change     []func(*http.Request)
		status     int
		want       string
	}{
		{"GET", "", []func(*http.Request){method("GET")}, 405, usePOST},
		{"HEAD", "", []func(*http.Request){method("HEAD")}, 405, usePOST},
		{"PUT", good, []func(*http.Request){method("PUT")}, 405, usePOST},
		{"preflight", "", []func(*http.Request){method("OPTIONS"), cross}, 405, usePOST},
		{"method before origin, type and length", long, []func(*http.Request){method("PATCH"), cross, plain}, 405, usePOST},

		{"cross-site", good, []func(*http.Request){cross}, 403, crossOrigin},
		{"a sibling", good, []func(*http.Request){with("Sec-Fetch-Site", "same-site", "Origin", "https://blog.app.example")}, 403, crossOrigin},
		{"cross-site, older browser", good, []func(*http.Request){with("Sec-Fetch-Site", "", "Origin", "https://evil.example")}, 403, crossOrigin},
		{"null", good, []func(*http.Request){with("Sec-Fetch-Site", "", "Origin", "null")}, 403, crossOrigin},
		{"a forwarded host", good, []func(*http.Request){with("Sec-Fetch-Site", "", "Origin", "https://evil.example", "X-Forwarded-Host", "evil.example")}, 403, crossOrigin},
		{"origin before type and length", long, []func(*http.Request){cross, plain}, 403, crossOrigin},

		{"JSON", `{"email":"ada@example.com"}`, []func(*http.Request){with("Content-Type", "application/json")}, 415, badFormType},
		{"multipart", good, []func(*http.Request){with("Content-Type", "multipart/form-data; boundary=x")}, 415, badFormType},
		{"text/plain", good, []func(*http.Request){plain}, 415, badFormType},
		{"no type", good, []func(*http.Request){func(r *http.Request) { r.Header.Del("Content-Type") }}, 415, badFormType},
		{"two types", good, []func(*http.Request){func(r *http.Request) { r.Header.Add("Content-Type", "text/plain") }}, 415, badFormType},
		{"gzip", good, []func(*http.Request){with("Content-Encoding", "gzip")}, 415, badFormType},
		{"type before length", long, []func(*http.Request){plain}, 415, badFormType},

		{"above 16 KiB", long, nil, 413, tooLong},
		{"length before content", strings.Repeat("%", 16<<10+1), nil, 413, tooLong},

		{"an address twice", good + "&email=bob%40example.com", nil, 400, badForm},
		{"a code twice", good + "&code=1", nil, 400, badForm},
		{"another field twice", good + "&x=1&x=1", nil, 400, badForm},
		{"a bad escape", "email=%zz", nil, 400, badForm},
		{"a semicolon", good + ";x=1", nil, 400, badForm},
	}
	k := newSignInKit(t, crossminttest.Config{}, handlers.SignInConfig{})
	jwt, refresh := k.valid()
	for _, test := range tests {
		for _, path := range []string{"/send", "/confirm"} {
			t.Run(test.name+" "+path, func(t *testing.T) {
				r := httptest.NewRequest(http.MethodPost, "https://app.example"+path+"?email=ada@example.com", strings.NewReader(test.body))
				with("Content-Type", "application/x-www-form-urlencoded", "Origin", "https://app.example", "Sec-Fetch-Site", "same-origin",
					"Cookie", "crossmint-session="+jwt+"; crossmint-refresh-token="+refresh)(r)
				for _, change := range test.change {
					change(r)
				}
				reported := len(k.causes)
				res, body := k.serve(t, r)
				type answer struct {
					Status                  int
					Message, Allow, Cookies string
					Reported                int
				}
				got := answer{Status: res.StatusCode, Allow: res.Header.Get("Allow"), Cookies: strings.Join(res.Header["Set-Cookie"], " "), Reported: len(k.causes) - reported}
				must(t, json.Unmarshal([]byte(body), &got))
				want := answer{test.status, test.want, map[bool]string{true: "POST"}[test.status == 405], "", 1}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("answer (-want +got):\n%s", diff)
				}
			})
		}
	}
	if causes := fmt.Sprint(k.causes); strings.Contains(causes, "%zz") {
		t.Errorf("the causes repeat what was sent: %s", causes)
	}
	if diff := cmp.Diff(crossminttest.Calls{}, k.fake.Calls()); diff != "" {
		t.Errorf("calls of upstream (-want +got):\n%s", diff)
	}
}

// TestSignInTrustsWhomItIsTold lets a page of another origin post the form.
func TestSignInTrustsWhomItIsTold(t *testing.T) {
	protection := http.NewCrossOriginProtection()
	must(t, protection.AddTrustedOrigin("https://trusted.example"))
	k := newSignInKit(t, crossminttest.Config{}, handlers.SignInConfig{Protection: protection})
	for origin, want := range map[string]int{"https://trusted.example": 303, "https://evil.example": 403} {
		r := httptest.NewRequest(http.MethodPost, "https://app.example/send", strings.NewReader("email=ada%40example.com"))
		with("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8", "Origin", origin, "Sec-Fetch-Site", "cross-site")(r)
		if res, _ := k.serve(t, r); res.StatusCode != want {
			t.Errorf("%s: status %d, want %d", origin, res.StatusCode, want)
		}
	}
}

func TestSignInSlowBodies(t *testing.T) {
	for _, path := range []string{"/send", "/confirm"} {
		for pause, want := range map[time.Duration]int{100 * time.Millisecond: 303, time.Second: 408, time.Hour: 408} {
			synctest.Test(t, func(t *testing.T) {
				const body = "email=ada%40example.com"
				k := newSignInKit(t, crossminttest.Config{InMemory: true}, handlers.SignInConfig{})
				conn := dial(t, k.mux)
				started := time.Now()
				_, err := fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: app.example\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n", path, len(body))
				must(t, err)
				go trickle(t.Context(), conn, body, pause)
				res, err := http.ReadResponse(bufio.NewReader(conn), nil)
				must(t, err)
				if took := time.Since(started); res.StatusCode != want || took > 5*time.Second {
					t.Errorf("%s, a byte every %v: status %d after %v, want %d", path, pause, res.StatusCode, took, want)
				}
			})
		}
	}
}

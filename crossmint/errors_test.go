package crossmint_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/session"
)

const (
	goodUser  = `"user":{"id":"u-1"}`
	goodToken = `"refresh":{"secret":"new","expiresAt":"2030-01-01T00:00:00.000Z"}`
	goodGrant = `{"jwt":"j",` + goodToken + `,` + goodUser + `}`
	jsonType  = "application/json"
)

// Five statuses with a JSON object are refusals; three of them are uncertain. 403
// with one rejects the API key, and so does 401 where the call has no token. All
// other responses are unavailable.
func TestClassifiesStatus(t *testing.T) {
	withObject := map[int]failure{
		400: {Kind: refused}, 401: {Kind: refused},
		404: {Kind: refused, Uncertain: true}, 410: {Kind: refused, Uncertain: true}, 422: {Kind: refused, Uncertain: true},
		403: {Kind: unavailable, APIKeyRejected: true},
	}
	calls := map[string]func(*upstream) error{
		"refresh": func(u *upstream) error { return refresh(t.Context(), t, u.client) },
		"logout":  func(u *upstream) error { return u.client.Logout(t.Context(), secret) },
		"confirm": func(u *upstream) error {
			_, err := u.client.ConfirmEmailOTP(t.Context(), "ann@example.com", "id", "123456")
			return err
		},
		"send": func(u *upstream) error { _, err := u.client.SendEmailOTP(t.Context(), "ann@example.com"); return err },
	}
	bodies := map[string]string{
		"object": `{"error":"Unauthorized","message":"no"}`, "empty object": `{}`,
		"list": `[]`, "text": `"no"`, "null": `null`, "nothing": ``, "HTML": `<html>no</html>`, "object and bytes": `{}x`,
	}
	for status := 200; status <= 599; status++ {
		if http.StatusText(status) == "" && status != 299 && status != 420 && status != 599 || status < 300 && status != 299 {
			continue
		}
		for name, body := range bodies {
			if status == 304 || status == 299 {
				continue // 304 has no body; 299 is no error
			}
			want, special := withObject[status]
			if !special || !strings.HasSuffix(name, "object") {
				want = failure{Kind: unavailable}
			}
			want.Status = status
			t.Run(fmt.Sprint(status, " ", name), func(t *testing.T) {
				u := newUpstream(t, respond(status, jsonType, body))
				for call, do := range calls {
					want := want
					if call == "send" && status == 401 && want.Kind == refused {
						want = failure{Kind: unavailable, APIKeyRejected: true, Status: status}
					}
					if diff := cmp.Diff(want, failureOf(t, do(u))); diff != "" {
						t.Errorf("%s: failure (-want +got):\n%s", call, diff)
					}
				}
			})
		}
	}
}

// grantWith returns a good grant with one part replaced.
func grantWith(from, to string) string { return strings.Replace(goodGrant, from, to, 1) }

// A response without a readable refresh token, or with a second reading, is
// malformed.
func TestClassifiesGrant(t *testing.T) {
	tests := map[string]string{
		"HTML":                   `<html><title>502 Bad Gateway</title></html>`,
		"nothing":                ``,
		"null":                   `null`,
		"a list":                 `[` + goodGrant + `]`,
		"jwt twice":              grantWith(`"jwt":"j"`, `"jwt":"j","jwt":"j"`),
		"refresh missing":        grantWith(goodToken+`,`, ``),
		"refresh null":           grantWith(goodToken, `"refresh":null`),
		"refresh a string":       grantWith(goodToken, `"refresh":"new"`),
		"refresh a list":         grantWith(goodToken, `"refresh":["new"]`),
		"refreshToken instead":   grantWith(`"refresh"`, `"refreshToken"`),
		"secret missing":         grantWith(`"secret":"new",`, ``),
		"secret empty":           grantWith(`"new"`, `""`),
		"secret a number":        grantWith(`"new"`, `1`),
		"user twice":             grantWith(goodUser, goodUser+`,`+goodUser),
		"user id twice":          grantWith(`"id":"u-1"`, `"id":"u-1","id":"u-1"`),
		"secret in another case": grantWith(`"secret"`, `"Secret"`),
		"secret twice":           grantWith(`"secret":"new"`, `"secret":"new","secret":"new"`),
		"invalid UTF-8":          grantWith(`"j"`, "\"\xff\""),
		"a byte order mark":      "\ufeff" + goodGrant,
		"two objects":            goodGrant + goodGrant,
		"cut short":              goodGrant[:len(goodGrant)-1],
		"nested too deeply":      grantWith(`"jwt"`, `"x":`+strings.Repeat("[", 100)+strings.Repeat("]", 100)+`,"jwt"`),
	}
	for name, body := range tests {
		t.Run(name, func(t *testing.T) {
			u := newUpstream(t, respond(200, jsonType, goodGrant))
			if _, err := u.client.Refresh(t.Context(), secret); err != nil {
				t.Fatal(err) // the control
			}
			u = newUpstream(t, respond(200, jsonType, body))
			got := failureOf(t, refresh(t.Context(), t, u.client))
			if diff := cmp.Diff(failure{Kind: malformed, Status: 200}, got); diff != "" {
				t.Errorf("failure (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEvery2xxIsSuccess(t *testing.T) {
	for _, status := range []int{200, 201, 299} {
		u := newUpstream(t, respond(status, jsonType, goodGrant))
		if _, err := u.client.Refresh(t.Context(), session.NewSecret("one-time")); err != nil {
			t.Errorf("%d: %v", status, err)
		}
	}
}

func TestNoContentIsMalformed(t *testing.T) {
	u := newUpstream(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	if err := refresh(t.Context(), t, u.client); !errors.Is(err, session.ErrMalformed) {
		t.Errorf("error = %v, want malformed", err)
	}
	if err := u.client.Logout(t.Context(), secret); err != nil {
		t.Errorf("Logout, which ignores the body: %v", err)
	}
}

// The expiry of a refresh token may have any form.
func TestAcceptsAnyExpiry(t *testing.T) {
	for expiresAt, want := range map[string]string{
		`"2030-01-01T00:00:00.000Z"`:  "2030-01-01T00:00:00.000Z",
		`"2030-01-01T00:00:00+02:00"`: "2030-01-01T00:00:00+02:00",
		`"1500-01-01T00:00:00Z"`:      "1500-01-01T00:00:00Z",
		`"soon"`:                      "soon",
		`""`:                          "",
		`1893456000`:                  "",
		`null`:                        "",
		`{}`:                          "",
	} {
		u := newUpstream(t, respond(200, jsonType, strings.Replace(goodGrant, `"2030-01-01T00:00:00.000Z"`, expiresAt, 1)))
		grant, err := u.client.Refresh(t.Context(), secret)
		if err != nil {
			t.Errorf("%s: %v", expiresAt, err)
			continue
		}
		if got := grant.RefreshToken.ExpiresAt; got != want {
			t.Errorf("%s: read as %q, want %q", expiresAt, got, want)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	soon := time.Now().Add(40 * time.Second)
	tests := []struct {
		header    string
		min, most time.Duration
	}{
		{header: "", min: 0, most: 0},
		{header: "7", min: 7 * time.Second, most: 7 * time.Second},
		{header: "60", min: time.Minute, most: time.Minute},
		{header: "61", min: time.Minute, most: time.Minute},
		{header: "0", min: time.Second, most: time.Second},
		{header: "-1", min: time.Second, most: time.Second},
		{header: "1" + strings.Repeat("0", 30), min: time.Minute, most: time.Minute},
		{header: "-1" + strings.Repeat("0", 30), min: time.Second, most: time.Second},
		{header: "9223372036854775807", min: time.Minute, most: time.Minute},
		{header: soon.UTC().Format(http.TimeFormat), min: time.Second, most: 40 * time.Second},
		{header: soon.Add(24 * time.Hour).UTC().Format(http.TimeFormat), min: time.Minute, most: time.Minute},
		{header: "Thu, 01 Jan 1970 00:00:00 GMT", min: time.Second, most: time.Second},
		{header: "soon", min: 0, most: 0},
		{header: "7s", min: 0, most: 0},
		{header: "7.5", min: 0, most: 0},
		{header: "1e3", min: 0, most: 0},
	}
	for _, test := range tests {
		for _, status := range []int{429, 503} {
			u := newUpstream(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", test.header)
				w.WriteHeader(status)
			})
			got := upstreamError(t, refresh(t.Context(), t, u.client)).RetryAfter
			if got < test.min || got > test.most {
				t.Errorf("%d, %q: %v, want %v to %v", status, test.header, got, test.min, test.most)
			}
		}
	}
}

// No redirect is followed, because it could send the API key elsewhere.
func TestCallsFollowNoRedirect(t *testing.T) {
	var arrived atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		arrived.Add(1)
		_, _ = io.WriteString(w, goodGrant)
	}))
	defer other.Close()
	calls := map[string]func(context.Context, *crossmint.Client) error{
		"refresh": func(ctx context.Context, c *crossmint.Client) error { _, err := c.Refresh(ctx, secret); return err },
		"logout":  func(ctx context.Context, c *crossmint.Client) error { return c.Logout(ctx, secret) },
		"user":    func(ctx context.Context, c *crossmint.Client) error { _, err := c.User(ctx, "u-1"); return err },
		"keys":    func(ctx context.Context, c *crossmint.Client) error { return c.Preload(ctx) },
	}
	for _, status := range []int{301, 302, 303, 307, 308} {
		for name, call := range calls {
			for _, own := range []bool{false, true} { // with the default transport
				u := newUpstream(t, func(w http.ResponseWriter, r *http.Request) {
					http.Redirect(w, r, other.URL+r.URL.Path, status)
				}, func(c *crossmint.Config) {
					if own {
						c.HTTPClient = nil
					}
				})
				got := failureOf(t, call(t.Context(), u.client))
				if diff := cmp.Diff(failure{Kind: unavailable, Status: status}, got); diff != "" {
					t.Errorf("%d, %s (-want +got):\n%s", status, name, diff)
				}
				if requests, _ := u.arrived(); len(requests) != 1 {
					t.Errorf("%d, %s: %d requests, want 1", status, name, len(requests))
				}
			}
		}
	}
	if got := arrived.Load(); got != 0 {
		t.Errorf("%d requests at the other host, want none", got)
	}
}

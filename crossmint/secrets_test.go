package crossmint_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/session"
)

// canary must not be in any error. It is used as secret and in all responses of
// upstream.
const canary = "canary-5e12"

// printedForms returns an error in all forms in which a program may print it.
func printedForms(t *testing.T, err error) string {
	t.Helper()
	var log bytes.Buffer
	for _, handler := range []slog.Handler{
		slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}),
		slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}),
	} {
		slog.New(handler).Error("failed", "error", err)
	}
	marshalled, _ := json.Marshal(struct{ Err error }{Err: err})
	out := fmt.Sprintf("%v %+v %#v %q %s %s", err, err, err, err, &log, marshalled)
	for ; err != nil; err = errors.Unwrap(err) {
		out += fmt.Sprintf("%v %+v %#v", err, err, err)
	}
	return out
}

// wantNoCanary checks the errors of every call.
func wantNoCanary(t *testing.T, client *crossmint.Client, key string) {
	t.Helper()
	ctx, token := t.Context(), session.NewSecret(canary)
	_, refreshed := client.Refresh(ctx, token)
	_, user := client.User(ctx, canary)
	_, sent := client.SendEmailOTP(ctx, canary+"@example.com")
	_, confirmed := client.ConfirmEmailOTP(ctx, canary+"@example.com", canary, canary)
	_, verified := client.VerifyReceived(ctx, canary)
	_, verifiedWith := client.VerifyWith([]byte(canary), canary)
	for name, err := range map[string]error{
		"Refresh": refreshed, "Logout": client.Logout(ctx, token), "User": user, "Preload": client.Preload(ctx),
		"SendEmailOTP": sent, "ConfirmEmailOTP": confirmed, "VerifyReceived": verified, "VerifyWith": verifiedWith,
	} {
		if err == nil {
			continue // a logout ignores the body
		}
		for _, forbidden := range []string{canary, key, "<b>"} {
			if text := printedForms(t, err); strings.Contains(text, forbidden) {
				t.Errorf("%s: %q is in %s", name, forbidden, text)
			}
		}
	}
}

// echo returns a body that repeats the request.
func echo(r *http.Request) string {
	body, _ := json.Marshal(fmt.Sprint(r.Header, r.URL, canary, "<b>"))
	return fmt.Sprintf(`{"error":%s,"message":%s,"id":%s,"jwt":%[1]s,"keys":[{"kty":"oct","alg":%[1]s,"kid":%[1]s,"k":%[1]s},%[1]s]}`, body, body, body)
}

func TestErrorsHoldNoSecrets(t *testing.T) {
	for _, status := range []int{200, 204, 302, 400, 401, 403, 404, 410, 422, 429, 500, 503} {
		for _, form := range []string{"JSON", "HTML", "damaged JSON"} {
			t.Run(fmt.Sprint(status, " ", form), func(t *testing.T) {
				var key string
				u := newUpstream(t, func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Location", "/"+canary)
					w.Header().Set("Retry-After", canary)
					w.Header().Set("Content-Type", canary)
					w.WriteHeader(status)
					_, _ = io.WriteString(w, map[string]string{
						"JSON": echo(r), "HTML": "<b>" + echo(r), "damaged JSON": echo(r) + canary,
					}[form])
				}, func(c *crossmint.Config) { key = c.APIKey.Reveal() })
				wantNoCanary(t, u.client, key)
			})
		}
	}
}

// net/http repeats a broken response in its errors. Those of the client do not.
func TestErrorsHoldNoPartOfBrokenResponse(t *testing.T) {
	const head = "HTTP/1.1 200 OK\r\n"
	for name, response := range map[string]string{
		"status line":       canary + "\r\n\r\n",
		"version":           "HTTP/" + canary + " 200 OK\r\n\r\n",
		"status":            "HTTP/1.1 " + canary + " OK\r\n\r\n",
		"header line":       head + canary + "\r\n\r\n",
		"header name":       head + "X " + canary + ": 1\r\n\r\n",
		"length":            head + "Content-Length: " + canary + "\r\n\r\n{}",
		"lengths":           head + "Content-Length: 1\r\nContent-Length: 1" + canary + "\r\n\r\n{}",
		"transfer encoding": head + "Transfer-Encoding: " + canary + "\r\n\r\n{}",
		"chunk":             head + "Transfer-Encoding: chunked\r\n\r\n" + canary + "\r\n{}",
		"encoding":          head + "Content-Encoding: gzip\r\nContent-Length: 11\r\n\r\n" + canary,
		"switch":            "HTTP/1.1 101 " + canary + "\r\nUpgrade: " + canary + "\r\n\r\n",
		"redirect":          "HTTP/1.1 307 " + canary + "\r\nLocation: :" + canary + "\x7f\r\nContent-Length: 0\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			var key string
			url := newRawUpstream(t, func(conn net.Conn) { _, _ = io.WriteString(conn, response) })
			client := newClient(t, configFor(t, url, func(c *crossmint.Config) { key = c.APIKey.Reveal() }))
			wantNoCanary(t, client, key)
		})
	}
}

func TestKeyErrorsHoldNoKey(t *testing.T) {
	for _, key := range []string{canary, "sk_" + canary, "sk_staging_" + canary, "sk_test_" + canary, "ck_" + canary, mint("sk_staging", canary+" x.y")} {
		if text := keyError(crossmint.Config{APIKey: session.NewSecret(key)}); text == "" || strings.Contains(text, canary) || strings.Contains(text, key) {
			t.Errorf("%q: error %q", key, text)
		}
	}
}

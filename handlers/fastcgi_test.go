package handlers_test

import (
	"io"
	"net/http/cgi"
	"strconv"
	"strings"
	"testing"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/handlers"
	"github.com/crossmint-go/auth/internal/testkit"
)

// TestFastCGI sends requests as nginx passes them to a FastCGI server: net/http/cgi, on
// which net/http/fcgi is based, then has the header Content-Type twice.
func TestFastCGI(t *testing.T) {
	env := newSignInEnv(t, crossminttest.Config{}, handlers.SignInConfig{})
	_, refresh := env.expiredTokens()
	tests := []struct {
		path, mediaType, body string
		want                  int
	}{
		{path: "/send", mediaType: "application/x-www-form-urlencoded", body: "email=ada%40example.com", want: 303},
		{path: "/refresh", mediaType: "application/json", body: refreshBody(refresh), want: 200},
	}
	for _, test := range tests {
		t.Run(test.path, func(t *testing.T) {
			r, err := cgi.RequestFromMap(map[string]string{
				"REQUEST_METHOD": "POST", "SERVER_PROTOCOL": "HTTP/1.1", "HTTPS": "on", "REQUEST_URI": test.path, "HTTP_HOST": "app.example",
				"CONTENT_LENGTH": strconv.Itoa(len(test.body)), "CONTENT_TYPE": test.mediaType, "HTTP_CONTENT_TYPE": test.mediaType,
				"HTTP_ORIGIN": "https://app.example",
			})
			testkit.NoError(t, err)
			r.Body = io.NopCloser(strings.NewReader(test.body))
			if res, body := env.serve(t, r); res.StatusCode != test.want {
				t.Errorf("status %d, want %d: %s", res.StatusCode, test.want, body)
			}
		})
	}
}

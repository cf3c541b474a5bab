package reply_test

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/crossmint-go/auth/internal/reply"
	"github.com/crossmint-go/auth/session"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// response is everything of a response that reply decides.
type response struct {
	Status       int
	Body         string
	ContentType  string
	Sniffing     string
	CacheControl string
	RetryAfter   string
}

func read(w *httptest.ResponseRecorder) response {
	h := w.Header()
	return response{
		Status:       w.Code,
		Body:         w.Body.String(),
		ContentType:  h.Get("Content-Type"),
		Sniffing:     h.Get("X-Content-Type-Options"),
		CacheControl: h.Get("Cache-Control"),
		RetryAfter:   h.Get("Retry-After"),
	}
}

// jsonResponse is the response with the status and body.
func jsonResponse(status int, body string) response {
	return response{
		Status:       status,
		Body:         body + "\n",
		ContentType:  "application/json",
		Sniffing:     "nosniff",
		CacheControl: "no-store",
	}
}

func TestError(t *testing.T) {
	const (
		notFound    = `{"error":"Unauthorized","message":"Refresh token not found"}`
		unavailable = `{"error":"Service Unavailable","message":"Please try again later"}`
		tooMany     = `{"error":"Too Many Requests","message":"Please try again later"}`
		tooEarly    = `{"error":"Too Early","message":"Please send the request again when the TLS handshake is complete"}`
		internal    = `{"error":"Internal Server Error","message":"Something went wrong"}`
	)
	cause := errors.New("private cause")
	unauthenticated := &session.AuthenticationError{Message: "Refresh token not found", Err: cause}
	tests := []struct {
		name       string
		err        error
		status     int
		body       string
		retryAfter string
	}{
		{name: "not authenticated", err: unauthenticated, status: 401, body: notFound},
		{name: "not authenticated, wrapped", err: fmt.Errorf("more: %w", unauthenticated), status: 401, body: notFound},
		{name: "unavailable", err: session.ErrUnavailable, status: 503, body: unavailable, retryAfter: "1"},
		{name: "unavailable, status 429", err: reply.WithUnavailableStatus(session.ErrUnavailable, 429), status: 429, body: tooMany, retryAfter: "1"},
		{name: "unavailable, status 429, of an outer middleware", err: reply.WithUnavailableStatus(reply.WithUnavailableStatus(session.ErrUnavailable, 429), 0), status: 503, body: unavailable, retryAfter: "1"},
		{name: "not authenticated, status 429", err: reply.WithUnavailableStatus(unauthenticated, 429), status: 401, body: notFound},
		{name: "early data", err: reply.WithUnavailableStatus(&session.UpstreamError{TooEarly: true}, 429), status: 425, body: tooEarly},
		{name: "malformed", err: &session.UpstreamError{Kind: session.ErrMalformed, Err: cause}, status: 503, body: unavailable, retryAfter: "1"},
		{name: "upstream asks for 7 s", err: &session.UpstreamError{RetryAfter: 7 * time.Second, Err: cause}, status: 503, body: unavailable, retryAfter: "7"},
		{name: "upstream asks for 7 s, wrapped", err: fmt.Errorf("more: %w", &session.UpstreamError{RetryAfter: 7 * time.Second}), status: 503, body: unavailable, retryAfter: "7"},
		{name: "upstream asks for 1.1 s", err: &session.UpstreamError{RetryAfter: 1100 * time.Millisecond}, status: 503, body: unavailable, retryAfter: "2"},
		{name: "a rejection that is no AuthenticationError", err: &session.UpstreamError{Kind: session.ErrRefused, Err: cause}, status: 500, body: internal},
		{name: "unknown error", err: cause, status: 500, body: internal},
		{name: "nil", err: nil, status: 500, body: internal},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			reply.RetryAfter(w, test.err)
			reply.Error(w, httptest.NewRequest("GET", "/", nil), test.err)
			want := jsonResponse(test.status, test.body)
			want.RetryAfter = test.retryAfter
			if diff := cmp.Diff(want, read(w)); diff != "" {
				t.Errorf("response (-want +got):\n%s", diff)
			}
		})
	}
}

func TestStatus(t *testing.T) {
	tests := map[int]string{
		400: `{"error":"Bad Request","message":"The body must be one JSON object with at most one string member refresh"}`,
		403: `{"error":"Forbidden","message":"Cross-origin requests are not allowed"}`,
		405: `{"error":"Method Not Allowed","message":"Use POST"}`,
		408: `{"error":"Request Timeout","message":"The body took too long"}`,
		413: `{"error":"Request Entity Too Large","message":"The body is too long"}`,
		425: `{"error":"Too Early","message":"Please send the request again when the TLS handshake is complete"}`,
		415: `{"error":"Unsupported Media Type","message":"The body must be application/json, without Content-Encoding"}`,
	}
	for status, body := range tests {
		w := httptest.NewRecorder()
		reply.Status(w, httptest.NewRequest("POST", "/", nil), status)
		if diff := cmp.Diff(jsonResponse(status, body), read(w)); diff != "" {
			t.Errorf("%d (-want +got):\n%s", status, diff)
		}
	}
}

func TestJSONWithInvalidValue(t *testing.T) {
	w := httptest.NewRecorder()
	reply.JSON(w, 200, func() {})
	want := jsonResponse(500, `{"error":"Internal Server Error","message":"Something went wrong"}`)
	if diff := cmp.Diff(want, read(w)); diff != "" {
		t.Errorf("response (-want +got):\n%s", diff)
	}
}

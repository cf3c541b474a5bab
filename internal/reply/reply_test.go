package reply_test

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/crossmint-go/auth/internal/reply"
	"github.com/crossmint-go/auth/session"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// answer is what a browser gets.
type answer struct {
	Status                                         int
	Body, Type, Sniffing, CacheControl, RetryAfter string
}

func read(w *httptest.ResponseRecorder) answer {
	h := w.Header()
	return answer{
		w.Code, w.Body.String(), h.Get("Content-Type"), h.Get("X-Content-Type-Options"), h.Get("Cache-Control"), h.Get("Retry-After"),
	}
}

func expect(status int, body, retryAfter string) answer {
	return answer{status, body + "\n", "application/json", "nosniff", "no-store", retryAfter}
}

func TestError(t *testing.T) {
	const (
		unavailable = `{"error":"Service Unavailable","message":"Please try again later"}`
		ours        = `{"error":"Internal Server Error","message":"Something went wrong"}`
	)
	cause := errors.New("cause, which nobody is told")
	rejected := &session.AuthenticationError{Message: "Refresh token not found", Err: cause}
	tests := []struct {
		name string
		err  error
		want answer
	}{
		{"rejected", rejected, expect(401, `{"error":"Unauthorized","message":"Refresh token not found"}`, "")},
		{"rejected, wrapped", fmt.Errorf("more: %w", rejected), expect(401, `{"error":"Unauthorized","message":"Refresh token not found"}`, "")},
		{"unavailable", session.ErrUnavailable, expect(503, unavailable, "1")},
		{"malformed", &session.UpstreamError{Kind: session.Malformed, Err: cause}, expect(503, unavailable, "1")},
		{"upstream asks for patience", &session.UpstreamError{RetryAfter: 7 * time.Second, Err: cause}, expect(503, unavailable, "7")},
		{"in parts of a second", &session.UpstreamError{RetryAfter: 1100 * time.Millisecond}, expect(503, unavailable, "2")},
		{"a refusal that nobody has judged", &session.UpstreamError{Kind: session.Refused, Err: cause}, expect(500, ours, "")},
		{"unknown", cause, expect(500, ours, "")},
		{"nil", nil, expect(500, ours, "")},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			reply.RetryAfter(w, test.err)
			reply.Error(w, test.err)
			if diff := cmp.Diff(test.want, read(w)); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
		})
	}
}

func TestStatus(t *testing.T) {
	for status, message := range map[int]string{
		400: "The body must be one JSON object with at most one text member refresh",
		403: "Cross-origin requests are not allowed",
		405: "Use POST",
		408: "The body took too long",
		413: "The body is too long",
		415: "The body must be application/json, without Content-Encoding",
	} {
		w := httptest.NewRecorder()
		reply.Status(w, status)
		got := read(w)
		want := expect(status, "", "")
		want.Body = fmt.Sprintf("{\"error\":%q,\"message\":%q}\n", map[int]string{
			400: "Bad Request", 403: "Forbidden", 405: "Method Not Allowed", 408: "Request Timeout", 413: "Request Entity Too Large", 415: "Unsupported Media Type",
		}[status], message)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("answer (-want +got):\n%s", diff)
		}
	}
}

func TestJSONThatCannotBeWritten(t *testing.T) {
	w := httptest.NewRecorder()
	reply.JSON(w, 200, func() {})
	if diff := cmp.Diff(expect(500, `{"error":"Internal Server Error","message":"Something went wrong"}`, ""), read(w)); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
}

func TestLocalPath(t *testing.T) {
	tests := map[string]bool{
		"/": true, "/a": true, "/a?b=//c": true, "/a//b": true, "/a%20b": true, "/é": true,
		"": false, "a": false, "?a": false, "//e": false, "///e": false, "/%2Fe": false, `/\e`: false, "/%5Ce": false, "/a%5Cb": false,
		"/%09/e": false, "/%0D%0Aa": false, "/%7F": false, `/a?\`: false, "https:e": false, "https:/e": false, "https://e/": false,
		"javascript:alert(1)": false, "//u@e": false, "/a#b": false,
	}
	for text, want := range tests {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := reply.LocalPath(u); got != want {
			t.Errorf("LocalPath(%q) = %v", text, got)
		}
	}
}

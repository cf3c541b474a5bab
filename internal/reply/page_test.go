package reply_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/crossmint-go/auth/internal/reply"
	"github.com/crossmint-go/auth/session"
	"github.com/google/go-cmp/cmp"
)

// pageHeaders are the headers of a page.
type pageHeaders struct {
	Status                                   int
	Type, Cache, Sniffing, Referrer, Refresh string
	Policies                                 []string
}

func TestNavigationsGetPages(t *testing.T) {
	const policy = "default-src 'none'; base-uri 'none'; form-action 'none'"
	slow := &session.UpstreamError{RetryAfter: 30 * time.Second}
	tests := []struct {
		name    string
		method  string
		err     error
		status  int
		text    string
		refresh string
	}{
		{name: "not authenticated", err: &session.AuthenticationError{Message: "private <b>"}, status: 401, text: "Please sign in"},
		{name: "unavailable", err: session.ErrUnavailable, status: 503, text: "Please try again later", refresh: "10"},
		{name: "unavailable, status 429", err: reply.WithUnavailableStatus(session.ErrUnavailable, 429), status: 429, text: "Please try again later", refresh: "10"},
		{name: "upstream asks for 30 s", err: slow, status: 503, text: "Please try again later", refresh: "30"},
		{name: "a form is not sent again", method: "POST", err: slow, status: 503, text: "Please try again later"},
		{name: "unknown error", err: http.ErrAbortHandler, status: 500, text: "Something went wrong"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "/private?name=ann", nil)
			if test.method != "" {
				r.Method = test.method
			}
			r.Header.Set("Sec-Fetch-Mode", "navigate")
			w := httptest.NewRecorder()
			w.Header().Set("Content-Security-Policy", "frame-ancestors 'none'") // of the application
			reply.Error(w, r, test.err)
			h := w.Header()
			got := pageHeaders{
				Status: w.Code, Type: h.Get("Content-Type"), Cache: h.Get("Cache-Control"), Sniffing: h.Get("X-Content-Type-Options"),
				Referrer: h.Get("Referrer-Policy"), Refresh: h.Get("Refresh"), Policies: h.Values("Content-Security-Policy"),
			}
			want := pageHeaders{
				Status: test.status, Type: "text/html; charset=utf-8", Cache: "no-store", Sniffing: "nosniff",
				Referrer: "same-origin", Refresh: test.refresh, Policies: []string{"frame-ancestors 'none'", policy},
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("response (-want +got):\n%s", diff)
			}
			body := w.Body.String()
			if !strings.HasPrefix(body, "<!doctype html>") || !strings.Contains(body, test.text) || strings.Contains(body, "private") || strings.Contains(body, "ann") {
				t.Errorf("page: %s", body)
			}
		})
	}
}

func TestOlderBrowsersGetPages(t *testing.T) {
	r := httptest.NewRequest("POST", "/refresh", nil)
	r.Header.Set("Accept", "text/html")
	w := httptest.NewRecorder()
	reply.Status(w, r, http.StatusBadRequest)
	if body := w.Body.String(); w.Code != 400 || !strings.Contains(body, "<h1>Bad Request</h1>") {
		t.Errorf("%d %s", w.Code, body)
	}
}

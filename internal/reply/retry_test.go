package reply_test

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/crossmint-go/auth/internal/reply"
	"github.com/crossmint-go/auth/session"
	"github.com/google/go-cmp/cmp"
)

func TestEventSourceReconnects(t *testing.T) {
	stream := func(body string) response {
		return response{Status: 200, Body: body, ContentType: "text/event-stream", Sniffing: "nosniff", CacheControl: "no-store"}
	}
	unavailable := jsonResponse(503, `{"error":"Service Unavailable","message":"Please try again later"}`)
	unavailable.RetryAfter = "1"
	tests := []struct {
		name   string
		method string
		accept string
		more   http.Header
		err    error
		write  func(http.ResponseWriter, *http.Request, error)
		want   response
	}{
		{name: "unavailable", accept: "text/event-stream", err: session.ErrUnavailable, want: stream("retry: 1000\n\n")},
		{name: "unavailable, status 429", accept: "text/event-stream", err: reply.WithUnavailableStatus(session.ErrUnavailable, 429), want: stream("retry: 1000\n\n")},
		{name: "upstream asks for 7 s", accept: "text/event-stream", err: &session.UpstreamError{RetryAfter: 7 * time.Second}, want: stream("retry: 7000\n\n")},
		{name: "not authenticated", accept: "text/event-stream", err: &session.AuthenticationError{Message: "m"}, want: jsonResponse(401, `{"error":"Unauthorized","message":"m"}`)},
		{name: "POST", method: "POST", accept: "text/event-stream", err: session.ErrUnavailable, want: unavailable},
		{name: "program that accepts JSON, too", accept: "application/json, text/event-stream", err: session.ErrUnavailable, want: unavailable},
		{name: "browser with Fetch metadata", accept: "text/event-stream", more: http.Header{"Sec-Fetch-Mode": {"cors"}, "Cache-Control": {"no-cache"}}, err: session.ErrUnavailable, want: stream("retry: 1000\n\n")},
		{name: "fetch by a script, which has to see the status", accept: "text/event-stream", more: http.Header{"Sec-Fetch-Mode": {"cors"}}, err: session.ErrUnavailable, want: unavailable},
		{name: "response to a proxy", accept: "text/event-stream", err: session.ErrUnavailable, write: reply.Refuse, want: unavailable},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "/events", nil)
			r.Header.Set("Accept", test.accept)
			maps.Copy(r.Header, test.more)
			if test.method != "" {
				r.Method = test.method
			}
			write := reply.Error
			if test.write != nil {
				write = test.write
			}
			w := httptest.NewRecorder()
			reply.RetryAfter(w, test.err)
			write(w, r, test.err)
			if diff := cmp.Diff(test.want, read(w)); diff != "" {
				t.Errorf("response (-want +got):\n%s", diff)
			}
		})
	}
}

package reply_test

import (
	"crypto/tls"
	"net/http"
	"testing"

	"github.com/crossmint-go/auth/internal/reply"
)

func TestIsNavigation(t *testing.T) {
	tests := []struct {
		name   string
		header http.Header
		want   bool
	}{
		{name: "page", header: http.Header{"Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Dest": {"document"}}, want: true},
		{name: "frame", header: http.Header{"Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Dest": {"iframe"}}, want: true},
		{name: "download", header: http.Header{"Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Dest": {"empty"}, "Accept": {"text/html"}}},
		{name: "page by a service worker", header: http.Header{
			"Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Dest": {"empty"}, "Upgrade-Insecure-Requests": {"1"},
		}, want: true},
		{name: "page by a service worker, Firefox", header: http.Header{
			"Sec-Fetch-Mode": {"same-origin"}, "Sec-Fetch-Dest": {"empty"}, "Upgrade-Insecure-Requests": {"1"},
		}, want: true},
		{name: "fetch", header: http.Header{"Sec-Fetch-Mode": {"cors"}, "Sec-Fetch-Dest": {"empty"}, "Accept": {"text/html"}}},
		{name: "older browser", header: http.Header{"Accept": {"text/html,*/*;q=0.8"}}, want: true},
		{name: "program", header: http.Header{"Accept": {"*/*"}}},
		{name: "no headers"},
	}
	for _, test := range tests {
		if got := reply.IsNavigation(&http.Request{Header: test.header}); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}

func TestIsEarlyData(t *testing.T) {
	tests := []struct {
		name    string
		request http.Request
		want    bool
	}{
		{name: "plain http"},
		{name: "after the handshake", request: http.Request{TLS: &tls.ConnectionState{Version: tls.VersionTLS13, HandshakeComplete: true}}},
		{name: "before the end of the handshake", request: http.Request{TLS: &tls.ConnectionState{Version: tls.VersionTLS13}}, want: true},
		{name: "state without values", request: http.Request{TLS: &tls.ConnectionState{}}},
		{name: "an intermediary says so", request: http.Request{Header: http.Header{"Early-Data": {"1"}}}, want: true},
		{name: "invalid value", request: http.Request{Header: http.Header{"Early-Data": {"0"}}}, want: true},
	}
	for _, test := range tests {
		if got := reply.IsEarlyData(&test.request); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}

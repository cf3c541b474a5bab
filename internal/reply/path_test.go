package reply_test

import (
	"net/url"
	"testing"

	"github.com/crossmint-go/auth/internal/reply"
	"github.com/crossmint-go/auth/internal/testkit"
)

func TestLocalPath(t *testing.T) {
	tests := map[string]bool{
		"/": true, "/a": true, "/a?b=//c": true, "/a//b": true, "/a%20b": true, "/é": true,
		"": false, "a": false, "?a": false, "//e": false, "///e": false, "/%2Fe": false, `/\e`: false, "/%5Ce": false, "/a%5Cb": false,
		"/%09/e": false, "/%0D%0Aa": false, "/%7F": false, `/a?\`: false, "https:e": false, "https:/e": false, "https://e/": false,
		"javascript:alert(1)": false, "//u@e": false, "/a#b": false,
		"/.//e": false, "/a/..//e": false, "/%2e%2E//e": false, "/a.b/..c": true,
	}
	for rawURL, want := range tests {
		if got := reply.LocalPath(testkit.Must(url.Parse(rawURL))); got != want {
			t.Errorf("LocalPath(%q) = %v, want %v", rawURL, got, want)
		}
	}
}

package main

import (
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"testing"

	"github.com/crossmint-go/auth/example/frameworks/internal/site"
)

// TestDemo signs in by the program's own route, over plain HTTP, and lands on the
// protected page.
func TestDemo(t *testing.T) {
	handler, end, err := demo(examples["chi"])
	site.Must(t, err)
	defer end()
	server := httptest.NewServer(handler)
	defer server.Close()
	browser := server.Client()
	browser.Jar, err = cookiejar.New(nil)
	site.Must(t, err)
	res, err := browser.Get(server.URL + "/demo")
	site.Must(t, err)
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK || res.Request.URL.Path != "/me" {
		t.Errorf("redirected to %s: %s", res.Request.URL, res.Status)
	}
}

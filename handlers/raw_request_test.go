package handlers_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/handlers"
	"github.com/crossmint-go/auth/internal/testkit"
	"github.com/crossmint-go/auth/session"
	"github.com/google/go-cmp/cmp"
)

// TestRawRequests sends the requests in testdata unchanged. Upstream knows none of
// their tokens.
func TestRawRequests(t *testing.T) {
	want := map[string]outcome{
		"logout_get":                     {Summary: "405 kept"},
		"logout_no_body":                 {Summary: "204 cleared", Logouts: 1},
		"logout_same_site_sibling":       {Summary: "403 kept"},
		"refresh_byte_order_mark":        {Summary: "400 kept"},
		"refresh_chunked":                {Summary: "401 kept", Refreshes: 1},
		"refresh_chunked_empty":          {Summary: "307 kept marked", Refreshes: 1},
		"refresh_control_byte_in_cookie": {Summary: "400 of net/http"},
		"refresh_cross_site":             {Summary: "403 kept"},
		"refresh_cut_off":                {Summary: "400 kept"},
		"refresh_deep":                   {Summary: "400 kept"},
		"refresh_deep_and_long":          {Summary: "413 kept"},
		"refresh_empty_string":           {Summary: "307 kept marked", Refreshes: 1},
		"refresh_get":                    {Summary: "405 kept"},
		"refresh_gzip":                   {Summary: "415 kept"},
		"refresh_invalid_utf8":           {Summary: "400 kept"},
		"refresh_lower_case_method":      {Summary: "405 kept"},
		"refresh_no_body":                {Summary: "307 kept marked", Refreshes: 1},
		"refresh_null":                   {Summary: "307 kept marked", Refreshes: 1},
		"refresh_number":                 {Summary: "400 kept"},
		"refresh_quoted_cookie":          {Summary: "307 kept marked", Refreshes: 1},
		"refresh_text_plain":             {Summary: "415 kept"},
		"refresh_trailing_junk":          {Summary: "400 kept"},
		"refresh_two_content_types":      {Summary: "415 kept"},
	}
	files, err := filepath.Glob("testdata/*.http")
	testkit.NoError(t, err)
	got := map[string]outcome{}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		testkit.NoError(t, err)
		name := filepath.Base(file)
		got[name[:len(name)-len(".http")]] = sendRaw(t, raw)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
}

// sendRaw sends one request to a new testEnv. net/http itself responds to a request
// that it cannot parse.
func sendRaw(t *testing.T, raw []byte) outcome {
	t.Helper()
	env := newTestEnv(t, crossminttest.Config{}, session.Config{}, handlers.Config{})
	reached := false
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reached = true
		env.mux.ServeHTTP(w, r)
	}))
	defer server.Close()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	testkit.NoError(t, err)
	defer conn.Close()
	_, err = conn.Write(raw)
	testkit.NoError(t, err)
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	testkit.NoError(t, err)
	_, err = io.Copy(io.Discard, res.Body)
	testkit.NoError(t, err)
	server.Close() // waits for the handler
	if !reached {
		return outcome{Summary: fmt.Sprint(res.StatusCode, " of net/http")}
	}
	calls := env.Fake.Calls()
	return outcome{Summary: testkit.ResponseOutcome(t, res), Refreshes: calls.Refresh, Logouts: calls.Logout}
}

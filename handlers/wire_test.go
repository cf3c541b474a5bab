package handlers_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/handlers"
	"github.com/crossmint-go/auth/session"
	"github.com/google/go-cmp/cmp"
)

// TestRawRequests sends requests byte by byte as they stand in testdata.
// Upstream knows none of the tokens in them.
func TestRawRequests(t *testing.T) {
	want := map[string]outcome{
		"logout_get":                     {"405 kept", 0, 0},
		"logout_no_body":                 {"204 cleared", 0, 1},
		"logout_same_site_sibling":       {"403 kept", 0, 0},
		"refresh_byte_order_mark":        {"400 kept", 0, 0},
		"refresh_chunked":                {"401 kept", 1, 0},
		"refresh_control_byte_in_cookie": {"400 kept", 0, 0}, // net/http's own answer
		"refresh_cross_site":             {"403 kept", 0, 0},
		"refresh_cut_off":                {"400 kept", 0, 0},
		"refresh_deep":                   {"400 kept", 0, 0},
		"refresh_deep_and_long":          {"413 kept", 0, 0},
		"refresh_empty_string":           {"401 cleared", 1, 0},
		"refresh_get":                    {"405 kept", 0, 0},
		"refresh_gzip":                   {"415 kept", 0, 0},
		"refresh_invalid_utf8":           {"400 kept", 0, 0},
		"refresh_lower_case_method":      {"405 kept", 0, 0},
		"refresh_no_body":                {"401 cleared", 1, 0},
		"refresh_null":                   {"401 cleared", 1, 0},
		"refresh_number":                 {"400 kept", 0, 0},
		"refresh_quoted_cookie":          {"401 cleared", 1, 0},
		"refresh_text_plain":             {"415 kept", 0, 0},
		"refresh_trailing_junk":          {"400 kept", 0, 0},
		"refresh_two_content_types":      {"415 kept", 0, 0},
	}
	files, err := filepath.Glob("testdata/*.http")
	must(t, err)
	got := map[string]outcome{}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		must(t, err)
		name := filepath.Base(file)
		got[name[:len(name)-len(".http")]] = sendRaw(t, raw)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
}

// sendRaw sends one request to a kit of its own.
func sendRaw(t *testing.T, raw []byte) outcome {
	t.Helper()
	k := newKit(t, crossminttest.Config{}, session.Config{}, handlers.Config{})
	server := httptest.NewServer(k.mux)
	defer server.Close()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	must(t, err)
	defer conn.Close()
	_, err = conn.Write(raw)
	must(t, err)
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	must(t, err)
	_, err = io.Copy(io.Discard, res.Body)
	must(t, err)
	calls := k.fake.Calls()
	return outcome{verdict(t, res), calls.Refresh, calls.Logout}
}

package main

import (
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// start runs the program and returns its URL.
func start(t *testing.T, page string) string {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	out, in := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, "127.0.0.1:0", page, in) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the program ended with: %v", err)
		}
	})
	line := make([]byte, 100)
	n, err := out.Read(line)
	if err != nil {
		t.Fatal(err)
	}
	url, found := strings.CutPrefix(strings.TrimSpace(string(line[:n])), "listening on ")
	if !found {
		t.Fatalf("the first line is %q", line[:n])
	}
	return url
}

func get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	client := http.Client{Timeout: time.Minute}
	res, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(raw)
}

func TestProgram(t *testing.T) {
	t.Setenv("CROSSMINT_API_KEY", "")
	t.Setenv("CROSSMINT_CLIENT_KEY", "")
	page := filepath.Join(t.TempDir(), "page.js")
	if err := os.WriteFile(page, []byte("the script"), 0o600); err != nil {
		t.Fatal(err)
	}
	url := start(t, page)
	tests := []struct {
		path   string
		status int
		want   string
	}{
		{path: "/", status: http.StatusOK, want: `"apiKey":"` + fakeClientKey + `","upstream":"http://127.0.0.1:`},
		{path: "/page.js", status: http.StatusOK, want: "the script"},
		{path: "/api/me", status: http.StatusUnauthorized, want: "error"},
		{path: "/api/refresh", status: http.StatusMethodNotAllowed, want: "error"},
	}
	for _, test := range tests {
		t.Run(test.path, func(t *testing.T) {
			status, body := get(t, url+test.path)
			if status != test.status || !strings.Contains(body, test.want) {
				t.Errorf("got %d %s, want %d and %s", status, body, test.status, test.want)
			}
		})
	}
}

func TestPageThatIsNotBuilt(t *testing.T) {
	err := run(t.Context(), "127.0.0.1:0", filepath.Join(t.TempDir(), "page.js"), io.Discard)
	if err == nil || !strings.Contains(err.Error(), "npm start") {
		t.Errorf("got %v, want a hint at npm start", err)
	}
}

func TestKeysOfOneKindAlone(t *testing.T) {
	t.Setenv("CROSSMINT_CLIENT_KEY", fakeClientKey)
	t.Setenv("CROSSMINT_API_KEY", "")
	if _, _, _, err := newClient(io.Discard); err == nil {
		t.Error("a client without an API key")
	}
}

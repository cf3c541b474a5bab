package middleware_test

import (
	"bytes"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
)

// uploadBody returns a multipart body with one file.
func uploadBody(t *testing.T, fileBytes int) (body *bytes.Buffer, contentType string) {
	t.Helper()
	body = &bytes.Buffer{}
	form := multipart.NewWriter(body)
	file, err := form.CreateFormFile("file", "photo.jpg")
	must(t, err)
	_, err = file.Write(make([]byte, fileBytes))
	must(t, err)
	must(t, form.Close())
	return body, form.FormDataContentType()
}

func fileCount(t *testing.T, directory string) int {
	t.Helper()
	files, err := os.ReadDir(directory)
	must(t, err)
	return len(files)
}

// net/http stores an upload above the memory limit in a temporary file, and
// removes the file after the outermost handler.
func TestUploadLeavesNoTemporaryFile(t *testing.T) {
	const memoryLimit, fileBytes = 1 << 10, 100 << 10
	middlewares := map[string]func(e *env) func(http.Handler) http.Handler{
		"RequireSession": func(e *env) func(http.Handler) http.Handler { return e.require(middleware.Config{}) },
		"OptionalSession": func(e *env) func(http.Handler) http.Handler {
			return middleware.OptionalSession(e.sessions, e.cookies, middleware.Config{})
		},
		"nested": func(e *env) func(http.Handler) http.Handler {
			return func(next http.Handler) http.Handler {
				optional := middleware.OptionalSession(e.sessions, e.cookies, middleware.Config{})
				return optional(e.require(middleware.Config{})(next))
			}
		},
	}
	tests := []struct {
		proto string
		http2 bool
	}{
		{proto: "HTTP/1.1"},
		{proto: "HTTP/2.0", http2: true},
	}
	for _, test := range tests {
		for name, wrap := range middlewares {
			t.Run(test.proto+", "+name, func(t *testing.T) {
				directory := t.TempDir()
				t.Setenv("TMPDIR", directory)
				e := newEnv(t, crossminttest.Config{}, session.Config{})
				server := httptest.NewUnstartedServer(wrap(e)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if err := r.ParseMultipartForm(memoryLimit); err != nil {
						t.Error(err)
						return
					}
					file, header, err := r.FormFile("file")
					if err != nil {
						t.Error(err)
						return
					}
					defer func() { _ = file.Close() }()
					if files := fileCount(t, directory); files != 1 || header.Size != fileBytes || r.Proto != test.proto {
						t.Errorf("during the request: %d temporary files, upload of %d bytes, %s", files, header.Size, r.Proto)
					}
				})))
				server.EnableHTTP2 = test.http2
				server.StartTLS()
				defer server.Close()
				for range 3 {
					body, contentType := uploadBody(t, fileBytes)
					jwt, refresh := e.valid()
					r := get(server.URL+"/upload", jwt, refresh)
					r.Method, r.RequestURI, r.Body = http.MethodPost, "", io.NopCloser(body)
					r.Header.Set("Content-Type", contentType)
					res, err := server.Client().Do(r)
					must(t, err)
					_ = res.Body.Close()
					if got := summary(t, res); got != "200 kept" {
						t.Errorf("response: %s", got)
					}
				}
				server.Close() // waits for the end of the requests
				if files := fileCount(t, directory); files != 0 {
					t.Errorf("%d temporary files are left", files)
				}
			})
		}
	}
}

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
// removes the file after the outermost handler. Behind the middleware as many files
// are left as without it: none, except with HTTP/2 on Go 1.27, which leaves all.
func TestUploadLeavesNoTemporaryFile(t *testing.T) {
	tests := []struct {
		proto string
		http2 bool
	}{
		{proto: "HTTP/1.1"},
		{proto: "HTTP/2.0", http2: true},
	}
	for _, test := range tests {
		want := filesLeft(t, test.http2, func(*env) func(http.Handler) http.Handler {
			return func(next http.Handler) http.Handler { return next }
		})
		if !test.http2 && want != 0 {
			t.Errorf("%s: net/http itself leaves %d files", test.proto, want)
		}
		for name, wrap := range uploadMiddlewares() {
			t.Run(test.proto+", "+name, func(t *testing.T) {
				if got := filesLeft(t, test.http2, wrap); got != want {
					t.Errorf("%d temporary files are left, without the middleware %d", got, want)
				}
			})
		}
	}
}

func uploadMiddlewares() map[string]func(e *env) func(http.Handler) http.Handler {
	return map[string]func(e *env) func(http.Handler) http.Handler{
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
}

// filesLeft returns the number of temporary files after three uploads.
func filesLeft(t *testing.T, http2 bool, wrap func(e *env) func(http.Handler) http.Handler) int {
	t.Helper()
	const memoryLimit, fileBytes = 1 << 10, 100 << 10
	directory := t.TempDir()
	t.Setenv("TMPDIR", directory)
	e := newEnv(t, crossminttest.Config{}, session.Config{})
	server := httptest.NewUnstartedServer(wrap(e)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if err := r.ParseMultipartForm(memoryLimit); err != nil {
			t.Error(err)
			return
		}
		if files := fileCount(t, directory); files == 0 || len(r.MultipartForm.File["file"]) != 1 {
			t.Errorf("during the request: %d temporary files, form %v", files, r.MultipartForm.File)
		}
	})))
	server.EnableHTTP2 = http2
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
		if res.StatusCode != http.StatusOK {
			t.Errorf("status %d", res.StatusCode)
		}
	}
	server.Close() // waits for the end of the requests
	return fileCount(t, directory)
}

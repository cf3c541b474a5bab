package handlers_test

import (
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/handlers"
	"github.com/crossmint-go/auth/session"
)

// TestOnErrorReceivesTheCause checks that errors.As and errors.Is find the cause.
func TestOnErrorReceivesTheCause(t *testing.T) {
	env := newTestEnv(t, crossminttest.Config{}, session.Config{}, handlers.Config{})
	var cause error
	h := handlers.Refresh(env.Manager, env.cookies, handlers.Config{OnError: func(_ *http.Request, err error) { cause = err }})
	h(httptest.NewRecorder(), post("/refresh", strings.Repeat(" ", 16<<10+1), "", ""))
	var tooLong *http.MaxBytesError
	if !errors.As(cause, &tooLong) {
		t.Errorf("too long: %v", cause)
	}
	h(httptest.NewRecorder(), post("/refresh", "{}", "", ""))
	if want := "refresh token not found"; !strings.Contains(cause.Error(), want) {
		t.Errorf("no token: %v", cause)
	}
	h = handlers.Refresh(env.Manager, env.cookies, handlers.Config{}) // without OnError
	h(httptest.NewRecorder(), post("/refresh", "{}", "", ""))
}

// A panic in OnError is logged, and nothing else is.
func TestPanicInOnErrorIsLogged(t *testing.T) {
	env := newTestEnv(t, crossminttest.Config{}, session.Config{}, handlers.Config{})
	var log strings.Builder
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
	t.Cleanup(func() { slog.SetDefault(before) })
	tests := map[string]struct {
		onError func(*http.Request, error)
		want    int // records
	}{
		"panic":    {func(*http.Request, error) { panic("fault in OnError") }, 1},
		"no panic": {func(*http.Request, error) {}, 0},
	}
	for name, test := range tests {
		log.Reset()
		h := handlers.Refresh(env.Manager, env.cookies, handlers.Config{OnError: test.onError})
		h(httptest.NewRecorder(), post("/refresh", "{}", "", ""))
		if got := strings.Count(log.String(), "handlers.Config.OnError panicked"); got != test.want {
			t.Errorf("%s: %d records, want %d:\n%s", name, got, test.want, log.String())
		}
	}
}

// TestErrorsQuoteTheRequest checks that request headers cannot forge log lines:
// errors escape control characters.
func TestErrorsQuoteTheRequest(t *testing.T) {
	evil := "x\u2028level=ERROR\x1b[31m\n\u202e" + strings.Repeat("a", 10_000)
	env := newTestEnv(t, crossminttest.Config{}, session.Config{}, handlers.Config{})
	requests := map[string]func(*http.Request){
		"method":           func(r *http.Request) { r.Method = evil },
		"origin":           func(r *http.Request) { r.Header["Origin"] = []string{evil}; r.Header.Del("Sec-Fetch-Site") },
		"fetch metadata":   func(r *http.Request) { r.Header["Sec-Fetch-Site"] = []string{evil} },
		"content type":     func(r *http.Request) { r.Header["Content-Type"] = []string{evil} },
		"content encoding": func(r *http.Request) { r.Header["Content-Encoding"] = []string{evil} },
		"user agent":       func(r *http.Request) { r.Header["User-Agent"] = []string{evil} },
	}
	for name, change := range requests {
		for _, path := range []string{"/refresh", "/logout"} {
			r := post(path, `{"refresh":1}`, "", "")
			change(r)
			before := len(env.errors)
			env.mux.ServeHTTP(new(discardWriter), r)
			for _, message := range env.errors[before:] {
				if strings.ContainsAny(message, "\n\x1b\u2028\u202e") || len(message) > len(evil) {
					t.Errorf("%s, %s: %.1000q", path, name, message)
				}
			}
		}
	}
}

// discardWriter is a ResponseWriter that discards the response.
type discardWriter struct{ header http.Header }

func (w *discardWriter) Header() http.Header {
	if w.header == nil {
		w.header = http.Header{}
	}
	return w.header
}
func (w *discardWriter) Write(p []byte) (int, error) { return len(p), nil }
func (w *discardWriter) WriteHeader(int)             {}

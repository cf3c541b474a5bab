package integration_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/event"
)

// Forged tokens take almost no memory. The figures measure ten million of them.
func TestForgedTokensTakeNoMemory(t *testing.T) {
	const warmUp, requests, maxBytes = 1_000, 5_000, 256 << 10
	synctest.Test(t, func(t *testing.T) {
		fake, err := crossminttest.New(crossminttest.Config{InMemory: true, Algorithm: "EdDSA"})
		fatal(t, err)
		defer fake.Close()
		client, err := crossmint.NewClient(fake.Config())
		fatal(t, err)
		defer client.Close()
		fatal(t, client.Preload(t.Context()))
		cookies, err := cookie.NewCodec(cookie.Config{ProjectID: client.ProjectID()})
		fatal(t, err)
		sessions, err := session.NewManager(session.Config{Upstream: client, OnEvent: func(context.Context, event.Event) {}})
		fatal(t, err)
		defer func() { _ = sessions.Close(t.Context()) }()
		protected := middleware.RequireSession(sessions, cookies, middleware.Config{})(http.NotFoundHandler())
		parts := strings.Split(fake.JWT(fake.NewUser("")), ".")
		sent := 0
		flood := func(n int) {
			var all sync.WaitGroup
			defer all.Wait()
			for range n {
				sent++
				r, w := httptest.NewRequest(http.MethodGet, "/", nil), httptest.NewRecorder()
				r.AddCookie(&http.Cookie{Name: "crossmint-session", Value: fmt.Sprintf("%s.%s.%012d%s", parts[0], parts[1], sent, parts[2][12:])})
				r.AddCookie(&http.Cookie{Name: "crossmint-refresh-token", Value: fmt.Sprint("forged-", sent)})
				all.Go(func() {
					protected.ServeHTTP(w, r)
					if w.Code != http.StatusTemporaryRedirect && w.Code != http.StatusServiceUnavailable {
						t.Errorf("%v: %d", r.Header, w.Code)
					}
				})
				time.Sleep(time.Millisecond)
			}
		}
		flood(warmUp)
		before := heap()
		flood(requests)
		if grown := int64(heap()) - int64(before); grown > maxBytes {
			t.Errorf("%d requests with forged tokens hold %d bytes, want %d at most", requests, grown, maxBytes)
		}
	})
}

// A session that a handler keeps must not keep the request: neither the upload
// nor the other headers.
func TestKeptSessionsHoldNoRequests(t *testing.T) {
	const sessions, uploadBytes, headerBytes, maxBytes = 500, 200 << 10, 4 << 10, 1 << 20
	tests := []struct {
		name    string
		http2   bool
		expired bool // the sessions are renewed
	}{
		{name: "HTTP/1.1"},
		{name: "HTTP/1.1, renewed", expired: true},
		{name: "HTTP/2", http2: true},
		{name: "HTTP/2, renewed", http2: true, expired: true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var kept []*session.AuthSession
			uploads := 0
			server, fake := serveProtected(t, test.http2, func(_ http.ResponseWriter, r *http.Request) {
				s, ok := session.FromContext(r.Context())
				if file, _, err := r.FormFile("file"); err != nil || !ok { // parses the form into memory
					t.Errorf("file: %v; session: %v", err, ok)
				} else if n, _ := io.Copy(io.Discard, file); n == uploadBytes {
					uploads++
				}
				kept = append(kept, s)
			})
			upload := func(grant session.Grant) {
				r := uploadRequest(t, server.URL, uploadBytes)
				for i := range headerBytes / 1024 {
					r.Header.Set(fmt.Sprint("X-Other-", i), strings.Repeat("x", 1024))
				}
				for _, c := range crossminttest.Cookies(grant) {
					r.AddCookie(c)
				}
				res, err := server.Client().Do(r)
				fatal(t, err)
				fatal(t, res.Body.Close())
				if res.StatusCode != http.StatusOK {
					t.Fatalf("status %d", res.StatusCode)
				}
			}
			newGrant := fake.Grant
			if test.expired {
				newGrant = fake.ExpiredGrant
			}
			for range sessions {
				upload(newGrant(fake.NewUser("")))
			}
			count, before := len(kept), heap()
			kept = nil
			held := int64(before) - int64(heap())
			if count != sessions || uploads != sessions || held <= 0 || held > maxBytes {
				t.Errorf("%d sessions of %d uploads hold %d bytes, want %d sessions and %d bytes at most", count, uploads, held, sessions, maxBytes)
			}
		})
	}
}

// serveProtected runs handler behind RequireSession on a real server.
func serveProtected(t *testing.T, http2 bool, handler http.HandlerFunc) (*httptest.Server, *crossminttest.Server) {
	t.Helper()
	fake, err := crossminttest.New(crossminttest.Config{Algorithm: "EdDSA"})
	fatal(t, err)
	t.Cleanup(fake.Close)
	client, err := crossmint.NewClient(fake.Config())
	fatal(t, err)
	t.Cleanup(client.Close)
	cookies, err := cookie.NewCodec(cookie.Config{ProjectID: client.ProjectID()})
	fatal(t, err)
	sessions, err := session.NewManager(session.Config{Upstream: client, OnEvent: func(context.Context, event.Event) {}})
	fatal(t, err)
	t.Cleanup(func() { _ = sessions.Close(context.Background()) })
	server := httptest.NewUnstartedServer(middleware.RequireSession(sessions, cookies, middleware.Config{})(handler))
	t.Cleanup(server.Close)
	if !http2 {
		server.Start()
		return server, fake
	}
	server.EnableHTTP2 = true
	server.StartTLS()
	return server, fake
}

// uploadRequest returns a request with one file of the given size.
func uploadRequest(t *testing.T, url string, fileBytes int) *http.Request {
	t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	file, err := form.CreateFormFile("file", "photo.jpg")
	fatal(t, err)
	_, err = file.Write(make([]byte, fileBytes))
	fatal(t, err)
	fatal(t, form.Close())
	r, err := http.NewRequest(http.MethodPost, url, &body)
	fatal(t, err)
	r.Header.Set("Content-Type", form.FormDataContentType())
	return r
}

// heap returns the number of bytes on the heap after a garbage collection.
func heap() uint64 {
	runtime.GC()
	runtime.GC() // frees objects whose finalizers the first one ran
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

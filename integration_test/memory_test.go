package integration_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
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

// Garbage leaves next to nothing behind: neither the tokens nor their names.
// Ten million of them are a matter of minutes; see the figures.
func TestGarbageLeavesNothingBehind(t *testing.T) {
	const first, more, most = 1_000, 5_000, 256 << 10
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
			for range n {
				sent++
				r, w := httptest.NewRequest(http.MethodGet, "/", nil), httptest.NewRecorder()
				r.AddCookie(&http.Cookie{Name: "crossmint-session", Value: fmt.Sprintf("%s.%s.%012d%s", parts[0], parts[1], sent, parts[2][12:])})
				r.AddCookie(&http.Cookie{Name: "crossmint-refresh-token", Value: fmt.Sprint("made-up-", sent)})
				protected.ServeHTTP(w, r)
				if w.Code != http.StatusUnauthorized && w.Code != http.StatusServiceUnavailable {
					t.Fatalf("request %d: %d", sent, w.Code)
				}
				time.Sleep(time.Millisecond)
			}
		}
		flood(first)
		before := heap()
		flood(more)
		if grown := int64(heap()) - int64(before); grown > most {
			t.Errorf("%d more requests with made-up tokens hold %d bytes, want %d at most", more, grown, most)
		}
	})
}

// heap returns how many bytes are in use.
func heap() uint64 {
	runtime.GC()
	runtime.GC() // what the first one only marked as to be finalised
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

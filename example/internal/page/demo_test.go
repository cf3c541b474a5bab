package page_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/example/internal/page"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/event"
)

func newFake(t *testing.T) *crossminttest.Server {
	t.Helper()
	fake, err := crossminttest.New(crossminttest.Config{InMemory: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Close)
	return fake
}

func TestUpstream(t *testing.T) {
	fake, journal := newFake(t), page.NewJournal()
	handler := page.Upstream(fake, journal)
	for _, step := range []struct {
		mode   string
		status int
		want   string // mode after the request
	}{
		{mode: "slow", status: 204, want: "slow"},
		{mode: "down", status: 204, want: "down"},
		{mode: "down", status: 204, want: "down"},
		{mode: "nonsense", status: 400, want: "down"},
		{mode: "up", status: 204, want: "up"},
	} {
		request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader("mode="+step.mode))
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, request)
		if got := read(t, journal, 0).Mode; w.Code != step.status || got != step.want {
			t.Errorf("%s: status %d and mode %s, want %d and %s", step.mode, w.Code, got, step.status, step.want)
		}
	}
	compareRecords(t, read(t, journal, 0).Records,
		record{Kind: "upstream", Name: "slow"}, record{Kind: "upstream", Name: "down"},
		record{Kind: "upstream", Name: "down"}, record{Kind: "upstream", Name: "up"})
}

// TestExpire checks that the request after each expiry refreshes the session.
func TestExpire(t *testing.T) {
	fake, journal := newFake(t), page.NewJournal()
	config := fake.Config()
	config.HTTPClient = &http.Client{Transport: journal.Transport(fake.Transport())}
	client, err := crossmint.NewClient(config)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	sessions, err := session.NewManager(session.Config{Upstream: client, OnEvent: func(_ context.Context, e event.Event) { journal.Event(e) }})
	if err != nil {
		t.Fatal(err)
	}
	cookies, err := cookie.NewCodec(cookie.Config{ProjectID: client.ProjectID()})
	if err != nil {
		t.Fatal(err)
	}
	handler := middleware.RequireSession(sessions, cookies, middleware.Config{})(page.Expire(fake, cookies, journal))
	jar := crossminttest.Cookies(fake.Grant(fake.NewUser("ada@example.com")))
	for refreshes := range 3 {
		request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil)
		for _, c := range jar {
			request.AddCookie(c)
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, request)
		if got := fake.Calls().Refresh; w.Code != http.StatusOK || got != refreshes {
			t.Fatalf("status %d after %d refreshes, want 200 after %d", w.Code, got, refreshes)
		}
		if want := fmt.Sprintf(`{"refreshes":%d}`, refreshes); w.Body.String() != want {
			t.Errorf("body = %s, want %s", w.Body, want)
		}
		set := w.Result().Cookies()
		jar = set[len(set)-2:] // a browser keeps the last value of each cookie
	}
}

package page_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/example/internal/page"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/event"
	"github.com/google/go-cmp/cmp"
)

// record is a record of the journal without IDs and times.
type record struct {
	Kind, Name, Tab, Op string
	Status, Served      int
}

// history is the response of the journal.
type history struct {
	State   int
	Mode    string
	Records []record
	Counts  struct {
		Requests, Refreshes int
		Calls               map[string]int
	}
}

func read(t *testing.T, journal *page.Journal, after int) history {
	t.Helper()
	var h history
	body := get(t, journal, "/?after="+strconv.Itoa(after)).Body.Bytes()
	if err := json.Unmarshal(body, &h); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	return h
}

func compareRecords(t *testing.T, got []record, want ...record) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
}

// TestRequests sends a request of a tab, and one of another client.
func TestRequests(t *testing.T) {
	journal := page.NewJournal()
	handler := journal.Requests(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Tab") != "" {
			compareRecords(t, read(t, journal, 0).Records, record{Kind: "request", Name: "/api/me", Tab: "abc"}) // still running
		}
		w.WriteHeader(http.StatusTeapot)
	}))
	request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/me", nil)
	request.Header.Set("X-Tab", "abc")
	handler.ServeHTTP(httptest.NewRecorder(), request)
	request.Header.Del("X-Tab")
	handler.ServeHTTP(httptest.NewRecorder(), request)
	got := read(t, journal, 0)
	compareRecords(t, got.Records, record{Kind: "request", Name: "/api/me", Tab: "abc", Status: http.StatusTeapot})
	if got.Counts.Requests != 1 {
		t.Errorf("%d requests, want 1", got.Counts.Requests)
	}
	if again := read(t, journal, got.State); len(again.Records) != 0 {
		t.Errorf("unchanged records are repeated: %+v", again.Records)
	}
}

func TestCalls(t *testing.T) {
	fake, err := crossminttest.New(crossminttest.Config{InMemory: true})
	if err != nil {
		t.Fatal(err)
	}
	defer fake.Close()
	journal := page.NewJournal()
	client := http.Client{Transport: journal.Transport(fake.Transport())}
	call := func() error {
		response, err := client.Get(fake.URL() + "/.well-known/jwks.json")
		if err == nil {
			_, _ = io.Copy(io.Discard, response.Body)
			err = response.Body.Close()
		}
		return err
	}
	if err := call(); err != nil {
		t.Fatal(err)
	}
	fake.Down()
	if err := call(); err == nil {
		t.Error("no error while the fake is down")
	}
	got := read(t, journal, 0)
	compareRecords(t, got.Records, record{Kind: "call", Name: "keys", Status: 200}, record{Kind: "call", Name: "keys"})
	if diff := cmp.Diff(map[string]int{"keys": 2}, got.Counts.Calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

func TestEvents(t *testing.T) {
	journal := page.NewJournal()
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			journal.Event(event.Event{Outcome: event.Refreshed, Op: "authenticate", Token: "one"})
		})
	}
	wg.Wait()
	for _, e := range []event.Event{
		{Outcome: event.Refreshed, Op: "authenticate", Token: "two"},
		{Outcome: event.Rejected, Err: errors.New("no session")},
		{Outcome: event.Unavailable, Op: "authenticate", UpstreamStatus: 503, Token: "two", UserID: "ada"},
		{Outcome: event.AskedAgain, Op: "authenticate", UpstreamStatus: 401, Token: "two"},
		{Outcome: event.AskedAgain, Op: "authenticate", UpstreamStatus: 401, Token: "two"},
		{Outcome: event.Rejected, Op: "authenticate", Token: "two", Err: &session.AuthenticationError{Refused: true}},
		{Outcome: event.Rejected, Op: "authenticate", Token: "two", Err: &session.AuthenticationError{Refused: true}},
		{Outcome: event.SignedOut, Op: "authenticate", UpstreamStatus: 401, Token: "two"},
	} {
		journal.Event(e)
	}
	got := read(t, journal, 0)
	compareRecords(t, got.Records,
		record{Kind: "outcome", Name: "refreshed", Op: "authenticate", Served: 50},
		record{Kind: "outcome", Name: "refreshed", Op: "authenticate", Served: 1},
		record{Kind: "outcome", Name: "unavailable", Op: "authenticate", Status: 503, Served: 1},
		record{Kind: "outcome", Name: "asked_again", Op: "authenticate", Status: 401, Served: 2},
		record{Kind: "outcome", Name: "rejected", Op: "authenticate", Served: 2},
		record{Kind: "outcome", Name: "signed_out", Op: "authenticate", Status: 401, Served: 1})
	if got.Counts.Refreshes != 2 {
		t.Errorf("%d refreshes, want 2", got.Counts.Refreshes)
	}
}

// TestEvictedRecord ends a request that the journal has evicted.
func TestEvictedRecord(t *testing.T) {
	journal := page.NewJournal()
	request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/me", nil)
	request.Header.Set("X-Tab", "abc")
	journal.Requests(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		for range 10_000 {
			journal.Event(event.Event{Outcome: event.LoggedOut})
		}
	})).ServeHTTP(httptest.NewRecorder(), request)
	if n := len(read(t, journal, 0).Records); n == 0 || n > 2000 {
		t.Errorf("%d records", n)
	}
}

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
	"github.com/google/go-cmp/cmp"
)

// thing is a record, without what differs from run to run.
type thing struct {
	Kind, Name, Tab, Op string
	Status, Served      int
}

// news is what the journal answers.
type news struct {
	State   int
	Mode    string
	Records []thing
	Counts  struct {
		Requests, Refreshes int
		Calls               map[string]int
	}
}

func read(t *testing.T, journal *page.Journal, after int) news {
	t.Helper()
	var n news
	body := get(t, journal, "/?after="+strconv.Itoa(after)).Body.Bytes()
	if err := json.Unmarshal(body, &n); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	return n
}

func expect(t *testing.T, got []thing, want ...thing) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
}

func TestRequests(t *testing.T) {
	journal := page.NewJournal()
	handler := journal.Requests(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		expect(t, read(t, journal, 0).Records, thing{Kind: "request", Name: "/api/me", Tab: "abc"}) // under way
		w.WriteHeader(http.StatusTeapot)
	}))
	request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/me", nil)
	request.Header.Set("X-Tab", "abc")
	handler.ServeHTTP(httptest.NewRecorder(), request)
	got := read(t, journal, 0)
	expect(t, got.Records, thing{Kind: "request", Name: "/api/me", Tab: "abc", Status: http.StatusTeapot})
	if got.Counts.Requests != 1 {
		t.Errorf("%d requests", got.Counts.Requests)
	}
	if again := read(t, journal, got.State); len(again.Records) != 0 {
		t.Errorf("old news: %+v", again.Records)
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
	expect(t, got.Records, thing{Kind: "call", Name: "keys", Status: 200}, thing{Kind: "call", Name: "keys"})
	if diff := cmp.Diff(map[string]int{"keys": 2}, got.Counts.Calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

func TestEvents(t *testing.T) {
	journal := page.NewJournal()
	var together sync.WaitGroup
	for range 50 {
		together.Go(func() {
			journal.Event(session.Event{Outcome: session.Refreshed, Op: "authenticate", Token: "one"})
		})
	}
	together.Wait()
	for _, e := range []session.Event{
		{Outcome: session.Refreshed, Op: "authenticate", Token: "two"},
		{Outcome: session.Rejected, Err: errors.New("a visitor")},
		{Outcome: session.Undecided, Op: "authenticate", UpstreamStatus: 503, Token: "two", UserID: "somebody"},
	} {
		journal.Event(e)
	}
	got := read(t, journal, 0)
	expect(t, got.Records,
		thing{Kind: "outcome", Name: "refreshed", Op: "authenticate", Served: 50},
		thing{Kind: "outcome", Name: "refreshed", Op: "authenticate", Served: 1},
		thing{Kind: "outcome", Name: "undecided", Op: "authenticate", Status: 503, Served: 1})
	if got.Counts.Refreshes != 2 {
		t.Errorf("%d refreshes", got.Counts.Refreshes)
	}
}

// TestLongRun has a request end that is no longer on record.
func TestLongRun(t *testing.T) {
	journal := page.NewJournal()
	journal.Requests(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		for range 10_000 {
			journal.Event(session.Event{Outcome: session.LoggedOut})
		}
	})).ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/me", nil))
	if n := len(read(t, journal, 0).Records); n == 0 || n > 2000 {
		t.Errorf("%d records", n)
	}
}

package browser_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/internal/testkit"
	"github.com/crossmint-go/auth/middleware"
)

// watchPage counts the events that it has got, and the sources that it has opened. An
// EventSource that is closed stays closed, so the page opens a new one.
const watchPage = `<!doctype html><title>Events</title><script>
	let events = 0, sources = 0
	function open() {
		const source = new EventSource("/events")
		sources++
		source.onmessage = () => { events++ }
		source.onerror = () => { if (source.readyState === EventSource.CLOSED) setTimeout(open, 500) }
	}
	open()
</script>`

// eventSite sends one event to each request with a session, and ends the stream.
type eventSite struct {
	*testkit.Kit
	url      string
	requests atomic.Int64 // for events
	restarts atomic.Bool  // a proxy responds with 502 in place of this program
}

func newEventSite(t *testing.T) *eventSite {
	t.Helper()
	s := &eventSite{Kit: testkit.New(t, testkit.Config{})}
	cookies := testkit.Must(cookie.NewCodec(cookie.Config{ProjectID: s.Client.ProjectID(), InsecureAllowHTTP: true}))
	events := middleware.RequireSession(s.Manager, cookies, middleware.Config{})(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "retry: 200\ndata: event\n\n")
	}))
	mux := http.NewServeMux()
	mux.HandleFunc("GET /in", func(w http.ResponseWriter, r *http.Request) {
		grant := s.Fake.ExpiredGrant(s.Fake.NewUser("ada@example.com"))
		testkit.NoError(t, cookies.Write(w, r, &grant))
	})
	mux.HandleFunc("GET /watch", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, watchPage)
	})
	mux.HandleFunc("GET /events", func(w http.ResponseWriter, r *http.Request) {
		s.requests.Add(1)
		if s.restarts.Load() {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		events.ServeHTTP(w, r)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

// awaitRequests waits for further requests for events.
func (s *eventSite) awaitRequests(t *testing.T, further int64) {
	t.Helper()
	before := s.requests.Load()
	await(t, "further requests for events", true, func() bool { return s.requests.Load() >= before+further })
}

// TestEventSource opens events with an expired JWT while upstream is unavailable. The
// EventSource has to come back by itself, because browsers give up on any status but
// 200. After the 502 of a proxy the page opens a new one.
func TestEventSource(t *testing.T) {
	eachFormTab(t, "outage", func(t *testing.T, b *formTab) {
		s := newEventSite(t)
		s.Fake.FailAlways(crossminttest.Refresh, testkit.BadGateway())
		seen := func() (events, sources int) {
			_, _ = fmt.Sscan(b.run(`events + " " + sources`), &events, &sources)
			return events, sources
		}
		hasMoreEvents := func(than int) func() bool {
			return func() bool { events, _ := seen(); return events > than }
		}
		b.open(s.url + "/in")
		b.open(s.url + "/watch")
		s.awaitRequests(t, 3)
		if events, sources := seen(); events != 0 || sources != 1 {
			t.Errorf("during the outage %d events of %d sources, want 0 of 1", events, sources)
		}
		s.Fake.Heal()
		await(t, "an event after the outage", true, hasMoreEvents(0))

		s.restarts.Store(true)
		s.awaitRequests(t, 3)
		events, sources := seen()
		if sources < 2 {
			t.Errorf("%d sources after the 502 of a proxy, want a new one", sources)
		}
		s.restarts.Store(false)
		await(t, "an event after the restart", true, hasMoreEvents(events))
	})
}

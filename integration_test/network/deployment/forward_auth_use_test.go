package deployment_test

import (
	"flag"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
)

var useDuration = flag.Duration("use", 25*time.Second, "how long users use the application in TestForwardAuthUse")

// A habit is how a user uses an application: every so often some requests at once.
type habit struct {
	name   string
	method string
	mode   string // of Fetch metadata
	every  time.Duration
	atOnce int

	user    string
	browser *http.Client

	mu        sync.Mutex
	responses map[seen]int // by status, and by the user that the application has seen
}

// TestForwardAuthUse uses an application behind each proxy, with JWTs of 20 s and an
// upstream that accepts no used token. All users must be signed in throughout.
func TestForwardAuthUse(t *testing.T) {
	t.Parallel()
	over := make(chan struct{})
	var using sync.WaitGroup
	habits := map[*protected][]*habit{}
	for _, p := range proxies(t) {
		site := newProtected(t, p, crossminttest.Config{JWTLifetime: 20 * time.Second})
		site.fake.SetLatency(crossminttest.Refresh, 300*time.Millisecond)
		habits[site] = site.habits(t)
		for _, h := range habits[site] {
			using.Go(func() { h.use(t, over) })
		}
	}
	time.Sleep(*useDuration)
	close(over)
	using.Wait()
	for site, users := range habits {
		for _, h := range users {
			t.Logf("%s, %s: %v", site.proxy.name, h.name, h.responses)
			want(t, site.proxy.name+", "+h.name, []seen{{Status: http.StatusOK, Body: h.user}}, slices.Collect(maps.Keys(h.responses)))
		}
		t.Logf("%s: %d refreshes in %v", site.proxy.name, site.fake.Calls().Refresh, *useDuration)
		if site.fake.Calls().Refresh == 0 {
			t.Errorf("%s: no session was renewed", site.proxy.name)
		}
	}
}

// habits returns users who are signed in.
func (p *protected) habits(t *testing.T) []*habit {
	t.Helper()
	habits := []*habit{
		{name: "a page every second", method: http.MethodGet, mode: "navigate", every: time.Second, atOnce: 1},
		{name: "five scripts every 7 s", method: http.MethodGet, mode: "cors", every: 7 * time.Second, atOnce: 5},
		{name: "five scripts every 22 s", method: http.MethodGet, mode: "cors", every: 22 * time.Second, atOnce: 5},
		{name: "a form every 3 s", method: http.MethodPost, mode: "navigate", every: 3 * time.Second, atOnce: 1},
	}
	for _, h := range habits {
		h.browser, h.responses = p.browser(t).client, map[seen]int{}
		email := strings.ReplaceAll(h.name, " ", "-") + "@example.com"
		h.user = p.fake.SignIn(h.browser.Jar, parse(t, app), email).User.ID
	}
	return habits
}

// use sends requests until a channel is closed.
func (h *habit) use(t *testing.T, over <-chan struct{}) {
	t.Helper()
	tick := time.NewTicker(h.every)
	defer tick.Stop()
	for {
		var all sync.WaitGroup
		for range h.atOnce {
			all.Go(func() { h.send(t) })
		}
		all.Wait()
		select {
		case <-over:
			return
		case <-tick.C:
		}
	}
}

// send sends one request and counts its response.
func (h *habit) send(t *testing.T) {
	t.Helper()
	status, header := roundTrip(t, h.browser, h.method, "/page", map[string]string{"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": h.mode})
	h.mu.Lock()
	defer h.mu.Unlock()
	h.responses[seen{Status: status, Body: header.Get("X-Seen")}]++
}

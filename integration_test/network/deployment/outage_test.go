package deployment_test

import (
	"flag"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
)

var outageDuration = flag.Duration("outage", 30*time.Second, "how long Crossmint is away in TestOutage")

const (
	// requestGap is the time between two requests of a user.
	requestGap = 100 * time.Millisecond
	// recoveryTime is longer than session.Config.RefreshTimeout: a refresh that the
	// outage has caught may take that long.
	recoveryTime = 12 * time.Second
)

// usage is a user who sends one request again and again.
type usage struct {
	name         string
	method, path string
	expired      bool // the JWT, when the outage begins
	signsIn      bool // before each request
	allowed      []int
	final        int // the status after the outage

	email     string
	fake      *crossminttest.Server
	browser   *http.Client
	responses map[response]int
	last      response
}

// TestOutage lets Crossmint be away with passive health checks and the timeouts of the
// kit, behind all proxies at once. Crossmint refuses connections, and in the last third
// of the time it accepts them and sends nothing. Users with valid sessions must not
// notice it, an instance must give every response, and afterwards all users have their
// session.
func TestOutage(t *testing.T) {
	t.Parallel()
	var all []*fronted
	var usages []*usage
	for _, front := range fronts() {
		f := newFronted(t, front)
		f.fake.Down()
		all, usages = append(all, f), append(usages, f.usages(t, front.name)...)
	}
	over := make(chan struct{})
	var sending sync.WaitGroup
	for _, u := range usages {
		sending.Go(func() { u.sendUntil(t, over) })
	}
	time.Sleep(*outageDuration * 2 / 3)
	for _, f := range all {
		f.fake.FailAlways(crossminttest.Any, crossminttest.Hang())
		f.up(t)
	}
	time.Sleep(*outageDuration / 3)
	for _, f := range all {
		f.fake.Heal()
	}
	time.Sleep(recoveryTime)
	close(over)
	sending.Wait()
	for _, u := range usages {
		t.Logf("%s: %v", u.name, u.responses)
		u.check(t)
	}
}

// usages returns users whose JWTs almost fill their cookies.
func (f *fronted) usages(t *testing.T, proxy string) []*usage {
	t.Helper()
	const ok, noContent, unavailable = http.StatusOK, http.StatusNoContent, http.StatusServiceUnavailable
	usages := []*usage{
		{name: "page with a valid JWT", method: http.MethodGet, path: "/me", allowed: []int{ok}, final: ok},
		{name: "refresh with a valid JWT", method: http.MethodPost, path: "/refresh", allowed: []int{ok}, final: ok},
		{name: "logout", method: http.MethodPost, path: "/logout", signsIn: true, allowed: []int{noContent}, final: noContent},
		{name: "page with an expired JWT", method: http.MethodGet, path: "/me", expired: true, allowed: []int{unavailable, ok}, final: ok},
		{name: "refresh with an expired JWT", method: http.MethodPost, path: "/refresh", expired: true, allowed: []int{unavailable, ok}, final: ok},
	}
	for _, u := range usages {
		u.email = strings.ReplaceAll(u.name, " ", "-") + "@example.com"
		u.name = proxy + ", " + u.name
		u.fake, u.browser, u.responses = f.fake, f.browser(t).client, map[response]int{}
		f.fake.SetClaims(f.fake.NewUser(u.email).ID, map[string]any{"padding": strings.Repeat("a", 2600)})
		if u.expired {
			f.fake.SignInExpired(u.browser.Jar, parse(t, app), u.email)
		} else {
			f.fake.SignIn(u.browser.Jar, parse(t, app), u.email)
		}
	}
	return usages
}

// sendUntil sends requests until a channel is closed, and then a last one.
func (u *usage) sendUntil(t *testing.T, over <-chan struct{}) {
	t.Helper()
	for {
		select {
		case <-over:
			u.send(t)
			return
		case <-time.After(requestGap):
			u.send(t)
		}
	}
}

// up ends Server.Down. Another connection may use the port for a short time.
func (f *fronted) up(t *testing.T) {
	t.Helper()
	err := f.fake.Up()
	for deadline := time.Now().Add(10 * time.Second); err != nil && time.Now().Before(deadline); err = f.fake.Up() {
		time.Sleep(100 * time.Millisecond)
	}
	fatal(t, err)
}

// send sends one request and counts its response.
func (u *usage) send(t *testing.T) {
	t.Helper()
	if u.signsIn {
		u.fake.SignIn(u.browser.Jar, parse(t, app), u.email)
	}
	status, header := roundTrip(t, u.browser, u.method, u.path, map[string]string{"Sec-Fetch-Site": "same-origin"})
	u.last = response{Status: status, Instance: header.Get(instanceHeader)}
	u.responses[u.last]++
}

func (u *usage) check(t *testing.T) {
	t.Helper()
	want(t, u.name+", last status", u.final, u.last.Status)
	for got, count := range u.responses {
		if !slices.Contains(u.allowed, got.Status) || got.Instance == "" {
			t.Errorf("%s: %d responses with status %d of instance %q, want the statuses %v of instances", u.name, count, got.Status, got.Instance, u.allowed)
		}
	}
}

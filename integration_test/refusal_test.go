package integration_test

import (
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/handlers"
	"github.com/crossmint-go/auth/internal/testkit"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
)

// instances are several processes of one site, without a store. Requests go to
// them in turn.
type instances struct {
	all  []http.Handler
	next atomic.Int64
}

func (i *instances) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.all[int(i.next.Add(1))%len(i.all)].ServeHTTP(w, r)
}

// newInstances returns n instances with one upstream, which accepts each refresh
// token once.
func newInstances(t *testing.T, n int) (*instances, *testkit.Kit) {
	t.Helper()
	kit := testkit.New(t, testkit.Config{Fake: crossminttest.Config{InMemory: true, Reuse: crossminttest.ReuseRefuse}})
	cookies := testkit.Must(cookie.NewCodec(cookie.Config{ProjectID: kit.Fake.ProjectID()}))
	var site instances
	for range n {
		manager := kit.NewManager(session.Config{Upstream: kit.NewClient(nil)})
		mux := http.NewServeMux()
		mux.Handle("/refresh", handlers.Refresh(manager, cookies, handlers.Config{}))
		mux.Handle("/me", middleware.RequireSession(manager, cookies, middleware.Config{})(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			user, _ := session.FromContext(r.Context())
			_, _ = io.WriteString(w, user.UserID)
		})))
		site.all = append(site.all, mux)
	}
	return &site, kit
}

// follow sends a request, and again while the response is a redirect to the same
// place. It returns the last response and the number of redirects.
func (b *virtualBrowser) follow(method, path, body string) (res *http.Response, redirects int) {
	for redirects = range 20 {
		res = b.send(b.request(method, path, body))
		if res.StatusCode != http.StatusTemporaryRedirect {
			break
		}
		if got := res.Header.Get("Location"); got != "?x=1" {
			b.t.Errorf("Location %q", got)
		}
	}
	return res, redirects
}

// Two instances without a store get five requests of one browser at once. One of
// them refreshes the session; upstream refuses the token of the other.
func TestParallelRequestsToTwoInstances(t *testing.T) {
	for _, latency := range []time.Duration{50 * time.Millisecond, 400 * time.Millisecond} {
		for range 10 {
			synctest.Test(t, func(t *testing.T) {
				site, kit := newInstances(t, 2)
				b := newVirtualBrowser(t, site)
				kit.Fake.SignInExpired(b.jar, b.url, "ann@example.com")
				kit.Fake.SetLatency(crossminttest.Refresh, latency)
				var all sync.WaitGroup
				for i := range 5 {
					all.Go(func() {
						method, path := http.MethodGet, "/me?x=1"
						if i == 4 {
							method, path = http.MethodPost, "/refresh?x=1"
						}
						if res, redirects := b.follow(method, path, ""); res.StatusCode != http.StatusOK || redirects > 1 {
							t.Errorf("%s %s: %d after %d redirects", method, path, res.StatusCode, redirects)
						}
					})
				}
				all.Wait()
			})
		}
	}
}

// A browser whose session has ended at upstream is asked once, keeps its cookies
// for an hour, and loses them then. Instances without a store agree on that.
func TestEndedSessionOnTwoInstances(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		site, kit := newInstances(t, 2)
		b := newVirtualBrowser(t, site)
		kit.Fake.SignInExpired(b.jar, b.url, "ann@example.com")
		kit.Fake.Revoke(b.token())
		res, redirects := b.follow(http.MethodGet, "/me?x=1", "")
		if wantStatus(t, res, http.StatusUnauthorized); redirects != 1 {
			t.Errorf("%d redirects", redirects)
		}
		for range 10 { // the marker tells all instances
			wantStatus(t, b.get("/me"), http.StatusUnauthorized)
		}
		if calls := kit.Fake.Calls().Refresh; calls != 1 {
			t.Errorf("upstream was called %d times within 30 s", calls)
		}
		time.Sleep(59 * time.Minute)
		wantStatus(t, b.get("/me"), http.StatusUnauthorized)
		if b.token() == "" {
			t.Error("the cookies were deleted within an hour")
		}
		time.Sleep(2 * time.Minute)
		wantStatus(t, b.get("/me"), http.StatusUnauthorized)
		if b.token() != "" || len(b.jar.Cookies(b.url)) != 0 {
			t.Errorf("cookies %v are left", b.jar.Cookies(b.url))
		}
	})
}

// A form cannot be redirected: the browser gets 503 at once, and finds its session
// with the next request.
func TestFirstRefusalOfAPost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		site, kit := newInstances(t, 1)
		b := newVirtualBrowser(t, site)
		kit.Fake.SignInExpired(b.jar, b.url, "ann@example.com")
		kit.Fake.Revoke(b.token())
		started := time.Now()
		res := b.post("/me", "")
		if got := testkit.ResponseOutcome(t, res); got != "503 kept retry 1 marked" || time.Since(started) > 0 {
			t.Errorf("%s after %v", got, time.Since(started))
		}
		time.Sleep(time.Second)
		if got := testkit.ResponseOutcome(t, b.post("/me", "")); got != "401 kept" {
			t.Errorf("one second later: %s", got)
		}
	})
}

// A browser that does not store the marker is redirected once.
func TestBrowserWithoutMarker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newVirtualSite(t, siteConfig{})
		b := s.browser(t)
		s.signInExpired(b, "ann@example.com")
		s.Fake.Revoke(b.token())
		request := b.request(http.MethodGet, "/me", "")
		wantStatus(t, b.send(request), http.StatusTemporaryRedirect)
		for range 3 {
			wantStatus(t, b.send(request), http.StatusUnauthorized)
			time.Sleep(5 * time.Minute)
		}
	})
}

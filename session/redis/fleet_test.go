package redis_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/redis"
)

// instance is one instance of a fleet, in this process.
type instance struct {
	http.Handler
	sessions *session.Manager
	events   events // of the store
}

// fleet is some instances with one store and one upstream.
type fleet struct {
	t         *testing.T
	fake      *crossminttest.Server
	instances []*instance
}

const fleetSize = 10

func newFleet(t *testing.T, url string, fakeConfig crossminttest.Config, config redis.Config) *fleet {
	t.Helper()
	fake, err := crossminttest.New(fakeConfig)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Close)
	f := &fleet{t: t, fake: fake}
	for range fleetSize {
		f.instances = append(f.instances, newInstance(t, fake.Config(), url, config))
	}
	return f
}

// newInstance returns an instance with long timeouts, because test machines are
// slow.
func newInstance(t *testing.T, upstream crossmint.Config, url string, config redis.Config) *instance {
	t.Helper()
	return newInstanceOf(t, upstream, url, config, func(client *crossmint.Client) session.Upstream { return client })
}

// newInstanceOf is newInstance with a client that the program has wrapped.
func newInstanceOf(t *testing.T, upstream crossmint.Config, url string, config redis.Config, wrap func(*crossmint.Client) session.Upstream) *instance {
	t.Helper()
	upstream.Timeout = requestTimeout
	client, err := crossmint.NewClient(upstream)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	if err := client.Preload(t.Context()); err != nil {
		t.Fatal(err)
	}
	i := &instance{}
	config.OnEvent = i.events.Record
	if config.Grace == 0 {
		config.Grace = time.Minute
	}
	i.sessions, err = session.NewManager(session.Config{
		Upstream: wrap(client), Coordinator: newCoordinator(t, url, config), RefreshTimeout: requestTimeout, Grace: config.Grace,
		OnEvent: (&events{}).Record,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = i.sessions.Close(t.Context()) })
	cookies, err := cookie.NewCodec(cookie.Config{ProjectID: client.ProjectID()})
	if err != nil {
		t.Fatal(err)
	}
	i.Handler = middleware.RequireSession(i.sessions, cookies, middleware.Config{})(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s, _ := session.FromContext(r.Context())
		_, _ = fmt.Fprint(w, s.UserID)
	}))
	return i
}

// response is the status and the cookies that a browser gets, without expiries.
type response struct {
	Status  int
	Cookies string
}

// signedOut reports whether the response deleted cookies.
func (r response) signedOut() bool { return strings.Contains(r.Cookies, "=;") }

// get is one request of a browser with these cookies.
func (i *instance) get(jwt, refresh string) response {
	r := httptest.NewRequest(http.MethodGet, "https://app.example/me", nil)
	r.AddCookie(&http.Cookie{Name: "crossmint-jwt", Value: jwt})
	r.AddCookie(&http.Cookie{Name: "crossmint-refresh-token", Value: refresh})
	w := httptest.NewRecorder()
	i.ServeHTTP(w, r)
	var cookies []string
	for _, c := range w.Result().Cookies() {
		cookies = append(cookies, c.Name+"="+c.Value+";")
	}
	slices.Sort(cookies)
	return response{w.Code, strings.Join(cookies, "")}
}

// expired returns the cookies of a user whose JWT has expired.
func (f *fleet) expired(email string) (jwt, refresh string) {
	g := f.fake.ExpiredGrant(f.fake.NewUser(email))
	return g.JWT.Reveal(), g.RefreshToken.Secret.Reveal()
}

// valid returns the cookies of a new sign-in.
func (f *fleet) valid(email string) (jwt, refresh string) {
	g := f.fake.Grant(f.fake.NewUser(email))
	return g.JWT.Reveal(), g.RefreshToken.Secret.Reveal()
}

// all sends some requests to each of these instances at once, and returns how
// often each response came.
func all(instances []*instance, requests int, jwt, refresh string) map[response]int {
	var (
		mu        sync.Mutex
		responses = map[response]int{}
		herd      sync.WaitGroup
	)
	for _, i := range instances {
		for range requests {
			herd.Go(func() {
				a := i.get(jwt, refresh)
				mu.Lock()
				defer mu.Unlock()
				responses[a]++
			})
		}
	}
	herd.Wait()
	return responses
}

func TestConcurrentRequestsOnFleet(t *testing.T) {
	const requests = 200
	for _, latency := range []time.Duration{50 * time.Millisecond, 2500 * time.Millisecond} {
		t.Run(latency.String(), func(t *testing.T) {
			onEach(t, func(t *testing.T, s *store) {
				f := newFleet(t, s.URL(), crossminttest.Config{Reuse: crossminttest.ReuseRefuse}, redis.Config{})
				f.fake.SetLatency(crossminttest.Refresh, latency)
				jwt, refresh := f.expired("ada@example.com")
				responses := all(f.instances, requests, jwt, refresh)
				f.logEvents()
				if calls := f.fake.Calls().Refresh; calls != 1 {
					t.Errorf("upstream was asked %d times", calls)
				}
				if len(responses) != 1 {
					t.Errorf("%d different responses, want one", len(responses))
				}
				for a, n := range responses {
					if a.Status != http.StatusOK || a.Cookies == "" || n != requests*fleetSize {
						t.Errorf("%d times %d, cookies set: %t", n, a.Status, a.Cookies != "")
					}
				}
			})
		})
	}
}

// logEvents logs the events of the store.
func (f *fleet) logEvents() {
	for n, i := range f.instances {
		for _, e := range i.events.All() {
			f.t.Logf("instance %d: %s: %v", n, e.Outcome, e.Err)
		}
	}
}

func TestChainOnFleet(t *testing.T) {
	onEach(t, func(t *testing.T, s *store) {
		f := newFleet(t, s.URL(), crossminttest.Config{Reuse: crossminttest.ReuseRevokesFamily}, redis.Config{})
		jwt, refresh := f.expired("ada@example.com")
		first := f.instances[0].get(jwt, refresh)
		for _, i := range f.instances[1:] {
			if got := i.get(jwt, refresh); got != first {
				t.Errorf("another instance responded with %d and other cookies", got.Status)
			}
		}
		if calls := f.fake.Calls().Refresh; calls != 1 {
			t.Errorf("upstream was asked %d times", calls)
		}
	})
}

// The instances share a refusal. The Manager chooses the response for the browser.
func TestRefusalOnFleet(t *testing.T) {
	onEach(t, func(t *testing.T, s *store) {
		f := newFleet(t, s.URL(), crossminttest.Config{}, redis.Config{})
		jwt, refresh := f.expired("ada@example.com")
		f.fake.Revoke(refresh)
		for n, i := range f.instances {
			if _, err := i.sessions.Authenticate(t.Context(), material(jwt, refresh)); err == nil {
				t.Errorf("instance %d accepts a refused token", n)
			}
		}
		if calls := f.fake.Calls().Refresh; calls != 1 {
			t.Errorf("upstream was asked %d times", calls)
		}
	})
}

func TestLogoutOnFleet(t *testing.T) {
	onEach(t, func(t *testing.T, s *store) {
		f := newFleet(t, s.URL(), crossminttest.Config{}, redis.Config{})
		jwt, refresh := f.expired("ada@example.com")
		f.instances[0].get(jwt, refresh)
		err := f.instances[1].sessions.Logout(t.Context(), material(jwt, refresh), session.Secret{})
		if err != nil {
			t.Fatal(err)
		}
		if live := f.fake.LiveOf(f.fake.NewUser("ada@example.com").ID); live != 0 {
			t.Errorf("the user still has %d live sessions", live)
		}
		if got := f.instances[2].get(jwt, refresh); got.Status != http.StatusUnauthorized || got.Cookies != "" {
			t.Errorf("status %d, cookies set: %t", got.Status, got.Cookies != "")
		}
	})
}

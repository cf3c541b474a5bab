package fleetlab_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
)

// An instance that refreshed while the store was frozen publishes the grant
// afterwards. So a browser that presents the old token again, because the response
// was lost, gets the session from the other instance.
func TestGrantDuringFreezeIsPublishedLater(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, m, fake := newPair(t)
		g := fake.ExpiredGrant(fake.NewUser("ada@example.com"))
		jwt, refresh := g.JWT.Reveal(), g.RefreshToken.Secret.Reveal()
		m.freeze()
		if res := get(f, jwt, refresh); res.StatusCode != http.StatusOK {
			t.Fatalf("while the store is frozen: %s", res.Status)
		}
		time.Sleep(15 * time.Second) // longer than the grace period
		m.thaw()
		time.Sleep(2 * time.Minute)
		if res := get(f, jwt, refresh); res.StatusCode != http.StatusOK || len(res.Cookies()) == 0 {
			t.Errorf("%s, cookies changed: %t; want 200 with the new cookies", res.Status, len(res.Cookies()) != 0)
		}
		if calls := fake.Calls().Refresh; calls != 1 {
			t.Errorf("%d upstream refreshes, want 1", calls)
		}
	})
}

// newPair starts two instances for a bubble. Their upstream accepts no used tokens.
// They are closed at the end of the test, unless the test has closed them before.
func newPair(t *testing.T) (*fleet, *simulatedStore, *crossminttest.Server) {
	t.Helper()
	fake, err := crossminttest.New(crossminttest.Config{InMemory: true, Algorithm: "EdDSA", Reuse: crossminttest.ReuseRefuse})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Close)
	m := &simulatedStore{server: &redisServer{}}
	must(t, m.start())
	t.Cleanup(m.close)
	f := &fleet{upstream: fake.Config(), newRoute: func() (route, error) { return &pipeRoute{store: m}, nil }}
	t.Cleanup(func() { must(t, f.close()) })
	must(t, f.start(2, 1))
	return f, m, fake
}

// get sends a request with these cookies to the next instance.
func get(f *fleet, jwt, refresh string, more ...*http.Cookie) *http.Response {
	r := httptest.NewRequest(http.MethodGet, "https://app.example/me", nil)
	r.AddCookie(&http.Cookie{Name: "crossmint-session", Value: jwt})
	r.AddCookie(&http.Cookie{Name: "crossmint-refresh-token", Value: refresh})
	for _, c := range more {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	f.ServeHTTP(w, r)
	return w.Result()
}

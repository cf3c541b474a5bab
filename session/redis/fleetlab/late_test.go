package fleetlab_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
)

// A refresh that an instance made while the store was frozen is known to the
// fleet later, also when its grace has passed: who comes back with the old
// token, since the answer was lost on the way, keeps the cookies.
func TestRotationWhileTheStoreIsFrozenIsToldLater(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, m, fake := newPair(t)
		must(t, m.age())
		g := fake.ExpiredGrant(fake.NewUser("ada@example.com"))
		jwt, refresh := g.JWT.Reveal(), g.RefreshToken.Secret.Reveal()
		m.freeze()
		if res := ask(f, jwt, refresh); res.StatusCode != http.StatusOK {
			t.Fatalf("while the store is frozen: %s", res.Status)
		}
		time.Sleep(15 * time.Second) // longer than the grace
		m.thaw()
		time.Sleep(2 * time.Minute) // longer than the store's trouble leaves doubts
		if res := ask(f, jwt, refresh); res.StatusCode != http.StatusUnauthorized || len(res.Cookies()) != 0 {
			t.Errorf("%s, cookies changed: %t; want 401 with the cookies kept", res.Status, len(res.Cookies()) != 0)
		}
	})
}

// newPair starts two instances, for a bubble, in front of an upstream that
// forgives nothing. They end with the test, if they have not before.
func newPair(t *testing.T) (*fleet, *memory, *crossminttest.Server) {
	t.Helper()
	fake, err := crossminttest.New(crossminttest.Config{InMemory: true, Algorithm: "EdDSA", Reuse: crossminttest.ReuseRefuse})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Close)
	m := &memory{}
	must(t, m.up())
	t.Cleanup(func() { time.Sleep(2 * time.Second) }) // a closed client sleeps once more
	t.Cleanup(m.close)
	f := &fleet{upstream: fake.Config(), road: func() (road, error) { return &path{to: m}, nil }}
	t.Cleanup(func() { must(t, f.close()) })
	must(t, f.build(2, 1))
	return f, m, fake
}

// ask sends a request with these cookies to the next instance.
func ask(f *fleet, jwt, refresh string) *http.Response {
	r := httptest.NewRequest(http.MethodGet, "https://app.example/me", nil)
	r.AddCookie(&http.Cookie{Name: "crossmint-session", Value: jwt})
	r.AddCookie(&http.Cookie{Name: "crossmint-refresh-token", Value: refresh})
	w := httptest.NewRecorder()
	f.ServeHTTP(w, r)
	return w.Result()
}

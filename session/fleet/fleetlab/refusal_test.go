package fleetlab_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// The store makes all instances give the same refusal. The session ends at the
// second one, more than an hour after the first.
func TestSecondRefusalEndsTheSession(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, _, fake := newPair(t)
		g := fake.ExpiredGrant(fake.NewUser("ada@example.com"))
		jwt, refresh := g.JWT.Reveal(), g.RefreshToken.Secret.Reveal()
		fake.Revoke(refresh)
		var marker *http.Cookie
		for range 2 { // each instance asks the browser to come back
			res := get(f, jwt, refresh)
			if res.StatusCode != http.StatusTemporaryRedirect || len(res.Cookies()) != 1 {
				t.Fatalf("the first refusal: %s, %d cookies; want 307 with a marker", res.Status, len(res.Cookies()))
			}
			marker = res.Cookies()[0]
		}
		if calls := fake.Calls().Refresh; calls != 1 {
			t.Errorf("%d upstream refreshes, want 1", calls)
		}
		if res := get(f, jwt, refresh, marker); res.StatusCode != http.StatusUnauthorized || len(res.Cookies()) != 0 {
			t.Errorf("with the marker: %s, %d cookies; want 401 with the cookies kept", res.Status, len(res.Cookies()))
		}
		time.Sleep(time.Hour + time.Minute)
		if res := get(f, jwt, refresh, marker); res.StatusCode != http.StatusUnauthorized || len(res.Cookies()) < 2 {
			t.Errorf("after an hour: %s, %d cookies; want 401 with the cookies deleted", res.Status, len(res.Cookies()))
		}
	})
}

package fleetlab_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/internal/bounds"
)

// A refresh response with the JWT of another project is a refusal: its instance
// rejects the old token for RejectedTTL and keeps the cookies. After that time, and
// at once on every other instance, the refresh token of the response is exchanged.
func TestForeignJWT(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name          string
		otherInstance bool
		pause         time.Duration
		want          int // status
		refreshes     int
	}{
		{name: "the same instance, before RejectedTTL", pause: bounds.RejectedTTL - time.Second, want: http.StatusUnauthorized, refreshes: 1},
		{name: "the same instance, after RejectedTTL", pause: bounds.RejectedTTL + time.Second, want: http.StatusOK, refreshes: 2},
		{name: "the other instance", otherInstance: true, want: http.StatusOK, refreshes: 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, _, fake := newPair(t)
				user := fake.NewUser("ada@example.com")
				g := fake.ExpiredGrant(user)
				fake.Fail(crossminttest.Refresh, crossminttest.Edit(func(response map[string]any) { response["jwt"] = fake.ForeignJWT(user) }))
				if res := get(f, g.JWT.Reveal(), g.RefreshToken.Secret.Reveal()); res.StatusCode != http.StatusUnauthorized || len(res.Cookies()) != 0 {
					t.Fatalf("with the JWT of another project: %s, cookies changed: %t; want 401 with the cookies kept", res.Status, len(res.Cookies()) != 0)
				}
				time.Sleep(test.pause)
				if !test.otherInstance {
					f.next()
				}
				res := get(f, g.JWT.Reveal(), g.RefreshToken.Secret.Reveal())
				if renewed := len(res.Cookies()) != 0; res.StatusCode != test.want || renewed != (test.want == http.StatusOK) {
					t.Errorf("%s, cookies changed: %t; want %d", res.Status, renewed, test.want)
				}
				if got := fake.Calls().Refresh; got != test.refreshes {
					t.Errorf("%d upstream refreshes, want %d", got, test.refreshes)
				}
			})
		})
	}
}

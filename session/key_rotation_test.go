package session_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/internal/testkit"
)

// Upstream replaces a signing key and keeps its kid, and a cache serves the old
// key set for a while. The grants of that time wait for their verification.
func TestKeyReplacedUnderTheSameKid(t *testing.T) {
	run(t, "signs no user out", testkit.Config{Fake: crossminttest.Config{Reuse: crossminttest.ReuseRevokesFamily}}, func(t *testing.T, k *kit) {
		k.fetchKeys()
		user := k.Fake.NewUser("ann@example.com")
		pair := testkit.Material(k.Fake.ExpiredGrant(user))
		stale := k.Fake.JWKS()
		k.Fake.RotateKeys()
		kid, replaced := withKidOf(t, stale, k.Fake.JWKS())
		k.Fake.SetJWKS(stale)
		k.Fake.FailAlways(crossminttest.Refresh, crossminttest.Edit(func(response map[string]any) {
			if response["jwt"] != nil {
				response["jwt"] = k.Fake.Sign(user, map[string]any{"kid": kid}, nil)
			}
		}))
		time.Sleep(time.Minute)
		_, err := k.authenticate(pair)
		k.want(err, testkit.Unavailable, 1)
		time.Sleep(10 * second)
		k.Fake.SetJWKS(replaced)
		if _, err = k.authenticate(pair); err != nil {
			t.Errorf("once the new key is published: %v", err)
		}
	})
}

// withKidOf returns the key set after with the kid of the key in before, and that
// kid.
func withKidOf(t *testing.T, before, after []byte) (kid any, renamed []byte) {
	t.Helper()
	var old, set struct {
		Keys []map[string]any `json:"keys"`
	}
	if err := errors.Join(json.Unmarshal(before, &old), json.Unmarshal(after, &set)); err != nil {
		t.Fatal(err)
	}
	kid = old.Keys[0]["kid"]
	set.Keys[0]["kid"] = kid
	renamed, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	return kid, renamed
}

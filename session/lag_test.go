package session_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/session"
)

// Upstream replaces its key and keeps the name, and a cache in front of its key
// set serves the old one for a while: the answers of that while are kept.
func TestKeyReplacedUnderItsName(t *testing.T) {
	in(t, "signs nobody out", crossminttest.Config{Reuse: crossminttest.ReuseRevokesFamily}, session.Config{}, func(t *testing.T, w *world) {
		if _, err := w.authenticate(w.signIn("warm@example.com")); err != nil { // the keys are known
			t.Fatal(err)
		}
		user := w.fake.NewUser("ann@example.com")
		pair := pairOf(w.fake.ExpiredGrant(user))
		stale := w.fake.JWKS()
		w.fake.RotateKeys()
		kid, replaced := underTheNameOf(t, stale, w.fake.JWKS())
		w.fake.SetJWKS(stale)
		w.fake.FailAlways(crossminttest.Refresh, crossminttest.Edit(func(answer map[string]any) {
			if answer["jwt"] != nil {
				answer["jwt"] = w.fake.Sign(user, map[string]any{"kid": kid}, nil)
			}
		}))
		time.Sleep(time.Minute)
		_, err := w.authenticate(pair())
		w.want(err, "KEEP503", 1)
		time.Sleep(10 * second)
		w.fake.SetJWKS(replaced)
		if _, err = w.authenticate(pair()); err != nil {
			t.Errorf("once the new key is published: %v", err)
		}
	})
}

// underTheNameOf returns the key set after with the name of the key of before,
// and that name.
func underTheNameOf(t *testing.T, before, after []byte) (kid any, renamed []byte) {
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

package crossminttest_test

import (
	"testing"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
)

func TestKeyRotation(t *testing.T) {
	for _, algorithm := range []string{"RS256", "EdDSA"} {
		t.Run(algorithm, func(t *testing.T) {
			fake := start(t, crossminttest.Config{Algorithm: algorithm})
			user := fake.NewUser("")
			first := fake.JWT(user)

			second := fake.AddKey()
			if keys := published(t, fake); len(keys) != 2 || keys[second].Kid == "" {
				t.Errorf("after AddKey: keys %v", keys)
			}
			if !verifies(t, fake, first) || !verifies(t, fake, fake.JWT(user)) {
				t.Error("after AddKey: a JWT does not verify")
			}

			third := fake.RotateKeys()
			if keys := published(t, fake); len(keys) != 1 || keys[third].Kid == "" {
				t.Errorf("after RotateKeys: keys %v", keys)
			}
			if verifies(t, fake, first) || !verifies(t, fake, fake.JWT(user)) {
				t.Error("after RotateKeys: the old key still verifies, or the new one does not")
			}
		})
	}
}

func TestSetJWKS(t *testing.T) {
	fake := start(t, crossminttest.Config{})
	before := string(fake.JWKS())
	for _, want := range []string{`{"keys":[]}`, "", "<html>"} {
		fake.SetJWKS([]byte(want))
		if got := mustCall(t, fake, "GET", "/.well-known/jwks.json", ""); string(got.body) != want {
			t.Errorf("body = %q, want %q", got.body, want)
		}
	}
	fake.SetJWKS(nil)
	if got := mustCall(t, fake, "GET", "/.well-known/jwks.json", ""); string(got.body) != before {
		t.Errorf("body = %q, want %q", got.body, before)
	}
}

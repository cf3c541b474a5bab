package crossminttest_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
)

func claimsOf(t *testing.T, jwt string) map[string]any {
	t.Helper()
	claims := map[string]any{}
	decode(t, decodeBase64(t, strings.Split(jwt, ".")[1]), &claims)
	return claims
}

func TestJWTs(t *testing.T) {
	for _, algorithm := range []string{"RS256", "ES256", "EdDSA"} {
		t.Run(algorithm, func(t *testing.T) {
			fake := start(t, crossminttest.Config{Algorithm: algorithm})
			user := fake.NewUser("ada@example.com")
			if !verifies(t, fake, fake.JWT(user)) {
				t.Error("JWT does not verify")
			}
			if !verifies(t, fake, fake.ExpiredJWT(user)) {
				t.Error("ExpiredJWT does not verify")
			}
			if !verifies(t, fake, fake.ForeignJWT(user)) {
				t.Error("ForeignJWT does not verify")
			}
			if verifies(t, fake, fake.ForgedJWT(user)) {
				t.Error("ForgedJWT verifies")
			}
			if first, second := fake.JWT(user), fake.JWT(user); first == second || fake.ForgedJWT(user) == first {
				t.Error("two JWTs are the same")
			}
		})
	}
}

func TestClaims(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // at a known time
		fake := start(t, crossminttest.Config{InMemory: true, JWTLifetime: time.Hour})
		user := fake.NewUser("")
		now := float64(time.Now().Unix())
		got := claimsOf(t, fake.JWT(user))
		delete(got, "jti") // random
		want := map[string]any{
			"iss": "https://staging.crossmint.com", "iat": now, "exp": now + 3600,
			"sub": user.ID, "aud": fake.ProjectID(),
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("JWT (-want +got):\n%s", diff)
		}
		if got := claimsOf(t, fake.ExpiredJWT(user)); got["exp"] != now-60 || got["iat"] != now-3660 {
			t.Errorf("ExpiredJWT: iat %v, exp %v at %v", got["iat"], got["exp"], now)
		}
		if got := claimsOf(t, fake.ForeignJWT(user)); got["aud"] == fake.ProjectID() {
			t.Error("ForeignJWT is for the project itself")
		}
	})
}

func TestSignReplacesMembers(t *testing.T) {
	fake := start(t, crossminttest.Config{})
	user := fake.NewUser("")
	got := claimsOf(t, fake.Sign(user, nil, map[string]any{"aud": nil, "exp": "soon"}))
	if _, there := got["aud"]; there || got["exp"] != "soon" || got["sub"] != user.ID {
		t.Errorf("claims = %v", got)
	}
	if jwt := fake.Sign(user, map[string]any{"kid": "../../dev/null"}, nil); verifies(t, fake, jwt) {
		t.Error("an unknown kid verifies")
	}
	raw := strings.Split(fake.SignRaw([]byte(`{"alg":`), []byte("\xff")), ".")
	if header, payload := decodeBase64(t, raw[0]), decodeBase64(t, raw[1]); string(header) != `{"alg":` || string(payload) != "\xff" {
		t.Errorf("SignRaw changed the bytes: %q %q", header, payload)
	}
}

func TestSetClaims(t *testing.T) {
	fake := start(t, crossminttest.Config{})
	user := fake.NewUser("ann@example.com")
	fake.SetClaims(user.ID, map[string]any{"role": "editor", "iat": nil})
	grant := fake.Grant(user)
	_, renewed := refresh(t, fake, grant.RefreshToken.Secret.Reveal())
	for name, jwt := range map[string]string{"granted": grant.JWT.Reveal(), "refreshed": renewed.JWT} {
		got := claimsOf(t, jwt)
		if _, iat := got["iat"]; got["role"] != "editor" || got["sub"] != user.ID || iat {
			t.Errorf("%s: %v", name, got)
		}
	}
	if got := claimsOf(t, fake.JWT(fake.NewUser("bob@example.com"))); got["role"] != nil {
		t.Errorf("another user's: %v", got)
	}
}

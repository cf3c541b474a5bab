package crossminttest_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"math/big"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/session"
)

// key is a published key.
type key struct {
	Kty, Use, Alg, Kid, Crv, N, E, X, Y string
}

func published(t *testing.T, fake *crossminttest.Server) map[string]key {
	t.Helper()
	var set struct{ Keys []key }
	decode(t, mustCall(t, fake, "GET", "/.well-known/jwks.json", "").body, &set)
	keys := map[string]key{}
	for _, k := range set.Keys {
		keys[k.Kid] = k
	}
	return keys
}

func unbase64(t *testing.T, text string) []byte {
	t.Helper()
	out, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func number(t *testing.T, text string) *big.Int { return new(big.Int).SetBytes(unbase64(t, text)) }

// verifies reports whether the published key that the JWT names has signed it.
func verifies(t *testing.T, fake *crossminttest.Server, jwt string) bool {
	t.Helper()
	parts := strings.Split(jwt, ".")
	if len(parts) != 3 {
		t.Fatalf("%d parts, want 3", len(parts))
	}
	var header struct{ Alg, Kid, Typ string }
	decode(t, unbase64(t, parts[0]), &header)
	k, ok := published(t, fake)[header.Kid]
	if !ok || k.Alg != header.Alg || k.Use != "sig" || header.Typ != "" {
		return false
	}
	input, signature := []byte(parts[0]+"."+parts[1]), unbase64(t, parts[2])
	digest := sha256.Sum256(input)
	switch k.Kty {
	case "RSA":
		public := &rsa.PublicKey{N: number(t, k.N), E: int(number(t, k.E).Int64())}
		return public.N.BitLen() == 2048 && rsa.VerifyPKCS1v15(public, crypto.SHA256, digest[:], signature) == nil
	case "EC":
		point := append(append([]byte{4}, unbase64(t, k.X)...), unbase64(t, k.Y)...)
		public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
		if err != nil || k.Crv != "P-256" || len(signature) != 64 {
			return false
		}
		r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
		return ecdsa.Verify(public, digest[:], r, s)
	case "OKP":
		return k.Crv == "Ed25519" && ed25519.Verify(unbase64(t, k.X), input, signature)
	default:
		return false
	}
}

func claimsOf(t *testing.T, jwt string) map[string]any {
	t.Helper()
	claims := map[string]any{}
	decode(t, unbase64(t, strings.Split(jwt, ".")[1]), &claims)
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

func TestSignTakesEverything(t *testing.T) {
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
	if header, payload := unbase64(t, raw[0]), unbase64(t, raw[1]); string(header) != `{"alg":` || string(payload) != "\xff" {
		t.Errorf("SignRaw changed the bytes: %q %q", header, payload)
	}
}

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

type roleClaims struct {
	Sub  string `json:"sub"`
	Role string `json:"role"`
}

func TestNewSession(t *testing.T) {
	s := crossminttest.NewSession("ada", map[string]any{"role": "editor"})
	claims, err := session.ClaimsOf[roleClaims](s)
	if err != nil || claims.Sub != "ada" || claims.Role != "editor" || s.UserID != "ada" || time.Until(s.ExpiresAt) <= 0 || time.Since(s.IssuedAt) < 0 {
		t.Errorf("%+v, %+v, %v", claims, s, err)
	}
	client, err := crossmint.NewClient(start(t, crossminttest.Config{}).Config())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := client.Verify(t.Context(), s.JWT.Reveal()); err == nil {
		t.Error("a client takes it for a signed one")
	}
}

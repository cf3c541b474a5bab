package crossmint_test

import (
	"crypto/sha256"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/session"
)

// verdict is the sentinel that a verification ended in.
func verdict(t *testing.T, err error) string {
	t.Helper()
	for _, sentinel := range []error{session.ErrJWTExpired, session.ErrJWTInvalid, session.ErrUnavailable} {
		if errors.Is(err, sentinel) {
			return sentinel.Error()
		}
	}
	if err != nil {
		t.Fatalf("error = %v, want one of session's", err)
	}
	return "valid"
}

func TestVerify(t *testing.T) {
	for _, algorithm := range []string{"RS256", "ES256", "EdDSA"} {
		t.Run(algorithm, func(t *testing.T) {
			fake := newFake(t, crossminttest.Config{Algorithm: algorithm})
			client := newClient(t, fake.Config())
			ada := fake.NewUser("ada@example.com")
			// Upstream's own answer may be signed by a key that has just taken
			// the old one's place: within a second of a fetch nobody can tell.
			unlikely := map[string]string{"forged, Judge": session.ErrUnavailable.Error()}
			tests := []struct{ name, jwt, want, user string }{
				{"valid", fake.JWT(ada), "valid", ada.ID},
				{"expired", fake.ExpiredJWT(ada), session.ErrJWTExpired.Error(), ada.ID},
				{"forged", fake.ForgedJWT(ada), session.ErrJWTInvalid.Error(), ""},
				{"for another project", fake.ForeignJWT(ada), session.ErrJWTInvalid.Error(), ""},
				{"no token", "no token", session.ErrJWTInvalid.Error(), ""},
				{"a JSON list for claims", fake.SignRaw([]byte(`{"alg":"`+algorithm+`"}`), []byte(`[]`)), session.ErrJWTInvalid.Error(), ""},
			}
			keys, err := crossmint.ParseKeys(fake.JWKS())
			if err != nil {
				t.Fatal(err)
			}
			for _, test := range tests {
				for name, verify := range map[string]func() (session.Token, error){
					"Verify":     func() (session.Token, error) { return client.Verify(t.Context(), test.jwt) },
					"Judge":      func() (session.Token, error) { return judgeFresh(t, client, test.jwt) },
					"VerifyWith": func() (session.Token, error) { return client.VerifyWith(keys, test.jwt) },
				} {
					token, err := verify()
					want, given := unlikely[test.name+", "+name]
					if !given {
						want = test.want
					}
					if got := verdict(t, err); got != want || test.user != "" && token.UserID != test.user {
						t.Errorf("%s, %s: %s (%v) for %q, want %s for %q", test.name, name, got, err, token.UserID, want, test.user)
					}
				}
			}
			if got := fake.Calls().JWKS; got != 1 {
				t.Errorf("%d fetches of the keys, want 1", got)
			}
		})
	}
}

// judgeFresh judges a JWT as upstream's own answer.
func judgeFresh(t *testing.T, client *crossmint.Client, jwt string) (session.Token, error) {
	t.Helper()
	token, _, err := client.Judge(t.Context(), jwt, true)
	return token, err
}

func TestVerifyToken(t *testing.T) {
	fake := newFake(t, crossminttest.Config{JWTLifetime: 2 * time.Hour})
	client := newClient(t, fake.Config())
	ada := fake.NewUser("")
	before := time.Now().UnixMilli()
	token, judged, err := client.Judge(t.Context(), fake.JWT(ada), false)
	if err != nil {
		t.Fatal(err)
	}
	if judged < before || judged > time.Now().UnixMilli() {
		t.Errorf("judged at %v, want now", judged)
	}
	if got := token.ExpiresAt - token.IssuedAt; got != 2*60*60 {
		t.Errorf("lifetime = %v, want 2 h", got)
	}
}

func TestVerifyOptions(t *testing.T) {
	fake := newFake(t, crossminttest.Config{Issuer: "https://issuer.example"})
	ada := fake.NewUser("")
	early := fake.Sign(ada, nil, map[string]any{"nbf": time.Now().Add(2 * time.Minute).Unix()})
	tests := []struct {
		name   string
		change func(*crossmint.Config)
		jwt    string
		want   string
	}{
		{"any issuer", func(*crossmint.Config) {}, fake.JWT(ada), "valid"},
		{"the right issuer", func(c *crossmint.Config) { c.Issuer = "https://issuer.example" }, fake.JWT(ada), "valid"},
		{"another issuer", func(c *crossmint.Config) { c.Issuer = "https://other.example" }, fake.JWT(ada), session.ErrJWTInvalid.Error()},
		{"another audience", func(c *crossmint.Config) { c.Audience = "other" }, fake.JWT(ada), session.ErrJWTInvalid.Error()},
		{"not before two minutes", func(*crossmint.Config) {}, early, session.ErrJWTInvalid.Error()},
		{"a leeway of five", func(c *crossmint.Config) { c.Leeway = 5 * time.Minute }, early, "valid"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			config := fake.Config()
			test.change(&config)
			_, err := newClient(t, config).Verify(t.Context(), test.jwt)
			if got := verdict(t, err); got != test.want {
				t.Errorf("verdict = %s (%v), want %s", got, err, test.want)
			}
		})
	}
}

func TestDeny(t *testing.T) {
	fake := newFake(t, crossminttest.Config{})
	client := newClient(t, fake.Config())
	ada := fake.NewUser("")
	out, kept := fake.JWT(ada), fake.JWT(ada)
	for range 2 {
		client.Deny(t.Context(), out)
		_, err := client.Verify(t.Context(), out)
		if got := verdict(t, err); got != session.ErrJWTInvalid.Error() {
			t.Errorf("denied: %s, want %s", got, session.ErrJWTInvalid)
		}
	}
	if _, err := client.Verify(t.Context(), kept); err != nil {
		t.Errorf("another JWT of that user: %v", err)
	}
}

func TestDenyShared(t *testing.T) {
	fake := newFake(t, crossminttest.Config{})
	here, there := newClient(t, fake.Config()), newClient(t, fake.Config())
	out := fake.JWT(fake.NewUser(""))
	if _, err := there.Verify(t.Context(), out); err != nil {
		t.Fatal(err)
	}
	digest, until, ok := here.DenyShared(t.Context(), out)
	if !ok || digest != sha256.Sum256([]byte(out[:strings.LastIndexByte(out, '.')])) {
		t.Fatal("the digest is not that of the signed part")
	}
	there.DenyDigest(digest, until)
	for _, client := range []*crossmint.Client{here, there} {
		_, err := client.Verify(t.Context(), out)
		if got := verdict(t, err); got != session.ErrJWTInvalid.Error() {
			t.Errorf("denied: %s, want %s", got, session.ErrJWTInvalid)
		}
	}
}

func TestRefreshAndLogout(t *testing.T) {
	fake := newFake(t, crossminttest.Config{Reuse: crossminttest.ReuseRefuse})
	client := newClient(t, fake.Config())
	ada := fake.NewUser("ada@example.com")
	old := fake.Grant(ada).RefreshToken.Secret

	before := time.Now()
	grant, err := client.Refresh(t.Context(), old)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := judgeFresh(t, client, grant.JWT.Reveal()); err != nil {
		t.Errorf("the new JWT: %v", err)
	}
	token := grant.RefreshToken
	if !fake.Live(token.Secret.Reveal()) || token.ExpiresAt().Format(time.RFC3339) != mustParse(t, token.ExpiresAtText).Format(time.RFC3339) {
		t.Errorf("refresh token = %+v, want a live one with an end", token)
	}
	if grant.ReceivedAt.Before(before) || grant.User.ID != ada.ID || grant.User.Email != ada.Email {
		t.Errorf("grant of %v for %+v", grant.ReceivedAt, grant.User)
	}
	if got := failureOf(t, refresh(t.Context(), t, client)); got != (failure{session.Refused, session.Answered, 401}) {
		t.Errorf("an unknown token: %+v, want refused", got)
	}
	if _, err := client.Refresh(t.Context(), old); !errors.Is(err, session.ErrRefused) {
		t.Errorf("a spent token: %v, want refused", err)
	}
	if err := client.Logout(t.Context(), token.Secret); err != nil {
		t.Fatal(err)
	}
	if fake.Live(token.Secret.Reveal()) {
		t.Error("live after the logout")
	}
}

func mustParse(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// Keys without content judge nobody, and say so.
func TestVerifyWithUnfitKeys(t *testing.T) {
	fake := newFake(t, crossminttest.Config{})
	client := newClient(t, fake.Config())
	jwt := fake.JWT(fake.NewUser(""))
	for name, none := range map[string]*crossmint.Keys{"nil": nil, "zero": {}} {
		_, err := client.VerifyWith(none, jwt)
		if got := verdict(t, err); got != session.ErrJWTInvalid.Error() {
			t.Errorf("%s keys: %s (%v)", name, got, err)
		}
	}
	others, err := crossmint.ParseKeys(newFake(t, crossminttest.Config{}).JWKS())
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.VerifyWith(others, jwt)
	if got := verdict(t, err); got != session.ErrJWTInvalid.Error() {
		t.Errorf("another fake's keys: %s (%v)", got, err)
	}
	for _, jwks := range []string{"", "{}", `{"keys":[]}`, `{"keys":[{"kty":"oct","k":"AAAA"}]}`} {
		if keys, err := crossmint.ParseKeys([]byte(jwks)); err == nil || keys != nil || !strings.HasPrefix(err.Error(), "crossmint: ") {
			t.Errorf("ParseKeys(%q) = %v, %v, want an error alone", jwks, keys, err)
		}
	}
	if got := fake.Calls().JWKS; got != 0 {
		t.Errorf("%d fetches of the keys, want none", got)
	}
	if diff := cmp.Diff(fake.ProjectID(), client.ProjectID()); diff != "" {
		t.Errorf("project (-want +got):\n%s", diff)
	}
}

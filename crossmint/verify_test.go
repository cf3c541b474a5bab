package crossmint_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/session"
)

// resultOf returns the text of the sentinel that a verification ended in.
func resultOf(t *testing.T, err error) string {
	t.Helper()
	for _, sentinel := range []error{session.ErrJWTExpired, session.ErrJWTInvalid, session.ErrUnavailable} {
		if errors.Is(err, sentinel) {
			return sentinel.Error()
		}
	}
	if err != nil {
		t.Fatalf("error = %v, want one of the session package", err)
	}
	return valid
}

// verifyNow returns client.Verify at the present time.
func verifyNow(client *crossmint.Client) func(context.Context, string) (*session.Token, error) {
	return func(ctx context.Context, jwt string) (*session.Token, error) {
		return client.Verify(ctx, jwt, time.Now())
	}
}

func userOf(token *session.Token) string {
	if token == nil {
		return ""
	}
	return token.UserID
}

func TestVerify(t *testing.T) {
	for _, algorithm := range []string{"RS256", "ES256", "EdDSA"} {
		t.Run(algorithm, func(t *testing.T) {
			fake := newFake(t, crossminttest.Config{Algorithm: algorithm})
			client := newClient(t, fake.Config())
			ada := fake.NewUser("ada@example.com")
			// A received JWT may be signed by a key that has just replaced another
			// of its name: within a second of a fetch there is no decision.
			exceptions := map[string]string{"forged, VerifyReceived": unavailable}
			tests := []struct{ name, jwt, want, user string }{
				{name: "valid", jwt: fake.JWT(ada), want: valid, user: ada.ID},
				{name: "expired", jwt: fake.ExpiredJWT(ada), want: expired, user: ada.ID},
				{name: "forged", jwt: fake.ForgedJWT(ada), want: invalid},
				{name: "for another project", jwt: fake.ForeignJWT(ada), want: invalid},
				{name: "not a token", jwt: "not a token", want: invalid},
				{name: "an array instead of claims", jwt: fake.SignRaw([]byte(`{"alg":"`+algorithm+`"}`), []byte(`[]`)), want: invalid},
			}
			methods := map[string]func(context.Context, string) (*session.Token, error){
				"Verify":         verifyNow(client),
				"VerifyReceived": client.VerifyReceived,
				"VerifyWith": func(_ context.Context, jwt string) (*session.Token, error) {
					return client.VerifyWith(fake.JWKS(), jwt)
				},
			}
			for _, test := range tests {
				for name, verify := range methods {
					token, err := verify(t.Context(), test.jwt)
					want, isException := exceptions[test.name+", "+name]
					if !isException {
						want = test.want
					}
					if got := resultOf(t, err); got != want || userOf(token) != test.user {
						t.Errorf("%s, %s: %s (%v) for %q, want %s for %q", test.name, name, got, err, userOf(token), want, test.user)
					}
				}
			}
			if got := fake.Calls().JWKS; got != 2 { // the second one for an unknown kid
				t.Errorf("%d fetches of the keys, want 2", got)
			}
		})
	}
}

func TestVerifyToken(t *testing.T) {
	fake := newFake(t, crossminttest.Config{JWTLifetime: 2 * time.Hour})
	client := newClient(t, fake.Config())
	before := time.Now().Truncate(time.Second)
	jwt := fake.JWT(fake.NewUser(""))
	token, err := client.Verify(t.Context(), jwt, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(jwt, token.JWT.Reveal()); diff != "" {
		t.Errorf("JWT (-want +got):\n%s", diff)
	}
	if token.IssuedAt.Before(before) || token.IssuedAt.After(time.Now()) {
		t.Errorf("issued at %v, want now", token.IssuedAt)
	}
	if got := token.ExpiresAt.Sub(token.IssuedAt); got != 2*time.Hour {
		t.Errorf("lifetime = %v, want 2 h", got)
	}
	if again, err := client.Verify(t.Context(), jwt, time.Now()); again != token || err != nil {
		t.Errorf("second Verify = %p, %v, want the same Token %p", again, err, token)
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
		{name: "any issuer", change: func(*crossmint.Config) {}, jwt: fake.JWT(ada), want: valid},
		{name: "the right issuer", change: func(c *crossmint.Config) { c.Issuer = "https://issuer.example" }, jwt: fake.JWT(ada), want: valid},
		{name: "another issuer", change: func(c *crossmint.Config) { c.Issuer = "https://other.example" }, jwt: fake.JWT(ada), want: invalid},
		{name: "another audience", change: func(c *crossmint.Config) { c.Audience = "other" }, jwt: fake.JWT(ada), want: invalid},
		{name: "not before two minutes", change: func(*crossmint.Config) {}, jwt: early, want: invalid},
		{name: "a leeway of five", change: func(c *crossmint.Config) { c.Leeway = 5 * time.Minute }, jwt: early, want: valid},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			config := fake.Config()
			test.change(&config)
			_, err := newClient(t, config).Verify(t.Context(), test.jwt, time.Now())
			if got := resultOf(t, err); got != test.want {
				t.Errorf("result = %s (%v), want %s", got, err, test.want)
			}
		})
	}
}

// A JWT that upstream has just sent will be valid soon; one from a browser is
// invalid until then.
func TestVerifyNotYetValid(t *testing.T) {
	fake := newFake(t, crossminttest.Config{})
	client := newClient(t, fake.Config())
	early := fake.Sign(fake.NewUser(""), nil, map[string]any{"nbf": time.Now().Add(2 * time.Minute).Unix()})
	token, err := client.Verify(t.Context(), early, time.Now())
	if got := resultOf(t, err); got != invalid || token != nil || errors.Is(err, session.ErrUnavailable) {
		t.Errorf("Verify = %v, %v, want %s alone", token, err, invalid)
	}
	token, err = client.VerifyReceived(t.Context(), early)
	want := failure{Kind: unavailable}
	if diff := cmp.Diff(want, failureOf(t, err)); diff != "" || token != nil || errors.Is(err, session.ErrJWTInvalid) {
		t.Errorf("VerifyReceived = %v, %v; failure (-want +got):\n%s", token, err, diff)
	}
}

// A JWT without a published key is invalid, and the error tells the reason.
func TestVerifyKeyUnknown(t *testing.T) {
	fake := newFake(t, crossminttest.Config{})
	client := newClient(t, fake.Config())
	unknown := fake.Sign(fake.NewUser(""), map[string]any{"kid": "unknown"}, nil)
	if _, err := client.Verify(t.Context(), unknown, time.Now()); !errors.Is(err, session.ErrJWTInvalid) || !errors.Is(err, session.ErrJWTKeyUnknown) {
		t.Errorf("error = %v, want invalid with an unknown key", err)
	}
	if _, err := client.Verify(t.Context(), fake.ForgedJWT(fake.NewUser("")), time.Now()); errors.Is(err, session.ErrJWTKeyUnknown) {
		t.Errorf("forged: error = %v, want a known key", err)
	}
}

// A JWT of another project is invalid, and the error names the reason.
// VerifyReceived names it only if the signature is correct.
func TestVerifyOtherProject(t *testing.T) {
	fake := newFake(t, crossminttest.Config{})
	client := newClient(t, fake.Config())
	foreign := fake.ForeignJWT(fake.NewUser(""))
	forged := foreign[:strings.LastIndexByte(foreign, '.')+1] + strings.Repeat("A", len(foreign)-strings.LastIndexByte(foreign, '.')-1)
	verifyWith := func(_ context.Context, jwt string) (*session.Token, error) {
		return client.VerifyWith(fake.JWKS(), jwt)
	}
	tests := []struct {
		name, jwt, want string
		verify          func(context.Context, string) (*session.Token, error)
		isOtherProject  bool
	}{
		{name: "Verify", jwt: foreign, verify: verifyNow(client), want: invalid, isOtherProject: true},
		{name: "Verify, forged", jwt: forged, verify: verifyNow(client), want: invalid, isOtherProject: true},
		{name: "VerifyWith", jwt: foreign, verify: verifyWith, want: invalid, isOtherProject: true},
		{name: "VerifyReceived", jwt: foreign, verify: client.VerifyReceived, want: invalid, isOtherProject: true},
		{name: "VerifyReceived, forged", jwt: forged, verify: client.VerifyReceived, want: unavailable},
		{name: "Verify, of the own project", jwt: fake.JWT(fake.NewUser("")), verify: verifyNow(client), want: valid},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := test.verify(t.Context(), test.jwt)
			if got := resultOf(t, err); got != test.want || errors.Is(err, session.ErrOtherProject) != test.isOtherProject {
				t.Errorf("result = %s (%v), want %s, other project: %v", got, err, test.want, test.isOtherProject)
			}
		})
	}
}

// A key set without usable keys is an error of the caller, not of the JWT.
func TestVerifyWithInvalidKeys(t *testing.T) {
	fake := newFake(t, crossminttest.Config{})
	client := newClient(t, fake.Config())
	jwt := fake.JWT(fake.NewUser(""))
	otherKeys := newFake(t, crossminttest.Config{}).JWKS()
	token, err := client.VerifyWith(otherKeys, jwt)
	if got := resultOf(t, err); got != invalid || token != nil {
		t.Errorf("keys of another fake: %v, %s (%v)", token, got, err)
	}
	for _, jwks := range []string{"", "{}", `{"keys":[]}`, `{"keys":[{"kty":"oct","k":"AAAA"}]}`} {
		token, err := client.VerifyWith([]byte(jwks), jwt)
		if !errors.Is(err, crossmint.ErrInvalidArgument) || errors.Is(err, session.ErrJWTInvalid) || token != nil || !strings.HasPrefix(err.Error(), "crossmint: ") {
			t.Errorf("VerifyWith(%q) = %v, %v, want ErrInvalidArgument alone", jwks, token, err)
		}
	}
	if got := fake.Calls().JWKS; got != 0 {
		t.Errorf("%d fetches of the keys, want none", got)
	}
}

package main

import (
	"context"
	"net/http"

	"github.com/MicahParks/keyfunc/v3"
	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/golang-jwt/jwt/v5"
)

// byHand is the least middleware around a function that verifies a JWT and
// returns its subject.
func byHand(verify func(ctx context.Context, token string) (subject string, err error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token := fromCookie(r)
		if token == "" {
			refuse(w)
			return
		}
		subject, err := verify(r.Context(), token)
		if err != nil {
			refuse(w)
			return
		}
		page(w, r, subject)
	})
}

// buildKeyfunc uses keyfunc's default storage, which keeps the key set and
// renews it in the background, and a parser made once.
func buildKeyfunc(ctx context.Context, s settings) (http.Handler, error) {
	keys, err := keyfunc.NewDefaultCtx(ctx, []string{s.JWKS})
	if err != nil {
		return nil, err
	}
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"RS256"}), jwt.WithIssuer(s.Issuer), jwt.WithAudience(s.Audience), jwt.WithExpirationRequired())
	return byHand(func(_ context.Context, token string) (string, error) {
		var claims jwt.RegisteredClaims
		_, err := parser.ParseWithClaims(token, &claims, keys.Keyfunc)
		return claims.Subject, err
	}), nil
}

// buildOIDC uses the remote key set, which keeps the keys, and the verifier.
func buildOIDC(ctx context.Context, s settings) (http.Handler, error) {
	verifier := oidc.NewVerifier(s.Issuer, oidc.NewRemoteKeySet(ctx, s.JWKS), &oidc.Config{ClientID: s.Audience})
	return byHand(func(ctx context.Context, token string) (string, error) {
		t, err := verifier.Verify(ctx, token)
		if err != nil {
			return "", err
		}
		return t.Subject, nil
	}), nil
}

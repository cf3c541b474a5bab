package main

import (
	"context"
	"net/http"

	"github.com/MicahParks/keyfunc/v3"
	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/golang-jwt/jwt/v5"
)

// minimalMiddleware is a middleware around a function that verifies a JWT and returns
// its subject.
func minimalMiddleware(verify func(ctx context.Context, token string) (subject string, err error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token := fromCookie(r)
		if token == "" {
			reject(w)
			return
		}
		subject, err := verify(r.Context(), token)
		if err != nil {
			reject(w)
			return
		}
		page(w, r, subject)
	})
}

// buildKeyfunc uses keyfunc's default storage, which refreshes the key set in the
// background, and one parser.
func buildKeyfunc(ctx context.Context, s settings) (http.Handler, error) {
	keys, err := keyfunc.NewDefaultCtx(ctx, []string{s.JWKS})
	if err != nil {
		return nil, err
	}
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"RS256"}), jwt.WithIssuer(s.Issuer), jwt.WithAudience(s.Audience), jwt.WithExpirationRequired())
	return minimalMiddleware(func(_ context.Context, token string) (string, error) {
		var claims jwt.RegisteredClaims
		_, err := parser.ParseWithClaims(token, &claims, keys.Keyfunc)
		return claims.Subject, err
	}), nil
}

// buildOIDC uses one remote key set, which caches the keys, and one verifier.
func buildOIDC(ctx context.Context, s settings) (http.Handler, error) {
	verifier := oidc.NewVerifier(s.Issuer, oidc.NewRemoteKeySet(ctx, s.JWKS), &oidc.Config{ClientID: s.Audience})
	return minimalMiddleware(func(ctx context.Context, token string) (string, error) {
		t, err := verifier.Verify(ctx, token)
		if err != nil {
			return "", err
		}
		return t.Subject, nil
	}), nil
}

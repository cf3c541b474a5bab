package main

import (
	"context"
	"crypto/rsa"
	"net/http"
	"net/url"
	"slices"

	jwtmiddleware "github.com/auth0/go-jwt-middleware/v3"
	auth0jwks "github.com/auth0/go-jwt-middleware/v3/jwks"
	"github.com/auth0/go-jwt-middleware/v3/validator"
	"github.com/clerk/clerk-sdk-go/v2"
	clerkhttp "github.com/clerk/clerk-sdk-go/v2/http"
	clerkjwks "github.com/clerk/clerk-sdk-go/v2/jwks"
	"github.com/go-chi/jwtauth/v5"
	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/lestrrat-go/jwx/v2/jwt"
)

// buildAuth0 follows the README's example with JWKS: caching provider, validator and
// cookie extractor.
func buildAuth0(_ context.Context, s settings) (http.Handler, error) {
	issuer, err := url.Parse(s.Issuer)
	if err != nil {
		return nil, err
	}
	keys, err := url.Parse(s.JWKS)
	if err != nil {
		return nil, err
	}
	provider, err := auth0jwks.NewCachingProvider(auth0jwks.WithIssuerURL(issuer), auth0jwks.WithCustomJWKSURI(keys))
	if err != nil {
		return nil, err
	}
	v, err := validator.New(
		validator.WithKeyFunc(provider.KeyFunc),
		validator.WithAlgorithm(validator.RS256),
		validator.WithIssuer(s.Issuer),
		validator.WithAudience(s.Audience),
	)
	if err != nil {
		return nil, err
	}
	m, err := jwtmiddleware.New(
		jwtmiddleware.WithValidator(v),
		jwtmiddleware.WithTokenExtractor(jwtmiddleware.CookieTokenExtractor(jwtCookie)),
	)
	if err != nil {
		return nil, err
	}
	return m.CheckJWT(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		claims, err := jwtmiddleware.GetClaims[*validator.ValidatedClaims](r.Context())
		if err != nil {
			reject(w)
			return
		}
		page(w, r, claims.RegisteredClaims.Subject)
	})), nil
}

// buildClerk uses the HTTP middleware with its own JWKS client and key cache, and
// with the fake as its API. The option for proxies allows the issuer. The middleware
// has no option for the audience, so the page checks it.
func buildClerk(_ context.Context, s settings) (http.Handler, error) {
	config := &clerk.ClientConfig{}
	config.URL = clerk.String(s.ClerkAPI)
	config.Key = clerk.String("sk_test_unused")
	require := clerkhttp.RequireHeaderAuthorization(
		clerkhttp.JWKSClient(clerkjwks.NewClient(config)),
		clerkhttp.ProxyURL(s.Issuer),
		clerkhttp.AuthorizationJWTExtractor(fromCookie),
	)
	return require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		claims, ok := clerk.SessionClaimsFromContext(r.Context())
		if !ok || !slices.Contains(claims.Audience, s.Audience) {
			reject(w)
			return
		}
		page(w, r, claims.Subject)
	})), nil
}

// buildJWTAuth follows the README: verifier, then authenticator. It supports no key
// sets, so it gets the key that the fake publishes at the start.
func buildJWTAuth(ctx context.Context, s settings) (http.Handler, error) {
	keys, err := jwk.Fetch(ctx, s.JWKS)
	if err != nil {
		return nil, err
	}
	var public rsa.PublicKey
	key, ok := keys.Key(0)
	if err := check(ok, "no key is published"); err != nil {
		return nil, err
	}
	if err := key.Raw(&public); err != nil {
		return nil, err
	}
	auth := jwtauth.New("RS256", nil, &public, jwt.WithIssuer(s.Issuer), jwt.WithAudience(s.Audience))
	authenticated := jwtauth.Authenticator(auth)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, _, err := jwtauth.FromContext(r.Context())
		if err != nil {
			reject(w)
			return
		}
		page(w, r, token.Subject())
	}))
	return jwtauth.Verify(auth, fromCookie)(authenticated), nil
}

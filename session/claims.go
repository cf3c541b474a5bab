package session

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/crossmint-go/auth/internal/exactjson"
	"github.com/crossmint-go/auth/internal/wiring"
)

// maxDecodedTypes bounds the types for which one token remembers its decoded
// claims. A program has a handful of claim types.
const maxDecodedTypes = 8

// Claims returns the JWT claims of the session in ctx, decoded into a T. For
// example
//
//	type roles struct {
//		Role string `json:"role"`
//	}
//	claims, err := session.Claims[roles](r.Context())
//
// The claims are decoded once per token and type; later calls return the same
// value. Treat everything it points to as read-only. Claim names have to match
// exactly, unlike in encoding/json, which ignores case. The error tells that
// ctx has no session, and why, or that a claim does not fit into T.
func Claims[T any](ctx context.Context) (T, error) {
	o := outcomeOf(ctx)
	if o == nil || o.failure != nil {
		var zero T
		return zero, noSession(o)
	}
	return claimsOf[T](&o.session)
}

// noSession returns the reason why a context with this outcome has no session.
func noSession(o *outcome) error {
	switch {
	case o == nil:
		return wiring.ErrNoMiddleware
	case errors.Is(o.err(), errAbsent):
		return wiring.ErrNoSession
	}
	return fmt.Errorf("%w: %w", wiring.ErrNoSession, o.err())
}

func claimsOf[T any](s *AuthSession) (T, error) {
	if s.token == nil {
		return decodeClaims[T](s.JWT)
	}
	t := reflect.TypeFor[T]()
	first := s.token.decoded.Load()
	for d := first; d != nil; d = d.next {
		if d.claimsType == t {
			value, _ := d.value.(T)
			return value, d.err
		}
	}
	value, err := decodeClaims[T](s.JWT)
	if first.count() < maxDecodedTypes {
		// Of two goroutines that decode at the same time one loses this race.
		// Its value is as good, and the next call finds the other's.
		s.token.decoded.CompareAndSwap(first, &decodedClaims{t, value, err, first})
	}
	return value, err
}

// decodedClaims is a list of the values that a token's claims were decoded to.
type decodedClaims struct {
	claimsType reflect.Type
	value      any
	err        error
	next       *decodedClaims
}

func (d *decodedClaims) count() (n int) {
	for ; d != nil; d = d.next {
		n++
	}
	return n
}

// decodeClaims decodes the payload of a JWT without a check of its signature. Only
// unverifiedExpiry calls it for a JWT that has not been verified.
func decodeClaims[T any](jwt Secret) (claims T, err error) {
	payload, err := jwtPayload(jwt)
	if err != nil {
		return claims, err
	}
	if err := exactjson.Unmarshal(payload, &claims); err != nil {
		var zero T
		return zero, fmt.Errorf("session: claims: %w", err)
	}
	return claims, nil
}

// jwtPayload returns the payload of a JWT in the compact form (RFC 7515 §3.1).
func jwtPayload(jwt Secret) ([]byte, error) {
	parts := strings.Split(jwt.Reveal(), ".")
	if len(parts) != 3 {
		return nil, errors.New("session: claims: not a JWT")
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil, fmt.Errorf("session: claims: %w", err)
	}
	return payload, nil
}

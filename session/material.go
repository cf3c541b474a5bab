package session

import (
	"context"
	"fmt"
	"io"
)

// Bounds of what a request may present; longer tokens count as absent.
const (
	// MaxJWTBytes holds any JWT that fits into a cookie, twice over.
	MaxJWTBytes = 8 << 10
	// MaxRefreshTokenBytes leaves room in a cookie of 4096 bytes for a JWT's
	// worth of growth in upstream's tokens.
	MaxRefreshTokenBytes = 2 << 10
	// maxPairs bounds the signature checks that one request can cause.
	maxPairs = 8
)

// Material is the authentication material that a request presents: pairs of
// a JWT and a refresh token, the preferred one first. A cookie codec makes it
// from a request; [NewMaterial] makes it from two strings.
//
// A Material belongs to one request: it is not safe for concurrent use. The
// zero value holds no pair. It prints no secrets.
type Material struct{ node *node }

// node carries one request's material, its session and its place in the
// context in a single allocation.
type node struct {
	first pair
	more  []pair

	// Set once the material has been authenticated.
	owner  *Manager
	live   bool // whether session holds
	err    error
	parent context.Context

	session AuthSession
}

// pair is a JWT and a refresh token that were stored together. Either may be
// empty.
type pair struct {
	jwt, refresh string
	source       int
}

// NewMaterial returns the Material of one pair. Either may be empty.
func NewMaterial(jwt, refreshToken string) Material {
	var m Material
	m.Add(jwt, refreshToken, 0)
	return m
}

// Add appends a pair. Source is the caller's own name for the place the pair
// was read from; [Result] speaks of pairs by it. Pairs without content, and
// those beyond a small bound, are dropped.
func (m *Material) Add(jwt, refreshToken string, source int) {
	if len(jwt) > MaxJWTBytes {
		jwt = ""
	}
	if len(refreshToken) > MaxRefreshTokenBytes {
		refreshToken = ""
	}
	if jwt == "" && refreshToken == "" {
		return
	}
	p := pair{jwt, refreshToken, source}
	switch {
	case m.node == nil:
		m.node = &node{first: p}
	case len(m.node.more) < maxPairs-1:
		m.node.more = append(m.node.more, p)
	}
}

// IsZero reports whether m holds no pair.
func (m Material) IsZero() bool { return m.node == nil }

func (m Material) pairs() []pair {
	if m.node == nil {
		return nil
	}
	return append([]pair{m.node.first}, m.node.more...)
}

// Format keeps the node, which is also a context, from printing its secrets.
func (n *node) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "session.Context") }

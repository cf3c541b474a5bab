package session

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
)

// A tokenKey stands for a refresh token in every lookup, so that the time of a
// lookup tells nothing about tokens.
type tokenKey [16]byte

// A hasher makes tokenKeys: the SHA-256 of its secret and the token, cut to the first
// half. Without the secret, which lives as long as the process, nothing leads from a
// token to its key. Without the other half, the sum cannot be extended to that of a
// longer token.
type hasher struct{ secret Secret }

func newHasher() *hasher {
	secret := make([]byte, sha256.Size)
	_, _ = rand.Read(secret) // never fails
	return &hasher{NewSecret(string(secret))}
}

func (h *hasher) key(token Secret) (k tokenKey) {
	input := append(make([]byte, 0, 512), h.secret.Reveal()...) // most fit on the stack
	sum := sha256.Sum256(append(input, token.Reveal()...))
	copy(k[:], sum[:])
	return k
}

// successor returns the key of the refresh token of a grant.
func (h *hasher) successor(g *Grant) tokenKey {
	if g.keyedBy == h {
		return g.successorKey
	}
	return h.key(g.RefreshToken.Secret)
}

// keepSuccessor makes g remember the key of its refresh token. Call it before others
// see g.
func (h *hasher) keepSuccessor(g *Grant) {
	g.successorKey, g.keyedBy = h.key(g.RefreshToken.Secret), h
}

// fingerprint returns the eight hex digits that stand for a token in events.
func (h *hasher) fingerprint(token Secret) string {
	if token.IsZero() {
		return ""
	}
	k := h.key(token)
	return hex.EncodeToString(k[:4])
}

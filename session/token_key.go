package session

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"sync"
)

// A tokenKey stands for a refresh token in every lookup, so that the time of a
// lookup tells nothing about tokens.
type tokenKey [16]byte

// A hasher makes tokenKeys with an HMAC. Its secret lives as long as the process.
type hasher struct{ macs sync.Pool } // of *bufferedMAC

// bufferedMAC is an HMAC with a buffer for its input and its sum, which would
// otherwise be allocated each time.
type bufferedMAC struct {
	hash.Hash
	buffer []byte
}

func newHasher() *hasher {
	secret := make([]byte, sha256.Size)
	_, _ = rand.Read(secret) // never fails
	return &hasher{sync.Pool{New: func() any { return &bufferedMAC{Hash: hmac.New(sha256.New, secret)} }}}
}

func (h *hasher) key(token Secret) (k tokenKey) {
	mac := h.macs.Get().(*bufferedMAC)
	defer h.macs.Put(mac)
	mac.Reset()
	mac.buffer = append(mac.buffer[:0], token.Reveal()...)
	mac.Write(mac.buffer)
	clear(mac.buffer) // the pool must not keep tokens
	mac.buffer = mac.Sum(mac.buffer[:0])
	copy(k[:], mac.buffer)
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

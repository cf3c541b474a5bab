package crossminttest

import (
	"bytes"
	"encoding/json"
	"sync"
)

// forgerKeyNumber is the number of the key that signs forged JWTs. The keys of a
// keyring start from 1.
const forgerKeyNumber = 0

// keyring holds the keys that sign JWTs and publishes their public halves.
type keyring struct {
	algorithm string

	mu        sync.Mutex // guards all below
	created   int
	published []signingKey // the last one signs
	override  []byte
}

func newKeyring(algorithm string) *keyring {
	k := &keyring{algorithm: algorithm}
	k.add(false)
	return k
}

// add creates a key that signs from now on. With replace it is the only one.
func (k *keyring) add(replace bool) (id string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.created++
	if replace {
		k.published = nil
	}
	key := newKey(k.algorithm, k.created)
	k.published = append(k.published, key)
	return key.id
}

func (k *keyring) current() signingKey {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.published[len(k.published)-1]
}

func (k *keyring) jwks() []byte {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.override != nil {
		return k.override
	}
	set := struct {
		Keys []jwk `json:"keys"`
	}{}
	for _, key := range k.published {
		set.Keys = append(set.Keys, key.public())
	}
	return must(json.Marshal(set))
}

// RotateKeys replaces the signing key at once: earlier JWTs are no longer valid.
// It returns the ID of the new key.
func (s *Server) RotateKeys() (keyID string) { return s.keys.add(true) }

// AddKey signs with a new key from now on and keeps the old ones published, like
// an orderly key rotation. It returns the ID of the new key.
func (s *Server) AddKey() (keyID string) { return s.keys.add(false) }

// SetJWKS publishes raw instead of the key set. nil restores the key set.
func (s *Server) SetJWKS(raw []byte) {
	s.keys.mu.Lock()
	defer s.keys.mu.Unlock()
	s.keys.override = bytes.Clone(raw) // an empty document stays empty, not nil
}

// JWKS returns the current key set.
func (s *Server) JWKS() []byte { return s.keys.jwks() }

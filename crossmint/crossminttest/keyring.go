package crossminttest

import (
	"bytes"
	"encoding/json"
	"sync"
)

// forgerNumber is the number of the key that signs forgeries: never one of a
// keyring's own, which count from 1.
const forgerNumber = 0

// keyring holds the keys that sign JWTs and publishes their public halves.
type keyring struct {
	algorithm string

	mu        sync.Mutex // guards all below
	made      int
	published []signingKey // the last one signs
	override  []byte
}

func newKeyring(algorithm string) *keyring {
	k := &keyring{algorithm: algorithm}
	k.add(false)
	return k
}

// add makes a new key the one that signs. Alone makes it the only one, too.
func (k *keyring) add(alone bool) (id string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.made++
	if alone {
		k.published = nil
	}
	key := newKey(k.algorithm, k.made)
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

// RotateKeys replaces the signing key at once: JWTs signed before it no
// longer verify. It returns the new key's ID.
func (s *Server) RotateKeys() (keyID string) { return s.keys.add(true) }

// AddKey signs with a new key from now on and keeps the old ones published,
// as an orderly rotation does. It returns the new key's ID.
func (s *Server) AddKey() (keyID string) { return s.keys.add(false) }

// SetJWKS publishes raw instead of the key set. nil restores the key set.
func (s *Server) SetJWKS(raw []byte) {
	s.keys.mu.Lock()
	defer s.keys.mu.Unlock()
	s.keys.override = bytes.Clone(raw) // an empty document stays one
}

// JWKS returns the key set as it is published now.
func (s *Server) JWKS() []byte { return s.keys.jwks() }

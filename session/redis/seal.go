package redis

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"time"

	"github.com/crossmint-go/auth/session"
)

// This file is all that the store gets to see of a token: a name that only the
// deployment can make, and values that only who has the token can read.

// Each use of the deployment's secret has a key of its own (RFC 5869 §3.2).
const (
	namesInfo  = "github.com/crossmint-go/auth/session/redis names v1"
	valuesInfo = "github.com/crossmint-go/auth/session/redis values v1"
	valueInfo  = "github.com/crossmint-go/auth/session/redis value v1"
	denialInfo = "github.com/crossmint-go/auth/session/redis denials v1"
)

// clockSkew is how far the clocks of a fleet may be apart. The store forgets a
// value in time; the expiry inside bounds a store that does not.
const clockSkew = 30 * time.Second

// A keyring holds the keys that are derived from the deployment's secret.
type keyring struct {
	names  []byte // makes names of tokens
	values []byte // salts the keys of values
	denial cipher.AEAD
}

func newKeyring(secret session.Secret) (*keyring, error) {
	names, err := hkdf.Key(sha256.New, []byte(secret.Reveal()), nil, namesInfo, sha256.Size)
	if err != nil {
		return nil, err
	}
	values, err := hkdf.Key(sha256.New, []byte(secret.Reveal()), nil, valuesInfo, sha256.Size)
	if err != nil {
		return nil, err
	}
	denial, err := newDenialAEAD(secret)
	return &keyring{names, values, denial}, err
}

// name returns what a token is called in the store.
func (k *keyring) name(token session.Secret) string {
	mac := hmac.New(sha256.New, k.names)
	mac.Write([]byte(token.Reveal()))
	return hex.EncodeToString(mac.Sum(nil))
}

// aead returns the cipher of the values under a token. The token itself is the
// key's material: who holds the store and the deployment's secret, but not the
// token, reads nothing.
func (k *keyring) aead(token session.Secret) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, []byte(token.Reveal()), k.values, valueInfo, 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// A sealed value is a header, a nonce and the ciphertext. The header is
// readable, and bound to the ciphertext together with the name.
const (
	sealVersion = 1
	headerBytes = 1 + 1 + 8 // kind, version, expiry in ms since 1970
	nonceBytes  = 12
)

func (k *keyring) seal(token session.Secret, kind kind, expires time.Time, plain []byte) ([]byte, error) {
	aead, err := k.aead(token)
	if err != nil {
		return nil, err
	}
	sealed := make([]byte, headerBytes+nonceBytes, headerBytes+nonceBytes+len(plain)+aead.Overhead())
	sealed[0], sealed[1] = byte(kind), sealVersion
	binary.BigEndian.PutUint64(sealed[2:], uint64(expires.UnixMilli()))
	_, _ = rand.Read(sealed[headerBytes:]) // never fails
	return aead.Seal(sealed, sealed[headerBytes:], plain, k.bound(token, sealed)), nil
}

// errMiss is all that is told of a value that cannot be used.
var errMiss = errors.New("redis: not a value of ours")

func (k *keyring) open(token session.Secret, sealed []byte) (kind, []byte, error) {
	if len(sealed) < headerBytes+nonceBytes || sealed[1] != sealVersion {
		return 0, nil, errMiss
	}
	expires := time.UnixMilli(int64(binary.BigEndian.Uint64(sealed[2:])))
	if !time.Now().Before(expires.Add(clockSkew)) {
		return 0, nil, errMiss
	}
	aead, err := k.aead(token)
	if err != nil {
		return 0, nil, err
	}
	nonce, ciphertext := sealed[headerBytes:headerBytes+nonceBytes], sealed[headerBytes+nonceBytes:]
	plain, err := aead.Open(nil, nonce, ciphertext, k.bound(token, sealed))
	if err != nil {
		return 0, nil, errMiss
	}
	return kind(sealed[0]), plain, nil
}

// bound is the additional data of a value: its header and its name.
func (k *keyring) bound(token session.Secret, sealed []byte) []byte {
	return append(append([]byte(nil), sealed[:headerBytes]...), k.name(token)...)
}

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
	"slices"
	"time"

	"github.com/crossmint-go/auth/session"
)

// The store sees a token only as a name that the deployment alone can make, and
// as values that only a holder of the token can open.

// Each use of the deployment's secret has its own key (RFC 5869 §3.2).
const (
	namesInfo  = "github.com/crossmint-go/auth/session/redis names v1"
	valuesInfo = "github.com/crossmint-go/auth/session/redis values v1"
	valueInfo  = "github.com/crossmint-go/auth/session/redis value v1"
	denialInfo = "github.com/crossmint-go/auth/session/redis denials v1"
)

// clockSkew is the most by which the clocks of a fleet may differ. The store
// removes expired values; the sealed expiry guards against a store that does not.
const clockSkew = 30 * time.Second

// A keyring holds the keys that are derived from the deployment's secret.
type keyring struct {
	names   []byte // makes the names of tokens
	values  []byte // salt for the keys of values
	denials cipher.AEAD
}

func newKeyring(secret session.Secret) (*keyring, error) {
	derive := func(info string) ([]byte, error) {
		return hkdf.Key(sha256.New, []byte(secret.Reveal()), nil, info, sha256.Size)
	}
	names, err := derive(namesInfo)
	if err != nil {
		return nil, err
	}
	values, err := derive(valuesInfo)
	if err != nil {
		return nil, err
	}
	denials, err := derive(denialInfo)
	if err != nil {
		return nil, err
	}
	aead, err := newAEAD(denials)
	return &keyring{names, values, aead}, err
}

func newAEAD(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// name returns the name of a token in the store.
func (k *keyring) name(token session.Secret) string {
	mac := hmac.New(sha256.New, k.names)
	mac.Write([]byte(token.Reveal()))
	return hex.EncodeToString(mac.Sum(nil))
}

// valueAEAD returns the cipher of the values under a token. Its key is derived
// from the token itself: the store's content and the deployment's secret do not
// suffice to open a value.
func (k *keyring) valueAEAD(token session.Secret) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, []byte(token.Reveal()), k.values, valueInfo, sha256.Size)
	if err != nil {
		return nil, err
	}
	return newAEAD(key)
}

// A sealed value is a header, a nonce and the ciphertext. The header is
// readable. It is authenticated, together with the name of a token.
const (
	sealVersion = 1
	headerBytes = 1 + 1 + 8 // kind, version, expiry in ms since 1970
	nonceBytes  = 12
	prefixBytes = headerBytes + nonceBytes
)

func seal(aead cipher.AEAD, name string, kind kind, expiresAt time.Time, plain []byte) []byte {
	sealed := make([]byte, prefixBytes, prefixBytes+len(plain)+aead.Overhead())
	sealed[0], sealed[1] = byte(kind), sealVersion
	binary.BigEndian.PutUint64(sealed[2:], uint64(expiresAt.UnixMilli()))
	_, _ = rand.Read(sealed[headerBytes:]) // never fails
	return aead.Seal(sealed, sealed[headerBytes:], plain, additionalData(sealed, name))
}

// errNotFound: there is no value, or a foreign one.
var errNotFound = errors.New("redis: no value of this deployment")

func open(aead cipher.AEAD, name string, sealed []byte) (kind, time.Time, []byte, error) {
	if len(sealed) < prefixBytes || sealed[1] != sealVersion {
		return 0, time.Time{}, nil, errNotFound
	}
	plain, err := aead.Open(nil, sealed[headerBytes:prefixBytes], sealed[prefixBytes:], additionalData(sealed, name))
	if err != nil {
		return 0, time.Time{}, nil, errNotFound
	}
	return kind(sealed[0]), time.UnixMilli(int64(binary.BigEndian.Uint64(sealed[2:]))), plain, nil
}

// additionalData returns the header of a sealed value and its name.
func additionalData(sealed []byte, name string) []byte {
	return append(slices.Clone(sealed[:headerBytes]), name...)
}

// seal seals a value under a token.
func (k *keyring) seal(token session.Secret, kind kind, expiresAt time.Time, plain []byte) ([]byte, error) {
	aead, err := k.valueAEAD(token)
	if err != nil {
		return nil, err
	}
	return seal(aead, k.name(token), kind, expiresAt, plain), nil
}

// open opens a value under a token, unless it has expired.
func (k *keyring) open(token session.Secret, sealed []byte) (kind, []byte, error) {
	aead, err := k.valueAEAD(token)
	if err != nil {
		return 0, nil, err
	}
	kind, expiresAt, plain, err := open(aead, k.name(token), sealed)
	if err == nil && !time.Now().Before(expiresAt.Add(clockSkew)) {
		return 0, nil, errNotFound
	}
	return kind, plain, err
}

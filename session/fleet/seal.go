package fleet

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
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
	namesInfo  = "github.com/crossmint-go/auth/session/fleet names v1"
	valuesInfo = "github.com/crossmint-go/auth/session/fleet values v1"
	valueInfo  = "github.com/crossmint-go/auth/session/fleet value v1"
	denialInfo = "github.com/crossmint-go/auth/session/fleet denials v1"
)

// clockSkew is the most by which the clocks of a fleet may differ. The store
// removes expired values; the sealed expiry guards against a store that does not.
const clockSkew = 30 * time.Second

// A name stands for a token, a JWT or the deployment itself.
type name [16]byte

// String returns the hex digits of the name, which keys and topics have.
func (n name) String() string { return hex.EncodeToString(n[:]) }

// A keyring holds the keys that are derived from a secret of the deployment.
type keyring struct {
	names      []byte // makes the names
	values     []byte // salt for the keys of values
	denials    cipher.AEAD
	deployment name // begins the keys and topics that all tokens share
}

func newKeyring(secret session.Secret) (*keyring, error) {
	keys := make([][]byte, 3)
	for i, info := range []string{namesInfo, valuesInfo, denialInfo} {
		key, err := hkdf.Key(sha256.New, []byte(secret.Reveal()), nil, info, sha256.Size)
		if err != nil {
			return nil, err
		}
		keys[i] = key
	}
	denials, err := newAEAD(keys[2])
	k := &keyring{names: keys[0], values: keys[1], denials: denials}
	k.deployment = k.nameOf("the deployment") // no refresh token has a space
	return k, err
}

func newAEAD(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// name returns the name of a token in the store.
func (k *keyring) name(token session.Secret) name { return k.nameOf(token.Reveal()) }

func (k *keyring) nameOf(s string) name {
	mac := hmac.New(sha256.New, k.names)
	mac.Write([]byte(s))
	return name(mac.Sum(nil))
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
	sealVersion   = 1
	headerBytes   = 1 + 1 + 8 // kind, version, expiry in ms since 1970
	overheadBytes = headerBytes + 12 + 16
)

func seal(aead cipher.AEAD, name string, kind kind, expiresAt time.Time, plain []byte) []byte {
	sealed := make([]byte, headerBytes, overheadBytes+len(plain))
	sealed[0], sealed[1] = byte(kind), sealVersion
	binary.BigEndian.PutUint64(sealed[2:], uint64(expiresAt.UnixMilli()))
	return aead.Seal(sealed, nil, plain, additionalData(sealed, name)) //nolint:gosec // the AEAD makes the nonce
}

// errNotFound: there is no value, or a foreign one.
var errNotFound = errors.New("fleet: no value of this deployment")

func open(aead cipher.AEAD, name string, sealed []byte) (kind, time.Time, []byte, error) {
	if len(sealed) < overheadBytes || sealed[1] != sealVersion {
		return 0, time.Time{}, nil, errNotFound
	}
	plain, err := aead.Open(nil, nil, sealed[headerBytes:], additionalData(sealed, name))
	if err != nil {
		return 0, time.Time{}, nil, errNotFound
	}
	return kind(sealed[0]), sealedExpiry(sealed), plain, nil
}

// sealedExpiry returns the expiry in the header of a sealed value.
func sealedExpiry(sealed []byte) time.Time {
	return time.UnixMilli(int64(binary.BigEndian.Uint64(sealed[2:])))
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
	return seal(aead, k.name(token).String(), kind, expiresAt, plain), nil
}

// open opens a value under a token, unless it has expired.
func (k *keyring) open(token session.Secret, sealed []byte) (kind, []byte, error) {
	aead, err := k.valueAEAD(token)
	if err != nil {
		return 0, nil, err
	}
	kind, expiresAt, plain, err := open(aead, k.name(token).String(), sealed)
	if err == nil && !time.Now().Before(expiresAt.Add(clockSkew)) {
		return 0, nil, errNotFound
	}
	return kind, plain, err
}

// openGrant returns the grant in a value under a token, if it is one.
func (k *keyring) openGrant(token session.Secret, value []byte) (*session.Grant, bool) {
	kind, plain, err := k.open(token, value)
	if err != nil || kind != kindGrant && kind != kindUnverified {
		return nil, false
	}
	grant, err := unmarshalGrant(plain)
	return grant, err == nil
}

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
	"time"

	"github.com/crossmint-go/auth/session"
)

// This file is what the store gets to see of a denied JWT. A digest says
// nothing to who does not have the JWT, and still it is sealed: whoever could
// write one could sign people out.

// A digest is the SHA-256 of a JWT's signed part.
type digest = [sha256.Size]byte

// kindDenial: a JWT whose user has logged out. It is no value of a token.
const kindDenial kind = 'd'

// denialBytes is the length of a sealed denial: header, nonce, digest, tag.
const denialBytes = headerBytes + nonceBytes + sha256.Size + 16

// newDenialAEAD returns the cipher of all denials of a deployment. They are as
// many as logouts: far from the 2³² that random nonces are good for.
func newDenialAEAD(secret session.Secret) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, []byte(secret.Reveal()), nil, denialInfo, 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// fleet names the deployment where all of it share something in the store.
func (k *keyring) fleet() string {
	mac := hmac.New(sha256.New, k.names)
	mac.Write([]byte("the fleet")) // no refresh token has a space
	return hex.EncodeToString(mac.Sum(nil)[:16])
}

func (k *keyring) sealDenial(d digest, until time.Time) string {
	sealed := make([]byte, headerBytes+nonceBytes, denialBytes)
	sealed[0], sealed[1] = byte(kindDenial), sealVersion
	binary.BigEndian.PutUint64(sealed[2:], uint64(until.UnixMilli()))
	_, _ = rand.Read(sealed[headerBytes:]) // never fails
	return string(k.denial.Seal(sealed, sealed[headerBytes:], d[:], sealed[:headerBytes]))
}

// openDenial reports false for what is none of this deployment's.
func (k *keyring) openDenial(sealed string) (d digest, until time.Time, ok bool) {
	if len(sealed) != denialBytes || kind(sealed[0]) != kindDenial || sealed[1] != sealVersion {
		return d, until, false
	}
	header, rest := []byte(sealed[:headerBytes]), []byte(sealed[headerBytes:])
	plain, err := k.denial.Open(nil, rest[:nonceBytes], rest[nonceBytes:], header)
	if err != nil {
		return d, until, false
	}
	copy(d[:], plain)
	return d, time.UnixMilli(int64(binary.BigEndian.Uint64(header[2:]))), true
}

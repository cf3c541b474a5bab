package redis

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// The store sees denied JWTs only as sealed digests. A digest identifies its JWT
// only to a reader that has the JWT. It is sealed because a forged denial could
// log users out.

// A digest is the SHA-256 of a JWT's signing input (RFC 7515 §2).
type digest = [sha256.Size]byte

// kindDenial: a JWT whose user has logged out. It is no kind of a token's value.
const kindDenial kind = 'd'

// denialBytes is the length of a sealed denial: header, nonce, digest, tag.
const denialBytes = prefixBytes + sha256.Size + 16

// deployment returns the name of the keys and channels that all instances of a
// deployment share.
func (k *keyring) deployment() string {
	mac := hmac.New(sha256.New, k.names)
	mac.Write([]byte("the fleet")) // no refresh token has a space
	return hex.EncodeToString(mac.Sum(nil)[:16])
}

// sealDenial seals a digest. One key seals all denials of a deployment: there are
// as many as logouts, far below the 2³² for which random nonces are safe.
func (k *keyring) sealDenial(d digest, until time.Time) string {
	return string(seal(k.denials, "", kindDenial, until, d[:]))
}

// openDenial opens a denial. It returns false for foreign values.
func (k *keyring) openDenial(sealed string) (d digest, until time.Time, ok bool) {
	if len(sealed) != denialBytes || kind(sealed[0]) != kindDenial {
		return d, until, false
	}
	_, until, plain, err := open(k.denials, "", []byte(sealed))
	if err != nil {
		return d, until, false
	}
	return digest(plain), until, true
}

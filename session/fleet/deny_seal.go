package fleet

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"

	"github.com/crossmint-go/auth/session"
)

// The store sees denied JWTs only as sealed digests. A digest identifies its JWT
// only to a reader that has the JWT. It is sealed because a forged denial could
// log users out.

// A digest is the SHA-256 of a JWT's signing input (RFC 7515 §2).
type digest = [sha256.Size]byte

func digestOf(jwt session.Secret) digest {
	token := jwt.Reveal()
	return sha256.Sum256([]byte(token[:max(0, strings.LastIndexByte(token, '.'))]))
}

// expiryOf returns the "exp" of a JWT that upstream has sent, or the latest time for
// which the store keeps a denial.
func expiryOf(jwt session.Secret) time.Time {
	latest := time.Now().Add(maxDenialTTL)
	var claims struct {
		Exp float64 `json:"exp"`
	}
	_, rest, _ := strings.Cut(jwt.Reveal(), ".")
	encoded, _, _ := strings.Cut(rest, ".")
	payload, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil || json.Unmarshal(payload, &claims) != nil || claims.Exp <= 0 || claims.Exp >= float64(latest.Unix()) {
		return latest
	}
	return time.Unix(int64(claims.Exp), 0)
}

// kindDenial: a JWT whose user has logged out. It is no kind of a token's value.
const kindDenial kind = 'd'

// denialBytes is the length of a sealed denial.
const denialBytes = overheadBytes + sha256.Size

// part returns the part of the denials that a digest belongs to.
func (k *keyring) part(d digest) byte { return k.nameOf(string(d[:]))[0] % denialParts }

// sealDenial seals a digest. One key seals all denials of a deployment: there are
// as many as logouts, far below the 2³² for which random nonces are safe.
func (k *keyring) sealDenial(d digest, until time.Time) []byte {
	return seal(k.denials, "", kindDenial, until, d[:])
}

// openDenial opens a denial. It returns false for foreign values.
func (k *keyring) openDenial(sealed []byte) (d digest, until time.Time, ok bool) {
	if len(sealed) != denialBytes || kind(sealed[0]) != kindDenial {
		return d, until, false
	}
	_, until, plain, err := open(k.denials, "", sealed)
	if err != nil {
		return d, until, false
	}
	return digest(plain), until, true
}

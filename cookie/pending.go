package cookie

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/crossmint-go/auth/session"
)

// A Pending is a sign-in that waits for the code of an e-mail: what its second
// step has to know of its first. The zero value is none.
type Pending struct {
	Email   string
	EmailID session.Secret
}

const (
	// pendingLifetime is how long a code can be typed in.
	pendingLifetime = 10 * time.Minute
	// pendingName is the cookie's name over plain http. Over TLS it has the
	// prefix __Host-, so that no sibling host can plant a sign-in of its own.
	pendingName = "crossmint-signin"

	maxEmailBytes   = 254 // RFC 5321 §4.5.3.1.3, less the angle brackets
	maxEmailIDBytes = 256
	// pendingBytes is the one length of what is sealed, so that a cookie's
	// length tells nothing: the expiry, and two texts with their lengths.
	pendingBytes = 8 + 2 + maxEmailBytes + 2 + maxEmailIDBytes
	// minPendingKeyBytes is what HKDF needs for a key of 256 bits.
	minPendingKeyBytes = 32
)

// A PendingKey seals [Pending] sign-ins, so that nobody can read, forge or
// alter one. The zero value seals and opens nothing. It is immutable and safe
// for concurrent use. It does not print: fmt follows no second pointer.
type PendingKey struct{ aead *cipher.AEAD }

// NewPendingKey derives a key from a secret of at least 32 random bytes.
// Servers that share a secret finish each other's sign-ins.
func NewPendingKey(secret []byte) (PendingKey, error) {
	if len(secret) < minPendingKeyBytes {
		return PendingKey{}, fmt.Errorf("cookie: the secret of a PendingKey has %d bytes, must have %d", len(secret), minPendingKeyBytes)
	}
	key, err := hkdf.Key(sha256.New, secret, nil, "crossmint-go/auth pending sign-in 1", 32)
	if err != nil {
		return PendingKey{}, fmt.Errorf("cookie: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return PendingKey{}, fmt.Errorf("cookie: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return PendingKey{}, fmt.Errorf("cookie: %w", err)
	}
	return PendingKey{&aead}, nil
}

// IsZero reports whether k is the zero value.
func (k PendingKey) IsZero() bool { return k.aead == nil }

// WritePending stores a pending sign-in for ten minutes, sealed, in a cookie of
// the host alone that no script can read. It must be called before the answer
// is written. On an error, which is [ErrUnfit], nothing is stored.
func (c *Codec) WritePending(w http.ResponseWriter, k PendingKey, p Pending) error {
	expires := time.Now().Add(pendingLifetime)
	plain, err := p.marshal(expires)
	if err != nil || k.IsZero() {
		return errors.Join(ErrUnfit, err)
	}
	cookie := c.pendingCookie()
	//nolint:gosec // G407: this AEAD makes its own nonce
	cookie.Value = base64.RawURLEncoding.EncodeToString((*k.aead).Seal(nil, nil, plain, c.pendingContext()))
	cookie.Expires, cookie.MaxAge = expires, int(pendingLifetime.Seconds())
	http.SetCookie(w, cookie)
	noStore(w)
	return nil
}

// ReadPending returns the pending sign-in that r presents, and whether there is
// one: sealed with k for this project, and not over.
func (c *Codec) ReadPending(r *http.Request, k PendingKey) (Pending, bool) {
	if k.IsZero() {
		return Pending{}, false
	}
	cookies := r.CookiesNamed(c.pendingCookie().Name)
	for _, cookie := range cookies[:min(len(cookies), maxValues)] {
		if p, ok := c.openPending(k, cookie.Value); ok {
			return p, true
		}
	}
	return Pending{}, false
}

// ClearPending expires the cookie of [Codec.WritePending].
func (c *Codec) ClearPending(w http.ResponseWriter) {
	cookie := c.pendingCookie()
	cookie.Expires, cookie.MaxAge = time.Unix(0, 0), -1
	http.SetCookie(w, cookie)
	noStore(w)
}

// pendingCookie returns the empty cookie. Its attributes are not those of the
// session: it is for the sign-in pages of one host.
func (c *Codec) pendingCookie() *http.Cookie {
	name := "__Host-" + pendingName
	if c.config.InsecureAllowHTTP {
		name = pendingName
	}
	return &http.Cookie{Name: name, Path: "/", Secure: !c.config.InsecureAllowHTTP, HttpOnly: true, SameSite: http.SameSiteLaxMode}
}

// pendingContext keeps projects that share a secret apart.
func (c *Codec) pendingContext() []byte { return []byte(c.config.ProjectID) }

func (c *Codec) openPending(k PendingKey, value string) (Pending, bool) {
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(value)
	if err != nil || len(sealed) != pendingBytes+(*k.aead).Overhead() {
		return Pending{}, false
	}
	plain, err := (*k.aead).Open(nil, nil, sealed, c.pendingContext())
	if err != nil {
		return Pending{}, false
	}
	return parsePending(plain)
}

var errPendingLength = errors.New("cookie: e-mail address or ID is empty or too long")

// marshal returns p in pendingBytes bytes.
func (p Pending) marshal(expires time.Time) ([]byte, error) {
	id := p.EmailID.Reveal()
	if p.Email == "" || len(p.Email) > maxEmailBytes || id == "" || len(id) > maxEmailIDBytes {
		return nil, errPendingLength
	}
	plain := binary.BigEndian.AppendUint64(make([]byte, 0, pendingBytes), uint64(expires.Unix()))
	for _, text := range []string{p.Email, id} {
		plain = binary.BigEndian.AppendUint16(plain, uint16(len(text)))
		plain = append(plain, text...)
	}
	return plain[:pendingBytes], nil // the rest is zero
}

// parsePending reads what marshal wrote: its seal was good, so its form is.
// Browsers keep time by clocks of their own, so the expiry is checked here.
func parsePending(plain []byte) (Pending, bool) {
	expires := time.Unix(int64(binary.BigEndian.Uint64(plain)), 0)
	if !time.Now().Before(expires) {
		return Pending{}, false
	}
	var texts [2]string
	rest := plain[8:]
	for i := range texts {
		length := binary.BigEndian.Uint16(rest)
		texts[i], rest = string(rest[2:2+length]), rest[2+length:]
	}
	return Pending{texts[0], session.NewSecret(texts[1])}, true
}

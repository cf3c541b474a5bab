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

	"github.com/crossmint-go/auth/internal/bounds"
	"github.com/crossmint-go/auth/session"
)

// A PendingSignIn is a sign-in that waits for the code of an e-mail. The cookie
// carries it from the first step to the second.
type PendingSignIn struct {
	Email   string
	EmailID session.Secret
}

const (
	// pendingLifetime is the time in which the user can type the code.
	pendingLifetime = 10 * time.Minute
	// pendingName is the name of the cookie over plain http. Over TLS it has
	// the prefix __Host-, so that no sibling host can set one of its own.
	pendingName = "crossmint-signin"

	maxEmailIDBytes = 256
	// pendingBytes is the length of every plaintext, so that the length of a
	// cookie tells nothing: the expiry, and two strings with their lengths.
	pendingBytes = 8 + 2 + bounds.MaxEmailBytes + 2 + maxEmailIDBytes
)

// newAEAD derives the encryption of pending sign-ins from a key.
func newAEAD(key session.Secret) (cipher.AEAD, error) {
	if len(key.Reveal()) < bounds.MinPendingKeyBytes {
		return nil, fmt.Errorf("cookie: the key of a pending sign-in has %d bytes, must have %d", len(key.Reveal()), bounds.MinPendingKeyBytes)
	}
	derived, err := hkdf.Key(sha256.New, []byte(key.Reveal()), nil, "crossmint-go/auth pending sign-in 1", 32)
	if err != nil {
		return nil, fmt.Errorf("cookie: %w", err)
	}
	block, err := aes.NewCipher(derived)
	if err != nil {
		return nil, fmt.Errorf("cookie: %w", err)
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// WritePendingSignIn stores a pending sign-in for ten minutes, in a host-only
// cookie that no script can read. It is encrypted with a key of at least 32 random
// bytes, so that only its holders can read or change it. Call it before the
// response is written. On an error, which is [ErrInvalidToken], nothing is stored.
func (c *Codec) WritePendingSignIn(w http.ResponseWriter, key session.Secret, p PendingSignIn) error {
	expires := time.Now().Add(pendingLifetime)
	plain, err := p.marshal(expires)
	if err != nil {
		return errors.Join(ErrInvalidToken, err)
	}
	aead, err := newAEAD(key)
	if err != nil {
		return errors.Join(ErrInvalidToken, err)
	}
	cookie := c.pendingCookie()
	//nolint:gosec // G407: this AEAD makes its own nonce
	cookie.Value = base64.RawURLEncoding.EncodeToString(aead.Seal(nil, nil, plain, c.pendingContext()))
	cookie.Expires, cookie.MaxAge = expires, int(pendingLifetime.Seconds())
	http.SetCookie(w, cookie)
	noStore(w)
	return nil
}

// ReadPendingSignIn returns the pending sign-in that r presents, and reports
// whether there is one: encrypted with key for this project, and not expired.
func (c *Codec) ReadPendingSignIn(r *http.Request, key session.Secret) (PendingSignIn, bool) {
	aead, err := newAEAD(key)
	if err != nil {
		return PendingSignIn{}, false
	}
	cookies := r.CookiesNamed(c.pendingCookie().Name)
	for _, cookie := range cookies[:min(len(cookies), maxValuesPerName)] {
		if p, ok := c.openPending(aead, cookie.Value); ok {
			return p, true
		}
	}
	return PendingSignIn{}, false
}

// DeletePendingSignIn deletes the cookie of [Codec.WritePendingSignIn].
func (c *Codec) DeletePendingSignIn(w http.ResponseWriter) {
	cookie := c.pendingCookie()
	cookie.Expires, cookie.MaxAge = time.Unix(0, 0), -1
	http.SetCookie(w, cookie)
	noStore(w)
}

// pendingCookie returns the empty cookie. Its attributes are not those of the
// session cookies: it is for the sign-in pages of one host.
func (c *Codec) pendingCookie() *http.Cookie {
	name := "__Host-" + pendingName
	if c.config.InsecureAllowHTTP {
		name = pendingName
	}
	return &http.Cookie{Name: name, Path: "/", Secure: !c.config.InsecureAllowHTTP, HttpOnly: true, SameSite: http.SameSiteLaxMode}
}

// pendingContext separates projects that share a secret.
func (c *Codec) pendingContext() []byte { return []byte(c.config.ProjectID) }

func (c *Codec) openPending(aead cipher.AEAD, value string) (PendingSignIn, bool) {
	ciphertext, err := base64.RawURLEncoding.Strict().DecodeString(value)
	if err != nil || len(ciphertext) != pendingBytes+aead.Overhead() {
		return PendingSignIn{}, false
	}
	plain, err := aead.Open(nil, nil, ciphertext, c.pendingContext())
	if err != nil {
		return PendingSignIn{}, false
	}
	return parsePending(plain)
}

var errPendingLength = errors.New("cookie: e-mail address or ID is empty or too long")

// marshal returns p in pendingBytes bytes.
func (p PendingSignIn) marshal(expires time.Time) ([]byte, error) {
	id := p.EmailID.Reveal()
	if p.Email == "" || len(p.Email) > bounds.MaxEmailBytes || id == "" || len(id) > maxEmailIDBytes {
		return nil, errPendingLength
	}
	plain := binary.BigEndian.AppendUint64(make([]byte, 0, pendingBytes), uint64(expires.Unix()))
	for _, text := range []string{p.Email, id} {
		plain = binary.BigEndian.AppendUint16(plain, uint16(len(text)))
		plain = append(plain, text...)
	}
	return plain[:pendingBytes], nil // padded with zeros
}

// parsePending reads a plaintext of marshal: decryption has authenticated it. A
// browser's clock may be wrong, so the expiry is checked here.
func parsePending(plain []byte) (PendingSignIn, bool) {
	expires := time.Unix(int64(binary.BigEndian.Uint64(plain)), 0)
	if !time.Now().Before(expires) {
		return PendingSignIn{}, false
	}
	var fields [2]string
	rest := plain[8:]
	for i := range fields {
		length := binary.BigEndian.Uint16(rest)
		fields[i], rest = string(rest[2:2+length]), rest[2+length:]
	}
	return PendingSignIn{fields[0], session.NewSecret(fields[1])}, true
}

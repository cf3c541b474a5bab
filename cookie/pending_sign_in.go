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

// A PendingSignIn is a sign-in that waits for its second step: for the code of an
// e-mail, for a provider or wallet, or for both. The cookie carries it there.
type PendingSignIn struct {
	// Email and EmailID are both empty if only State is pending.
	Email   string
	EmailID session.Secret
	// ExpiresAt is the end of the pending sign-in, in whole seconds. Write it as
	// zero for ten minutes from now.
	ExpiresAt time.Time
	// Earlier are the pending sign-ins of earlier e-mails to the same address, the
	// latest first: users may type the code of any of them. Of each only EmailID
	// and ExpiresAt count. The cookie holds two, and fewer if their IDs are long.
	Earlier []PendingSignIn

	// State binds the second step of a sign-in with a provider or wallet to the
	// browser that began it: up to 32 random bytes. Zero: none is pending.
	State session.Secret
	// StateExpiresAt is the end of State, as ExpiresAt is that of the e-mail.
	StateExpiresAt time.Time
}

const (
	// pendingLifetime is the time in which the user can finish the sign-in.
	pendingLifetime = 10 * time.Minute
	// pendingName is the name of the cookie over plain http. Over TLS it has
	// the prefix __Host-, so that no sibling host can set one of its own.
	pendingName = "crossmint-signin"

	maxEmailIDBytes = 256
	maxStateBytes   = 32
	// stateBytes is the length of a state with its expiry and its own length.
	stateBytes = 8 + 2 + maxStateBytes
	// maxEarlierEmails bounds PendingSignIn.Earlier: each one costs a call of
	// upstream for every wrong code.
	maxEarlierEmails = 2
	// emailBytes is the length of an e-mail's expiry and that of its ID's length.
	emailBytes = 8 + 2
	// earlierBytes is the room for earlier e-mails: IDs are UUIDs of 36 bytes, and
	// the cookie has to stay small beside those of a session.
	earlierBytes = maxEarlierEmails * (emailBytes + 64)
	// pendingBytes is the length of every plaintext, so that the length of a
	// cookie tells nothing: the state, the address with its length, and the e-mails.
	pendingBytes = stateBytes + 2 + bounds.MaxEmailBytes + emailBytes + maxEmailIDBytes + earlierBytes
)

// newAEAD derives the encryption of pending sign-ins from a key.
func newAEAD(key session.Secret) (cipher.AEAD, error) {
	if len(key.Reveal()) < bounds.MinPendingKeyBytes {
		return nil, fmt.Errorf("cookie: the key of a pending sign-in has %d bytes, must have %d", len(key.Reveal()), bounds.MinPendingKeyBytes)
	}
	derived, err := hkdf.Key(sha256.New, []byte(key.Reveal()), nil, "crossmint-go/auth pending sign-in 3", 32)
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
// cookie that no script can read. Where the session cookies have SameSite=None or
// Partitioned, for pages that other sites embed, this cookie has it, too. It is encrypted with a key of at least 32 random
// bytes, so that only its holders can read or change it. Call it before the
// response is written. On an error, which is [ErrInvalidToken], nothing is stored.
func (c *Codec) WritePendingSignIn(w http.ResponseWriter, key session.Secret, p PendingSignIn) error {
	p.setExpiry(time.Now().Add(pendingLifetime))
	plain, err := p.marshal()
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
	cookie.Expires = p.ExpiresAt
	if p.StateExpiresAt.After(cookie.Expires) {
		cookie.Expires = p.StateExpiresAt
	}
	cookie.MaxAge = int(time.Until(cookie.Expires).Round(time.Second).Seconds())
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

// pendingCookie returns the empty cookie. It is for the sign-in pages of one host,
// so it has neither the Domain nor the Path of the session cookies. Strict would
// drop it when a user comes to the page from the e-mail.
func (c *Codec) pendingCookie() *http.Cookie {
	name := "__Host-" + pendingName
	if c.config.InsecureAllowHTTP {
		name = pendingName
	}
	sameSite := http.SameSiteLaxMode
	if c.config.SameSite == http.SameSiteNoneMode {
		sameSite = http.SameSiteNoneMode
	}
	return &http.Cookie{
		Name: name, Path: "/", Secure: !c.config.InsecureAllowHTTP, HttpOnly: true, SameSite: sameSite, Partitioned: c.config.Partitioned,
	}
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

// setExpiry sets the zero times of what is pending.
func (p *PendingSignIn) setExpiry(expiry time.Time) {
	if p.Email != "" && p.ExpiresAt.IsZero() {
		p.ExpiresAt = expiry
	}
	if !p.State.IsZero() && p.StateExpiresAt.IsZero() {
		p.StateExpiresAt = expiry
	}
}

var errPendingLength = errors.New("cookie: e-mail address, its ID or state is empty or too long")

// isValid reports whether p has an e-mail or a state, each within its bounds.
func (p PendingSignIn) isValid() bool {
	id, state := len(p.EmailID.Reveal()), len(p.State.Reveal())
	hasEmail := p.Email != "" && id > 0
	stateOnly := p.Email == "" && id == 0 && state > 0
	return (hasEmail || stateOnly) && len(p.Email) <= bounds.MaxEmailBytes && id <= maxEmailIDBytes && state <= maxStateBytes
}

// marshal returns p in pendingBytes bytes: the state, the address with its length,
// then each e-mail's expiry and ID with its length. It leaves out earlier e-mails
// without room.
func (p PendingSignIn) marshal() ([]byte, error) {
	if !p.isValid() {
		return nil, errPendingLength
	}
	plain := appendItem(make([]byte, 0, pendingBytes), p.State, p.StateExpiresAt)[:stateBytes] // padded with zeros
	plain = binary.BigEndian.AppendUint16(plain, uint16(len(p.Email)))
	plain = append(plain, p.Email...)
	if p.Email == "" {
		return plain[:pendingBytes], nil
	}
	plain = appendItem(plain, p.EmailID, p.ExpiresAt)
	for _, earlier := range p.Earlier[:min(len(p.Earlier), maxEarlierEmails)] {
		if id := earlier.EmailID.Reveal(); id != "" && emailBytes+len(id) <= pendingBytes-len(plain) {
			plain = appendItem(plain, earlier.EmailID, earlier.ExpiresAt)
		}
	}
	return plain[:pendingBytes], nil
}

// appendItem appends an expiry, and a value with its length.
func appendItem(plain []byte, value session.Secret, expires time.Time) []byte {
	plain = binary.BigEndian.AppendUint64(plain, uint64(expires.Unix()))
	plain = binary.BigEndian.AppendUint16(plain, uint16(len(value.Reveal())))
	return append(plain, value.Reveal()...)
}

// cutItem reads the item at the start of plain. It returns a zero value for an
// expired or empty one, and no rest at the padding.
func cutItem(plain []byte) (value session.Secret, expires time.Time, rest []byte) {
	end := emailBytes + int(binary.BigEndian.Uint16(plain[8:]))
	if end == emailBytes {
		return session.Secret{}, time.Time{}, nil
	}
	expires = time.Unix(int64(binary.BigEndian.Uint64(plain)), 0)
	if !time.Now().Before(expires) {
		return session.Secret{}, time.Time{}, plain[end:]
	}
	return session.NewSecret(string(plain[emailBytes:end])), expires, plain[end:]
}

// parsePending reads a plaintext of marshal: decryption has authenticated it. It
// leaves out expired parts, since a browser's clock may be wrong, and returns
// false if nothing is left.
func parsePending(plain []byte) (p PendingSignIn, ok bool) {
	state, stateExpiresAt, _ := cutItem(plain)
	plain = plain[stateBytes:]
	length := 2 + int(binary.BigEndian.Uint16(plain))
	email, rest := string(plain[2:length]), plain[length:]
	var emails []PendingSignIn
	for len(rest) > emailBytes {
		var id session.Secret
		var expires time.Time
		if id, expires, rest = cutItem(rest); !id.IsZero() {
			emails = append(emails, PendingSignIn{Email: email, EmailID: id, ExpiresAt: expires})
		}
	}
	if len(emails) > 0 {
		p, p.Earlier = emails[0], emails[1:]
	}
	p.State, p.StateExpiresAt = state, stateExpiresAt
	return p, len(emails) > 0 || !state.IsZero()
}

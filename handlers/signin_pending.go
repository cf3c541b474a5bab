package handlers

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

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/internal/bounds"
	"github.com/crossmint-go/auth/session"
)

// A pendingSignIn is a sign-in that waits for its second step: for the code of an
// e-mail, for a provider or wallet, or for both. The cookie carries it there.
type pendingSignIn struct {
	// Email and EmailID are both empty if only State is pending.
	Email   string
	EmailID session.Secret
	// ExpiresAt is the end of the pending sign-in, in whole seconds. Write it as
	// zero for ten minutes from now.
	ExpiresAt time.Time
	// Earlier are the pending sign-ins of earlier e-mails to the same address in any case, the
	// latest first: users may type the code of any of them. Of each only EmailID
	// and ExpiresAt count. The cookie holds two, and fewer if their IDs are long.
	Earlier []pendingSignIn

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
	// maxPendingValues bounds the cookies of that name that are read. A browser sends
	// two while an attribute changes.
	maxPendingValues = 8
	// maxEarlierEmails bounds pendingSignIn.Earlier: each one costs a call of
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

// A pendingCookie holds the pending sign-in of a browser: for ten minutes, host-only,
// and unreadable for scripts. Where the session cookies have SameSite=None or
// Partitioned, for pages that other sites embed, it has it, too. It is encrypted, so
// that only the holders of the key can read or change it.
type pendingCookie struct {
	config cookie.Config // of the session cookies
	aead   cipher.AEAD
}

// newPendingCookie derives the encryption from a key of at least
// bounds.MinPendingKeyBytes random bytes.
func newPendingCookie(config cookie.Config, key session.Secret) (*pendingCookie, error) {
	if len(key.Reveal()) < bounds.MinPendingKeyBytes {
		return nil, fmt.Errorf("must have %d random bytes or more", bounds.MinPendingKeyBytes)
	}
	derived, err := hkdf.Key(sha256.New, []byte(key.Reveal()), nil, "crossmint-go/auth pending sign-in 3", 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(derived)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	return &pendingCookie{config, aead}, err
}

// write stores a pending sign-in. Call it before the response is written. On an
// error nothing is stored.
func (c *pendingCookie) write(w http.ResponseWriter, p pendingSignIn) error {
	p.setExpiry(time.Now().Add(pendingLifetime))
	plain, err := p.marshal()
	if err != nil {
		return err
	}
	pending := c.empty()
	//nolint:gosec // G407: this AEAD makes its own nonce
	pending.Value = base64.RawURLEncoding.EncodeToString(c.aead.Seal(nil, nil, plain, c.context()))
	pending.Expires = p.ExpiresAt
	if p.StateExpiresAt.After(pending.Expires) {
		pending.Expires = p.StateExpiresAt
	}
	pending.MaxAge = int(time.Until(pending.Expires).Round(time.Second).Seconds())
	http.SetCookie(w, pending)
	w.Header().Set("Cache-Control", "no-store")
	return nil
}

// read returns the pending sign-in that r presents, and reports whether there is one:
// encrypted with the key for this project, and not expired.
func (c *pendingCookie) read(r *http.Request) (pendingSignIn, bool) {
	presented := r.CookiesNamed(c.empty().Name)
	for _, value := range presented[:min(len(presented), maxPendingValues)] {
		if p, ok := c.open(value.Value); ok {
			return p, true
		}
	}
	return pendingSignIn{}, false
}

// remove deletes the cookie.
func (c *pendingCookie) remove(w http.ResponseWriter) {
	deleted := c.empty()
	deleted.Expires, deleted.MaxAge = time.Unix(0, 0), -1
	http.SetCookie(w, deleted)
	w.Header().Set("Cache-Control", "no-store")
}

// empty returns the empty cookie. It is for the sign-in pages of one host, so it has
// neither the Domain nor the Path of the session cookies. Strict would drop it when a
// user comes to the page from the e-mail.
func (c *pendingCookie) empty() *http.Cookie {
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

// context separates projects that share a secret.
func (c *pendingCookie) context() []byte { return []byte(c.config.ProjectID) }

func (c *pendingCookie) open(value string) (pendingSignIn, bool) {
	ciphertext, err := base64.RawURLEncoding.Strict().DecodeString(value)
	if err != nil || len(ciphertext) != pendingBytes+c.aead.Overhead() {
		return pendingSignIn{}, false
	}
	plain, err := c.aead.Open(nil, nil, ciphertext, c.context())
	if err != nil {
		return pendingSignIn{}, false
	}
	return parsePending(plain)
}

// setExpiry sets the zero times of what is pending.
func (p *pendingSignIn) setExpiry(expiry time.Time) {
	if p.Email != "" && p.ExpiresAt.IsZero() {
		p.ExpiresAt = expiry
	}
	if !p.State.IsZero() && p.StateExpiresAt.IsZero() {
		p.StateExpiresAt = expiry
	}
}

var errPendingLength = errors.New("handlers: e-mail address, its ID or state is empty or too long")

// isValid reports whether p has an e-mail or a state, each within its bounds.
func (p pendingSignIn) isValid() bool {
	id, state := len(p.EmailID.Reveal()), len(p.State.Reveal())
	hasEmail := p.Email != "" && id > 0
	stateOnly := p.Email == "" && id == 0 && state > 0
	return (hasEmail || stateOnly) && len(p.Email) <= bounds.MaxEmailBytes && id <= maxEmailIDBytes && state <= maxStateBytes
}

// marshal returns p in pendingBytes bytes: the state, the address with its length,
// then each e-mail's expiry and ID with its length. It leaves out earlier e-mails
// without room.
func (p pendingSignIn) marshal() ([]byte, error) {
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
func parsePending(plain []byte) (p pendingSignIn, ok bool) {
	state, stateExpiresAt, _ := cutItem(plain)
	plain = plain[stateBytes:]
	length := 2 + int(binary.BigEndian.Uint16(plain))
	email, rest := string(plain[2:length]), plain[length:]
	var emails []pendingSignIn
	for len(rest) > emailBytes {
		var id session.Secret
		var expires time.Time
		if id, expires, rest = cutItem(rest); !id.IsZero() {
			emails = append(emails, pendingSignIn{Email: email, EmailID: id, ExpiresAt: expires})
		}
	}
	if len(emails) > 0 {
		p, p.Earlier = emails[0], emails[1:]
	}
	p.State, p.StateExpiresAt = state, stateExpiresAt
	return p, len(emails) > 0 || !state.IsZero()
}

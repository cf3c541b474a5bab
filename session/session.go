package session

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"
)

// An AuthSession is a signed-in user, as a handler reads it with
// [FromContext]. Treat it as read-only: it is shared by everything that
// handles the request. It, its secrets and the request's context share memory
// with the request itself: Clone what is to outlast it.
type AuthSession struct {
	// UserID is the verified "sub" of the JWT.
	UserID string
	// JWT is the verified token, fit to be sent to other Crossmint APIs.
	JWT Secret
	// RefreshToken is the token that will renew the session. It is empty for
	// sessions that came from a JWT alone.
	RefreshToken RefreshToken
}

// Clone returns a copy of s that shares no memory with its request, to be kept
// for longer than that.
func (s *AuthSession) Clone() *AuthSession {
	token := RefreshToken{s.RefreshToken.Secret.Clone(), strings.Clone(s.RefreshToken.ExpiresAtText)}
	return &AuthSession{strings.Clone(s.UserID), s.JWT.Clone(), token}
}

// ExpiresAt returns when the JWT ends ("exp", RFC 7519 §4.1.4), not the session:
// the refresh token renews it. It reads the JWT each time, and is zero where that
// does not tell; a verified one does.
func (s *AuthSession) ExpiresAt() time.Time {
	var claims map[string]json.RawMessage // not a struct: encoding/json would take "EXP", too
	var exp *float64
	if s.Claims(&claims) != nil || json.Unmarshal(claims["exp"], &exp) != nil || exp == nil {
		return time.Time{}
	}
	return time.Unix(int64(*exp), 0)
}

// Claims decodes the claims of the session's JWT into v, as json.Unmarshal
// does. The signature was verified when the session was made.
func (s *AuthSession) Claims(v any) error { return DecodeClaims(s.JWT, v) }

// DecodeClaims decodes the claims of a JWT into v, as json.Unmarshal does. It
// verifies nothing: do that first.
func DecodeClaims(jwt Secret, v any) error {
	parts := strings.Split(jwt.Reveal(), ".")
	if len(parts) != 3 {
		return errors.New("session: no JWT to read claims from")
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return fmt.Errorf("session: claims: %w", err)
	}
	if err := json.Unmarshal(payload, v); err != nil {
		return fmt.Errorf("session: claims: %w", err)
	}
	return nil
}

// A RefreshToken renews a session. Upstream accepts each one once.
type RefreshToken struct {
	Secret Secret
	// ExpiresAtText is when the token ends in upstream's own spelling, which is
	// handed on unchanged. It is empty where the token was read from a cookie,
	// which does not tell.
	ExpiresAtText string
}

// ExpiresAt returns when the token ends. It is zero where nobody has told, or in
// a text that is no time (RFC 3339).
func (t RefreshToken) ExpiresAt() time.Time {
	at, err := time.Parse(time.RFC3339, t.ExpiresAtText)
	if err != nil {
		return time.Time{}
	}
	return at
}

// A Grant is what upstream gives for a refresh token or a one-time secret.
type Grant struct {
	JWT          Secret
	RefreshToken RefreshToken
	User         User
	// ReceivedAt is when upstream sent it: a grant that could not be judged
	// then is judged later by that time.
	ReceivedAt time.Time
}

// A User is a Crossmint user. Marshalled to JSON it is the object that
// upstream sent, members unknown to this package included; once a field has
// been changed it is its fields alone.
type User struct {
	ID          string       `json:"id"`
	Email       string       `json:"email,omitempty"`
	PhoneNumber string       `json:"phoneNumber,omitempty"`
	Twitter     *TwitterUser `json:"twitter,omitempty"`

	raw  json.RawMessage
	seen *plainUser // what raw says; a User that was changed since is not raw
}

// A TwitterUser is the Twitter account of a [User].
type TwitterUser struct {
	ID       string `json:"id"`
	Username string `json:"username"`
}

// plainUser is User without its methods.
type plainUser User

// UnmarshalJSON implements json.Unmarshaler.
func (u *User) UnmarshalJSON(data []byte) error {
	var p plainUser
	if err := json.Unmarshal(data, &p); err != nil {
		return err
	}
	seen := p
	if p.Twitter != nil {
		twitter := *p.Twitter
		seen.Twitter = &twitter
	}
	p.raw, p.seen = append(json.RawMessage(nil), data...), &seen
	*u = User(p)
	return nil
}

// MarshalJSON implements json.Marshaler.
func (u User) MarshalJSON() ([]byte, error) {
	p := plainUser(u)
	p.raw, p.seen = nil, nil
	if u.raw != nil && reflect.DeepEqual(p, *u.seen) {
		return u.raw, nil
	}
	return json.Marshal(p)
}

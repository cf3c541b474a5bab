package crossminttest

import (
	"encoding/json"
	"time"

	"github.com/crossmint-go/auth/session"
)

// sessionLifetime is the lifetime of a session of NewSession.
const sessionLifetime = time.Hour

// NewSession returns a session for the unit test of a handler, without an
// upstream: put it into the context of a request with session.NewContext. The
// claims replace the default sub, iat and exp; a nil value removes one. The JWT
// has no signature, and no verifier accepts it. NewSession panics on values that
// are not JSON.
func NewSession(userID string, claims map[string]any) *session.AuthSession {
	now := time.Now()
	defaults := map[string]any{"sub": userID, "iat": now.Unix(), "exp": now.Add(sessionLifetime).Unix()}
	payload := must(json.Marshal(override(defaults, claims)))
	var times struct {
		IssuedAt  int64 `json:"iat"`
		ExpiresAt int64 `json:"exp"`
	}
	_ = json.Unmarshal(payload, &times) // a claim of another type leaves its time at zero
	s := &session.AuthSession{
		UserID:       userID,
		JWT:          session.NewSecret(encode([]byte(`{"alg":"none"}`)) + "." + encode(payload) + "."),
		RefreshToken: session.RefreshToken{Secret: session.NewSecret(randomSecret())},
	}
	if times.IssuedAt != 0 {
		s.IssuedAt = time.Unix(times.IssuedAt, 0)
	}
	if times.ExpiresAt != 0 {
		s.ExpiresAt = time.Unix(times.ExpiresAt, 0)
	}
	return s
}

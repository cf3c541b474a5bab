package crossminttest

import (
	"encoding/json"
	"time"

	"github.com/crossmint-go/auth/session"
)

// sessionLifetime is how long a made-up session lasts.
const sessionLifetime = time.Hour

// NewSession returns a session for the unit test of a handler, without an
// upstream: put it into a request's context by session.NewContext. The claims
// are laid over sub, iat and exp; a nil value removes one. The JWT has no
// signature, and no verifier takes it. NewSession panics on values that are
// not JSON.
func NewSession(userID string, claims map[string]any) *session.AuthSession {
	now := time.Now()
	usual := map[string]any{"sub": userID, "iat": now.Unix(), "exp": now.Add(sessionLifetime).Unix()}
	payload := must(json.Marshal(overlay(usual, claims)))
	return &session.AuthSession{
		UserID:       userID,
		JWT:          session.NewSecret(encode([]byte(`{"alg":"none"}`)) + "." + encode(payload) + "."),
		RefreshToken: session.RefreshToken{Secret: session.NewSecret(randomText())},
	}
}

package crossminttest

import (
	"crypto/ed25519"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/mr-tron/base58"

	"github.com/crossmint-go/auth/crossmint"
)

// keyType is the first part of an API key.
type keyType string

const (
	clientKey keyType = "ck"
	serverKey keyType = "sk"
)

// MintAPIKey returns a correctly signed API key of the given type, "sk" or "ck".
// The API accepts it only if it has the environment and the project of the fake.
// Other keys are for tests of their rejection.
func (s *Server) MintAPIKey(prefix string, environment crossmint.Environment, projectID string) string {
	data := projectID + "." + randomSecret()
	// The signing input has a dot where the key has an underscore.
	signed := fmt.Sprintf("%s_%s.%s", prefix, environment, data)
	signature := ed25519.Sign(s.apiKeySigner, []byte(signed))
	encoded := base58.Encode([]byte(data + ":" + base58.Encode(signature)))
	key := fmt.Sprintf("%s_%s_%s", prefix, environment, encoded)
	if environment == s.config.Environment && projectID == s.config.ProjectID {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.apiKeys[key] = keyType(prefix)
	}
	return key
}

// RevokeAPIKey makes the API reject key with 403 from now on.
func (s *Server) RevokeAPIKey(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.apiKeys, key)
}

// withKey rejects calls without an API key of the allowed types.
func (s *Server) withKey(next handlerFunc, allowed ...keyType) handlerFunc {
	return func(r *http.Request, body []byte) response {
		s.mu.Lock()
		kind, known := s.apiKeys[r.Header.Get("x-api-key")]
		s.mu.Unlock()
		if !known {
			return apiError(http.StatusForbidden, "Malformed API key")
		}
		if !slices.Contains(allowed, kind) {
			return apiError(http.StatusForbidden, "This API key lacks the scope of this endpoint")
		}
		return next(r, body)
	}
}

// AcceptAPIKey makes the API accept a key that the fake has not minted, for
// example one that Crossmint has signed: the browser client accepts no other.
func (s *Server) AcceptAPIKey(key string) {
	prefix, _, _ := strings.Cut(key, "_")
	s.mu.Lock()
	defer s.mu.Unlock()
	s.apiKeys[key] = keyType(prefix)
}

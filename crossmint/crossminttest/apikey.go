package crossminttest

import (
	"crypto/ed25519"
	"fmt"
	"net/http"
	"strings"

	"github.com/mr-tron/base58"

	"github.com/crossmint-go/auth/crossmint"
)

// keyOrigin is the first part of an API key: who may hold it.
type keyOrigin string

const (
	clientOrigin keyOrigin = "ck"
	serverOrigin keyOrigin = "sk"
)

// MintAPIKey returns a well-formed API key of the given origin, "sk" or "ck",
// signed by the fake's signer. The API takes it only if it is of the fake's
// own environment and project; others serve to test what refuses them.
func (s *Server) MintAPIKey(origin string, environment crossmint.Environment, projectID string) string {
	data := projectID + "." + randomText()
	// The signed text joins by a dot what the key joins by an underscore.
	signed := fmt.Sprintf("%s_%s.%s", origin, environment, data)
	signature := ed25519.Sign(s.signer, []byte(signed))
	encoded := base58.Encode([]byte(data + ":" + base58.Encode(signature)))
	key := fmt.Sprintf("%s_%s_%s", origin, environment, encoded)
	if environment == s.config.Environment && projectID == s.config.ProjectID {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.apiKeys[key] = keyOrigin(origin)
	}
	return key
}

// RevokeAPIKey makes the API refuse key with 403 from now on.
func (s *Server) RevokeAPIKey(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.apiKeys, key)
}

// withKey lets only calls with an API key of the given origins through.
func (s *Server) withKey(next answerFunc, origins ...keyOrigin) answerFunc {
	return func(r *http.Request, body []byte) reply {
		s.mu.Lock()
		origin, known := s.apiKeys[r.Header.Get("x-api-key")]
		s.mu.Unlock()
		if !known {
			return apiError(http.StatusForbidden, "Malformed API key")
		}
		for _, allowed := range origins {
			if origin == allowed {
				return next(r, body)
			}
		}
		return apiError(http.StatusForbidden, "This API key lacks the scope of this endpoint")
	}
}

// AcceptAPIKey lets calls pass that come with a key which the fake has not
// minted, such as one that the vendor has signed: the browser client takes no
// other.
func (s *Server) AcceptAPIKey(key string) {
	origin, _, _ := strings.Cut(key, "_")
	s.mu.Lock()
	defer s.mu.Unlock()
	s.apiKeys[key] = keyOrigin(origin)
}

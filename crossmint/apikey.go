package crossmint

import (
	"crypto/ed25519"
	"fmt"
	"strings"

	"github.com/mr-tron/base58"
)

// An Environment is one of Crossmint's deployments. Each has its own keys, users
// and base URL. An API key names its environment.
type Environment string

// The environments.
const (
	Development Environment = "development"
	Staging     Environment = "staging"
	Production  Environment = "production"
)

// Crossmint's public keys that verify API keys.
const (
	stagingVerifier    = "3hSfN4dWSwgCg1uf2yytBtK6KxK3ySFKasd2h9J2vSK5"
	productionVerifier = "8erZh8YApGck3iUSUHqATBxqMTM1Ukp9mHmvGgUWHtkK"
)

// environments has the base URL of each environment and the key that verifies its
// API keys.
var environments = map[Environment]struct{ baseURL, verifier string }{
	Development: {"http://localhost:3000", stagingVerifier},
	Staging:     {"https://staging.crossmint.com", stagingVerifier},
	Production:  {"https://www.crossmint.com", productionVerifier},
}

// The types of API keys are their prefixes.
const (
	clientKey = "ck"
	serverKey = "sk"
)

// maxAPIKeyBytes bounds the base58 decoding, which takes quadratic time. Real
// keys have about 200 bytes.
const maxAPIKeyBytes = 1024

// An apiKeyError has the wording of Crossmint's own SDK.
type apiKeyError string

func (e apiKeyError) Error() string { return string(e) }

const (
	errAPIKeyOld         apiKeyError = "Old API key format detected. Please create a new API key from the Crossmint console."
	errAPIKeyType        apiKeyError = "Malformed API key. Must start with 'ck' or 'sk'."
	errAPIKeyEnvironment apiKeyError = "Malformed API key. Must have a valid environment: 'development', 'staging' or 'production'."
	errAPIKeySignature   apiKeyError = "Invalid API key. Failed to validate signature"
)

// errAPIKeyDisallowed returns the error for a key of another type or environment
// than required.
func errAPIKeyDisallowed(given, required string) apiKeyError {
	return apiKeyError(fmt.Sprintf("Disallowed API key. You passed a %s API key, but a %s API key is required.", given, required))
}

// An apiKey is the content of a checked API key.
type apiKey struct {
	environment Environment
	projectID   string
}

// parseAPIKey checks the API key in the order and with the messages of Crossmint's
// own SDK, so that search results for them apply here, too. No message holds a
// part of the key.
func (c *Config) parseAPIKey() (apiKey, error) {
	key := c.APIKey.Reveal()
	if strings.HasPrefix(key, "sk_live") || strings.HasPrefix(key, "sk_test") {
		return apiKey{}, errAPIKeyOld
	}
	keyType, rest, found := strings.Cut(key, "_")
	if !found || keyType != clientKey && keyType != serverKey {
		return apiKey{}, errAPIKeyType
	}
	if keyType == clientKey && !c.AllowClientKey {
		return apiKey{}, errAPIKeyDisallowed("client", "server")
	}
	name, encoded, found := strings.Cut(rest, "_")
	environment := Environment(name)
	known, isKnown := environments[environment]
	if !found || !isKnown {
		return apiKey{}, errAPIKeyEnvironment
	}
	if c.RequireEnvironment != "" && environment != c.RequireEnvironment {
		return apiKey{}, errAPIKeyDisallowed(name, string(c.RequireEnvironment))
	}
	verifier, replaced := c.APIKeyVerifiers[environment]
	if !replaced {
		verifier, _ = base58.Decode(known.verifier)
	}
	project, err := signedProject(keyType+"_"+name, encoded, verifier)
	if err != nil {
		return apiKey{}, err
	}
	return apiKey{environment, project}, nil
}

// signedProject verifies the signed part of a key and returns the project ID. The
// prefix is the part before it.
func signedProject(prefix, encoded string, verifier ed25519.PublicKey) (string, error) {
	if len(encoded) > maxAPIKeyBytes || len(verifier) != ed25519.PublicKeySize {
		return "", errAPIKeySignature
	}
	decoded, err := base58.Decode(encoded)
	if err != nil {
		return "", errAPIKeySignature
	}
	parts := strings.Split(string(decoded), ":")
	if len(parts) != 2 {
		return "", errAPIKeySignature
	}
	signature, err := base58.Decode(parts[1])
	if err != nil || len(signature) != ed25519.SignatureSize {
		return "", errAPIKeySignature
	}
	// The signature covers the prefix and the data, joined by a dot where the key
	// itself has an underscore.
	if !ed25519.Verify(verifier, []byte(prefix+"."+parts[0]), signature) {
		return "", errAPIKeySignature
	}
	project, _, found := strings.Cut(parts[0], ".")
	if !found || !validProjectID(project) {
		return "", errAPIKeySignature
	}
	return project, nil
}

// validProjectID reports whether id can be a part of a cookie name. Real IDs are
// UUIDs.
func validProjectID(id string) bool {
	if id == "" || len(id) > 128 {
		return false
	}
	return !strings.ContainsFunc(id, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_')
	})
}

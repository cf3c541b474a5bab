package crossmint

import (
	"cmp"
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

// An apiKeyError has the wording of Crossmint's own SDK, so that search results
// for it apply here, too. The cause follows it where one can be told. Neither holds
// a part of the key behind its prefix.
type apiKeyError struct{ message, cause string }

func (e apiKeyError) Error() string {
	if e.cause == "" {
		return e.message
	}
	return e.message + " (" + e.cause + ")"
}

const (
	messageOld         = "Old API key format detected. Please create a new API key from the Crossmint console."
	messageType        = "Malformed API key. Must start with 'ck' or 'sk'."
	messageEnvironment = "Malformed API key. Must have a valid environment: 'development', 'staging' or 'production'."
	messageSignature   = "Invalid API key. Failed to validate signature"
)

// errDisallowed returns the error for a key of another type or environment than
// required.
func errDisallowed(given, required string) error {
	return apiKeyError{message: fmt.Sprintf("Disallowed API key. You passed a %s API key, but a %s API key is required.", given, required)}
}

// An apiKey is the content of a checked API key.
type apiKey struct {
	environment Environment
	projectID   string
}

// parseAPIKey checks the API key in the order of Crossmint's own SDK.
func (c *Config) parseAPIKey() (apiKey, error) {
	key := c.APIKey.Reveal()
	if strings.HasPrefix(key, "sk_live") || strings.HasPrefix(key, "sk_test") {
		return apiKey{}, apiKeyError{message: messageOld}
	}
	keyType, rest, found := strings.Cut(key, "_")
	if !found || keyType != clientKey && keyType != serverKey {
		return apiKey{}, apiKeyError{messageType, surroundings(key)}
	}
	if keyType == clientKey && !c.AllowClientKey {
		return apiKey{}, errDisallowed("client", "server")
	}
	name, encoded, found := strings.Cut(rest, "_")
	environment := Environment(name)
	if !found || !environment.isKnown() {
		return apiKey{}, apiKeyError{messageEnvironment, surroundings(key)}
	}
	if c.RequireEnvironment.isKnown() && environment != c.RequireEnvironment { // else Config.check names the typo
		return apiKey{}, errDisallowed(name, string(c.RequireEnvironment))
	}
	project, cause := c.signedProject(keyType, environment, encoded)
	if cause != "" {
		return apiKey{}, apiKeyError{messageSignature, cmp.Or(surroundings(key), cause)}
	}
	return apiKey{environment, project}, nil
}

func (e Environment) isKnown() bool {
	_, known := environments[e]
	return known
}

// signedProject verifies the signed part of a key and returns the project ID, or
// the cause of the failure.
func (c *Config) signedProject(keyType string, environment Environment, encoded string) (project, cause string) {
	const incomplete = "the key is incomplete or was changed"
	if len(encoded) > maxAPIKeyBytes {
		return "", "the value is longer than any key"
	}
	decoded, err := base58.Decode(encoded)
	if err != nil {
		return "", incomplete
	}
	data, encodedSignature, found := strings.Cut(string(decoded), ":")
	signature, err := base58.Decode(encodedSignature)
	if !found || err != nil || len(signature) != ed25519.SignatureSize {
		return "", incomplete
	}
	if !c.hasSigned(keyType, environment, data, signature) {
		return "", c.wrongSignature(environment, data, signature)
	}
	project, _, found = strings.Cut(data, ".")
	if !found || !validProjectID(project) {
		return "", "the key names no project"
	}
	return project, ""
}

// hasSigned reports whether the signature is that of a key of the given type and
// environment. It covers the prefix and the data, joined by a dot where the key
// itself has an underscore.
func (c *Config) hasSigned(keyType string, environment Environment, data string, signature []byte) bool {
	verifier := c.apiKeyVerifier(environment)
	return len(verifier) == ed25519.PublicKeySize && ed25519.Verify(verifier, []byte(keyType+"_"+string(environment)+"."+data), signature)
}

// apiKeyVerifier returns the public key for API keys of an environment.
func (c *Config) apiKeyVerifier(environment Environment) ed25519.PublicKey {
	if verifier, replaced := c.APIKeyVerifiers[environment]; replaced {
		return verifier
	}
	verifier, _ := base58.Decode(environments[environment].verifier)
	return verifier
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

package crossmint

import (
	"crypto/ed25519"
	"fmt"
	"maps"
	"strings"

	"github.com/crossmint-go/auth/session"
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

// environments has the order of the error messages.
var environments = [...]Environment{Development, Staging, Production}

// baseURL returns the base URL of the environment's API.
func (e Environment) baseURL() string {
	switch e {
	case Production:
		return "https://www.crossmint.com"
	case Staging:
		return "https://staging.crossmint.com"
	default:
		return "http://localhost:3000"
	}
}

// keyType is the first part of an API key.
type keyType string

const (
	clientKey keyType = "ck"
	serverKey keyType = "sk"
)

func (t keyType) String() string {
	if t == clientKey {
		return "client"
	}
	return "server"
}

// maxAPIKeyBytes bounds the base58 decoding, which takes quadratic time. Real
// keys have about 200 bytes.
const maxAPIKeyBytes = 1024

// Crossmint's public keys that verify API keys. The staging key verifies those of
// development, too.
const (
	stagingVerifier    = "3hSfN4dWSwgCg1uf2yytBtK6KxK3ySFKasd2h9J2vSK5"
	productionVerifier = "8erZh8YApGck3iUSUHqATBxqMTM1Ukp9mHmvGgUWHtkK"
)

// defaultVerifiers returns Crossmint's public keys by environment.
func defaultVerifiers() map[Environment]ed25519.PublicKey {
	decode := func(encoded string) ed25519.PublicKey {
		key, err := base58.Decode(encoded)
		if err != nil || len(key) != ed25519.PublicKeySize {
			panic("crossmint: a public key in this file is damaged")
		}
		return key
	}
	staging := decode(stagingVerifier)
	return map[Environment]ed25519.PublicKey{
		Development: staging,
		Staging:     staging,
		Production:  decode(productionVerifier),
	}
}

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
func errAPIKeyDisallowed(given, required any) apiKeyError {
	return apiKeyError(fmt.Sprintf("Disallowed API key. You passed a %s API key, but a %s API key is required.", given, required))
}

// An apiKey is a checked API key.
type apiKey struct {
	secret      session.Secret
	keyType     keyType
	environment Environment
	projectID   string
}

// keyRules are the conditions of [parseAPIKey].
type keyRules struct {
	allowClient bool
	environment Environment // "" allows any
	verifiers   map[Environment]ed25519.PublicKey
}

// parseAPIKey checks a key in the order and with the messages of Crossmint's own
// SDK, so that search results for them apply here, too. No message holds a part
// of the key.
func parseAPIKey(key string, rules keyRules) (apiKey, error) {
	if strings.HasPrefix(key, "sk_live") || strings.HasPrefix(key, "sk_test") {
		return apiKey{}, errAPIKeyOld
	}
	prefix, rest, found := strings.Cut(key, "_")
	kind := keyType(prefix)
	if !found || kind != clientKey && kind != serverKey {
		return apiKey{}, errAPIKeyType
	}
	if kind == clientKey && !rules.allowClient {
		return apiKey{}, errAPIKeyDisallowed(clientKey, serverKey)
	}
	name, encoded, found := strings.Cut(rest, "_")
	environment, known := knownEnvironment(name)
	if !found || !known {
		return apiKey{}, errAPIKeyEnvironment
	}
	if rules.environment != "" && environment != rules.environment {
		return apiKey{}, errAPIKeyDisallowed(environment, rules.environment)
	}
	project, err := signedProject(kind, environment, encoded, rules.verifiers[environment])
	if err != nil {
		return apiKey{}, err
	}
	return apiKey{session.NewSecret(key), kind, environment, project}, nil
}

// signedProject verifies the signed part of a key and returns the project ID.
func signedProject(kind keyType, environment Environment, encoded string, verifier ed25519.PublicKey) (string, error) {
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
	// The signature covers the type, the environment and the data, joined by a
	// dot where the key itself has an underscore.
	signed := fmt.Sprintf("%s_%s.%s", string(kind), environment, parts[0])
	if !ed25519.Verify(verifier, []byte(signed), signature) {
		return "", errAPIKeySignature
	}
	project, _, found := strings.Cut(parts[0], ".")
	if !found || !validProjectID(project) {
		return "", errAPIKeySignature
	}
	return project, nil
}

func knownEnvironment(name string) (Environment, bool) {
	for _, e := range environments {
		if string(e) == name {
			return e, true
		}
	}
	return "", false
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

// mergeVerifiers returns the default keys, with those in overrides in their
// place.
func mergeVerifiers(overrides map[Environment]ed25519.PublicKey) map[Environment]ed25519.PublicKey {
	verifiers := defaultVerifiers()
	maps.Copy(verifiers, overrides)
	return verifiers
}

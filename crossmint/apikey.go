package crossmint

import (
	"crypto/ed25519"
	"fmt"
	"maps"
	"strings"

	"github.com/crossmint-go/auth/session"
	"github.com/mr-tron/base58"
)

// Environment is one of Crossmint's three worlds, each with its own keys,
// users and base URL. An API key names its own.
type Environment string

// The environments.
const (
	Development Environment = "development"
	Staging     Environment = "staging"
	Production  Environment = "production"
)

// environments in the order in which messages name them.
var environments = [...]Environment{Development, Staging, Production}

// baseURL returns where the environment's API lives.
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

// origin is the first part of an API key: who may hold it.
type origin string

const (
	clientKey origin = "ck"
	serverKey origin = "sk"
)

func (o origin) String() string {
	if o == clientKey {
		return "client"
	}
	return "server"
}

// maxAPIKeyBytes bounds the base58 decoding, whose cost is quadratic. Real
// keys have about 200 bytes.
const maxAPIKeyBytes = 1024

// The vendor's keys, which sign API keys. Development keys are signed by the
// staging signer.
const (
	stagingSigner    = "3hSfN4dWSwgCg1uf2yytBtK6KxK3ySFKasd2h9J2vSK5"
	productionSigner = "8erZh8YApGck3iUSUHqATBxqMTM1Ukp9mHmvGgUWHtkK"
)

// vendorSigners returns the public keys that sign API keys, by environment.
func vendorSigners() map[Environment]ed25519.PublicKey {
	decode := func(text string) ed25519.PublicKey {
		key, err := base58.Decode(text)
		if err != nil || len(key) != ed25519.PublicKeySize {
			panic("crossmint: a signer key in this file is damaged")
		}
		return key
	}
	staging := decode(stagingSigner)
	return map[Environment]ed25519.PublicKey{
		Development: staging,
		Staging:     staging,
		Production:  decode(productionSigner),
	}
}

// apiKeyError is a message of the vendor's own wording.
type apiKeyError string

func (e apiKeyError) Error() string { return string(e) }

const (
	errAPIKeyOld         apiKeyError = "Old API key format detected. Please create a new API key from the Crossmint console."
	errAPIKeyOrigin      apiKeyError = "Malformed API key. Must start with 'ck' or 'sk'."
	errAPIKeyEnvironment apiKeyError = "Malformed API key. Must have a valid environment: 'development', 'staging' or 'production'."
	errAPIKeySignature   apiKeyError = "Invalid API key. Failed to validate signature"
)

// errAPIKeyDisallowed says that a key of one sort came where another is
// required.
func errAPIKeyDisallowed(given, required any) apiKeyError {
	return apiKeyError(fmt.Sprintf("Disallowed API key. You passed a %s API key, but a %s API key is required.", given, required))
}

// apiKey is a checked API key.
type apiKey struct {
	text        session.Secret
	origin      origin
	environment Environment
	projectID   string
}

// keyRules says which keys [parseAPIKey] takes.
type keyRules struct {
	allowClient bool
	environment Environment // "" takes any
	signers     map[Environment]ed25519.PublicKey
}

// parseAPIKey checks a key in the vendor's order and with the vendor's
// messages, so that what is found by searching for them applies here, too.
// No message holds a part of the key.
func parseAPIKey(text string, rules keyRules) (apiKey, error) {
	if strings.HasPrefix(text, "sk_live") || strings.HasPrefix(text, "sk_test") {
		return apiKey{}, errAPIKeyOld
	}
	prefix, rest, found := strings.Cut(text, "_")
	from := origin(prefix)
	if !found || from != clientKey && from != serverKey {
		return apiKey{}, errAPIKeyOrigin
	}
	if from == clientKey && !rules.allowClient {
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
	project, err := signedProject(from, environment, encoded, rules.signers[environment])
	if err != nil {
		return apiKey{}, err
	}
	return apiKey{session.NewSecret(text), from, environment, project}, nil
}

// signedProject checks the signed part of a key and returns the project ID.
func signedProject(from origin, environment Environment, encoded string, signer ed25519.PublicKey) (string, error) {
	if len(encoded) > maxAPIKeyBytes || len(signer) != ed25519.PublicKeySize {
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
	// The origin and the environment are signed with the data, joined by a
	// dot where the key itself has underscores.
	signed := fmt.Sprintf("%s_%s.%s", string(from), environment, parts[0])
	if !ed25519.Verify(signer, []byte(signed), signature) {
		return "", errAPIKeySignature
	}
	project, _, found := strings.Cut(parts[0], ".")
	if !found || !plainProjectID(project) {
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

// plainProjectID reports whether id can be a part of a cookie's name. Real
// ones are UUIDs.
func plainProjectID(id string) bool {
	if id == "" || len(id) > 128 {
		return false
	}
	return !strings.ContainsFunc(id, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_')
	})
}

// mergeSigners returns the vendor's signers with the given ones laid over.
func mergeSigners(over map[Environment]ed25519.PublicKey) map[Environment]ed25519.PublicKey {
	signers := vendorSigners()
	maps.Copy(signers, over)
	return signers
}

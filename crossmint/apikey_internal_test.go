package crossmint

import (
	"crypto/ed25519"
	"testing"

	"github.com/mr-tron/base58"
)

// Each environment has a base URL and a key that is not damaged.
func TestEnvironments(t *testing.T) {
	for name, environment := range environments {
		key, err := base58.Decode(environment.verifier)
		if err != nil || len(key) != ed25519.PublicKeySize {
			t.Errorf("%s: verifier of %d bytes, error %v", name, len(key), err)
		}
		if err := checkURL(environment.baseURL); err != nil {
			t.Errorf("%s: base URL: %v", name, err)
		}
	}
}

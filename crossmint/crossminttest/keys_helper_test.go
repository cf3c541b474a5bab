package crossminttest_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"math/big"
	"strings"
	"testing"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
)

// A key is a published JWK.
type key struct {
	Kty, Use, Alg, Kid, Crv, N, E, X, Y string
}

func published(t *testing.T, fake *crossminttest.Server) map[string]key {
	t.Helper()
	var set struct{ Keys []key }
	decode(t, mustCall(t, fake, "GET", "/.well-known/jwks.json", "").body, &set)
	keys := map[string]key{}
	for _, k := range set.Keys {
		keys[k.Kid] = k
	}
	return keys
}

func decodeBase64(t *testing.T, encoded string) []byte {
	t.Helper()
	out, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func number(t *testing.T, encoded string) *big.Int {
	return new(big.Int).SetBytes(decodeBase64(t, encoded))
}

// verifies reports whether the published key that the JWT names has signed it.
func verifies(t *testing.T, fake *crossminttest.Server, jwt string) bool {
	t.Helper()
	parts := strings.Split(jwt, ".")
	if len(parts) != 3 {
		t.Fatalf("%d parts, want 3", len(parts))
	}
	var header struct{ Alg, Kid, Typ string }
	decode(t, decodeBase64(t, parts[0]), &header)
	k, ok := published(t, fake)[header.Kid]
	if !ok || k.Alg != header.Alg || k.Use != "sig" || header.Typ != "" {
		return false
	}
	input, signature := []byte(parts[0]+"."+parts[1]), decodeBase64(t, parts[2])
	digest := sha256.Sum256(input)
	switch k.Kty {
	case "RSA":
		public := &rsa.PublicKey{N: number(t, k.N), E: int(number(t, k.E).Int64())}
		return public.N.BitLen() == 2048 && rsa.VerifyPKCS1v15(public, crypto.SHA256, digest[:], signature) == nil
	case "EC":
		point := append(append([]byte{4}, decodeBase64(t, k.X)...), decodeBase64(t, k.Y)...)
		public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
		if err != nil || k.Crv != "P-256" || len(signature) != 64 {
			return false
		}
		r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
		return ecdsa.Verify(public, digest[:], r, s)
	case "OKP":
		return k.Crv == "Ed25519" && ed25519.Verify(decodeBase64(t, k.X), input, signature)
	default:
		return false
	}
}

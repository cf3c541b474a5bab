package verify_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"sync"
)

// A signingKey is a key pair with its kid and algorithm.
type signingKey struct {
	kid, algorithm string
	private        crypto.Signer
}

// The keys of most tests are shared, because creating an RSA key is slow. The
// other keys are for signatures that must not fit.
var (
	rsaKey      = sync.OnceValue(func() crypto.Signer { return must(rsa.GenerateKey(rand.Reader, 2048)) })
	otherRSAKey = sync.OnceValue(func() crypto.Signer { return must(rsa.GenerateKey(rand.Reader, 2048)) })
	ecKey       = sync.OnceValue(newECKey)
	otherECKey  = sync.OnceValue(newECKey)
	edKey       = sync.OnceValue(newEdKey)
	otherEdKey  = sync.OnceValue(newEdKey)
)

func newECKey() crypto.Signer { return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) }

func newEdKey() crypto.Signer {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	return must(private, err)
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// algorithms returns for each algorithm two keys of the same kid.
func algorithms() map[string][2]signingKey {
	return map[string][2]signingKey{
		"RS256": {{"k1", "RS256", rsaKey()}, {"k1", "RS256", otherRSAKey()}},
		"ES256": {{"k1", "ES256", ecKey()}, {"k1", "ES256", otherECKey()}},
		"EdDSA": {{"k1", "EdDSA", edKey()}, {"k1", "EdDSA", otherEdKey()}},
	}
}

// newEd25519Key returns a new key of the cheapest algorithm.
func newEd25519Key(kid string) signingKey { return signingKey{kid, "EdDSA", newEdKey()} }

func b64(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

// token returns exactly this header and these claims in the signed compact form
// (RFC 7515 §3.1).
func (s signingKey) token(header, claims string) string {
	input := b64([]byte(header)) + "." + b64([]byte(claims))
	return input + "." + b64(s.sign([]byte(input)))
}

// sign returns a signature (RFC 7518 §3).
func (s signingKey) sign(input []byte) []byte {
	digest := sha256.Sum256(input)
	switch private := s.private.(type) {
	case *ecdsa.PrivateKey:
		r, v, err := ecdsa.Sign(rand.Reader, private, digest[:])
		must(r, err)
		return rawECDSA(r, v)
	case ed25519.PrivateKey:
		return ed25519.Sign(private, input)
	default:
		return must(private.Sign(rand.Reader, digest[:], crypto.SHA256))
	}
}

// rawECDSA returns r and s side by side, at full width (RFC 7518 §3.4).
func rawECDSA(r, s *big.Int) []byte {
	raw := make([]byte, 64)
	r.FillBytes(raw[:32])
	s.FillBytes(raw[32:])
	return raw
}

// jwk returns the public key in the form of RFC 7517.
func (s signingKey) jwk() map[string]any {
	out := map[string]any{"kid": s.kid, "alg": s.algorithm, "use": "sig"}
	switch public := s.private.Public().(type) {
	case *rsa.PublicKey:
		out["kty"], out["n"], out["e"] = "RSA", b64(public.N.Bytes()), b64(big.NewInt(int64(public.E)).Bytes())
	case *ecdsa.PublicKey:
		point := must(public.Bytes()) // 4, X, Y
		out["kty"], out["crv"], out["x"], out["y"] = "EC", "P-256", b64(point[1:33]), b64(point[33:])
	case ed25519.PublicKey:
		out["kty"], out["crv"], out["x"] = "OKP", "Ed25519", b64(public)
	}
	return out
}

// keySet returns the JWK set of some JWKs, jwks that of some keys.
func keySet(keys ...map[string]any) []byte {
	return must(json.Marshal(map[string]any{"keys": keys}))
}

func jwks(signers ...signingKey) []byte {
	var keys []map[string]any
	for _, s := range signers {
		keys = append(keys, s.jwk())
	}
	return keySet(keys...)
}

package crossminttest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"math/big"
	"sync"
)

// The algorithms that sign JWTs.
const (
	rs256 = "RS256"
	es256 = "ES256"
	edDSA = "EdDSA"
)

func knownAlgorithm(name string) bool { return name == rs256 || name == es256 || name == edDSA }

// signingKey is one key of a key set.
type signingKey struct {
	id        string
	algorithm string
	private   crypto.Signer
}

// newKey creates a key. RSA keys of the same number are equal, see rsaKey; each
// number is used once in a fake.
func newKey(algorithm string, number int) signingKey {
	key := signingKey{id: "xmint-" + randomSecret()[:12], algorithm: algorithm}
	switch algorithm {
	case es256:
		key.private = must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	case edDSA:
		_, private, err := ed25519.GenerateKey(rand.Reader)
		key.private = must(private, err)
	default:
		key.private = must(rsaKey(number))
	}
	return key
}

const (
	rsaBits     = 2048
	rsaPoolSize = 8
)

// rsaPool holds the first RSA keys of every fake in the process, because creating
// one takes as long as a hundred tests. Fakes can share them: each publishes them
// under its own key IDs.
var rsaPool = func() (pool [rsaPoolSize]func() (*rsa.PrivateKey, error)) {
	for i := range pool {
		pool[i] = sync.OnceValues(newRSAKey)
	}
	return pool
}()

func newRSAKey() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, rsaBits) }

// rsaKey returns the key of that number from the pool, or a new one beyond it.
func rsaKey(number int) (*rsa.PrivateKey, error) {
	if number < rsaPoolSize {
		return rsaPool[number]()
	}
	return newRSAKey()
}

// sign returns the JWS signature (RFC 7518 §3) of input.
func (k signingKey) sign(input []byte) []byte {
	digest := sha256.Sum256(input)
	switch private := k.private.(type) {
	case *ecdsa.PrivateKey:
		r, s, err := ecdsa.Sign(rand.Reader, private, digest[:])
		// r and s at full width, not the DER of crypto.Signer: RFC 7518 §3.4.
		must(r, err)
		raw := make([]byte, 64)
		r.FillBytes(raw[:32])
		s.FillBytes(raw[32:])
		return raw
	case ed25519.PrivateKey:
		return ed25519.Sign(private, input)
	default:
		return must(private.Sign(rand.Reader, digest[:], crypto.SHA256))
	}
}

// jwk is a public key in the form of RFC 7517.
type jwk struct {
	Type      string `json:"kty"`
	Use       string `json:"use"`
	Algorithm string `json:"alg"`
	ID        string `json:"kid"`
	Modulus   string `json:"n,omitempty"`
	Exponent  string `json:"e,omitempty"`
	Curve     string `json:"crv,omitempty"`
	X         string `json:"x,omitempty"`
	Y         string `json:"y,omitempty"`
}

func (k signingKey) public() jwk {
	out := jwk{Use: "sig", Algorithm: k.algorithm, ID: k.id}
	switch public := k.private.Public().(type) {
	case *rsa.PublicKey:
		out.Type = "RSA"
		out.Modulus = encode(public.N.Bytes())
		out.Exponent = encode(big.NewInt(int64(public.E)).Bytes())
	case *ecdsa.PublicKey:
		point := must(public.ECDH()).Bytes() // 4, X, Y
		out.Type, out.Curve = "EC", "P-256"
		out.X, out.Y = encode(point[1:33]), encode(point[33:])
	case ed25519.PublicKey:
		out.Type, out.Curve, out.X = "OKP", "Ed25519", encode(public)
	}
	return out
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// randomSecret returns 43 URL-safe characters.
func randomSecret() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	return encode(b[:])
}

// must panics on errors that only a bug in this package or a broken random source
// can cause.
func must[T any](v T, err error) T {
	if err != nil {
		panic(fmt.Sprintf("crossminttest: %v", err))
	}
	return v
}

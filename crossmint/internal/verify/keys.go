package verify

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/crossmint-go/auth/internal/strictjson"
	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/lestrrat-go/jwx/v2/jws"
)

// Bounds of what a key set may hold.
const (
	// maxKeys is far above the handful that a rotation needs.
	maxKeys = 100
	// maxNamesakes bounds the keys of one name, and so the signatures that
	// one token has checked.
	maxNamesakes = 3
	// minRSABits is the least that RFC 7518 §3.3 allows; maxRSABits bounds
	// the cost of one verification.
	minRSABits = 2048
	maxRSABits = 8192
	// ecdsaSignatureBytes is r and s of P-256 side by side (RFC 7518 §3.4).
	ecdsaSignatureBytes = 64
)

// A key is a public key that verifies with exactly one algorithm.
type key struct {
	kid       string
	algorithm Algorithm
	public    comparablePublicKey
	verifier  jws.Verifier
	size      int // of a signature, in bytes
	// retired is set once upstream no longer publishes the key: verdicts
	// that rest on it end there.
	retired atomic.Bool
}

type comparablePublicKey interface {
	Equal(x crypto.PublicKey) bool
}

// verifies reports whether p carries k's signature.
func (k *key) verifies(p *parsed) bool {
	return len(p.signature) == k.size && k.verifier.Verify([]byte(p.signed), p.signature, k.public) == nil
}

// A KeySet is the public keys that upstream publishes. It is immutable.
type KeySet struct {
	keys []*key
	// Warnings tells which keys were left out and why, without key material.
	Warnings []string
}

// find returns the keys that p may have been signed with. A "kid" can name
// more than one, while a rotation keeps the name; without one there must be no
// choice.
func (s *KeySet) find(p *parsed) (found []*key) {
	if s == nil {
		return nil
	}
	for _, k := range s.keys {
		if k.algorithm == p.algorithm && (!p.hasKid || k.kid == p.kid) && len(found) < maxNamesakes {
			found = append(found, k)
		}
	}
	if !p.hasKid && len(found) > 1 {
		return nil
	}
	return found
}

// signer returns the one of the keys whose signature p carries, or nil.
func signer(keys []*key, p *parsed) *key {
	for _, k := range keys {
		if k.verifies(p) {
			return k
		}
	}
	return nil
}

// unknownKey says that no key fits p.
func unknownKey(p *parsed) error {
	if !p.hasKid {
		return fmt.Errorf("%w: token has no kid, and not exactly one key fits its alg", ErrUnknownKey)
	}
	return fmt.Errorf("%w: token's kid is %s", ErrUnknownKey, excerpt(p.kid))
}

// ParseKeySet reads a JWK set (RFC 7517 §5). A key that is unknown, damaged,
// weak or not meant for signatures is left out, whatever the others are; a
// set in which nothing is left is an error.
func ParseKeySet(data []byte) (*KeySet, error) {
	var raw []strictjson.Value
	isArray := false
	err := strictjson.Object(data, func(name []byte, value strictjson.Value) error {
		if string(name) == "keys" {
			isArray = value.Elements(func(v strictjson.Value) { raw = append(raw, v) })
		}
		return nil
	})
	switch {
	case err != nil:
		return nil, fmt.Errorf("key set: %w", err)
	case !isArray:
		return nil, errors.New("key set has no list of keys")
	case len(raw) > maxKeys:
		return nil, fmt.Errorf("key set holds %d keys, at most %d are taken", len(raw), maxKeys)
	}
	set := &KeySet{}
	for i, value := range raw {
		if err := set.add(value); err != nil {
			set.Warnings = append(set.Warnings, fmt.Sprintf("key %d of the set: %v", i, err))
		}
	}
	if len(set.keys) == 0 {
		return nil, fmt.Errorf("key set holds no usable key: %q", set.Warnings)
	}
	return set, nil
}

// add appends the key that value describes. An error alone means that it was
// left out.
func (s *KeySet) add(value strictjson.Value) error {
	parsed, err := jwk.ParseKey(value)
	if err != nil {
		return errors.New("left out: not a key that this library reads") // the library's text may repeat the key
	}
	if parsed.KeyUsage() != "" && parsed.KeyUsage() != string(jwk.ForSignature) {
		return errors.New(`left out: its use is not "sig"`)
	}
	if !mayVerify(parsed.KeyOps()) {
		return errors.New(`left out: its key_ops do not hold "verify"`)
	}
	public, err := jwk.PublicKeyOf(parsed)
	if err != nil {
		return errors.New("left out: it has no public half")
	}
	k, err := newKey(public)
	if err != nil {
		return fmt.Errorf("left out: %w", err)
	}
	for _, known := range s.keys {
		if known.kid == k.kid && known.algorithm == k.algorithm && known.public.Equal(k.public) {
			return errors.New("left out: it is in the set twice")
		}
	}
	s.keys = append(s.keys, k)
	if private, err := jwk.IsPrivateKey(parsed); err == nil && private {
		return errors.New("upstream publishes its private half; only the public half is used")
	}
	return nil
}

func mayVerify(operations jwk.KeyOperationList) bool {
	for _, operation := range operations {
		if operation == jwk.KeyOpVerify {
			return true
		}
	}
	return len(operations) == 0
}

// newKey checks a public key and pins its algorithm.
func newKey(public jwk.Key) (*key, error) {
	var raw any
	if err := public.Raw(&raw); err != nil {
		return nil, errors.New("not a valid key")
	}
	k := &key{kid: public.KeyID()}
	var algorithm jwa.SignatureAlgorithm
	switch raw := raw.(type) {
	case *rsa.PublicKey:
		if bits := raw.N.BitLen(); bits < minRSABits || bits > maxRSABits || raw.E < 3 {
			return nil, fmt.Errorf("key of RSA with %d bits and exponent %d is weak or oversize", bits, raw.E)
		}
		k.algorithm, k.size, k.public, algorithm = RS256, raw.Size(), raw, jwa.RS256
	case *ecdsa.PublicKey:
		if _, err := raw.ECDH(); raw.Curve != elliptic.P256() || err != nil {
			return nil, errors.New("key of EC is not a point of P-256")
		}
		k.algorithm, k.size, k.public, algorithm = ES256, ecdsaSignatureBytes, raw, jwa.ES256
	case ed25519.PublicKey:
		if len(raw) != ed25519.PublicKeySize {
			return nil, errors.New("key for Ed25519 has a wrong size")
		}
		k.algorithm, k.size, k.public, algorithm = EdDSA, ed25519.SignatureSize, raw, jwa.EdDSA
	default:
		return nil, errors.New("not a key for RS256, ES256 or EdDSA")
	}
	if named := public.Algorithm().String(); named != "" && named != algorithm.String() {
		return nil, fmt.Errorf("its alg is %s", excerpt(named))
	}
	verifier, err := jws.NewVerifier(algorithm)
	k.verifier = verifier
	return k, err
}

// adopt takes over from old the keys that are still there, so that verdicts
// which rest on them stay, and retires the others.
func (s *KeySet) adopt(old *KeySet) {
	if old == nil {
		return
	}
	for _, before := range old.keys {
		kept := false
		for i, now := range s.keys {
			if now.kid == before.kid && now.algorithm == before.algorithm && now.public.Equal(before.public) {
				s.keys[i], kept = before, true
			}
		}
		if !kept {
			before.retired.Store(true)
		}
	}
}

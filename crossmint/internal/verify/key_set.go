package verify

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/crossmint-go/auth/internal/strictjson"
	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/lestrrat-go/jwx/v2/jws"
)

const (
	// maxKeys is far above the handful that a rotation needs.
	maxKeys = 100
	// maxKeysPerKid bounds the keys of one name, and so the signature checks that
	// one token causes.
	maxKeysPerKid = 3
	// minRSABits is the minimum of RFC 7518 §3.3. maxRSABits bounds the cost of
	// one verification.
	minRSABits = 2048
	maxRSABits = 8192
	// withdrawnTTL is the time for which a key that upstream no longer publishes
	// tells users from forged tokens: the crowd after a rotation comes within
	// hours. maxWithdrawnKeys bounds the number of such keys.
	withdrawnTTL     = 24 * time.Hour
	maxWithdrawnKeys = 8
	// ecdsaSignatureBytes is r and s of P-256 side by side (RFC 7518 §3.4).
	ecdsaSignatureBytes = 64
)

// A key is a public key that verifies with exactly one algorithm.
type key struct {
	kid       string
	algorithm jwa.SignatureAlgorithm
	public    comparablePublicKey
	verifier  jws.Verifier
	// signatureBytes is the size of its signatures.
	signatureBytes int
	// retired is set when upstream no longer publishes the key. Cached tokens
	// that it has signed are then verified again.
	retired atomic.Bool
}

type comparablePublicKey interface {
	Equal(x crypto.PublicKey) bool
}

// hasSigned reports whether k has signed p.
func (k *key) hasSigned(p *parsedToken) bool {
	return len(p.signature) == k.signatureBytes && k.verifier.Verify([]byte(p.signingInput), p.signature, k.public) == nil
}

// A KeySet is the public keys that upstream publishes. It is immutable once it is
// in use.
type KeySet struct {
	keys []*key
	// withdrawn are keys of earlier sets, the latest first. A token that one of
	// them has signed is invalid.
	withdrawn []withdrawnKey
	// fetchedAt is the start of the fetch. From trustedUntil on, as
	// fetcher.elapsed, the keys may not be used. A caller's own set has neither.
	fetchedAt    time.Time
	trustedUntil time.Duration
	// Warnings name the keys that were left out and the reasons. They hold no
	// key material.
	Warnings []string
}

// A withdrawnKey is a key that upstream no longer publishes. It is forgotten at
// until, as fetcher.elapsed.
type withdrawnKey struct {
	*key
	until time.Duration
}

// keysFor returns the keys that may have signed p. A "kid" can name several
// keys, while a rotation keeps the name. Without a "kid" exactly one key has to
// fit the algorithm.
func (s *KeySet) keysFor(p *parsedToken) (found []*key) {
	if s == nil {
		return nil
	}
	for _, k := range s.keys {
		if k.algorithm == p.algorithm && (!p.hasKid || k.kid == p.kid) && len(found) < maxKeysPerKid {
			found = append(found, k)
		}
	}
	if !p.hasKid && len(found) > 1 {
		return nil
	}
	return found
}

// matchKey returns the one of the keys that has signed p, or nil.
func matchKey(keys []*key, p *parsedToken) *key {
	for _, k := range keys {
		if k.hasSigned(p) {
			return k
		}
	}
	return nil
}

// unknownKey returns the error for a token that no key fits.
func unknownKey(p *parsedToken) error {
	if !p.hasKid {
		return fmt.Errorf("%w: token has no kid, and not exactly one key fits its alg", ErrUnknownKey)
	}
	return fmt.Errorf("%w: token's kid is %s", ErrUnknownKey, excerpt(p.kid))
}

// ParseKeySet reads a JWK set (RFC 7517 §5). It leaves out each key that is of
// an unknown type, damaged, weak or not meant for signatures; the other keys count.
// If no key is left, it returns an error.
func ParseKeySet(data []byte) (*KeySet, error) {
	var raw []strictjson.Value
	isArray := false
	err := strictjson.Outer(data, func(name []byte, value strictjson.Value) error {
		if string(name) == "keys" {
			isArray = value.Elements(func(v strictjson.Value) { raw = append(raw, v) })
		}
		return nil
	})
	switch {
	case err != nil:
		return nil, fmt.Errorf("key set: %w", err)
	case !isArray:
		return nil, errors.New(`key set has no array "keys"`)
	case len(raw) > maxKeys:
		return nil, fmt.Errorf("key set holds %d keys, more than %d", len(raw), maxKeys)
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

// add appends the key that value describes. With an error the key may have been
// added all the same: the error is a warning.
func (s *KeySet) add(value strictjson.Value) error {
	// The library accepts duplicate members, of which two readers may use different
	// ones.
	if err := strictjson.Object(value, nil); err != nil {
		return fmt.Errorf("left out: %w", err)
	}
	parsed, err := jwk.ParseKey(value)
	if err != nil {
		return errors.New("left out: not a readable key") // the library's error may repeat the key
	}
	if parsed.KeyUsage() != "" && parsed.KeyUsage() != string(jwk.ForSignature) {
		return errors.New(`left out: its use is not "sig"`)
	}
	if operations := parsed.KeyOps(); len(operations) > 0 && !slices.Contains(operations, jwk.KeyOpVerify) {
		return errors.New(`left out: its key_ops lack "verify"`)
	}
	public, err := jwk.PublicKeyOf(parsed)
	if err != nil {
		return errors.New("left out: it has no public half")
	}
	k, err := newKey(public)
	if err != nil {
		return fmt.Errorf("left out: %w", err)
	}
	if slices.ContainsFunc(s.keys, k.equal) {
		return errors.New("left out: it is in the set twice")
	}
	s.keys = append(s.keys, k)
	if private, err := jwk.IsPrivateKey(parsed); err == nil && private {
		return errors.New("upstream publishes its private half; only the public half is used")
	}
	return nil
}

// newKey checks a public key and pins its algorithm.
func newKey(public jwk.Key) (*key, error) {
	var raw any
	if err := public.Raw(&raw); err != nil {
		return nil, errors.New("not a valid key")
	}
	k := &key{kid: public.KeyID()}
	if err := k.setPublicKey(raw); err != nil {
		return nil, err
	}
	if published := public.Algorithm().String(); published != "" && !isNameOf(k.algorithm, published) {
		return nil, fmt.Errorf("its alg is %s", excerpt(published))
	}
	var err error
	k.verifier, err = jws.NewVerifier(k.algorithm)
	return k, err
}

// setPublicKey checks a public key and sets all fields that depend on it.
func (k *key) setPublicKey(public any) error {
	switch public := public.(type) {
	case *rsa.PublicKey:
		if bits := public.N.BitLen(); bits < minRSABits || bits > maxRSABits || public.E < 3 {
			return fmt.Errorf("RSA key with %d bits and exponent %d is weak or oversize", bits, public.E)
		}
		k.algorithm, k.signatureBytes, k.public = jwa.RS256, public.Size(), public
	case *ecdsa.PublicKey:
		if _, err := public.ECDH(); public.Curve != elliptic.P256() || err != nil {
			return errors.New("EC key is not a point of P-256")
		}
		k.algorithm, k.signatureBytes, k.public = jwa.ES256, ecdsaSignatureBytes, public
	case ed25519.PublicKey:
		if len(public) != ed25519.PublicKeySize {
			return errors.New("Ed25519 key has a wrong size")
		}
		k.algorithm, k.signatureBytes, k.public = jwa.EdDSA, ed25519.SignatureSize, public
	default:
		return errors.New("not a key for RS256, ES256 or EdDSA")
	}
	return nil
}

func (k *key) equal(other *key) bool {
	return k.kid == other.kid && k.algorithm == other.algorithm && k.public.Equal(other.public)
}

// replace makes s the successor of old. Keys that are in both stay the same
// pointers, so that cached tokens stay valid. All other keys of old are retired
// and withdrawn. The fetch of s began at elapsed.
func (s *KeySet) replace(old *KeySet, elapsed time.Duration) {
	for _, k := range old.keys {
		i := slices.IndexFunc(s.keys, k.equal)
		if i < 0 {
			k.retired.Store(true)
			s.withdrawn = append(s.withdrawn, withdrawnKey{k, elapsed + withdrawnTTL})
			continue
		}
		s.keys[i] = k
	}
	for _, w := range old.withdrawn {
		if elapsed < w.until && !slices.ContainsFunc(s.keys, w.equal) {
			s.withdrawn = append(s.withdrawn, w)
		}
	}
	s.withdrawn = s.withdrawn[:min(len(s.withdrawn), maxWithdrawnKeys)]
}

// signedByWithdrawn reports whether a key that upstream published earlier has
// signed p.
func (s *KeySet) signedByWithdrawn(p *parsedToken, elapsed time.Duration) bool {
	var keys []*key
	for _, w := range s.withdrawn {
		if elapsed < w.until && p.hasKid && w.kid == p.kid && w.algorithm == p.algorithm && len(keys) < maxKeysPerKid {
			keys = append(keys, w.key)
		}
	}
	return matchKey(keys, p) != nil
}

// Describe returns the name and the algorithm of each key that is used.
func (s *KeySet) Describe() []string {
	var out []string
	for _, k := range s.keys {
		out = append(out, fmt.Sprintf("kid %s, %s", excerpt(k.kid), k.algorithm))
	}
	return out
}

package redis

import (
	"time"

	"github.com/crossmint-go/auth/session"
)

// Open opens a sealed value as the coordinator does, and reports whether it
// could.
func Open(secret, token session.Secret, sealed []byte) bool {
	k, err := newKeyring(secret)
	if err != nil {
		return false
	}
	_, _, err = k.open(token, sealed)
	return err == nil
}

// Seal seals a grant's value as the coordinator does.
func Seal(secret, token session.Secret, expires time.Time, plain []byte) ([]byte, error) {
	k, err := newKeyring(secret)
	if err != nil {
		return nil, err
	}
	return k.seal(token, kindGrant, expires, plain)
}

// ClockSkew is the most by which the clocks of a fleet may differ.
const ClockSkew = clockSkew

// MaxDenials bounds the denied JWTs in the store.
const MaxDenials = maxDenials

// MaxPendingLogouts bounds the logouts that wait for the store.
const MaxPendingLogouts = maxPendingLogouts

// SealDenial seals a denial as the coordinator does.
func SealDenial(secret session.Secret, d [32]byte, until time.Time) (string, error) {
	k, err := newKeyring(secret)
	if err != nil {
		return "", err
	}
	return k.sealDenial(d, until), nil
}

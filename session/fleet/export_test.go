package fleet

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

// SealDenial seals a denial as the coordinator does.
func SealDenial(secret session.Secret, d [32]byte, until time.Time) ([]byte, error) {
	k, err := newKeyring(secret)
	if err != nil {
		return nil, err
	}
	return k.sealDenial(d, until), nil
}

// PartOf returns the part of a denial.
func PartOf(secret session.Secret, d [32]byte) byte {
	k, err := newKeyring(secret)
	if err != nil {
		panic(err) // impossible: the secret has any length
	}
	return k.part(d)
}

// ValueOf returns the sealed value in a record of the store.
func ValueOf(stored []byte) []byte {
	r := parseRecord(stored, time.Now())
	return r.value
}

// Bounds and times.
const (
	ClockSkew         = clockSkew
	MaxPartDenials    = maxPartDenials
	MaxPendingLogouts = maxPendingLogouts
)

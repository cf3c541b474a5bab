// Package bounds holds the sizes and times that several packages have to agree
// on.
package bounds

import "time"

const (
	// MaxJWTBytes is twice the size of the largest JWT that fits into a cookie.
	MaxJWTBytes = 8 << 10
	// MaxRefreshTokenBytes is half of the largest cookie (RFC 6265bis §5.6).
	// Real refresh tokens have below 300 bytes.
	MaxRefreshTokenBytes = 2 << 10
	// MaxEmailBytes is the length of an address: RFC 5321 §4.5.3.1.3, less the
	// angle brackets.
	MaxEmailBytes = 254
	// MinPendingKeyBytes is the entropy of the key that encrypts a pending
	// sign-in: that of its AES-256.
	MinPendingKeyBytes = 32
	// MaxUserBytes bounds the user object of a refresh response. The process
	// keeps it for the grace period.
	MaxUserBytes = 64 << 10
)

// The coordinator of a process and that of a fleet have these in common.
const (
	// DefaultGrace is the time for which requests with the old token get the
	// result of its refresh, and MaxGrace the longest that can be configured.
	DefaultGrace = 10 * time.Second
	MaxGrace     = 60 * time.Second
	// RejectedTTL is the time for which a definite refusal is cached.
	RejectedTTL = 30 * time.Second
	// UsedTTL is the time for which a token is known to be used. It is longer
	// than people leave a page alone before they come back to it.
	UsedTTL = time.Hour
	// UnverifiedTTL is the time for which a grant waits for its verification.
	// It is all that is left of its session, like a grant that no browser has.
	UnverifiedTTL = UsedTTL
	// CallTimeout bounds a refresh with all its retries.
	CallTimeout = 35 * time.Second
	// StopTimeout is the time that Close waits for the calls that it has
	// canceled. They end at once, unless a transport ignores its context.
	StopTimeout = time.Second
	// MaxRotations bounds the rotations that a lookup follows from an old token.
	MaxRotations = 16
	// MaxDenied bounds the denied JWTs, in a process and in the store of a
	// fleet.
	MaxDenied = 1 << 16
)

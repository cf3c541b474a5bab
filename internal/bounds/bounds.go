// Package bounds holds the sizes that several packages have to agree on.
package bounds

const (
	// MaxJWTBytes is twice the size of the largest JWT that fits into a cookie.
	MaxJWTBytes = 8 << 10
	// MaxRefreshTokenBytes is half of the largest cookie (RFC 6265bis §5.6).
	// Real refresh tokens have below 300 bytes.
	MaxRefreshTokenBytes = 2 << 10
	// MaxUserBytes bounds the user object of a refresh response. The process
	// keeps it for the grace period.
	MaxUserBytes = 64 << 10
)

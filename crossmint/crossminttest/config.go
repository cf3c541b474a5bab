package crossminttest

import (
	"errors"
	"fmt"
	"time"

	"github.com/crossmint-go/auth/crossmint"
)

// DefaultProjectID is the project of a fake whose [Config] names none.
const DefaultProjectID = "b5a3bd1c-1c5a-4f0e-9a53-3c1f0f6f3d10"

// Config configures a [Server]. The zero value is a fake of a staging project on
// a free loopback port.
type Config struct {
	// ProjectID is the project of the API keys and the audience of the JWTs.
	// Empty means [DefaultProjectID].
	ProjectID string
	// Environment is that of the API keys. Empty means Staging.
	Environment crossmint.Environment
	// Issuer is the "iss" of the JWTs. Empty means the environment's host.
	Issuer string
	// Algorithm signs the JWTs: "RS256", "ES256" or "EdDSA". Empty means
	// RS256.
	Algorithm string

	// JWTLifetime is "exp" minus "iat". 0 means 1 h.
	JWTLifetime time.Duration
	// RefreshTokenLifetime starts again with each rotation. 0 means 30 days.
	RefreshTokenLifetime time.Duration
	// Reuse decides about a consumed refresh token that is presented again.
	Reuse ReusePolicy
	// Grace is the time for which [ReuseGrace] accepts a consumed token. 0 means
	// 30 s.
	Grace time.Duration

	// OnCode, if not nil, gets every code that is sent by e-mail, for programs that
	// show it to their user. It may be called concurrently.
	OnCode func(email, code string)

	// InMemory serves over net.Pipe instead of a socket. Only clients with
	// the fake's own [Server.Transport] reach it.
	InMemory bool
	// Addr is the address to listen on. Empty means a free loopback port.
	Addr string
}

// Defaults of a Config.
const (
	defaultJWTLifetime          = time.Hour
	defaultRefreshTokenLifetime = 30 * 24 * time.Hour
	defaultGrace                = 30 * time.Second
	defaultAddr                 = "127.0.0.1:0"
)

// issuers are the hosts of the environments.
var issuers = map[crossmint.Environment]string{
	crossmint.Development: "https://dev.crossmint.com",
	crossmint.Staging:     "https://staging.crossmint.com",
	crossmint.Production:  "https://www.crossmint.com",
}

// check sets defaults and reports all faults.
func (c *Config) check() error {
	var faults []error
	fault := func(format string, args ...any) {
		faults = append(faults, fmt.Errorf("crossminttest: "+format, args...))
	}
	if c.InMemory && c.Addr != "" {
		fault("Addr and InMemory exclude each other")
	}
	if c.JWTLifetime < 0 || c.RefreshTokenLifetime < 0 || c.Grace < 0 {
		fault("a duration is negative")
	}
	if c.Reuse > ReuseRevokesFamily {
		fault("unknown ReusePolicy %d", c.Reuse)
	}
	c.setDefaults()
	if !validID(c.ProjectID) {
		fault("ProjectID %q has characters other than letters, digits, - and _", c.ProjectID)
	}
	if issuers[c.Environment] == "" {
		fault("unknown Environment %q", c.Environment)
	}
	if !knownAlgorithm(c.Algorithm) {
		fault("unknown Algorithm %q", c.Algorithm)
	}
	return errors.Join(faults...)
}

func (c *Config) setDefaults() {
	setDefault(&c.ProjectID, DefaultProjectID)
	setDefault(&c.Environment, crossmint.Staging)
	setDefault(&c.Issuer, issuers[c.Environment])
	setDefault(&c.Algorithm, rs256)
	setDefault(&c.JWTLifetime, defaultJWTLifetime)
	setDefault(&c.RefreshTokenLifetime, defaultRefreshTokenLifetime)
	setDefault(&c.Grace, defaultGrace)
	setDefault(&c.Addr, defaultAddr)
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// validID reports whether id can be the project of an API key.
func validID(id string) bool {
	for _, r := range id {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (r < '0' || r > '9') && r != '-' && r != '_' {
			return false
		}
	}
	return id != ""
}

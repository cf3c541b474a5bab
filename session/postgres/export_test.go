package postgres

import (
	"github.com/crossmint-go/auth/session/fleet"
	"github.com/jackc/pgx/v5/pgconn"
)

// NewStore returns the store of a configuration.
func NewStore(config Config) (fleet.Store, error) { return config.newStore() }

// Secure sets the TLS configuration and the dialer of cc.
func (c *Config) Secure(cc *pgconn.Config) error { return c.secure(cc) }

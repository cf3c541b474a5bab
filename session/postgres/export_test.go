package postgres

import "github.com/crossmint-go/auth/session/fleet"

// NewStore returns the store of a configuration.
func NewStore(config Config) (fleet.Store, error) { return config.newStore() }

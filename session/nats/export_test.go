package nats

import "github.com/crossmint-go/auth/session/fleet"

// OpenStore returns the store of a Coordinator.
func OpenStore(config Config) (fleet.Store, error) { return newStore(&config) }

package redis

import "github.com/crossmint-go/auth/session/fleet"

// OpenStore returns the store of a configuration.
func OpenStore(config Config) (fleet.Store, error) {
	option, err := config.options()
	return newStore(option), err
}

// DialTLS connects to a node.
var DialTLS = dialTLS

package redis

import (
	"github.com/crossmint-go/auth/session/fleet"
	"github.com/redis/rueidis"
)

// OpenStore returns the store of a configuration.
func OpenStore(config Config) (fleet.Store, error) {
	option, err := config.options()
	return &store{option: func() rueidis.ClientOption { return option }}, err
}

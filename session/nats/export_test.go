package nats

import (
	"github.com/crossmint-go/auth/session/fleet"
	natsgo "github.com/nats-io/nats.go"
)

// OpenStore returns the store of a Coordinator.
func OpenStore(config Config) (fleet.Store, error) { return newStore(&config) }

// Dial dials as the client does.
func Dial(config Config, address string) error {
	options, err := config.options()
	if err != nil {
		return err
	}
	var o natsgo.Options
	for _, option := range options {
		if err := option(&o); err != nil {
			return err
		}
	}
	conn, err := o.CustomDialer.Dial("tcp", address)
	if err != nil {
		return err
	}
	return conn.Close()
}

package main

import (
	"time"

	"github.com/crossmint-go/auth/internal/fleetfigures"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/fleet"
	"github.com/crossmint-go/auth/session/redis"
)

const refreshes = 2000

// added prints the time that sharing adds to a refresh.
func added(url string) { check(fleetfigures.Added(newInstance(url), newInstance(url), refreshes)) }

func newInstance(url string) *fleet.Coordinator {
	c, err := redis.New(redis.Config{URL: session.NewSecret(url), Secret: session.NewSecret("a secret for measurements, of 32 bytes"), Timeout: 2 * time.Second})
	check(err)
	return c
}

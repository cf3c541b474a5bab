package store

import (
	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"
)

func startEmbedded() (*Store, error) {
	m := miniredis.NewMiniRedis()
	m.ClockTTL(true)
	if err := m.Start(); err != nil {
		return nil, err
	}
	// Unlike real servers, miniredis runs no commands on a subscribed RESP3
	// connection. Without HELLO the client uses RESP2.
	m.Server().SetPreHook(func(p *server.Peer, command string, _ ...string) bool {
		if command == "HELLO" {
			p.WriteError("ERR unknown command 'HELLO'")
		}
		return command == "HELLO"
	})
	return &Store{Kind: Embedded, URL: "redis://" + m.Addr(), close: func() error { m.Close(); return nil }}, nil
}

// Package freeport finds ports for the servers that tests and measurements start.
package freeport

import (
	"net"
	"strconv"
	"sync"
)

// used holds the ports that Next has returned.
var used sync.Map

// Next returns a TCP port of 127.0.0.1 that is free now. It returns no port twice: the
// clients of a killed server would take the next one for it.
func Next() (string, error) {
	for {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return "", err
		}
		port := strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
		if err := l.Close(); err != nil {
			return "", err
		}
		if _, taken := used.LoadOrStore(port, true); !taken {
			return port, nil
		}
	}
}

// Package store runs the store that the instances share: a redis-server or
// valkey-server if one is installed, else a store within this process.
package store

import (
	"errors"
	"os/exec"
)

// A Store is a running store.
type Store struct {
	// Kind is the name of the program, or Embedded.
	Kind string
	// URL is for redis.Config.URL.
	URL string

	daemon *daemon // nil: embedded
	close  func() error
}

// Embedded is the kind of the store within this process.
const Embedded = "miniredis"

// programs are the servers to look for, in this order.
var programs = []string{"redis-server", "valkey-server"}

// Start starts a store. embedded makes it the store within this process, also if a
// server is installed.
func Start(embedded bool) (*Store, error) {
	if !embedded {
		for _, name := range programs {
			if path, err := exec.LookPath(name); err == nil {
				return startDaemon(name, path)
			}
		}
	}
	return startEmbedded()
}

// PID returns the process ID of the store, or 0 for the embedded store.
func (s *Store) PID() int {
	if s.daemon == nil {
		return 0
	}
	return s.daemon.cmd.Process.Pid
}

// CanFreeze reports whether the store can be frozen.
func (s *Store) CanFreeze() bool { return s.daemon != nil && canSignal }

var errNotFrozen = errors.New("this store cannot be frozen")

// Freeze stops the store without closing a connection: it hangs.
func (s *Store) Freeze() error {
	if !s.CanFreeze() {
		return errNotFrozen
	}
	return s.daemon.freeze()
}

// Thaw ends Freeze.
func (s *Store) Thaw() error {
	if !s.CanFreeze() {
		return errNotFrozen
	}
	return s.daemon.thaw()
}

// Frozen reports whether the store is frozen.
func (s *Store) Frozen() bool { return s.daemon != nil && s.daemon.isFrozen() }

// Close ends the store and its content.
func (s *Store) Close() error { return s.close() }

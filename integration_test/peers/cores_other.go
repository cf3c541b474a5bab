//go:build !linux

package main

// apart does nothing: the system spreads load and servers over the cores.
func apart([]*process) (together func(), err error) { return func() {}, nil }

//go:build !linux

package main

import "errors"

// apart leaves it to the system where load and servers run.
func apart([]*process) (together func(), err error) {
	return func() {}, errors.New("that is done on Linux only")
}

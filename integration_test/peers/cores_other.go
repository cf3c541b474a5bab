//go:build !linux

package main

import (
	"errors"
	"time"
)

var errNotLinux = errors.New("needs Linux")

// separateCores lets the system choose the cores.
func separateCores([]*process) (release func(), err error) { return func() {}, errNotLinux }

// cpuTimeOf returns the CPU time of a process.
func cpuTimeOf(int) (time.Duration, error) { return 0, errNotLinux }

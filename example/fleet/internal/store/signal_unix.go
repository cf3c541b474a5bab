//go:build unix

package store

import (
	"os"
	"syscall"
)

const canSignal = true

func stopOrGoOn(stop bool) os.Signal {
	if stop {
		return syscall.SIGSTOP
	}
	return syscall.SIGCONT
}

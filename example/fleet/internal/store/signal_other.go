//go:build !unix

package store

import "os"

const canSignal = false

func stopOrGoOn(bool) os.Signal { return os.Interrupt }

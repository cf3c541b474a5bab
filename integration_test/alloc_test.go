//go:build !race

package integration_test

import (
	"net/http"
	"runtime"
	"testing"
)

func TestAllocationsOfProtectedRequests(t *testing.T) {
	tests := []struct {
		name                string
		handler             http.HandlerFunc
		maxAllocs, maxBytes uint64
	}{
		{name: "handler reads the user ID", handler: readUserID, maxAllocs: 3, maxBytes: 560},
		{name: "handler reads the user ID, two times and a claim", handler: readFourValues, maxAllocs: 4, maxBytes: 640},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			e := newProtectedEnv(t)
			serve := e.serveAgain(t, test.handler)
			if allocs, bytes := allocationsOf(serve); allocs > test.maxAllocs || bytes > test.maxBytes {
				t.Errorf("%d allocations and %d bytes, want %d and %d at most", allocs, bytes, test.maxAllocs, test.maxBytes)
			}
		})
	}
}

// allocationsOf returns the number of allocations and of bytes of one call of f.
func allocationsOf(f func()) (allocs, bytes uint64) {
	const runs = 1000
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range runs {
		f()
	}
	runtime.ReadMemStats(&after)
	return (after.Mallocs - before.Mallocs) / runs, (after.TotalAlloc - before.TotalAlloc) / runs
}

func TestAllocationsOfRead(t *testing.T) {
	e := newProtectedEnv(t)
	allocs := testing.AllocsPerRun(1000, func() {
		if presented := e.cookies.Read(e.request); presented.Material.JWT.IsZero() {
			t.Error("no JWT")
		}
	})
	if allocs != 0 {
		t.Errorf("reading one pair of cookies allocates %v times, want 0", allocs)
	}
}

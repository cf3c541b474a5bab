package redis_test

import (
	"os"
	"os/exec"
	"testing"

	"github.com/crossmint-go/auth/internal/coordinatortest"
	protocol "github.com/crossmint-go/auth/session/fleet"
	"github.com/crossmint-go/auth/session/redis"
)

// A program in FIPS mode may not compute a SHA-1 or choose the nonce of AES-GCM.
func TestFIPSMode(t *testing.T) {
	if os.Getenv("GODEBUG") != "fips140=only" {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestFIPSMode$")
		cmd.Env = append(os.Environ(), "GODEBUG=fips140=only")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("in FIPS mode: %v\n%s", err, out)
		}
		return
	}
	onPair(t, redis.Config{}, func(t *testing.T, _ *store, a, b *protocol.Coordinator) {
		calls, token := &coordinatortest.Calls{}, "a token with the length of real ones" // FIPS allows no short keys
		for _, c := range []*protocol.Coordinator{a, b} {
			if got := coordinatortest.Do(t, c, token, calls); got != token+"'" {
				t.Errorf("got %s", got)
			}
		}
		calls.WantExchanged(t, 1)
	})
}

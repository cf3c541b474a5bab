package fleetlab_test

import (
	"flag"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	requests  = flag.Int("fleet.requests", 720, "requests per run of the laboratory")
	users     = flag.Int("fleet.users", 48, "users per run of the laboratory")
	seed      = flag.Uint64("fleet.seed", 1, "what to repeat")
	faults    = flag.Float64("fleet.faults", 0.3, "share of upstream's calls that fail")
	size      = flag.Int("fleet.size", 4, "instances")
	restart   = flag.Duration("fleet.restart", 10*time.Second, "between two restarts of the store, where it is restarted")
	crowdTime = flag.Duration("fleet.crowd", 12*time.Second, "how long the crowd in real time has bad weather")
)

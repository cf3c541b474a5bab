package fleetlab_test

import (
	"flag"
	"log"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(natsProcessEnv); dir != "" {
		if err := runNATSProcess(dir); err != nil {
			log.Fatal(err)
		}
		return
	}
	// A client that cannot connect looks for a cluster again a second later, even
	// after it has failed.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*call).DelayDo.func1"))
}

var (
	stores    = flag.String("fleet.store", "redis,postgres,nats", "databases that are the store, separated by commas")
	all       = flag.Bool("fleet.all", false, "run every scenario over every store, also with few requests")
	requests  = flag.Int("fleet.requests", 480, "requests per run of package lab")
	users     = flag.Int("fleet.users", 32, "users per run of package lab")
	seed      = flag.Uint64("fleet.seed", 1, "repeats a run")
	faults    = flag.Float64("fleet.faults", 0.3, "share of the upstream calls that fail")
	latency   = flag.Duration("fleet.latency", 50*time.Millisecond, "time that upstream takes for a refresh")
	size      = flag.Int("fleet.size", 4, "number of instances")
	restart   = flag.Duration("fleet.restart", 10*time.Second, "time between two restarts of the store")
	crowdTime = flag.Duration("fleet.crowd", 12*time.Second, "time for which the test in real time injects faults")
)

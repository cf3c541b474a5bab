package httpclients_test

import (
	"flag"
	"log"
	"strconv"
	"testing"

	"github.com/crossmint-go/auth/integration_test/browser/npm"
	"go.uber.org/goleak"
)

// TestMain installs the JavaScript clients and lets all clients run at once: they often
// wait.
func TestMain(m *testing.M) {
	if err := npm.Install("js"); err != nil {
		log.Fatal(err)
	}
	if err := flag.Set("test.parallel", strconv.Itoa(len(clients))); err != nil {
		panic(err) // the testing package has no such flag
	}
	goleak.VerifyTestMain(m)
}

package main

import (
	"bufio"
	"context"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/crossmint-go/auth/example/fleet/internal/instance"
	"go.uber.org/goleak"
)

// programVariable makes this test program the example itself.
const programVariable = "FLEET_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(instance.Variable) != "" || os.Getenv(programVariable) != "" {
		main()
		return
	}
	goleak.VerifyTestMain(m)
}

// eventuallyTimeout bounds every wait for a condition.
const eventuallyTimeout = 40 * time.Second

// startFleet runs the example within this process, except for the instances and the
// store. It returns the URL.
func startFleet(t *testing.T, args ...string) (url string) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	stdout, written := io.Pipe()
	var status int
	var stderr strings.Builder
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		status = run(ctx, append([]string{"-addr", "127.0.0.1:0"}, args...), written, &stderr)
		_ = written.Close()
	}()
	t.Cleanup(func() {
		stop()
		<-ended
		if status != 0 || stderr.Len() > 0 {
			t.Errorf("ended with status %d, stderr %q", status, &stderr)
		}
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		<-ended
		t.Fatalf("it does not listen (%v): %s", err, &stderr)
	}
	return strings.TrimSpace(strings.TrimPrefix(line, "listening on "))
}

// until waits for a condition.
func until(t *testing.T, description string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(eventuallyTimeout); !condition(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it never happened that %s", description)
		}
	}
}

func TestInvalidArguments(t *testing.T) {
	for name, args := range map[string][]string{
		"an unknown flag":           {"-nonsense"},
		"an argument":               {"nonsense"},
		"an address":                {"-addr", "nonsense"},
		"an address of the network": {"-addr", "0.0.0.0:0"},
		"an unknown store":          {"-store", "mysql://me:secret@localhost"},
	} {
		t.Run(name, func(t *testing.T) {
			var stdout, stderr strings.Builder
			status := run(t.Context(), args, &stdout, &stderr)
			if status != 2 || strings.Count(stderr.String(), "\n") != 1 || strings.Contains(stderr.String(), "secret") || stdout.Len() > 0 {
				t.Errorf("status %d, stderr %q, stdout %q; want 2 and one line", status, &stderr, &stdout)
			}
		})
	}
}

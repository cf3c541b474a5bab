// Package model_test checks that the model of sessions in session.pml and the real code
// behave alike: it replays runs of the model step by step.
package model_test

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/crossmint-go/auth/internal/testkit"
	"go.uber.org/goleak"
)

var seeds = flag.Int("model.seeds", 0, "how many fresh runs of the model to replay, for each upstream; needs spin")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// policies are the switches of the model that select upstream.
var policies = map[reusePolicy]string{rejects: "REJECTS", revokes: "REVOKES", forgives: "FORGIVES"}

// The recorded runs cover these situations. A file is named for its upstream.
func TestRecordedRuns(t *testing.T) {
	var seen []string
	for _, name := range testkit.Must(filepath.Glob("testdata/*.txt")) {
		policy, _, _ := strings.Cut(filepath.Base(name), "-")
		t.Run(filepath.Base(name), func(t *testing.T) {
			seen = append(seen, replayTrace(t, reusePolicy(policy), lines(string(testkit.Must(os.ReadFile(name)))))...)
		})
	}
	for _, situation := range []string{
		"handles 2", "handles 3", "asks", "200 set 2", "200 set 3", "200 set 5", "200 kept", "204 deleted",
		"307 marked", "401 marked", "401 kept", "401 deleted", "503 kept", "disconnect", "cut", "hour",
	} {
		if !slices.ContainsFunc(seen, func(effect string) bool { return strings.HasSuffix(effect, situation) }) {
			t.Errorf("no recorded run has %q", situation)
		}
	}
}

func TestFreshRuns(t *testing.T) {
	for policy, define := range policies {
		for seed := range *seeds {
			trace := simulate(t, define, seed+1)
			if replayTrace(t, policy, trace); t.Failed() {
				t.Fatalf("upstream %s, seed %d", policy, seed+1)
			}
		}
	}
}

// simulate returns a random run of the model.
func simulate(t *testing.T, define string, seed int) []string {
	t.Helper()
	out, err := exec.Command("spin", "-T", "-B", "-n"+strconv.Itoa(seed), "-u5000", "-DTRACE", "-DREQUESTS=14", "-D"+define, "session.pml").Output()
	testkit.NoError(t, err)
	return lines(string(out))
}

// lines returns the steps in the output of spin.
func lines(text string) (steps []string) {
	for line := range strings.Lines(text) {
		if strings.Contains(line, " -> calls") && !strings.Contains(line, "---") { // spin cuts the last line off
			steps = append(steps, strings.TrimSpace(line))
		}
	}
	return steps
}

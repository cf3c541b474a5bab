package lab

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Report is the result of a run.
type Report struct {
	Config Config
	// Took is the duration of the run by its clock.
	Took time.Duration
	// Refreshes is the number of refresh calls of the subject, Faults the number
	// of those with a fault, by class.
	Refreshes int
	Faults    map[string]int
	// TokensLost is the number of calls that rotated a token and whose response
	// with the new token did not arrive.
	TokensLost int
	// Unused names the classes of faults without any call. The run proves
	// nothing about them.
	Unused []string
	// Examples describes the first faults that the oracle found.
	Examples []string

	counts
}

func (o *oracle) report(config Config, f *faults, took time.Duration) Report {
	o.mu.Lock()
	defer o.mu.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	r := Report{Config: config, Took: took, Refreshes: f.calls, Faults: maps.Clone(f.counts), TokensLost: f.lost, Examples: o.examples, counts: o.counts}
	for _, c := range f.classes {
		if f.counts[c.name] == 0 {
			r.Unused = append(r.Unused, c.name)
		}
	}
	return r
}

// String returns the report in several lines.
func (r Report) String() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	mode := fmt.Sprintf("upstream accepts used tokens for %v", r.Config.Grace)
	if r.Config.Grace == 0 {
		mode = "upstream accepts no used tokens"
	}
	line("seed %d: %d users, %.0f %% faults, %s", r.Config.Seed, r.Config.Users, 100*r.Config.Faults, mode)
	line("  %d requests in %v: %d served, %d × 401, %d × 503, %d other", r.Requests, r.Took.Round(time.Second), r.Served, r.Rejected, r.Unavailable, r.Other)
	line("  %d browsers disconnected early, %d responses lost, %d attacks", r.Disconnects, r.LostResponses, r.Attacks)
	line("  %d sign-ins, %d logouts, %d revocations", r.SignIns, r.Logouts, r.Revocations)
	line("  wrongful logouts: %d", r.WrongfulLogouts)
	line("  wrong users: %d", r.WrongUsers)
	line("  rightful logouts: %d, of them %d because of one of %d lost responses with a new token", r.RightfulLogouts, r.LostTokens, r.TokensLost)
	line("  401 with a live token, cookies kept: %d", r.RejectedLive)
	line("  401 with a dead token, cookies kept: %d", r.Stranded)
	line("  live sessions that the browser client ended: %d", r.LoggedOutByClient)
	faults := 0
	for _, n := range r.Faults {
		faults += n
	}
	line("  %d upstream refreshes, %.1f %% with faults:", r.Refreshes, 100*float64(faults)/float64(max(r.Refreshes, 1)))
	for _, name := range slices.Sorted(maps.Keys(r.Faults)) {
		line("    %-20s %6d  %.2f %%", name, r.Faults[name], 100*float64(r.Faults[name])/float64(r.Refreshes))
	}
	for _, example := range r.Examples {
		line("  e.g. %s", example)
	}
	return b.String()
}

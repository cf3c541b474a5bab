package lab

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Report is what a run found.
type Report struct {
	Config Config
	// Took is how much of the clock's time the run needed.
	Took time.Duration
	// Refreshes is how often the subject called upstream for a refresh,
	// Struck how many of these calls each class of faults struck.
	Refreshes int
	Struck    map[string]int
	// Eaten is how many of those calls rotated a token whose successor never
	// arrived.
	Eaten int
	// Unstruck names the classes that struck none: such a run proves nothing
	// about them.
	Unstruck []string
	// Examples tells the first wrongful outcomes in words.
	Examples []string

	counts
}

func (o *oracle) report(config Config, f *faults, took time.Duration) Report {
	o.mu.Lock()
	defer o.mu.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	r := Report{Config: config, Took: took, Refreshes: f.calls, Struck: maps.Clone(f.struck), Eaten: f.eaten, Examples: o.examples, counts: o.counts}
	for _, c := range f.classes {
		if f.struck[c.name] == 0 {
			r.Unstruck = append(r.Unstruck, c.name)
		}
	}
	return r
}

// String returns the report as a text of some lines.
func (r Report) String() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	mode := fmt.Sprintf("upstream forgives for %v", r.Config.Grace)
	if r.Config.Grace == 0 {
		mode = "upstream forgives nothing"
	}
	line("seed %d: %d users, %.0f %% faults, %s", r.Config.Seed, r.Config.Users, 100*r.Config.Faults, mode)
	line("  %d requests in %v: %d served, %d × 401, %d × 503, %d other", r.Requests, r.Took.Round(time.Second), r.Served, r.Refused, r.Undecided, r.Other)
	line("  %d browsers left early, %d answers lost, %d attacks", r.Disconnects, r.LostAnswers, r.Attacks)
	line("  %d sign-ins, %d logouts, %d revocations", r.SignIns, r.Logouts, r.Revocations)
	line("  wrongful logouts: %d", r.WrongfulLogouts)
	line("  wrongful entries: %d", r.WrongfulEntries)
	line("  rightful logouts: %d, of them %d whose successor was one of %d lost on the wire", r.RightfulLogouts, r.LostOnTheWire, r.Eaten)
	line("  turned away with a live token, cookies kept: %d", r.TurnedAway)
	line("  stranded with a dead token, cookies kept: %d", r.Stranded)
	line("  live sessions that the browser client ended: %d", r.LostByClient)
	struck := 0
	for _, n := range r.Struck {
		struck += n
	}
	line("  %d upstream refreshes, %.1f %% struck:", r.Refreshes, 100*float64(struck)/float64(max(r.Refreshes, 1)))
	for _, name := range slices.Sorted(maps.Keys(r.Struck)) {
		line("    %-20s %6d  %.2f %%", name, r.Struck[name], 100*float64(r.Struck[name])/float64(r.Refreshes))
	}
	for _, example := range r.Examples {
		line("  e.g. %s", example)
	}
	return b.String()
}

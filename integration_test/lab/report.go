package lab

import (
	"cmp"
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
	// Events is how often each event of a run with life happened.
	Events map[string]int
	// Needless is where the newest token was at each needless sign-in.
	Needless map[string]int
	// Unstruck names the classes and the events that did not happen: such a
	// run proves nothing about them.
	Unstruck []string
	// Examples tells the first crimes in words.
	Examples []string

	counts
}

// required are the events that a run with life has to contain.
func required() []string {
	names := []string{
		"client left before the header", "client left within the header", "client left after the header",
		"logout with requests in flight", "sign-in as another user with requests in flight",
		"sign-in by the forms", "sign-in by a one-time secret", "back after a rejection",
		"visit to another project", "former attributes", "cookies of a refused upgrade dropped",
	}
	for _, k := range kinds {
		names = append(names, "renewal: "+k.name)
	}
	for _, layer := range layers {
		names = append(names, "renewal: "+layer)
	}
	return names
}

func (l *laboratory) report(took time.Duration) Report {
	o := l.oracle
	o.mu.Lock()
	defer o.mu.Unlock()
	r := Report{Config: l.config, Took: took, Struck: map[string]int{}, Events: maps.Clone(o.events), Needless: maps.Clone(o.needless), Examples: o.examples, counts: o.counts}
	for _, w := range l.worlds {
		w.faults.addTo(&r)
	}
	for _, c := range classes() {
		if r.Struck[c.name] == 0 {
			r.Unstruck = append(r.Unstruck, c.name)
		}
	}
	if l.config.Life {
		for _, name := range required() {
			if r.Events[name] == 0 {
				r.Unstruck = append(r.Unstruck, name)
			}
		}
	}
	return r
}

func (f *faults) addTo(r *Report) {
	f.mu.Lock()
	defer f.mu.Unlock()
	r.Refreshes += f.calls
	r.Eaten += f.eaten
	for name, n := range f.struck {
		r.Struck[name] += n
	}
}

// String returns the report as a text of some lines.
func (r Report) String() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	mode := fmt.Sprintf("upstream takes %v and forgives for %v", cmp.Or(r.Config.Latency, defaultLatency), r.Config.Grace)
	if r.Config.Grace == 0 {
		mode = fmt.Sprintf("upstream takes %v and forgives nothing", cmp.Or(r.Config.Latency, defaultLatency))
	}
	if r.Config.Life {
		mode += ", with life"
	}
	line("seed %d: %d users, %.0f %% faults, %s", r.Config.Seed, r.Config.Users, 100*r.Config.Faults, mode)
	line("  %d requests in %v: %d served, %d × 401, %d × 503, %d other", r.Requests, r.Took.Round(time.Second), r.Served, r.Refused, r.Undecided, r.Other)
	line("  %d browsers left early, %d responses lost, %d attacks", r.Disconnects, r.LostResponses, r.Attacks)
	line("  %d sign-ins, %d logouts, %d revocations", r.SignIns, r.Logouts, r.Revocations)
	line("  wrongful logouts: %d", r.WrongfulLogouts)
	line("  wrongful entries: %d", r.WrongfulEntries)
	line("  mixed up: %d, revived: %d, lost on the way: %d", r.MixedUp, r.Revived, r.LostOnTheWay)
	line("  cacheable: %d, leaked to another project: %d", r.Cacheable, r.Leaked)
	line("  rightful logouts: %d; %d sessions were lost on the wire by %d lost responses, %d by a cut after the header, %d by a backend that refreshed %d, %d by an hour's absence", r.RightfulLogouts, r.LostOnTheWire, r.Eaten, r.LostByCut, r.LostByBackend, r.BackendRefreshes, r.LostByAbsence)
	line("  %d responses crossed", r.Crossed)
	line("  refused for another project's JWT: %d, served again: %d", r.ForeignRefused, r.ForeignHealed)
	line("  turned away with a live token, cookies kept: %d", r.TurnedAway)
	line("  stranded with a dead token, cookies kept: %d, of these for more than an hour: %d", r.Stranded, r.KeptTooLong)
	line("  live sessions that the browser client ended: %d", r.LostByClient)
	line("  needless sign-ins: %d; the newest token was %v", r.NeedlessSignIns, r.Needless)
	struck := 0
	for _, n := range r.Struck {
		struck += n
	}
	line("  %d upstream refreshes, %.1f %% struck:", r.Refreshes, 100*float64(struck)/float64(max(r.Refreshes, 1)))
	for _, name := range slices.Sorted(maps.Keys(r.Struck)) {
		line("    %-20s %6d  %.2f %%", name, r.Struck[name], 100*float64(r.Struck[name])/float64(r.Refreshes))
	}
	for _, name := range slices.Sorted(maps.Keys(r.Events)) {
		line("    %-50s %6d", name, r.Events[name])
	}
	for _, example := range r.Examples {
		line("  e.g. %s", example)
	}
	return b.String()
}

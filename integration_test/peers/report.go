package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// report prints tables and collects the targets.
type report struct {
	out     io.Writer
	targets []target
}

// target is a bound for a measured figure.
type target struct {
	name       string
	got, limit float64
	atLeast    bool    // got must be at least the limit; otherwise at most
	bare       float64 // the figure of the bare handler; 0: none
	missing    string  // the reason why there is no figure; empty if there is one
}

func (t target) passed() bool {
	switch {
	case t.missing != "":
		return false
	case t.atLeast:
		return t.got >= t.limit
	default:
		return t.got <= t.limit
	}
}

func (r *report) atMost(name string, got, limit float64) {
	r.targets = append(r.targets, target{name: name, got: got, limit: limit})
}

func (r *report) atLeast(name string, got, limit float64) {
	r.atLeastWithBare(name, got, limit, 0)
}

// atLeastWithBare is atLeast and also prints the figure of the bare handler in the
// same run, which no contender can exceed. It does not change the result.
func (r *report) atLeastWithBare(name string, got, limit, bare float64) {
	r.targets = append(r.targets, target{name: name, got: got, limit: limit, atLeast: true, bare: bare})
}

// leftOut adds a target that was not measured. It counts as missed.
func (r *report) leftOut(name, reason string) {
	r.targets = append(r.targets, target{name: name, missing: reason})
}

func (r *report) printf(format string, args ...any) { _, _ = fmt.Fprintf(r.out, format, args...) }

// table prints rows in aligned columns. The first row is the header.
func (r *report) table(title string, rows [][]string) {
	r.printf("\n%s\n", title)
	w := tabwriter.NewWriter(r.out, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		_, _ = fmt.Fprintln(w, "  "+strings.Join(row, "\t"))
	}
	_ = w.Flush()
}

// checkTargets prints the targets and reports whether all are met.
func (r *report) checkTargets() bool {
	rows := [][]string{{"target", "limit", "measured", "", bareName}}
	all := true
	for _, t := range r.targets {
		result, measured, limit, bareFigure := "PASS", fmt.Sprintf("%.4g", t.got), fmt.Sprintf("≤ %.4g", t.limit), ""
		if t.atLeast {
			limit = fmt.Sprintf("≥ %.4g", t.limit)
		}
		if t.bare > 0 {
			bareFigure = fmt.Sprintf("%.4g", t.bare)
		}
		if t.missing != "" {
			measured, limit = t.missing, "–"
		}
		if !t.passed() {
			result, all = "FAIL", false
		}
		rows = append(rows, []string{t.name, limit, measured, result, bareFigure})
	}
	r.table("Targets", rows)
	return all
}

// median returns the median of values and does not change them.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// medianRatio returns the median of the ratios of the same rounds. A disturbance of
// the machine affects both values of a round.
func medianRatio(a, b []float64) float64 {
	ratios := make([]float64, len(a))
	for i := range a {
		ratios[i] = a[i] / b[i]
	}
	return median(ratios)
}

// ratio formats a ratio.
func ratio(x float64) string {
	if x < 0.1 {
		return fmt.Sprintf("1/%.0f", 1/x)
	}
	return fmt.Sprintf("%.2f ×", x)
}

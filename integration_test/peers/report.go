package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// report prints what is measured and remembers what is judged.
type report struct {
	out     io.Writer
	targets []target
}

// target is a promise of this module's, and what became of it.
type target struct {
	name       string
	got, limit float64
	atLeast    bool
	plain      float64 // what the bare handler has; 0: not asked
	missing    string  // why there is no figure; empty if there is one
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
	r.atLeastBeside(name, got, limit, 0)
}

// atLeastBeside is atLeast, and shows what the bare handler has in the same run,
// which nobody can exceed. The verdict does not depend on it.
func (r *report) atLeastBeside(name string, got, limit, plain float64) {
	r.targets = append(r.targets, target{name: name, got: got, limit: limit, atLeast: true, plain: plain})
}

func (r *report) leftOut(name, why string) {
	r.targets = append(r.targets, target{name: name, missing: why})
}

func (r *report) printf(format string, args ...any) { _, _ = fmt.Fprintf(r.out, format, args...) }

// table prints rows, the first of them the head, in aligned columns.
func (r *report) table(title string, rows [][]string) {
	r.printf("\n%s\n", title)
	w := tabwriter.NewWriter(r.out, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		_, _ = fmt.Fprintln(w, "  "+strings.Join(row, "\t"))
	}
	_ = w.Flush()
}

// judge prints the targets and reports whether all are met.
func (r *report) judge() bool {
	rows := [][]string{{"target", "limit", "measured", "", bareName}}
	all := true
	for _, t := range r.targets {
		verdict, measured, limit, plain := "PASS", fmt.Sprintf("%.4g", t.got), fmt.Sprintf("≤ %.4g", t.limit), ""
		if t.atLeast {
			limit = fmt.Sprintf("≥ %.4g", t.limit)
		}
		if t.plain > 0 {
			plain = fmt.Sprintf("%.4g", t.plain)
		}
		if t.missing != "" {
			measured, limit = t.missing, "–"
		}
		if !t.passed() {
			verdict, all = "FAIL", false
		}
		rows = append(rows, []string{t.name, limit, measured, verdict, plain})
	}
	r.table("Targets", rows)
	return all
}

// median returns the middle of values, which it does not change.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// medianRatio returns the median of the ratios of what was measured in the
// same round: what disturbs a machine for a while disturbs both.
func medianRatio(a, b []float64) float64 {
	ratios := make([]float64, len(a))
	for i := range a {
		ratios[i] = a[i] / b[i]
	}
	return median(ratios)
}

// ratio formats a multiple.
func ratio(x float64) string {
	if x < 0.1 {
		return fmt.Sprintf("1/%.0f", 1/x)
	}
	return fmt.Sprintf("%.2f ×", x)
}

package witness_test

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"time"
)

// names replaces values that differ between runs, such as tokens and times, so that the
// two sides can be compared.
type names struct {
	mu      sync.Mutex // guards all below
	byValue map[string]string
	times   map[int64]string // by Unix seconds
}

func newNames() *names { return &names{byValue: map[string]string{}, times: map[int64]string{}} }

// add names a value. Several values may have the same name; a value keeps its first
// name. An empty value gets none.
func (n *names) add(name, value string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, known := n.byValue[value]; !known && value != "" {
		n.byValue[value] = name
	}
}

// addTime names a time. The zero time gets no name.
func (n *names) addTime(name string, at time.Time) {
	if at.IsZero() {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, known := n.times[at.Unix()]; !known {
		n.times[at.Unix()] = name
	}
}

// replace replaces the values by their names, the longest value first.
func (n *names) replace(text string) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	var known []string
	for text := range n.byValue {
		known = append(known, text)
	}
	slices.SortFunc(known, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	var pairs []string
	for _, text := range known {
		pairs = append(pairs, text, n.byValue[text])
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// at returns the name of a time, in whole seconds.
func (n *names) at(t time.Time) (string, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	name, ok := n.times[t.Unix()]
	return name, ok
}

// in returns the name of the time that is d from now, with a tolerance for the time
// since the value was written.
func (n *names) in(d time.Duration) (string, bool) {
	const tolerance = time.Minute
	n.mu.Lock()
	defer n.mu.Unlock()
	for seconds, name := range n.times {
		if left := time.Until(time.Unix(seconds, 0)); (left - d).Abs() < tolerance {
			return name, true
		}
	}
	return "", false
}

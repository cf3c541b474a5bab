package witness_test

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"time"
)

// names gives names to what differs from run to run, such as tokens and
// times, so that two sides can be compared.
type names struct {
	mu     sync.Mutex // guards all below
	byText map[string]string
	times  map[int64]string // by Unix seconds
}

func newNames() *names { return &names{byText: map[string]string{}, times: map[int64]string{}} }

// add names a text. A second text gets the same name; a text that has a name
// keeps it. The empty text needs none.
func (n *names) add(name, text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, known := n.byText[text]; !known && text != "" {
		n.byText[text] = name
	}
}

// addTime names a moment. The zero time needs no name.
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

// replace puts the names in place of the texts, the longest text first.
func (n *names) replace(text string) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	var known []string
	for text := range n.byText {
		known = append(known, text)
	}
	slices.SortFunc(known, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	var pairs []string
	for _, text := range known {
		pairs = append(pairs, text, n.byText[text])
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// at returns the name of a time of whole seconds.
func (n *names) at(t time.Time) (string, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	name, ok := n.times[t.Unix()]
	return name, ok
}

// in returns the name of the time that is about that far away: whoever wrote
// it down did so a moment ago.
func (n *names) in(d time.Duration) (string, bool) {
	const moment = time.Minute
	n.mu.Lock()
	defer n.mu.Unlock()
	for seconds, name := range n.times {
		if left := time.Until(time.Unix(seconds, 0)); (left - d).Abs() < moment {
			return name, true
		}
	}
	return "", false
}

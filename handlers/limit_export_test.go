package handlers

import "time"

// MaxCounted is how many names a quota remembers.
const MaxCounted = maxCounted

// NewQuota returns a quota's take and giveBack.
func NewQuota(most int, within time.Duration) (take func(string) bool, giveBack func(string)) {
	q := newQuota(most, within)
	return q.take, q.giveBack
}

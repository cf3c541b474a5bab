package testkit

import (
	"context"
	"slices"
	"sync"

	"github.com/crossmint-go/auth/session/event"
)

// Events records events. Its method Record is a hook for OnEvent. The zero value
// is ready.
type Events struct {
	mu     sync.Mutex // guards events
	events []event.Event
}

// Record adds an event.
func (e *Events) Record(_ context.Context, added event.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.events = append(e.events, added)
}

// All returns the events so far.
func (e *Events) All() []event.Event {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.events)
}

// Outcomes returns the outcomes of the events so far.
func (e *Events) Outcomes() (outcomes []event.Outcome) {
	for _, recorded := range e.All() {
		outcomes = append(outcomes, recorded.Outcome)
	}
	return outcomes
}

// Has reports whether an event has the outcome.
func (e *Events) Has(outcome event.Outcome) bool { return e.Count(outcome) > 0 }

// Count counts the events that have the outcome.
func (e *Events) Count(outcome event.Outcome) (n int) {
	for _, recorded := range e.Outcomes() {
		if recorded == outcome {
			n++
		}
	}
	return n
}

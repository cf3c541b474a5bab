package fleetlab_test

import (
	"context"
	"sync"
	"time"
)

// gate is the connection of an instance to upstream on a platform that freezes an
// instance while it serves no request. It is closed from the end of the last request
// until the next one begins, for a minute at most.
type gate struct {
	// freeze returns the longest time for which the gate stays closed. nil: it is
	// always open.
	freeze func() time.Duration
	onWait func() // is called before a call waits

	mu       sync.Mutex // guards all below
	requests int
	opened   chan struct{} // closed when the gate opens; nil: it is open
}

// enter opens the gate for a request.
func (g *gate) enter() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.requests++
	g.openLocked()
}

// leave ends a request. The last one closes the gate.
func (g *gate) leave() {
	var longest time.Duration
	if g.freeze != nil {
		longest = g.freeze()
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.requests--
	if g.freeze == nil || g.requests > 0 {
		return
	}
	opened := make(chan struct{})
	g.opened = opened
	time.AfterFunc(longest, func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		if g.opened == opened {
			g.openLocked()
		}
	})
}

func (g *gate) openLocked() {
	if g.opened != nil {
		close(g.opened)
		g.opened = nil
	}
}

// wait waits until the gate is open or ctx ends.
func (g *gate) wait(ctx context.Context) {
	g.mu.Lock()
	opened := g.opened
	g.mu.Unlock()
	if opened == nil {
		return
	}
	g.onWait()
	select {
	case <-opened:
	case <-ctx.Done():
	}
}

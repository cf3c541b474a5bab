package network_test

import (
	"fmt"
	"sync"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
)

// oracle knows which refresh tokens were delivered, and judges whether those
// who are signed out had to be, by the rules of the fault laboratory's oracle.
type oracle struct {
	fake *crossminttest.Server

	mu     sync.Mutex // guards all below
	newest map[string]string
	owner  map[string]string // of a token
	counts counts
	faults []string
}

// counts are the answers that browsers got.
type counts struct {
	Served, Renewed, Undecided, SignedOut int
	// Stranded is those whose answer was lost on the way, and who came back
	// too late with the token of before: 401, cookies kept.
	Stranded int
}

// enough reports whether there was weather of every kind.
func (o *oracle) enough() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.counts.Served > 0 && o.counts.Renewed > 0 && o.counts.Undecided+o.counts.SignedOut > 0
}

func newOracle() *oracle {
	return &oracle{newest: map[string]string{}, owner: map[string]string{}}
}

func (o *oracle) signedIn(id, token string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.newest[id], o.owner[token] = token, id
}

// answered judges what a browser got, and reports whether it is still signed
// in.
func (o *oracle) answered(id, presented string, got reply) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch got {
	case served:
		o.counts.Served++
	case renewed:
		o.counts.Renewed++
	case undecided:
		o.counts.Undecided++
	case signedOut:
		o.counts.SignedOut++
		if o.fake.Live(o.newest[id]) {
			o.faults = append(o.faults, fmt.Sprintf("%s: signed out, and the newest token lives", id))
		}
		return false
	case stranded:
		o.counts.Stranded++
		if o.fake.Live(presented) {
			o.faults = append(o.faults, fmt.Sprintf("%s: turned away, and the token lives", id))
		}
		return false
	default:
		o.faults = append(o.faults, fmt.Sprintf("%s: %+v", id, got))
		return false
	}
	return true
}

// delivered notes the successor that an answer has brought.
func (o *oracle) delivered(presented, successor string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if id, ok := o.owner[presented]; ok {
		o.newest[id], o.owner[successor] = successor, id
	}
}

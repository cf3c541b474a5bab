package network_test

import (
	"fmt"
	"sync"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
)

// oracle knows the delivered refresh tokens and checks all sign-outs by the rules of the
// fault laboratory.
type oracle struct {
	fake *crossminttest.Server

	mu         sync.Mutex        // guards all below
	latest     map[string]string // delivered token by user
	owner      map[string]string // user by token
	counts     counts
	violations []string
}

// counts are the responses to browsers.
type counts struct {
	Served, Renewed, Unavailable, SignedOut int
	// Stranded counts 401 with cookies kept: a response was lost, and the browser
	// came back with its old token too late.
	Stranded int
}

// enough reports whether all kinds of responses have occurred.
func (o *oracle) enough() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.counts.Served > 0 && o.counts.Renewed > 0 && o.counts.Unavailable+o.counts.SignedOut > 0
}

func newOracle() *oracle {
	return &oracle{latest: map[string]string{}, owner: map[string]string{}}
}

func (o *oracle) signedIn(id, token string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.latest[id], o.owner[token] = token, id
}

// check checks the response to a browser and reports whether it is still signed in.
func (o *oracle) check(id, presented string, got reply) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch got {
	case served:
		o.counts.Served++
	case renewed:
		o.counts.Renewed++
	case unavailable:
		o.counts.Unavailable++
	case signedOut:
		o.counts.SignedOut++
		if o.fake.Live(o.latest[id]) {
			o.violations = append(o.violations, fmt.Sprintf("%s: signed out, but the latest token is live", id))
		}
		return false
	case rejected:
		o.counts.Stranded++
		if o.fake.Live(presented) {
			o.violations = append(o.violations, fmt.Sprintf("%s: 401, but the token is live", id))
		}
		return false
	default:
		o.violations = append(o.violations, fmt.Sprintf("%s: %+v", id, got))
		return false
	}
	return true
}

// delivered records the new token of a response.
func (o *oracle) delivered(presented, newToken string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if id, ok := o.owner[presented]; ok {
		o.latest[id], o.owner[newToken] = newToken, id
	}
}

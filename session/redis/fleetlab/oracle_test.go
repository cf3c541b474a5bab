package fleetlab_test

import (
	"fmt"
	"net/http"
	"sync"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
)

// oracle knows which refresh tokens were delivered to the fleet, and judges
// whether those of the crowd who are signed out had to be, by the rules of the
// laboratory.
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
	// Stranded: 401 with cookies kept, and the browser's token was dead.
	Stranded int
}

func newOracle(fake *crossminttest.Server) *oracle {
	return &oracle{fake: fake, newest: map[string]string{}, owner: map[string]string{}}
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
	switch {
	case got.status == http.StatusOK && got.user != id:
		o.fault("%s: let in as %s", id, got.user)
	case got.status == http.StatusOK && got.cookies == "set":
		o.counts.Renewed++
	case got.status == http.StatusOK:
		o.counts.Served++
	case got.status == http.StatusServiceUnavailable && got.cookies == "":
		o.counts.Undecided++
	case got.status == http.StatusUnauthorized && got.cookies == "cleared":
		o.counts.SignedOut++
		if o.fake.Live(o.newest[id]) {
			o.fault("%s: signed out, and the newest token lives", id)
		}
		return false
	case got.status == http.StatusUnauthorized && got.cookies == "":
		o.counts.Stranded++
		if o.fake.Live(presented) {
			o.fault("%s: turned away, and the token lives", id)
		}
		return false
	default:
		o.fault("%s: %+v", id, got)
	}
	return true
}

// fault notes what must not happen. The mutex is held.
func (o *oracle) fault(format string, args ...any) {
	o.faults = append(o.faults, fmt.Sprintf(format, args...))
}

// found returns what was noted so far.
func (o *oracle) found() (counts, []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.counts, o.faults
}

// delivered notes the successor that an answer has brought.
func (o *oracle) delivered(presented, successor string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if id, ok := o.owner[presented]; ok {
		o.newest[id], o.owner[successor] = successor, id
	}
}

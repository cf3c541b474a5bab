package network_test

import (
	"crypto/tls"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/integration_test/network"
	"github.com/crossmint-go/auth/session"
)

// Reuse policies of upstream: whether it accepts a used refresh token again.
const (
	lenient = crossminttest.ReuseGrace
	strict  = crossminttest.ReuseRefuse
)

// TestFaults breaks the network to upstream for four browsers. Valid sessions are served,
// expired ones are served or get 503, and all are signed in afterwards with the same
// cookies. Upstream needs a grace period where a request may arrive and its response
// be lost.
func TestFaults(t *testing.T) {
	tests := []struct {
		name  string
		link  network.Link
		reuse crossminttest.ReusePolicy
		want  reply // for the expired session
	}{
		{"latency", network.Link{Pause: 30 * time.Millisecond}, strict, renewed},
		{"low bandwidth", network.Link{Pause: 10 * time.Millisecond, Slice: 128}, strict, renewed},
		{"too low bandwidth", network.Link{Pause: 200 * time.Millisecond, Slice: 64}, lenient, unavailable},
		{"slow loris", network.Link{Pause: 40 * time.Millisecond, Slice: 1}, lenient, unavailable},
		{"reset at once", network.Link{Refuse: true}, strict, unavailable},
		{"reset before the header", network.Link{Cut: network.BeforeHeader}, lenient, unavailable},
		{"reset after the header", network.Link{Cut: network.AfterHeader}, lenient, unavailable},
		{"reset in the body", network.Link{Cut: network.InBody}, lenient, unavailable},
		{"requests dropped", network.Link{DropRequests: true}, strict, unavailable},
		{"responses dropped", network.Link{DropResponses: true}, lenient, unavailable},
		{"both dropped", network.Link{DropRequests: true, DropResponses: true}, strict, unavailable},
	}
	for _, test := range tests {
		for _, secure := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, TLS %v", test.name, secure), func(t *testing.T) {
				t.Parallel()
				s := newSite(t, siteConfig{
					fake: crossminttest.Config{Reuse: test.reuse}, tls: front(t, secure),
					session: session.Config{RefreshBudget: callTimeout + callTimeout/2},
				})
				s.preload(t)
				p := newBrowsers(t, s)
				s.proxy.Set(test.link)
				if test.link.Refuse {
					s.proxy.Reset()
				}
				p.send(t, test.want)
				s.proxy.Set(network.Link{})
				p.recovers(t)
			})
		}
	}
}

// front returns the TLS of the fake, or nil.
func front(t *testing.T, secure bool) *tls.Config {
	t.Helper()
	if !secure {
		return nil
	}
	return &tls.Config{Certificates: []tls.Certificate{trustedAuthority.issue(t)}}
}

// browsers are four browsers with different sessions and requests.
type browsers struct {
	site                                  *site
	valid, expired, refreshValid, refresh *visitor
}

// replies are the replies to the four browsers.
type replies struct{ Valid, Expired, RefreshValid, Refresh reply }

func newBrowsers(t *testing.T, s *site) browsers {
	t.Helper()
	return browsers{
		s, s.visitor(t, "ada@example.com", false), s.visitor(t, "bob@example.com", true),
		s.visitor(t, "cy@example.com", false), s.visitor(t, "dora@example.com", true),
	}
}

// send sends a request of each browser. The expired sessions must get the given reply.
func (p browsers) send(t *testing.T, expired reply) {
	t.Helper()
	// A refresh with a valid JWT succeeds even if upstream is unavailable.
	refreshed := served
	if expired == renewed {
		refreshed = renewed
	}
	var got replies
	want := replies{Valid: served, Expired: expired, RefreshValid: refreshed, Refresh: expired}
	var wg sync.WaitGroup
	wg.Go(func() { got.Valid = p.valid.get(t) })
	wg.Go(func() { got.Expired = p.expired.get(t) })
	wg.Go(func() { got.RefreshValid = p.refreshValid.post(t, "/refresh") })
	wg.Go(func() { got.Refresh = p.refresh.post(t, "/refresh") })
	wg.Wait()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("replies during the fault (-want +got):\n%s", diff)
	}
	if got := p.valid.get(t); got != served {
		t.Errorf("valid session, after all others: %+v", got)
	}
}

func (p browsers) recovers(t *testing.T) {
	t.Helper()
	for _, v := range []*visitor{p.valid, p.expired, p.refreshValid, p.refresh} {
		v.recovers(t)
	}
	if n := p.site.fake.Calls().Logout; n != 0 {
		t.Errorf("%d logouts at upstream, want none", n)
	}
}

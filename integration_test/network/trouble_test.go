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

// Reuse policies of upstream: whether it answers a refresh token again of
// which it has answered once already.
const (
	forgiving = crossminttest.ReuseGrace
	strict    = crossminttest.ReuseRefuse
)

// TestTrouble breaks the way to upstream under four browsers: valid sessions
// must not notice, expired ones are served or have to wait, and all are
// signed in afterwards with the cookies that they had. Where the request may
// have arrived, upstream must forgive that its answer was lost.
func TestTrouble(t *testing.T) {
	tests := []struct {
		name  string
		link  network.Link
		reuse crossminttest.ReusePolicy
		want  reply // to the expired session
	}{
		{"latency", network.Link{Pause: 30 * time.Millisecond}, strict, renewed},
		{"narrow", network.Link{Pause: 10 * time.Millisecond, Slice: 128}, strict, renewed},
		{"too narrow", network.Link{Pause: 200 * time.Millisecond, Slice: 64}, forgiving, undecided},
		{"slow loris", network.Link{Pause: 40 * time.Millisecond, Slice: 1}, forgiving, undecided},
		{"reset at once", network.Link{Refuse: true}, strict, undecided},
		{"reset before the header", network.Link{Cut: network.BeforeHeader}, forgiving, undecided},
		{"reset after the header", network.Link{Cut: network.AfterHeader}, forgiving, undecided},
		{"reset in the body", network.Link{Cut: network.InBody}, forgiving, undecided},
		{"requests are lost", network.Link{Deaf: true}, strict, undecided},
		{"answers are lost", network.Link{Mute: true}, forgiving, undecided},
		{"black hole", network.Link{Deaf: true, Mute: true}, strict, undecided},
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
				p := newParty(t, s)
				s.proxy.Set(test.link)
				if test.link.Refuse {
					s.proxy.Break()
				}
				p.suffers(t, test.want)
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
	return &tls.Config{Certificates: []tls.Certificate{world.issue(t)}}
}

// party is four browsers, in the four ways to meet a broken upstream.
type party struct {
	site                                  *site
	valid, expired, refreshValid, refresh *visitor
}

// answers are those of a party's members.
type answers struct{ Valid, Expired, RefreshValid, Refresh reply }

func newParty(t *testing.T, s *site) party {
	t.Helper()
	return party{
		s, s.visitor(t, "ada@example.com", false), s.visitor(t, "bob@example.com", true),
		s.visitor(t, "cy@example.com", false), s.visitor(t, "dora@example.com", true),
	}
}

// suffers sends a request of each, and compares with what becomes of an
// expired session.
func (p party) suffers(t *testing.T, expired reply) {
	t.Helper()
	// Where nothing can be renewed, what still holds is an answer.
	refreshed := served
	if expired == renewed {
		refreshed = renewed
	}
	var got answers
	want := answers{Valid: served, Expired: expired, RefreshValid: refreshed, Refresh: expired}
	var all sync.WaitGroup
	all.Go(func() { got.Valid = p.valid.get(t) })
	all.Go(func() { got.Expired = p.expired.get(t) })
	all.Go(func() { got.RefreshValid = p.refreshValid.post(t, "/refresh") })
	all.Go(func() { got.Refresh = p.refresh.post(t, "/refresh") })
	all.Wait()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("answers in trouble (-want +got):\n%s", diff)
	}
	if got := p.valid.get(t); got != served {
		t.Errorf("valid session, after all others have asked: %+v", got)
	}
}

func (p party) recovers(t *testing.T) {
	t.Helper()
	for _, v := range []*visitor{p.valid, p.expired, p.refreshValid, p.refresh} {
		v.recovers(t)
	}
	if n := p.site.fake.Calls().Logout; n != 0 {
		t.Errorf("upstream was asked %d times to end a session", n)
	}
}

package fleet_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crossmint-go/auth/internal/coordinatortest"
	"github.com/crossmint-go/auth/internal/testkit"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/event"
	"github.com/crossmint-go/auth/session/fleet"
	"github.com/crossmint-go/auth/session/fleet/fleettest"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// secret is the secret of the deployment.
var secret = session.NewSecret("a deployment's secret, of 32 bytes or more")

// pair is two instances with one store, by a simulated clock.
type pair struct {
	t      *testing.T
	memory fleettest.Memory
	a, b   *fleet.Coordinator
	stores []*fleettest.Faulty // of a and b
	events testkit.Events
}

// onPair runs a test with two instances, by a simulated clock.
func onPair(t *testing.T, config fleet.Config, test func(t *testing.T, p *pair)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &pair{t: t}
		p.a, p.b = p.open(config), p.open(config)
		test(t, p)
	})
}

// open returns one more instance.
func (p *pair) open(config fleet.Config) *fleet.Coordinator {
	p.t.Helper()
	store := fleettest.NewFaulty(p.memory.Open())
	config.Store, config.OnEvent = store, p.events.Record
	if config.Secret.IsZero() {
		config.Secret = secret
	}
	c, err := fleet.New(config)
	if err != nil {
		p.t.Fatal(err)
	}
	p.stores = append(p.stores, store)
	p.t.Cleanup(func() { _ = c.Close(context.Background()) })
	return c
}

// key returns the only key of the store with a first letter: t for tokens, d for
// denied JWTs.
func (p *pair) key(letter byte) string {
	p.t.Helper()
	return p.keys(1, func(key string, _ []byte) bool { return key[0] == letter })[0]
}

// grantKeys returns the keys of the tokens with a grant. The store may also have
// records of the tokens in these grants.
func (p *pair) grantKeys() []string {
	p.t.Helper()
	return p.keys(0, func(_ string, stored []byte) bool { return len(stored) > header && stored[header] == 'g' })
}

// keys returns the selected keys of the store: n of them, or any number above zero.
func (p *pair) keys(n int, isSelected func(key string, stored []byte) bool) (keys []string) {
	p.t.Helper()
	for key, stored := range p.memory.Dump() {
		if isSelected(key, stored) {
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 || n != 0 && len(keys) != n {
		p.t.Fatalf("the store has %d such keys", len(keys))
	}
	return keys
}

// write replaces a value in the store.
func (p *pair) write(key string, value []byte) {
	p.t.Helper()
	store := p.memory.Open()
	r, err := store.Load(p.t.Context(), key)
	if err != nil {
		p.t.Fatal(err)
	}
	if _, ok, err := store.Swap(p.t.Context(), key, r.Version, value, time.Hour); !ok || err != nil {
		p.t.Fatal(ok, err)
	}
}

// deliver makes an instance refresh a token, and a browser get the grant. It returns
// the grant's refresh token.
func deliver(t *testing.T, c session.Coordinator, token string, calls *coordinatortest.Calls) string {
	t.Helper()
	shared, err := c.Do(t.Context(), session.NewSecret(token), calls.Upstream())
	if err != nil {
		t.Fatal(err)
	}
	if shared.Delivered != nil {
		shared.Delivered()
	}
	synctest.Wait()
	return shared.Grant.RefreshToken.Secret.Reveal()
}

// follow starts a refresh at a, and one at b that follows it. end lets upstream
// respond, and waits for both.
func (p *pair) follow(token string, calls *coordinatortest.Calls) (end func()) {
	release, done := make(chan struct{}), make(chan string, 2)
	calls.Exchange = coordinatortest.Held(release)
	for _, c := range []*fleet.Coordinator{p.a, p.b} {
		go func() { done <- coordinatortest.Do(p.t, c, token, calls) }()
		synctest.Wait()
	}
	calls.WantExchanged(p.t, 1)
	return func() {
		close(release)
		for range 2 {
			if got := <-done; got != token+"'" {
				p.t.Errorf("got %s", got)
			}
		}
		calls.Exchange = nil
	}
}

// The certainty of a refusal.
const (
	definite  = false
	uncertain = true
)

// wantRefusal makes upstream refuse a token, and checks the certainty of the
// refusal.
func wantRefusal(t *testing.T, c session.Coordinator, token string, want bool) {
	t.Helper()
	wantRefusalOf(t, c, token, &coordinatortest.Calls{Exchange: coordinatortest.Refuse}, want)
}

func wantRefusalOf(t *testing.T, c session.Coordinator, token string, calls *coordinatortest.Calls, want bool) {
	t.Helper()
	err := coordinatortest.DoError(t, c, token, calls)
	var up *session.UpstreamError
	if !errors.As(err, &up) || !errors.Is(err, session.ErrRefused) || up.Uncertain != want {
		t.Errorf("err = %#v, want a refusal with Uncertain %t", err, want)
	}
}

// wantLoggedOut checks that an instance refuses a token because of a logout.
func wantLoggedOut(t *testing.T, c session.Coordinator, token string) {
	t.Helper()
	if err := coordinatortest.DoError(t, c, token, &coordinatortest.Calls{}); !errors.Is(err, session.ErrLoggedOut) {
		t.Errorf("err = %v, want ErrLoggedOut", err)
	}
}

// count returns the number of events with an outcome.
func (p *pair) count(outcome event.Outcome) int { return p.events.Count(outcome) }

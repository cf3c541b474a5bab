package session_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/session"
)

// fleet is a Coordinator and a Denier as the instances of a fleet share them.
// Asks is how often a manager came; remembered is what the fleet has to say.
type fleet struct {
	asks       int
	remembered error // nil: nothing, upstream is asked
	deny       func() error
	learners   []func([sha256.Size]byte, time.Time)
}

func (f *fleet) Do(ctx context.Context, token session.Secret, work session.Work) (session.Shared, error) {
	f.asks++
	if f.remembered != nil {
		return session.Shared{Remembered: true}, f.remembered
	}
	grant, err := work.Ask(ctx, token)
	if err == nil {
		err = work.Judge(ctx, grant)
	}
	return session.Shared{Grant: grant}, err
}

func (f *fleet) Logout(context.Context, session.Secret) ([]*session.Grant, error) { return nil, nil }

func (f *fleet) Close(context.Context) error { return nil }

func (f *fleet) Deny(_ context.Context, digest [sha256.Size]byte, until time.Time) error {
	if f.deny != nil {
		return f.deny()
	}
	for _, learn := range f.learners {
		learn(digest, until)
	}
	return nil
}

func (f *fleet) OnDenied(learn func([sha256.Size]byte, time.Time)) {
	f.learners = append(f.learners, learn)
}

// instances runs a test with two managers of a fleet and one upstream.
func instances(t *testing.T, name string, test func(t *testing.T, shared *fleet, here, there *world)) {
	t.Helper()
	shared := &fleet{}
	config := session.Config{Coordinator: shared}
	in(t, name, crossminttest.Config{}, config, func(t *testing.T, here *world) {
		there := &world{t: t, fake: here.fake, client: newClient(t, here.fake)}
		config.Upstream, config.OnEvent = there.client, there.note
		var err error
		if there.Manager, err = session.NewManager(config); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = there.Close(context.Background()) })
		test(t, shared, here, there)
	})
}

func TestDeniedJWTsOfAFleet(t *testing.T) {
	none := session.Secret{}
	instances(t, "a logout denies the JWT in every instance", func(t *testing.T, shared *fleet, here, there *world) {
		g := here.fake.Grant(here.fake.NewUser("ann@example.com"))
		pair := pairOf(g)
		for _, w := range []*world{here, there} {
			_, err := w.authenticate(pair())
			w.want(err, "OK", 0)
		}
		if err := here.Logout(t.Context(), pair(), none); err != nil {
			t.Fatal(err)
		}
		for _, w := range []*world{here, there} {
			if _, err := w.authenticate(pair()); kind(err) == "OK" {
				t.Error("the JWT opens an instance after the logout")
			}
		}
	})
	instances(t, "a JWT that upstream has not signed is not told", func(t *testing.T, shared *fleet, here, there *world) {
		shared.deny = func() error { t.Error("the fleet was told"); return nil }
		_ = here.Logout(t.Context(), session.NewMaterial("made.up.jwt", ""), none)
		_ = here.Logout(t.Context(), here.expired("ann@example.com"), none)
	})
	instances(t, "a fleet that cannot be told costs the user nothing", func(t *testing.T, shared *fleet, here, there *world) {
		for _, deny := range []func() error{func() error { return errors.New("down") }, func() error { panic("down") }} {
			shared.deny = deny
			m := here.signIn("ann@example.com")
			if err := here.Logout(t.Context(), m, none); err != nil {
				t.Errorf("logout: %v", err)
			}
			if _, err := here.authenticate(m); kind(err) == "OK" {
				t.Error("the JWT opens the instance after the logout")
			}
		}
	})
}

func TestRefusalThatTheFleetRemembers(t *testing.T) {
	refused := &session.UpstreamError{Kind: session.Refused, Status: 401}
	instances(t, "signs out", func(t *testing.T, shared *fleet, here, _ *world) {
		shared.remembered = refused
		_, err := here.authenticate(here.expired("ann@example.com"))
		here.want(err, "CLEAR", 0)
	})
	instances(t, "does not while refusals are in doubt", func(t *testing.T, shared *fleet, here, _ *world) {
		here.fake.FailAlways(crossminttest.Refresh, refusing())
		for i := range 21 {
			_, _ = here.authenticate(here.expired(fmt.Sprintf("user%d@example.com", i)))
		}
		if !here.Health().RefusalsDoubted {
			t.Fatal("refusals are not in doubt: the test shows nothing")
		}
		shared.remembered = refused
		_, err := here.authenticate(here.expired("ann@example.com"))
		here.want(err, "KEEP401", 21)
	})
	instances(t, "is none that upstream was asked for", func(t *testing.T, shared *fleet, here, _ *world) {
		shared.remembered = refused
		var m session.Material
		for i := range 4 {
			g := here.fake.ExpiredGrant(here.fake.NewUser(fmt.Sprintf("user%d@example.com", i)))
			m.Add(g.JWT.Reveal(), g.RefreshToken.Secret.Reveal(), 1)
		}
		_, err := here.authenticate(m)
		here.want(err, "CLEAR", 0)
		if shared.asks != 4 {
			t.Errorf("%d of 4 tokens were looked up", shared.asks)
		}
	})
}

func TestStoreRecoveredIsNoWarning(t *testing.T) {
	levels := []string{session.Event{Outcome: session.StoreDoubted}.Level().String(), session.Event{Outcome: session.StoreRecovered}.Level().String()}
	if !slices.Equal(levels, []string{"WARN", "INFO"}) {
		t.Errorf("levels %v", levels)
	}
}

// slowClock is an upstream by whose clock the time of no fresh JWT has come.
type slowClock struct{ session.Upstream }

func (s slowClock) Judge(ctx context.Context, jwt string, fresh bool) (session.Token, int64, error) {
	if !fresh {
		return s.Upstream.Judge(ctx, jwt, fresh)
	}
	return session.Token{}, 0, errors.Join(session.ErrJWTInvalid, session.ErrJWTNotYet)
}

// shelf is a store that holds one grant for whatever token.
type shelf struct {
	session.Coordinator
	grant *session.Grant
}

func (s shelf) Do(context.Context, session.Secret, session.Work) (session.Shared, error) {
	return session.Shared{Grant: s.grant}, nil
}

func (shelf) Close(context.Context) error { return nil }

// The clocks of a fleet differ: a grant of another instance may be too new.
func TestGrantWhoseTimeHasNotCome(t *testing.T) {
	in(t, "is no logout", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		g := w.fake.Grant(w.fake.NewUser("ann@example.com"))
		m, err := session.NewManager(session.Config{Upstream: slowClock{w.client}, Coordinator: shelf{grant: &g}, OnEvent: w.note})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = m.Close(context.Background()) }()
		_, err = m.Authenticate(t.Context(), w.expired("ann@example.com"))
		w.want(err, "KEEP503", 0)
	})
}

package session_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/internal/testkit"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/event"
)

// fleet is a Coordinator and a DenyListBroadcaster that the instances of a fleet
// share.
type fleet struct {
	lookups   int            // calls of Do
	cached    error          // the cached refusal; nil: upstream is asked
	grant     *session.Grant // the cached grant of every token; nil: upstream is asked
	deny      func() error   // nil: Deny succeeds
	logoutErr error          // of Logout
	delivery  error          // of CheckDelivery
	checks    int            // calls of CheckDelivery
	callbacks []func([sha256.Size]byte, time.Time)
}

func (f *fleet) Do(ctx context.Context, token session.Secret, calls session.UpstreamCalls) (session.Shared, error) {
	f.lookups++
	if f.cached != nil || f.grant != nil {
		return session.Shared{Grant: f.grant, Cached: true}, f.cached
	}
	grant, _, err := calls.Fetch(ctx, token, nil)
	return session.Shared{Grant: grant}, err
}

func (f *fleet) Logout(context.Context, session.Secret) ([]*session.Grant, error) {
	return nil, f.logoutErr
}

func (f *fleet) CheckDelivery(context.Context, session.Secret) error {
	f.checks++
	return f.delivery
}

func (f *fleet) Close(context.Context) error { return nil }

func (f *fleet) Deny(_ context.Context, digest [sha256.Size]byte, until time.Time) error {
	if f.deny != nil {
		return f.deny()
	}
	for _, callback := range f.callbacks {
		callback(digest, until)
	}
	return nil
}

func (f *fleet) OnDeny(callback func([sha256.Size]byte, time.Time)) {
	f.callbacks = append(f.callbacks, callback)
}

// instances runs a test with two instances of a fleet and one upstream.
func instances(t *testing.T, name string, test func(t *testing.T, shared *fleet, here, there *kit)) {
	t.Helper()
	shared := &fleet{}
	run(t, name, testkit.Config{Session: session.Config{Coordinator: shared}}, func(t *testing.T, here *kit) {
		second := session.Config{Coordinator: shared, Upstream: here.NewClient(nil)}
		test(t, shared, here, &kit{here.NewManager(second), here.Kit, t})
	})
}

func TestDenyListOfAFleet(t *testing.T) {
	instances(t, "a logout denies the JWT in every instance", func(t *testing.T, shared *fleet, here, there *kit) {
		m := here.SignIn("ann@example.com")
		for _, k := range []*kit{here, there} {
			_, err := k.authenticate(m)
			k.want(err, testkit.OK, 0)
		}
		if err := here.Logout(t.Context(), m, none); err != nil {
			t.Fatal(err)
		}
		m.RefreshToken = session.NewSecret("another")
		for _, k := range []*kit{here, there} {
			if _, err := k.authenticate(m); testkit.Outcome(err) == testkit.OK {
				t.Error("the JWT is accepted after the logout")
			}
			if _, err := k.Verify(t.Context(), m.JWT); !errors.Is(err, session.ErrLoggedOut) {
				t.Errorf("Verify = %v", err)
			}
		}
	})
	instances(t, "a JWT that is not correctly signed, or has expired, is not broadcast", func(t *testing.T, shared *fleet, here, there *kit) {
		shared.deny = func() error { t.Error("it was broadcast"); return nil }
		_ = here.Logout(t.Context(), jwtOnly("forged.json.token"), none)
		_ = here.Logout(t.Context(), here.Expired("ann@example.com"), none)
	})
	for _, test := range []struct {
		name string
		deny func() error
	}{
		{name: "fails", deny: func() error { return errors.New("store") }},
		{name: "panics", deny: func() error { panic("store") }},
	} {
		instances(t, "the logout succeeds if the broadcast "+test.name, func(t *testing.T, shared *fleet, here, there *kit) {
			shared.deny = test.deny
			m := here.SignIn("ann@example.com")
			if err := here.Logout(t.Context(), m, none); err != nil {
				t.Errorf("logout: %v", err)
			}
			if _, err := here.authenticate(m); testkit.Outcome(err) == testkit.OK {
				t.Error("the JWT is accepted after the logout")
			}
		})
	}
}

func TestCachedRefusalOfAFleet(t *testing.T) {
	refused := &session.UpstreamError{Kind: session.ErrRefused, Status: 401}
	instances(t, "is a first refusal", func(t *testing.T, shared *fleet, here, _ *kit) {
		shared.cached = refused
		_, err := here.authenticate(here.Expired("ann@example.com"))
		here.want(err, testkit.AskAgain, 0)
	})
	instances(t, "deletes no cookies while the API key is suspect", func(t *testing.T, shared *fleet, here, _ *kit) {
		here.Fake.FailAlways(crossminttest.Refresh, testkit.RejectedByUpstream())
		for i := range 21 {
			_, _ = here.authenticate(here.Expired(fmt.Sprintf("user%d@example.com", i)))
		}
		if !here.Health().RejectionsSuspended {
			t.Fatal("the API key is not suspect: the test shows nothing")
		}
		shared.cached = refused
		_, err := here.authenticate(refusedBefore(here.Expired("ann@example.com"), 2*time.Hour))
		here.want(err, testkit.Refused, 21)
	})
	instances(t, "does not count as an upstream call", func(t *testing.T, shared *fleet, here, _ *kit) {
		shared.cached = refused
		var pairs []session.Material
		for i := range 4 {
			pairs = append(pairs, here.Expired(fmt.Sprintf("user%d@example.com", i)))
		}
		_, err := here.authenticate(several(pairs...))
		here.want(err, testkit.AskAgain, 0)
		if shared.lookups != 4 {
			t.Errorf("%d of 4 tokens were looked up", shared.lookups)
		}
	})
}

// The clocks of a fleet differ: the JWT of another instance may not be valid yet.
func TestSharedGrantThatIsNotValidYet(t *testing.T) {
	instances(t, "is an outage and not a logout", func(t *testing.T, shared *fleet, here, _ *kit) {
		g := here.Fake.Grant(here.Fake.NewUser("ann@example.com"))
		shared.grant = &g
		upstream := changedUpstream{Upstream: here.Client, verifyReceived: func(context.Context, string) (*session.Token, error) {
			return nil, &session.UpstreamError{Kind: session.ErrUnavailable, Op: "verify"}
		}}
		m := here.NewManager(session.Config{Upstream: upstream, Coordinator: shared})
		_, err := m.Authenticate(t.Context(), here.Expired("ann@example.com"))
		here.want(err, testkit.Unavailable, 0)
	})
}

func TestLogoutEventNamesTheCause(t *testing.T) {
	storeErr := &session.UpstreamError{Kind: session.ErrUnavailable, Err: errors.New("the store")}
	for _, test := range []struct {
		name        string
		storeErr    error
		upstreamErr bool
		want        event.Outcome
		status      int
	}{
		{name: "neither fails", want: event.LoggedOut},
		{name: "the store cannot be told", storeErr: storeErr, want: event.LogoutNotShared},
		{name: "upstream cannot be told", upstreamErr: true, want: event.LogoutFailed, status: 502},
		{name: "neither can be told", storeErr: storeErr, upstreamErr: true, want: event.LogoutFailed, status: 502},
	} {
		instances(t, test.name, func(t *testing.T, shared *fleet, here, _ *kit) {
			shared.logoutErr = test.storeErr
			if test.upstreamErr {
				here.Fake.FailAlways(crossminttest.Logout, testkit.BadGateway())
			}
			err := here.Logout(t.Context(), here.SignIn("ann@example.com"), none)
			if failed := test.storeErr != nil || test.upstreamErr; (err != nil) != failed || test.storeErr != nil && !errors.Is(err, storeErr) {
				t.Errorf("err = %v", err)
			}
			events := here.All()
			if last := events[len(events)-1]; last.Outcome != test.want || last.UpstreamStatus != test.status {
				t.Errorf("event %s with status %d, want %s with %d", last.Outcome, last.UpstreamStatus, test.want, test.status)
			}
		})
	}
}

func TestDeliveryInAFleet(t *testing.T) {
	superseded := &session.UpstreamError{Kind: session.ErrUnavailable}
	for _, test := range []struct {
		name     string
		age      time.Duration
		delivery error
		want     error
		checks   int
	}{
		{name: "is not checked at once", delivery: session.ErrLoggedOut},
		{name: "is checked after a second", age: 2 * time.Second, checks: 1},
		{name: "ends with a logout elsewhere", age: 2 * time.Second, delivery: session.ErrLoggedOut, want: session.ErrLoggedOut, checks: 1},
		{name: "ends with a later session", age: 2 * time.Second, delivery: superseded, want: session.ErrUnavailable, checks: 1},
	} {
		instances(t, test.name, func(t *testing.T, shared *fleet, here, _ *kit) {
			m := here.Expired("ann@example.com")
			result, err := here.authenticate(m)
			here.want(err, testkit.OK, 1)
			shared.delivery = test.delivery
			result.Renewed.Grant.ReceivedAt = time.Now().Add(-test.age)
			if err := result.Check(); !errors.Is(err, test.want) {
				t.Errorf("Check = %v, want %v", err, test.want)
			}
			if shared.checks != test.checks {
				t.Errorf("the store was asked %d times, want %d", shared.checks, test.checks)
			}
			if test.want != session.ErrLoggedOut { //nolint:errorlint // a field of the table
				return
			}
			if _, err := here.authenticate(m); !errors.Is(err, session.ErrLoggedOut) {
				t.Errorf("a later request: %v, want ErrLoggedOut", err)
			}
		})
	}
	instances(t, "ends with the denial of its JWT", func(t *testing.T, shared *fleet, here, there *kit) {
		grant := here.Fake.Grant(here.Fake.NewUser("ann@example.com"))
		shared.grant = &grant
		result, err := here.authenticate(here.Expired("ann@example.com"))
		here.want(err, testkit.OK, 0)
		if err := there.Logout(t.Context(), session.Material{JWT: grant.JWT, RefreshToken: grant.RefreshToken.Secret}, none); err != nil {
			t.Fatal(err)
		}
		if err := result.Check(); !errors.Is(err, session.ErrLoggedOut) {
			t.Errorf("Check = %v, want ErrLoggedOut", err)
		}
	})
}

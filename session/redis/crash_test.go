package redis_test

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/internal/coordinatortest"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/redis"
)

// childEnv holds the order of a child process: this test program as one instance,
// which is killed in the middle of a refresh.
const childEnv = "CROSSMINT_TEST_CHILD"

// order is the configuration of a child.
type order struct {
	APIKey, BaseURL string
	APIKeyVerifiers map[crossmint.Environment]ed25519.PublicKey
	URL             string
	JWT, Refresh    string
}

// child refreshes one session, and runs until it is killed.
func child() {
	var o order
	fail := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, "child:", err)
			os.Exit(1)
		}
	}
	fail(json.Unmarshal([]byte(os.Getenv(childEnv)), &o))
	client, err := crossmint.NewClient(crossmint.Config{APIKey: session.NewSecret(o.APIKey), BaseURL: o.BaseURL, APIKeyVerifiers: o.APIKeyVerifiers})
	fail(err)
	coordinator, err := redis.New(redis.Config{URL: session.NewSecret(o.URL), Secret: secret, Timeout: 2 * time.Second})
	fail(err)
	sessions, err := session.NewManager(session.Config{Upstream: client, Coordinator: coordinator, RefreshTimeout: requestTimeout})
	fail(err)
	_, err = sessions.Authenticate(context.Background(), material(o.JWT, o.Refresh))
	fail(err)
	select {}
}

// startChild starts an instance in its own process. kill ends it at once.
func (f *fleet) startChild(url, jwt, refresh string) (kill func()) {
	f.t.Helper()
	upstream := f.fake.Config()
	encoded, err := json.Marshal(order{upstream.APIKey.Reveal(), upstream.BaseURL, upstream.APIKeyVerifiers, url, jwt, refresh})
	if err != nil {
		f.t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+string(encoded))
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		f.t.Fatal(err)
	}
	killed := false
	kill = func() {
		if !killed {
			killed = true
			_ = cmd.Process.Kill()
			_ = cmd.Wait() // the error is that it was killed
		}
	}
	f.t.Cleanup(kill)
	return kill
}

func TestInstanceDiesBeforeCommit(t *testing.T) {
	for _, c := range []struct {
		name    string
		reuse   crossminttest.ReusePolicy
		renewed bool
	}{
		{name: "upstream tolerates reuse", reuse: crossminttest.ReuseGrace, renewed: true},
		{name: "upstream refuses reuse", reuse: crossminttest.ReuseRefuse, renewed: false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			onEach(t, func(t *testing.T, s *store) {
				f := newFleet(t, s.URL(), crossminttest.Config{Reuse: c.reuse, Grace: time.Minute}, redis.Config{})
				f.fake.Fail(crossminttest.Refresh, crossminttest.Delay(time.Hour)) // it has rotated the token
				jwt, refresh := f.expired("ada@example.com")
				kill := f.startChild(s.URL(), jwt, refresh)
				coordinatortest.Eventually(t, "the child asked upstream", func() bool { return f.fake.Calls().Refresh == 1 })
				kill()
				s.expireLocks()
				for got, n := range all(f.instances, 5, jwt, refresh) {
					if renewed := got.Status == http.StatusOK; renewed != c.renewed {
						t.Errorf("%d times %d, renewed: %t; want %t", n, got.Status, renewed, c.renewed)
					}
				}
				if calls := f.fake.Calls().Refresh; calls != 2 {
					t.Errorf("upstream was asked %d times, want exactly one retry", calls)
				}
				f.wantNoEvents()
			})
		})
	}
}

func TestInstanceDiesBeforeUpstreamActs(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, s *store) {
		f := newFleet(t, s.URL(), crossminttest.Config{Reuse: crossminttest.ReuseRevokesFamily}, redis.Config{})
		f.fake.Fail(crossminttest.Refresh, crossminttest.Hang())
		jwt, refresh := f.expired("ada@example.com")
		kill := f.startChild(s.URL(), jwt, refresh)
		coordinatortest.Eventually(t, "the child asked upstream", func() bool { return f.fake.Calls().Refresh == 1 })
		kill()
		for got, n := range all(f.instances, 5, jwt, refresh) {
			if got.Status != http.StatusOK {
				t.Errorf("%d times %d", n, got.Status)
			}
		}
		f.wantNoEvents()
		coordinatortest.Eventually(t, "only the result and the JWT of the next token were left", func() bool { return len(s.keysOf(tokenKeys)) == 2 })
	})
}

// wantNoEvents checks that the fleet did not notice anything.
func (f *fleet) wantNoEvents() {
	f.t.Helper()
	for n, i := range f.instances {
		if events := i.events.All(); len(events) > 0 {
			f.t.Errorf("instance %d reports %v", n, events)
		}
	}
}

// An instance that ends has no effect on the refusals of the others.
func TestEndedInstanceLeavesNoTrace(t *testing.T) {
	for _, test := range []struct {
		name string
		end  func(t *testing.T, s *store)
	}{
		{name: "killed in a refresh", end: func(t *testing.T, s *store) {
			f := newFleet(t, s.URL(), crossminttest.Config{}, redis.Config{})
			f.fake.Fail(crossminttest.Refresh, crossminttest.Hang())
			jwt, refresh := f.expired("ada@example.com")
			kill := f.startChild(s.URL(), jwt, refresh)
			coordinatortest.Eventually(t, "the child asked upstream", func() bool { return f.fake.Calls().Refresh == 1 })
			kill()
		}},
		{name: "closed while the store hangs", end: func(t *testing.T, s *store) {
			c := newSubscriber(t, s.URL(), redis.Config{})
			s.wantSubscribers(1)
			coordinatortest.Do(t, c, "other", &coordinatortest.Calls{})
			if err := s.Freeze(); err != nil {
				t.Fatal(err)
			}
			coordinatortest.Do(t, c, "a", &coordinatortest.Calls{})
			if err := c.Close(t.Context()); err != nil {
				t.Error(err)
			}
			if err := s.Thaw(); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			onEach(t, func(t *testing.T, s *store) {
				test.end(t, s)
				time.Sleep(3 * time.Second) // an instance that is watched would be missed by now
				c := newSubscriber(t, s.URL(), redis.Config{})
				wantRefusal(t, c, "b", definite)
				coordinatortest.Eventually(t, "its locks expired", func() bool { return s.locks() == 0 })
			})
		})
	}
}

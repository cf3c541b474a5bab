package redis_test

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/internal/coordinatortest"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/event"
	"github.com/crossmint-go/auth/session/redis"
)

// childEnv holds the order of a child process: this test program is one
// instance then, which is killed in the middle of a refresh.
const childEnv = "CROSSMINT_TEST_CHILD"

// order is what a child is to do.
type order struct {
	APIKey, BaseURL string
	APIKeyVerifiers map[crossmint.Environment]ed25519.PublicKey
	URL             string
	JWT, Refresh    string
}

// child refreshes one session, and stays until it is killed.
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

// startChild starts an instance in a process of its own. kill ends it at once.
func (f *fleet) startChild(url, jwt, refresh string) (kill func()) {
	f.t.Helper()
	upstream := f.fake.Config()
	text, err := json.Marshal(order{upstream.APIKey.Reveal(), upstream.BaseURL, upstream.APIKeyVerifiers, url, jwt, refresh})
	if err != nil {
		f.t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+string(text))
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

func TestInstanceIsKilledBetweenUpstreamsAnswerAndTheStore(t *testing.T) {
	for _, c := range []struct {
		name   string
		reuse  crossminttest.ReusePolicy
		status int
	}{
		{"upstream forgives", crossminttest.ReuseGrace, http.StatusOK},
		{"upstream does not", crossminttest.ReuseRefuse, http.StatusUnauthorized},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			onEach(t, func(t *testing.T, s *store) {
				s.age()
				f := newFleet(t, s.URL(), crossminttest.Config{Reuse: c.reuse, Grace: time.Minute}, redis.Config{})
				f.fake.Fail(crossminttest.Refresh, crossminttest.Delay(time.Hour)) // it has rotated the token
				jwt, refresh := f.expired("ada@example.com")
				kill := f.startChild(s.URL(), jwt, refresh)
				coordinatortest.Eventually(t, "the child asks upstream", func() bool { return f.fake.Calls().Refresh == 1 })
				kill()
				s.expireLocks()
				for got, n := range all(f.instances, 5, jwt, refresh) {
					if got.Status != c.status || got.signedOut() {
						t.Errorf("%d times %d, signed out: %t; want %d", n, got.Status, got.signedOut(), c.status)
					}
				}
				if calls := f.fake.Calls().Refresh; calls != 2 {
					t.Errorf("upstream was asked %d times, want exactly one that tried again", calls)
				}
				f.wantOneDoubt()
			})
		})
	}
}

func TestInstanceIsKilledBeforeUpstreamHasActed(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, s *store) {
		f := newFleet(t, s.URL(), crossminttest.Config{Reuse: crossminttest.ReuseRevokesFamily}, redis.Config{})
		f.fake.Fail(crossminttest.Refresh, crossminttest.Hang())
		jwt, refresh := f.expired("ada@example.com")
		kill := f.startChild(s.URL(), jwt, refresh)
		coordinatortest.Eventually(t, "the child asks upstream", func() bool { return f.fake.Calls().Refresh == 1 })
		kill()
		for got, n := range all(f.instances, 5, jwt, refresh) {
			if got.Status != http.StatusOK {
				t.Errorf("%d times %d", n, got.Status)
			}
		}
		f.wantOneDoubt()
	})
}

// expireLocks lets all locks run out soon.
func (s *store) expireLocks() {
	s.t.Helper()
	for _, key := range s.keysOf("crossmint:{*}:*") {
		if !strings.HasSuffix(key, ":value") {
			s.do("HSET", key, "until", fmt.Sprint(time.Now().Add(time.Second).UnixMilli()))
		}
	}
}

// wantOneDoubt wants one event in all the fleet that tells of a dead instance.
func (f *fleet) wantOneDoubt() {
	f.t.Helper()
	doubts := 0
	for _, i := range f.instances {
		doubts += i.events.Count(event.StoreDegraded)
	}
	if doubts != 1 {
		f.t.Errorf("%d events, want one", doubts)
	}
}
